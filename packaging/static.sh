#!/bin/bash
# Makes a program that needs no library of the system it runs on: packaging/static.sh FILE
# The C library is linked into it; feedmill looks up no names of hosts or users, for which that would not do.
set -euo pipefail
output=$(realpath "$1")
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
target=$(cargo metadata --no-deps --locked --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
# With --target the flags are for the program alone, not for what runs while it is built.
RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target "$host"
install -m 755 "$target/$host/release/feedmill" "$output"
