#!/bin/bash
# The systemd unit, without a booted systemd: what systemd-analyze thinks of it, and how the daemon talks to a service manager.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
unit=$here/../../config/feedmill.service
threshold=25 # tenths of systemd's exposure level, which reaches from 0 to 10
work=$(mktemp -d "${TMPDIR:-/tmp}/feedmill-e2e-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'echo "FAILED service.sh: line $LINENO: $BASH_COMMAND" >&2' ERR

fail() { printf 'FAILED service.sh: %s\n  expected: %s\n  seen:     %s\n' "$1" "$2" "$3" >&2; exit 1; }

for tool in systemd-analyze python3; do
    command -v "$tool" >/dev/null || fail "the program $tool" installed 'not found in PATH'
done
[ -n "${FEEDMILL:-}" ] || fail 'the environment variable FEEDMILL' 'the path of the program to check' 'not set'
[ -r "$unit" ] || fail "$unit" 'a unit file' 'none'

has() { grep -qxF "$1" "$unit" || fail "$(basename "$unit")" "a line $1" "$(grep "^${1%%=*}=" "$unit" || echo none)"; }
has 'Type=notify'
has 'ExecStart=/usr/bin/feedmill serve --config /etc/feedmill/feedmill.yaml'
has 'WantedBy=multi-user.target'

# The program need not be installed where the unit expects it: a copy of the unit names another that is there.
sed "s#^ExecStart=/usr/bin/feedmill #ExecStart=$(type -P python3) #" "$unit" >"$work/feedmill.service"
told=$(systemd-analyze verify --man=no --recursive-errors=no "$work/feedmill.service" 2>&1) ||
    fail 'systemd-analyze verify' 'exit code 0' "$told"
[[ $told != *feedmill* ]] || fail 'systemd-analyze verify' 'no complaint' "$told"

told=$(systemd-analyze security --no-pager --offline=true --threshold="$threshold" "$work/feedmill.service" 2>&1) ||
    fail 'systemd-analyze security' "an exposure level of at most $threshold tenths" "$(grep -v '^✓' <<<"$told")"
echo "${told##*→ }"

python3 "$here/notify.py"
