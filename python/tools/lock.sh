#!/bin/sh
# Writes the lock of every engine, of the clients in tests, and of the development tools again; needs uv. With --upgrade to newest versions.
# A lock holds for Linux on x86-64 and aarch64 and CPython 3.10 to 3.13 (tools/check_locks.sh proves it), and it names
# no index: it installs from wherever the machine gets its packages.
set -eu
cd "$(dirname "$0")/.."

lock() {
    folder=$1 name=$2
    shift 2
    overrides="--overrides tools/overrides.txt"
    for file in "$folder/overrides.txt" "$folder/$name-overrides.txt"; do
        [ -f "$file" ] && overrides="$overrides --overrides $file"
    done
    # shellcheck disable=SC2086 # words, not one word
    uv pip compile "$folder/$name.in" --output-file "$folder/$name.txt" $overrides "$@" \
        --quiet --universal --python-version 3.10 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links
    echo "$folder/$name.txt: $(grep -c '==' "$folder/$name.txt") pins"
}

for file in src/ishowtts_worker/engines/*/requirements.in; do
    lock "$(dirname "$file")" requirements "$@"
done
lock . requirements-dev "$@"
lock tests_engines f5-reference "$@"
lock tests_clients openai "$@"
lock tests_clients schemathesis "$@"
lock tests_clients elevenlabs "$@"
lock tests_clients wyoming "$@"
lock tests_clients console "$@"
