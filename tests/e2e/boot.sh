#!/bin/bash
# The service under a real systemd, installed from its package: starts, shows a digest, changes its configuration, is killed,
# hangs, has no room on its disk, stops.
. "$(dirname "$0")/machine.sh"

install_package "$FEEDMILL_DEB"
same 'the service that was only installed' "$(property ActiveState)" inactive
configure
drop 2026-03-02.md
# The patience of a test: everything else is the unit's own.
inside mkdir -p /run/systemd/system/feedmill.service.d
inside tee /run/systemd/system/feedmill.service.d/patience.conf <<<$'[Service]\nWatchdogSec=2' >/dev/null
inside systemctl daemon-reload
# The state folder is a small disk of its own.
inside mkdir -p -m 700 /var/lib/private
inside mkdir /var/lib/private/feedmill
inside mount -t tmpfs -o size=2m tmpfs /var/lib/private/feedmill

inside systemctl enable -q --now feedmill || fail 'systemctl enable --now feedmill' 'exit code 0' "$(inside systemctl --no-pager status feedmill)"
# Type=notify: once systemctl is back, the first question must be answered.
get /healthz >/dev/null || fail 'the first question after the start' 'an answer' none
same 'the state of the unit' "$(property ActiveState)/$(property SubState)" active/running
pid=$(property MainPID)
[ "$(inside stat -c '%u' "/proc/$pid")" != 0 ] || fail 'the user of the service' 'not root' root
feed_has 旧水塔变成图书馆 || fail '/rss.xml' 旧水塔变成图书馆 "$(get /rss.xml)"
soon 'the status' status_has '1 digests, 16 items; unchanged since the start; no findings'

drop 2026-03-03.md
soon 'the new digest' feed_has 社区种子库开门借种
soon 'the status' status_has ': 2026-03-03.md; no findings'
status_has '2 digests, 30 items; last change 20' || fail 'the status' 'the last change' "$(property StatusText)"

same 'whether it is ready' "$(get /readyz)" ok
[[ $(get /status.json) == *'"digests": 2,'* ]] || fail '/status.json' '2 digests' "$(get /status.json)"

inside sed -i 's/^  title: Digest .*/  title: After/' /etc/feedmill/feedmill.yaml
inside systemctl reload feedmill
soon 'the new title' feed_has '<title>After</title>'
same 'the process after the reload' "$(property MainPID)" "$pid"
# Longer than its patience: signs come while nothing happens.
sleep 5
same 'restarts of a service at rest' "$(property NRestarts)" 0

restarts() { [ "$(property NRestarts)" = "$1" ] && has SubState running; }
# Twice: at the first, Rust's own handler, which looks for an overflow of the stack, finds none and steps aside.
inside systemctl kill --kill-whom=main -s SEGV feedmill
inside systemctl kill --kill-whom=main -s SEGV feedmill
soon 'the service after a crash' restarts 1
feed_has '<title>After</title>' || fail 'the feed after a crash' After "$(get /rss.xml)"

begun=$SECONDS
inside systemctl kill --kill-whom=main -s STOP feedmill
soon 'the service after it hung' restarts 2
took=$((SECONDS - begun))
log_has 'Watchdog timeout' || fail 'the log after it hung' 'Watchdog timeout' "$(inside journalctl --no-pager -u feedmill -n 20)"
feed_has 社区种子库开门借种 || fail 'the feed after it hung' 社区种子库开门借种 "$(get /rss.xml)"

inside dd if=/dev/zero of=/var/lib/private/feedmill/filling bs=4k status=none 2>/dev/null || true
same 'what is left of the state disk' "$(inside df --output=avail /var/lib/private/feedmill | tail -1 | tr -d ' ')" 0
drop 2026-03-04.md
soon 'a digest while the disk is full' feed_has 海堤步道装上潮高标尺
soon 'the status while the disk is full' status_has 'the ledger cannot be written: '
log_has 'the ledger cannot be written; tried again with each look' || fail 'the log while the disk is full' 'the reason' "$(inside journalctl --no-pager -u feedmill -n 20)"
[[ $(get /metrics) =~ feedmill_ledger_write_failures_total\ [1-9] ]] || fail '/metrics while the disk is full' 'failures' "$(get /metrics)"
[[ $(inside journalctl -q --no-pager -u feedmill -p err -o cat) == *'the ledger cannot be written'* ]] ||
    fail 'the errors in the journal' 'the ledger cannot be written' "$(inside journalctl -q --no-pager -u feedmill -o json -n 5)"
echo "while the disk is full: $(property StatusText)"
inside rm /var/lib/private/feedmill/filling
drop 2026-03-05.md
soon 'a digest when there is room again' feed_has 渡轮码头换用岸电
soon 'the log when there is room again' log_has 'the ledger is written again'
! status_has 'cannot be written' || fail 'the status when there is room again' 'no complaint' "$(property StatusText)"
same 'restarts of the service with a full disk' "$(property NRestarts)" 2

inside sed -i 's#^  listen: null .*#  listen: unix:/run/feedmill/admin.sock#' /etc/feedmill/feedmill.yaml
inside systemctl restart feedmill
same 'whether it is ready, on the socket for operators' "$(inside curl -sS -m 5 --unix-socket /run/feedmill/admin.sock http://localhost/readyz)" ok
same 'the status of /status on the public address' "$(nsenter -t "$init" -n -- curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/status)" 404

begun=$SECONDS
inside systemctl stop feedmill
[ $((SECONDS - begun)) -lt 5 ] || fail 'the time to stop' 'less than 5 seconds' "$((SECONDS - begun)) seconds"
same 'the unit in the end' "$(property ActiveState), $(property Result), $(property ExecMainStatus)" 'inactive, success, 0'
echo "crashed: started again; hung: killed and started again within $took s; stopped: exit code 0"
