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

# A folder of .tools with a Python environment that has what a list names: FOLDER LIST WHAT-IT-IS
python_environment() {
    if is_current "$tools/$1.sum" "$2"; then return; fi
    if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then debian python3 python3-venv; fi
    say "installing $3 into .tools/$1"
    mkdir -p "$tools" && rm -rf "${tools:?}/$1"
    python3 -m venv "$tools/$1"
    "$tools/$1/bin/pip" --quiet --disable-pip-version-check install -r "$2"
    sha256sum <"$2" >"$tools/$1.sum"
}

# A folder of .tools with the modules that a package of the project locks: FOLDER PACKAGE WHAT-IT-IS [options of npm]
node_modules() {
    folder="$1" package="$2" what="$3"
    shift 3
    if is_current "$tools/$folder.sum" "$package/package-lock.json"; then return; fi
    if ! has node || ! has npm; then debian nodejs npm; fi
    say "installing $what into .tools/$folder"
    rm -rf "${tools:?}/$folder" && mkdir -p "$tools/$folder"
    cp "$package/package.json" "$package/package-lock.json" "$tools/$folder/"
    (cd "$tools/$folder" && npm ci --silent --no-audit --no-fund "$@" >&2)
    sha256sum <"$package/package-lock.json" >"$tools/$folder.sum"
}

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
        case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) platform=linux-x64 ;;
        Linux-aarch64) platform=linux-arm64 ;;
        Darwin-x86_64) platform=osx-x64 ;;
        Darwin-arm64) platform=osx-arm64 ;;
        *) say "Shaka Packager is not made for this machine"; exit 1 ;;
        esac
        node_modules packager scripts/packager "Shaka Packager, which encrypts for DRM," --ignore-scripts
        ln -sf "node_modules/shaka-packager/bin/packager-$platform" "$tools/packager/shaka-packager"
        ;;
    browser)
        if ! has chromium; then debian chromium; fi
        ;;
    python-tools)
        python_environment python tests/clients/requirements.txt "Microsoft's Python clients and a generator of others"
        ;;
    node-tools)
        node_modules node tests/clients "Azurite, AsyncAPI's parser, TypeScript and players"
        ;;
    bench-node)
        node_modules bench-node tests/bench/node "fastify and Microsoft's client, to be measured against," --ignore-scripts
        # Modules are looked for beside the program.
        cp tests/bench/node/server.mjs "$tools/bench-node/"
        ;;
    bench-python)
        python_environment bench-python tests/bench/python/requirements.txt "FastAPI and Microsoft's client, to be measured against,"
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
