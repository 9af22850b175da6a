#!/bin/bash
# Restarts and an upgrade under load: with the socket of the service manager no request fails.
. "$(dirname "$0")/machine.sh"

install_package "$FEEDMILL_DEB"
configure
for day in 02 03 04 05; do drop "2026-03-$day.md"; done
knock() { nsenter -t "$init" -n -- python3 "$here/knock.py" "$@"; }
restarts() {
    for _ in $(seq "$1"); do
        sleep 0.7
        inside systemctl restart feedmill || fail 'systemctl restart feedmill' 'exit code 0' "$(inside systemctl --no-pager status feedmill)"
        inside systemctl reset-failed feedmill
    done
}

# Without the socket the same restarts are felt: who counts failures does see them.
inside systemctl start feedmill
knock 127.0.0.1 8080 "$work/stop" >"$work/without" & client=$!
restarts 3
touch "$work/stop"
wait "$client"
rm "$work/stop"
read -r requests failures slowest <"$work/without"
echo "without the socket, 3 restarts: $requests requests, $failures failures, the slowest $slowest ms"
[ "$failures" -gt 0 ] || fail 'restarts without the socket' 'failures, or the client is blind' none
inside systemctl stop feedmill

inside systemctl enable -q --now feedmill.socket
same 'the service before the first connection' "$(property ActiveState)" inactive
get /healthz >/dev/null || fail 'the first connection' 'starts the service' 'no answer'
same 'the service after the first connection' "$(property ActiveState)" active
log_has 'the service manager holds the socket' || fail 'the log' 'whose the socket is' "$(inside journalctl --no-pager -u feedmill)"
knock 127.0.0.1 8080 "$work/stop" >"$work/with" & client=$!
restarts 10
install_package "$FEEDMILL_DEB"
sleep 0.7
touch "$work/stop"
wait "$client"
read -r requests failures slowest <"$work/with"
echo "with the socket, 10 restarts and an upgrade: $requests requests, $failures failures, the slowest $slowest ms"
same 'failures with the socket' "$failures" 0
[ "$requests" -gt 1000 ] || fail 'requests during the restarts' 'more than 1000' "$requests"
inside systemctl stop feedmill.socket feedmill
