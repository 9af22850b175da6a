#!/bin/bash
# The program without a system around it: alone in an empty root, and as the container image, without a network to reach.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/feedmill-e2e-XXXXXX")
image=localhost/feedmill-e2e-$$
container=''

cleanup() {
    trap - EXIT
    [ -z "$container" ] || buildah rm "$container" >/dev/null || true
    buildah rmi "$image" >/dev/null 2>&1 || true
    rm -rf "$work"
    exit "$1"
}
trap 'echo "FAILED static.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'cleanup $?' EXIT

fail() { printf 'FAILED static.sh: %s\n  expected: %s\n  seen:     %s\n' "$1" "$2" "$3" >&2; exit 1; }

for tool in buildah chroot curl readelf unshare; do
    command -v "$tool" >/dev/null || fail "the program $tool" installed 'not found in PATH'
done
[ -x "${FEEDMILL_STATIC:-}" ] || fail 'the environment variable FEEDMILL_STATIC' 'the program to check' "${FEEDMILL_STATIC:-not set}"

needed=$(readelf -dl "$FEEDMILL_STATIC" | grep -E 'NEEDED|INTERP' || true)
[ -z "$needed" ] || fail 'what the program needs of its system' nothing "$needed"

# answers COMMAND...: runs a server without any network but its own loopback, and asks it. Nothing of it outlives the answer.
answers() {
    unshare --net --pid --fork --kill-child --mount-proc bash -c '
        ip link set lo up
        "$@" &
        for _ in $(seq 100); do
            [[ $(curl -s http://127.0.0.1:8080/rss.xml) == *"<title>旧水塔变成图书馆</title>"* ]] && exit
            sleep 0.1
        done
        exit 1' answers "$@" >"$work/out" 2>"$work/log" || fail "$*" 'a feed within 10 seconds' "$(cat "$work/out" "$work/log")"
    ! grep -E ' (WARN|ERROR) ' "$work/log" || fail "the log of $*" 'no complaint' "$(cat "$work/log")"
}

mkdir -p "$work/root/content" "$work/root/state"
install -m 755 "$FEEDMILL_STATIC" "$work/root/feedmill"
install -m 644 "$repository/examples/content/2026-03-02.md" "$work/root/content/"
chown 65532:65532 "$work/root/state"
answers chroot --userspec=65532:65532 "$work/root" /feedmill serve /content --state /state --base-url https://news.example.org/

"$repository/packaging/image.sh" "$FEEDMILL_STATIC" "$image" >"$work/build" 2>&1 || fail packaging/image.sh 'exit code 0' "$(cat "$work/build")"
container=$(buildah from "$image")
mkdir "$work/content" "$work/state"
chown 65532:65532 "$work/state"
install -m 644 "$repository/examples/content/2026-03-02.md" "$work/content/"
chmod 755 "$work" "$work/content"
answers buildah run --isolation chroot --volume "$work/content:/content:ro" --volume "$work/state:/state" "$container" -- /feedmill serve /content --base-url https://news.example.org/
[ -s "$work/state/ledger.sqlite" ] || fail 'the ledger in the image' written 'not there'

echo "static program: $(stat -c %s "$FEEDMILL_STATIC") bytes; image: $(du -sb "$(buildah mount "$container")" | cut -f1) bytes"
echo "ok static.sh ($SECONDS s)"
