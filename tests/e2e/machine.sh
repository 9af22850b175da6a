# A machine to install on, for the scripts that source this: pid 1 of a container over a throw-away layer of this machine's own
# files, with a network of its own. Needs root and Debian's systemd-sysv, dbus and systemd-container.
set -euo pipefail

check=$(basename "$0")
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
        [ "$1" = 0 ] || inside journalctl --no-pager -u 'feedmill*' -n 40 >&2
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
    [ "$1" != 0 ] || echo "ok $check ($SECONDS s)"
    exit "$1"
}
trap 'echo "FAILED $check: line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'cleanup $?' EXIT
trap 'exit 130' INT TERM

fail() { printf 'FAILED %s: %s\n  expected: %s\n  seen:     %s\n' "$check" "$1" "$2" "$3" >&2; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1" "$3" "$2"; }
# wait_until SECONDS COMMAND...: asks again until it succeeds.
wait_until() {
    local deadline=$((SECONDS + $1)); shift
    until "$@"; do [ $SECONDS -lt "$deadline" ] || return 1; sleep 0.05; done
}
soon() { local what=$1; shift; wait_until 20 "$@" || fail "$what" "$* within 20 seconds" 'not so'; }
gone() { ! kill -0 "$1" 2>/dev/null; }
inside() { nsenter -t "$init" -m -p -u -i -n -C -- "$@"; }
# get PATH [PORT]
get() { nsenter -t "$init" -n -- curl --noproxy '*' -sS -f -m 5 "http://127.0.0.1:${2:-8080}$1"; }
# property NAME [UNIT]
property() { inside systemctl show -P "$1" "${2:-feedmill}"; }
has() { [ "$(property "$1" "${3:-feedmill}")" = "$2" ]; }
status_has() { [[ $(property StatusText) == *"$1"* ]]; }
log_has() { [[ $(inside journalctl --no-pager -o cat -u feedmill) == *"$1"* ]]; }
# feed_has TEXT [PORT]
feed_has() { [[ $(get /rss.xml "${2:-8080}" 2>/dev/null) == *"$1"* ]]; }
# Written outside the folder and renamed into it, so that nobody sees half of it.
drop() {
    inside install -m 644 /dev/stdin /srv/half <"$repository/examples/content/$1"
    inside mv /srv/half "/srv/digests/$1"
}
has_init() { init=$(pgrep -P "$nspawn" -x systemd); }
has_booted() { [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }

# install_package FILE: with its maintainer scripts; configuration that was changed is kept.
install_package() {
    install -m 644 "$1" "$root/srv/feedmill.deb"
    inside env DEBIAN_FRONTEND=noninteractive dpkg --install --force-confold /srv/feedmill.deb >"$work/dpkg" 2>&1 ||
        fail "dpkg --install $1" 'exit code 0' "$(cat "$work/dpkg")"
}
configure() {
    inside install -d -m 755 /srv/digests
    inside sed -i 's#^  folder: null  *\# of the digests.*#  folder: /srv/digests#' /etc/feedmill/feedmill.yaml
    inside grep -qx '  folder: /srv/digests' /etc/feedmill/feedmill.yaml || fail 'the configuration' 'a line content.folder' none
}

[ "$(id -u)" = 0 ] || fail 'the user' root "$(id -un)"
for tool in systemd-nspawn nsenter curl pgrep dpkg-deb; do
    command -v "$tool" >/dev/null || fail "the program $tool" installed 'not found in PATH'
done
[ -r "${FEEDMILL_DEB:-}" ] || fail 'the environment variable FEEDMILL_DEB' 'the package to check' "${FEEDMILL_DEB:-not set}"

# The upper layer is in memory, so that nothing of it can stay.
mount -t tmpfs -o size=1g,mode=755 tmpfs "$work"
mkdir "$work/upper" "$work/scratch" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/scratch" "$root"
# Of this machine's own services only what a boot needs; and what packages start is started.
rm -f "$root"/etc/fstab "$root"/etc/systemd/system/*.{wants,requires}/* "$root/usr/sbin/policy-rc.d"
: >"$root/etc/machine-id"
# The index of all manuals of this machine would be made anew at each installation.
rm -f "$root/var/lib/man-db/auto-update"

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
