#!/usr/bin/env bash
# The checks that gain by time, in their long form, one after the other; some hours. As root, with what .ci/run installs, and
# cargo-fuzz. FEEDMILL is the program to check; FUZZ_SECONDS how long each fuzz target runs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)

"$here/kill.py" --kills 500
"$here/powercut.py"
"$here/faults.py"
"$here/outage.py" --seconds 60
"$here/hostile_content.py" --bytes 1000000
"$here/hostile_clients.py" --rounds 10
"$repository/benches/soak.py"
cd "$repository"
for target in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    # What it finds goes beside the small corpus, which stays as it is.
    found=$(mktemp -d)
    cargo fuzz run -s none "$name" "$found" "fuzz/corpus/$name" -- -max_total_time="${FUZZ_SECONDS:-1800}"
    rm -r "$found"
done
