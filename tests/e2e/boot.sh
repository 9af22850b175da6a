#!/bin/bash
# The unit under a real systemd: pid 1 of a container over a throw-away layer of this machine's own files.
# Installs program, unit and configuration, starts, drops a digest, changes the configuration, reloads, stops.
# Needs root and Debian's systemd-sysv, dbus and systemd-container.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
name=feedmill-e2e-$$
work=$(mktemp -d "${TMPDIR:-/tmp}/$name-XXXXXX")
root=$work/root
nspawn='' init='' groups=()

cleanup() {
    trap - EXIT
    set +e
    if [ -n "$init" ] && kill -0 "$init" 2>/dev/null; then
        [ "$1" = 0 ] || inside journalctl --no-pager -u feedmill -n 40 >&2
        kill -s RTMIN+13 "$init" # systemd: halt at once
        wait_until 10 gone "$init" || kill -KILL "$init"
    fi
    [ -z "$nspawn" ] || { wait_until 5 gone "$nspawn" || kill -KILL "$nspawn"; wait "$nspawn"; } 2>/dev/null
    umount -R -l "$root" 2>/dev/null
    umount -l "$work" 2>/dev/null
    rmdir "$work"
    for group in "${groups[@]}"; do
        echo $$ >"${group%/*}/cgroup.procs"
        find "$group" -depth -type d -exec rmdir {} +
    done
    [ "$1" != 0 ] || echo "ok boot.sh ($SECONDS s)"
    exit "$1"
}
trap 'echo "FAILED boot.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'cleanup $?' EXIT
trap 'exit 130' INT TERM

fail() { printf 'FAILED boot.sh: %s\n  expected: %s\n  seen:     %s\n' "$1" "$2" "$3" >&2; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1" "$3" "$2"; }
# wait_until SECONDS COMMAND...: asks again until it succeeds.
wait_until() {
    local deadline=$((SECONDS + $1)); shift
    until "$@"; do [ $SECONDS -lt "$deadline" ] || return 1; sleep 0.05; done
}
soon() { local what=$1; shift; wait_until 20 "$@" || fail "$what" "$* within 20 seconds" 'not so'; }
gone() { ! kill -0 "$1" 2>/dev/null; }
inside() { nsenter -t "$init" -m -p -u -i -n -C -- "$@"; }
get() { nsenter -t "$init" -n -- curl --noproxy '*' -sS -f -m 5 "http://127.0.0.1:8080$1"; }
property() { inside systemctl show -P "$1" feedmill; }
feed_has() { [[ $(get /rss.xml) == *"$1"* ]]; }
has_init() { init=$(pgrep -P "$nspawn" -x systemd); }
has_booted() { [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }

[ "$(id -u)" = 0 ] || fail 'the user' root "$(id -un)"
for tool in systemd-nspawn nsenter curl pgrep; do
    command -v "$tool" >/dev/null || fail "the program $tool" installed 'not found in PATH'
done
[ -n "${FEEDMILL:-}" ] || fail 'the environment variable FEEDMILL' 'the path of the program to check' 'not set'

# The upper layer is in memory, so that nothing of it can stay.
mount -t tmpfs -o size=1g,mode=755 tmpfs "$work"
mkdir "$work/upper" "$work/scratch" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/scratch" "$root"
# Of this machine's own services only what a boot needs.
rm -f "$root"/etc/fstab "$root"/etc/systemd/system/*.{wants,requires}/*
: >"$root/etc/machine-id"
soon "$FEEDMILL can be installed" install -D -m 755 "$FEEDMILL" "$root/usr/bin/feedmill"
install -D -m 644 "$repository/config/feedmill.service" "$root/etc/systemd/system/feedmill.service"
install -d -m 755 "$root/etc/feedmill" "$root/srv/digests"
printf 'site:\n  title: Before\ncontent:\n  folder: /srv/digests\n' >"$root/etc/feedmill/feedmill.yaml"
install -m 644 "$repository/examples/content/2026-03-02.md" "$root/srv/digests/"

# Where no systemd gives the container a group of its own, it gets ours.
own_group=()
if [ ! -d /run/systemd/system ]; then
    own_group=(--keep-unit)
    for hierarchy in /sys/fs/cgroup{,/unified,/systemd}; do
        [ -e "$hierarchy/cgroup.procs" ] && mkdir "$hierarchy/$name" || continue
        groups+=("$hierarchy/$name")
        echo $$ >"$hierarchy/$name/cgroup.procs"
    done
fi
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q -b -M "$name" -D "$root" --register=no "${own_group[@]}" --private-network \
    --console=pipe --link-journal=no -- systemd.show_status=0 </dev/null >"$work/console" 2>&1 &
nspawn=$!
wait_until 20 has_init || fail "the container's pid 1" systemd "$(cat "$work/console")"
soon 'systemd in the container' has_booted

inside systemctl enable -q --now feedmill || fail 'systemctl enable --now feedmill' 'exit code 0' "$(inside systemctl --no-pager status feedmill)"
# Type=notify: once systemctl is back, the first question must be answered.
get /healthz >/dev/null || fail 'the first question after the start' 'an answer' none
same 'the state of the unit' "$(property ActiveState)/$(property SubState)" active/running
pid=$(property MainPID)
[ "$(inside stat -c '%u' "/proc/$pid")" != 0 ] || fail 'the user of the service' 'not root' root
feed_has 旧水塔变成图书馆 || fail '/rss.xml' 旧水塔变成图书馆 "$(get /rss.xml)"

# Written outside the folder and renamed into it, so that nobody sees half of it.
inside install -m 644 /dev/stdin /srv/half <"$repository/examples/content/2026-03-03.md"
inside mv /srv/half /srv/digests/2026-03-03.md
soon 'the new digest' feed_has 社区种子库开门借种

inside sed -i 's/Before/After/' /etc/feedmill/feedmill.yaml
inside systemctl reload feedmill
soon 'the new title' feed_has '<title>After</title>'
same 'the process after the reload' "$(property MainPID)" "$pid"

begun=$SECONDS
inside systemctl stop feedmill
[ $((SECONDS - begun)) -lt 5 ] || fail 'the time to stop' 'less than 5 seconds' "$((SECONDS - begun)) seconds"
same 'the unit in the end' "$(property ActiveState), $(property Result), $(property ExecMainStatus)" 'inactive, success, 0'
same 'restarts of the unit' "$(property NRestarts)" 0
