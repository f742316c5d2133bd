#!/bin/bash
# What clean_room.sh runs in the fresh root: the commands of the README, from a bare Debian to a verdict,
# and how long that takes. TAP.
#
# A minute stands for 17 hours, unless PLAIN is set: then all settings are as they come, and a leak
# that is half an hour away from its limit is waited for. There is no systemd in the root, so
# `service` restarts the daemon instead of systemctl.
set -uo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

conf=/etc/collectd/collectd.conf.d/procleak.conf
rrd=/var/lib/collectd/rrd
leak_mib_s=1
limit_kib=$((2 * 1024 * 1024))
load='<LoadPlugin procleak>
  Interval 1
</LoadPlugin>'
settings='TimeScale 1000
  Season false
  Settle 0'
patience_s=240
if [ -n "${PLAIN:-}" ]; then
	load='LoadPlugin procleak'
	settings=
	patience_s=2400
fi
number=0
failed=0
begin=$SECONDS

# ok NAME COMMAND...: and when that was done
ok() {
	local name=$1 out
	shift
	number=$((number + 1))
	if out=$("$@" 2>&1); then
		echo "ok $number - $name ($((SECONDS - begin)) s)"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		printf '%s\n' "$out" | tail -n 30 | sed 's/^/# /'
	fi
}

# within SECONDS COMMAND...: until it succeeds
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 1
	done
}

# What the user's root has: a Debian that has just been set up.
install_packages() {
	apt-get update -qq
	cd /tmp/packages && apt-get install -y -qq -o Dpkg::Use-Pty=0 collectd \
		./collectd-plugin-procleak_*.deb ./procleak_*.deb
}

write_stanza() {
	cat >$conf <<-END
		$load
		<Plugin procleak>
		  Process "leaker"
		  $settings
		</Plugin>
	END
	procleak check-config $conf
}

has_series() {
	[ -n "$(find $rrd -path '*/procleak-leaker/gauge-verdict.rrd' 2>/dev/null)" ]
}

has_alert() {
	[ -n "$(find /var/lib/collectd/procleak-evidence -type f)" ]
}

explains() {
	procleak explain leaker | tee /tmp/explained
	grep -Eq 'leaking|critical' /tmp/explained
}

ok "apt installs collectd and procleak" install_packages
echo "# $(grep -c ' install ' /var/log/dpkg.log) packages"
(
	ulimit -v $limit_kib
	exec perl -e '$0 = "leaker"; while (1) { push @kept, "x" x ('$leak_mib_s' * 131072);
		select undef, undef, undef, 0.125 }'
) &
leaker_pid=$!
ok "one stanza names the program" write_stanza
ok "collectd restarts" service collectd restart
ok "its series appear" within 120 has_series
ok "the leak is told" within $patience_s has_alert
ok "procleak explain tells what is known of it" explains
sed 's/^/#   /' /tmp/explained | head -n 12
ok "collectd stops" service collectd stop
kill $leaker_pid
echo "1..$number"
[ $failed -eq 0 ]
