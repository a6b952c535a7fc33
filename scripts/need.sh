#!/bin/sh
# Installs what is missing of the tools it is asked for, and says what it installs. Asks for nothing that is there.
#
#   scripts/need.sh compiler ffmpeg mediainfo valgrind packager browser python-tools node-tools bench-node
#                   bench-python cargo-deny
#
# Debian packages are installed for the machine (as root, or with sudo); everything else goes to .tools in this folder.
set -eu
cd "$(dirname "$0")/.."
tools="$PWD/.tools"

say() { printf 'need: %s\n' "$*" >&2; }

debian() {
    say "installing Debian packages: $*"
    if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo"; fi
    # shellcheck disable=SC2086 # empty when root
    $as_root apt-get -qq -o Acquire::Retries=3 update >&2
    # shellcheck disable=SC2086 # empty when root
    DEBIAN_FRONTEND=noninteractive $as_root apt-get -qq -y --no-install-recommends install "$@" >&2
}

has() { command -v "$1" >/dev/null 2>&1; }

# Prints nothing; true when the file, made from a list of packages, is as new as that list.
is_current() { [ -f "$1" ] && [ "$(cat "$1")" = "$(sha256sum <"$2")" ]; }

for need in "$@"; do
    case "$need" in
    compiler)
        if ! has cargo; then say "Rust is missing: see https://rustup.rs"; exit 1; fi
        if ! has cc; then debian build-essential; fi
        ;;
    ffmpeg)
        if ! has ffmpeg || ! has ffprobe; then debian ffmpeg; fi
        ;;
    valgrind)
        if ! has valgrind; then debian valgrind; fi
        if ! has strip; then debian binutils; fi
        ;;
    mediainfo)
        if ! has mediainfo; then debian mediainfo; fi
        if ! has prlimit; then debian util-linux; fi
        ;;
    packager)
        list=scripts/packager/package-lock.json
        if ! is_current "$tools/packager.sum" "$list"; then
            if ! has npm; then debian nodejs npm; fi
            case "$(uname -s)-$(uname -m)" in
            Linux-x86_64) platform=linux-x64 ;;
            Linux-aarch64) platform=linux-arm64 ;;
            Darwin-x86_64) platform=osx-x64 ;;
            Darwin-arm64) platform=osx-arm64 ;;
            *) say "Shaka Packager is not made for this machine"; exit 1 ;;
            esac
            say "installing Shaka Packager, which encrypts for DRM, into .tools/packager"
            rm -rf "$tools/packager" && mkdir -p "$tools/packager"
            cp scripts/packager/package.json "$list" "$tools/packager/"
            (cd "$tools/packager" && npm ci --ignore-scripts --silent --no-audit --no-fund >&2)
            ln -s "node_modules/shaka-packager/bin/packager-$platform" "$tools/packager/shaka-packager"
            sha256sum <"$list" >"$tools/packager.sum"
        fi
        ;;
    browser)
        if ! has chromium; then debian chromium; fi
        ;;
    python-tools)
        list=tests/clients/requirements.txt
        if ! is_current "$tools/python.sum" "$list"; then
            if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then debian python3 python3-venv; fi
            say "installing Microsoft's Python clients and a generator of others into .tools/python"
            mkdir -p "$tools" && rm -rf "$tools/python"
            python3 -m venv "$tools/python"
            "$tools/python/bin/pip" --quiet --disable-pip-version-check install -r "$list"
            sha256sum <"$list" >"$tools/python.sum"
        fi
        ;;
    node-tools)
        list=tests/clients/package-lock.json
        if ! is_current "$tools/node.sum" "$list"; then
            if ! has node || ! has npm; then debian nodejs npm; fi
            say "installing Azurite, AsyncAPI's parser, TypeScript and players into .tools/node"
            rm -rf "$tools/node" && mkdir -p "$tools/node"
            cp tests/clients/package.json "$list" "$tools/node/"
            (cd "$tools/node" && npm ci --silent --no-audit --no-fund >&2)
            sha256sum <"$list" >"$tools/node.sum"
        fi
        ;;
    bench-node)
        program=tests/bench/node
        if ! is_current "$tools/bench-node.sum" "$program/package-lock.json"; then
            if ! has node || ! has npm; then debian nodejs npm; fi
            say "installing fastify and Microsoft's client, to be measured against, into .tools/bench-node"
            rm -rf "$tools/bench-node" && mkdir -p "$tools/bench-node"
            cp "$program/package.json" "$program/package-lock.json" "$tools/bench-node/"
            (cd "$tools/bench-node" && npm ci --ignore-scripts --silent --no-audit --no-fund >&2)
            sha256sum <"$program/package-lock.json" >"$tools/bench-node.sum"
        fi
        # Modules are looked for beside the program.
        cp "$program/server.mjs" "$tools/bench-node/"
        ;;
    bench-python)
        list=tests/bench/python/requirements.txt
        if ! is_current "$tools/bench-python.sum" "$list"; then
            if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then debian python3 python3-venv; fi
            say "installing FastAPI and Microsoft's client, to be measured against, into .tools/bench-python"
            mkdir -p "$tools" && rm -rf "$tools/bench-python"
            python3 -m venv "$tools/bench-python"
            "$tools/bench-python/bin/pip" --quiet --disable-pip-version-check install -r "$list"
            sha256sum <"$list" >"$tools/bench-python.sum"
        fi
        ;;
    cargo-deny)
        if ! cargo deny --version >/dev/null 2>&1; then
            say "installing cargo-deny"
            cargo install --quiet --locked cargo-deny
        fi
        ;;
    *)
        say "nothing is known of $need"
        exit 2
        ;;
    esac
done
