#!/bin/bash
# The systemd units, without a booted systemd: what systemd-analyze thinks of them, and how the daemon talks to a service manager.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
config=$here/../../config
threshold=15 # tenths of systemd's exposure level, which reaches from 0 to 10
work=$(mktemp -d "${TMPDIR:-/tmp}/feedmill-e2e-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'echo "FAILED service.sh: line $LINENO: $BASH_COMMAND" >&2' ERR

fail() { printf 'FAILED service.sh: %s\n  expected: %s\n  seen:     %s\n' "$1" "$2" "$3" >&2; exit 1; }

for tool in systemd-analyze python3; do
    command -v "$tool" >/dev/null || fail "the program $tool" installed 'not found in PATH'
done
[ -n "${FEEDMILL:-}" ] || fail 'the environment variable FEEDMILL' 'the path of the program to check' 'not set'

# has UNIT LINE
has() { grep -qxF "$2" "$config/$1" || fail "$1" "a line $2" "$(grep "^${2%%=*}=" "$config/$1" || echo none)"; }
has feedmill.service 'Type=notify'
has feedmill.service 'WatchdogSec=60'
has feedmill.service 'ExecStart=/usr/bin/feedmill serve --config /etc/feedmill/feedmill.yaml'
has feedmill.service 'WantedBy=multi-user.target'
has feedmill@.service 'ExecStart=/usr/bin/feedmill serve --config /etc/feedmill/%i.yaml'
has feedmill@.service 'User=feedmill-%i'
has feedmill.socket 'ListenStream=127.0.0.1:8080'

# One of several publications is served as a single one is, but for its name.
told=$(diff <(sed -e '/^Description=/s/ (%i)$//' -e '/^# Each has its own, /d; /^User=/d' -e 's/feedmill@%i/feedmill/; s/%i\.yaml/feedmill.yaml/' "$config/feedmill@.service") "$config/feedmill.service") ||
    fail 'feedmill@.service' 'feedmill.service with %i' "$told"

# The program need not be installed where the units expect it: a copy of each names another that is there.
for unit in feedmill.service feedmill@.service feedmill.socket; do
    sed "s#^ExecStart=/usr/bin/feedmill #ExecStart=$(type -P python3) #" "$config/$unit" >"$work/$unit"
done
for unit in feedmill.service feedmill@north.service feedmill.socket; do
    [ -e "$work/$unit" ] || cp "$work/feedmill@.service" "$work/$unit"
    told=$(systemd-analyze verify --man=no --recursive-errors=no "$work/$unit" 2>&1) ||
        fail "systemd-analyze verify $unit" 'exit code 0' "$told"
    [[ $told != *feedmill* ]] || fail "systemd-analyze verify $unit" 'no complaint' "$told"
done
for unit in feedmill.service feedmill@.service; do
    told=$(systemd-analyze security --no-pager --offline=true --threshold="$threshold" "$work/$unit" 2>&1) ||
        fail "systemd-analyze security $unit" "an exposure level of at most $threshold tenths" "$(grep -v '^✓' <<<"$told")"
    echo "${told##*→ }"
done

python3 "$here/notify.py"
python3 "$here/watchdog.py"
