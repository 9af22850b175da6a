#!/bin/bash
# Makes the container image with buildah: packaging/image.sh STATIC-PROGRAM NAME
set -euo pipefail
program=$(realpath "$1") name=$2
cd "$(dirname "$0")/.."

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
install -D -m 755 "$program" "$context/feedmill"
install -D -m 644 -t "$context/licences" LICENSE LICENSE-APACHE LICENSE-MIT
packaging/licences.py >"$context/licences/third-party.txt"
mkdir "$context/state"
buildah build --isolation chroot --tag "$name" --file packaging/Containerfile "$context"
