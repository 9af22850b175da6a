#!/bin/bash
# Makes the Debian package: packaging/deb.sh FILE.deb
# Needs cargo-deb. The version is that of Cargo.toml; REVISION (1) counts packages of one version.
set -euo pipefail
output=$(realpath "$1")
cd "$(dirname "$0")/.."
revision=${REVISION:-1}

read -r version target maintainer < <(cargo metadata --no-deps --locked --format-version 1 | python3 -c '
import json, sys
data = json.load(sys.stdin)
[package] = data["packages"]
print(package["version"], data["target_directory"], package["metadata"]["deb"]["maintainer"])')
# Equal sources give an equal package.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

cargo build --release --locked
made=$target/release/made
rm -rf "$made"
mkdir -p "$made"
"$target/release/feedmill" man --output "$made/man"
gzip -9n "$made"/man/*
for shell in bash zsh fish; do
    "$target/release/feedmill" completions "$shell" >"$made/feedmill.$shell"
done
gzip -9n >"$made/changelog.Debian.gz" <<END
feedmill ($version-$revision) unstable; urgency=medium

  * What is new in this version stands in changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9nc CHANGELOG.md >"$made/changelog.gz"
packaging/licences.py | gzip -9n >"$made/third-party.txt.gz"
cargo deb --no-build --locked --deb-revision "$revision" --output "$output"
