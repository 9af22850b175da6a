#!/bin/bash
# The Debian package: lintian, several publications on one machine, an upgrade that keeps the configuration, removal, purge.
. "$(dirname "$0")/machine.sh"
for tool in lintian man fish zsh; do
    command -v "$tool" >/dev/null || fail "the program $tool" installed 'not found in PATH'
done

# No newer tags than those that this lintian knows; every one counts.
told=$(lintian --fail-on error,warning --allow-root "$FEEDMILL_DEB" 2>&1) || fail lintian 'no errors, no warnings' "$told"
echo "lintian: ${told:-nothing}"
echo "package: $(stat -c %s "$FEEDMILL_DEB") bytes; $(dpkg-deb -f "$FEEDMILL_DEB" Depends)"

before=$(inside find /etc /usr /var/lib /lib/systemd -xdev -iname '*feedmill*')
same 'files before the package is installed' "$before" ''
install_package "$FEEDMILL_DEB"
same 'feedmill --version' "$(inside feedmill --version)" "feedmill $(dpkg-deb -f "$FEEDMILL_DEB" Version | sed 's/-[^-]*$//')"
for page in feedmill feedmill-serve feedmill-check; do
    inside man --path "$page" >/dev/null || fail "man $page" 'a page' none
done
# What a shell offers after `feedmill expl`.
told=$(inside bash -c '. /usr/share/bash-completion/bash_completion; . /usr/share/bash-completion/completions/feedmill
    COMP_WORDS=(feedmill expl) COMP_CWORD=1; _feedmill feedmill expl feedmill; echo "${COMPREPLY[*]}"')
same 'completions in bash' "$told" explain
same 'completions in fish' "$(inside fish -c 'complete -C "feedmill expl"' | cut -f1)" explain
inside zsh -fc 'autoload -Uz compinit && compinit -u && [ "$_comps[feedmill]" = _feedmill ] && zsh -n /usr/share/zsh/vendor-completions/_feedmill' ||
    fail 'completions in zsh' 'known, and without fault' 'not so'

configure
drop 2026-03-02.md
# Two more, each with its own configuration and state.
for place in north:8081 south:8082; do
    instance=${place%:*}
    inside tee "/etc/feedmill/$instance.yaml" >/dev/null <<<"{site: {title: $instance}, content: {folder: /srv/digests}, server: {listen: 127.0.0.1:${place#*:}}}"
done
inside systemctl enable -q --now feedmill feedmill@north feedmill@south ||
    fail 'three publications on one machine' started "$(inside systemctl --no-pager status 'feedmill*')"
for place in north:8081 south:8082; do
    instance=${place%:*}
    feed_has "<title>$instance</title>" "${place#*:}" || fail "the feed of feedmill@$instance" "its title" "$(get /rss.xml "${place#*:}")"
    inside test -s "/var/lib/feedmill@$instance/ledger.sqlite" || fail "the ledger of feedmill@$instance" written 'not there'
done
users=$(for unit in feedmill feedmill@north feedmill@south; do inside stat -c %u "/proc/$(property MainPID "$unit")"; done | sort -u | wc -l)
same 'users of the three' "$users" 3
south=$(property MainPID feedmill@south)
inside systemctl restart feedmill@north
same 'feedmill@south after a restart of feedmill@north' "$(property MainPID feedmill@south)" "$south"

# A newer package, with another example: what was configured stays.
dpkg-deb -R "$FEEDMILL_DEB" "$work/newer"
sed -i 's/^Version: .*/&.1/' "$work/newer/DEBIAN/control"
echo '# This line is new.' >>"$work/newer/etc/feedmill/feedmill.yaml"
dpkg-deb --root-owner-group -b "$work/newer" "$work/newer.deb" >/dev/null
configured=$(inside sha256sum /etc/feedmill/feedmill.yaml /etc/feedmill/north.yaml)
ledger=$(inside feedmill explain 旧水塔变成图书馆 --state /var/lib/feedmill)
pids=$(for unit in feedmill feedmill@north feedmill@south; do property MainPID "$unit"; done)
install_package "$work/newer.deb"
same 'the installed version' "$(inside dpkg-query -W -f '${Version}' feedmill)" "$(dpkg-deb -f "$work/newer.deb" Version)"
same 'the configuration after an upgrade' "$(inside sha256sum /etc/feedmill/feedmill.yaml /etc/feedmill/north.yaml)" "$configured"
inside grep -q 'This line is new' /etc/feedmill/feedmill.yaml.dpkg-dist || fail 'the new example' 'beside the configuration' none
for unit in feedmill feedmill@north feedmill@south; do
    soon "$unit after an upgrade" has SubState running "$unit"
    [[ $pids != *"$(property MainPID "$unit")"* ]] || fail "$unit after an upgrade" 'started again' 'the process of before'
done
same 'what the ledger knows after an upgrade' "$(inside feedmill explain 旧水塔变成图书馆 --state /var/lib/feedmill)" "$ledger"

inside dpkg --remove feedmill >/dev/null 2>&1
for unit in feedmill feedmill@north feedmill@south; do
    same "$unit after the removal" "$(property ActiveState "$unit")" inactive
done
inside test -s /var/lib/private/feedmill/ledger.sqlite || fail 'the ledger after the removal' 'still there' gone
same 'the configuration after the removal' "$(inside sha256sum /etc/feedmill/feedmill.yaml /etc/feedmill/north.yaml)" "$configured"

inside dpkg --purge feedmill >/dev/null 2>&1
left=$(inside find /etc /usr /var/lib /lib/systemd -xdev -iname '*feedmill*')
same 'what a purge leaves' "$left" ''
inside test -s /srv/digests/2026-03-02.md || fail 'the digests after a purge' 'untouched' gone
echo 'installed, three publications, upgraded, removed, purged: nothing left'
