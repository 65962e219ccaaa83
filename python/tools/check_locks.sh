#!/bin/sh
# Proves that each engine's lock installs on every machine that is promised: Linux on x86-64 and on aarch64 (a Jetson
# with JetPack 6 has glibc 2.35), CPython 3.10 to 3.13. Nothing is installed; needs uv and the network.
set -eu
cd "$(dirname "$0")/.."
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT

if grep -nE 'https?://|--(extra-)?index|--find-links| file:' src/ishowtts_worker/engines/*/requirements.txt requirements-dev.txt tests_clients/*.txt; then
    echo "a lock must name no index and no path" >&2
    exit 1
fi
for lock in src/ishowtts_worker/engines/*/requirements.txt; do
    for platform in x86_64-manylinux_2_31 aarch64-manylinux_2_35; do
        for python in 3.10 3.11 3.12 3.13; do
            # --target: an environment of another processor cannot be made here, a folder for one can.
            if ! uv pip install --quiet --dry-run --target "$target" --python-platform "$platform" \
                --python-version "$python" --only-binary :all: --no-deps --require-hashes -r "$lock"; then
                echo "FAILED $lock on $platform, CPython $python" >&2
                exit 1
            fi
        done
    done
    echo "ok $lock"
done
