#!/bin/sh
# Prints how many instructions an event takes, in the optimised build that `make count` has made, and leaves callgrind's
# profiles in target/count/ (read them with callgrind_annotate --inclusive=yes). Two runs, of which the second delivers twice
# as much, differ by what the deliveries take: how the program starts is left out.
set -eu
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target/count"
program="$(ls -t "$target"/soak/deps/count-* | grep -v '\.d$' | head -n 1)"
# Azure's client library writes down where each of its errors came from, even those it expects, if this asks for it.
export RUST_LIB_BACKTRACE=0

counted() { # name of the profile, arguments
    profile="$target/count/$1.out"
    shift
    valgrind --tool=callgrind --callgrind-out-file="$profile" "$program" "$@" 2>&1 >/dev/null |
        sed -n 's/.*Collected : *//p'
}

printf '%-34s %12s %12s\n' 'instructions an event' '1 a delivery' '50 a delivery'
for what in 'job --job' 'whole' 'whole-watched --watched'; do
    # shellcheck disable=SC2086 # a name and its options
    set -- $what
    name="$1"
    shift
    one=$((($(counted "$name-1" --deliveries 400 "$@") - $(counted "$name-1-half" --deliveries 200 "$@")) / 200))
    fifty=$((($(counted "$name-50" --deliveries 20 --events 50 "$@") - $(counted "$name-50-half" --deliveries 10 --events 50 "$@")) / 500))
    printf '%-34s %12d %12d\n' "$name" "$one" "$fifty"
done
