#!/bin/bash
# What clean_room.sh runs in a fresh root: install, see a verdict, upgrade, remove, purge. TAP.
set -uo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

conf=/etc/collectd/collectd.conf.d/procleak.conf
plugin=/usr/lib/netdata/plugins.d/procleak.plugin
evidence=/var/lib/collectd/procleak-evidence
csv=/tmp/csv/test/procleak-leaker
number=0
failed=0

# ok NAME COMMAND...
ok() {
	local name=$1 out
	shift
	number=$((number + 1))
	if out=$("$@" 2>&1); then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		printf '%s\n' "$out" | tail -n 30 | sed 's/^/# /'
	fi
}

apt() {
	apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
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

write_config() {
	cat >/tmp/collectd.conf <<-END
		Hostname "test"
		Interval 1
		BaseDir "/var/lib/collectd"
		PIDFile "/tmp/collectd.pid"
		LoadPlugin logfile
		<Plugin logfile>
		  File "/tmp/collectd.log"
		</Plugin>
		LoadPlugin csv
		<Plugin csv>
		  DataDir "/tmp/csv"
		</Plugin>
		Include "/etc/collectd/collectd.conf.d/*.conf"
	END
	# a minute is 17 hours, in which no day can be ruled out
	sed -i --follow-symlinks 's/#Process "nginx"/Process "leaker"/; s/#TimeScale 1$/TimeScale 1000/
		s/#Settle "10m"/Settle 0/; s/#Season true/Season false/' $conf
}

# `ok` runs this in a subshell, so the pid goes to a file (collectd -f writes none).
start_collectd() {
	collectd -f -C /tmp/collectd.conf </dev/null >/dev/null 2>&1 &
	echo $! >/tmp/collectd.pid
	sleep 3
	kill -0 "$(cat /tmp/collectd.pid)"
}

stop_collectd() {
	kill "$(cat /tmp/collectd.pid)"
	within 30 collectd_is_gone
}

collectd_is_gone() {
	! kill -0 "$(cat /tmp/collectd.pid)" 2>/dev/null
}

start_leaker() {
	perl -e '$0 = "leaker"; for (1 .. 3000) { push @kept, "x" x 262144; select undef, undef, undef, 0.1 }' &
	leaker_pid=$!
}

has_series() {
	ls $csv/memory-anon-* $csv/ps_rss-* $csv/gauge-verdict-* >/dev/null 2>&1
}

# A verdict of 3 or 4 in the last line that collectd wrote.
says_leaking() {
	tail -qn 1 $csv/gauge-verdict-* | grep -Eq ',[34](\.0*)?$'
}

# Nor was it learning when it began: what was learned before was kept.
told_at_once() {
	head -qn 2 $csv/gauge-verdict-* | tail -n 1 | grep -Eq ',[34](\.0*)?$'
}

knows_the_leak() {
	procleak status
	[ $? -eq 1 ]
}

is_private() {
	[ "$(stat -c %a "$1")" = 700 ]
}

# Debian's unit leaves collectd all capabilities and all of /proc: no drop-in is wanted.
unit_leaves_all() {
	local unit
	unit=$(find /usr/lib/systemd/system /lib/systemd/system -name collectd.service | head -n 1)
	[ -n "$unit" ] && ! grep -E '^(CapabilityBoundingSet|ProcSubset|ProtectProc|Private(PIDs|Users))=' "$unit"
}

# Netdata alone may run the plugin, with two capabilities.
is_granted() {
	getcap $plugin
	stat -c '%a %U:%G' $plugin
	getcap $plugin | grep -q 'cap_dac_read_search,cap_sys_ptrace=ep' &&
		[ "$(stat -c '%a %U:%G' $plugin)" = "750 root:netdata" ]
}

installed_version() {
	dpkg-query -W -f '${Version}' collectd-plugin-procleak
}

# Prints what of the packages is still there; succeeds if that is nothing.
nothing_left() {
	! find / -xdev \( -path /proc -o -path /tmp \) -prune \
		-o -name '*procleak*' -print | grep .
}

no_package_left() {
	! dpkg-query -W -f '${Package} ${db:Status-Status}\n' '*procleak*' 2>/dev/null |
		grep -v ' not-installed$'
}

ok "apt-get update" apt update
daemons="collectd netdata-core"
plugin_package=netdata-plugin-procleak
# no grep -q behind a pipe: it ends early, and then apt-cache fails
if [[ $(apt-cache policy netdata-core) != *"Candidate: "[0-9]* ]]; then
	echo "# this Debian has no netdata-core: its plugin is not tried here"
	daemons=collectd
	plugin_package=
	rm -f /tmp/*/netdata-plugin-procleak_*.deb
fi
ok "apt installs the packages and $daemons" apt install $daemons /tmp/packages/*.deb
ok "the unit of collectd takes nothing away that procleak needs" unit_leaves_all
write_config
ok "check-config finds no fault in the shipped sample" procleak check-config $conf
ok "the directory of evidence is private" is_private $evidence
if [ "$daemons" != collectd ]; then
	ok "procleak.plugin is for Netdata alone, with its capabilities" is_granted
	ok "and its directory of evidence is private" is_private /var/lib/netdata/procleak-evidence
fi

start_leaker
ok "collectd starts" start_collectd
ok "series appear" within 60 has_series
ok "the leak is told" within 180 says_leaking
ok "collectd stops" stop_collectd
ok "procleak status knows of it" knows_the_leak

was=$(installed_version)
ok "apt upgrades" apt install /tmp/upgrade/*.deb
ok "to another version" test "$was" != "$(installed_version)"
ok "which keeps the settings" grep -q '^ *Process "leaker"' $conf
rm -rf /tmp/csv
ok "collectd starts again" start_collectd
ok "and still tells the leak" within 120 says_leaking
ok "from its first reading on" told_at_once
ok "collectd stops again" stop_collectd

if [ "$daemons" != collectd ]; then
	ok "Netdata is installed anew" apt install --reinstall netdata-core
	ok "the plugin has its capabilities still" is_granted
fi

ok "apt removes the plugin of collectd" apt remove collectd-plugin-procleak
ok "collectd starts without it" start_collectd
ok "and stops" stop_collectd
ok "apt installs it once more" apt install /tmp/upgrade/collectd-plugin-procleak_*.deb
ok "with the settings of before" grep -q '^ *Process "leaker"' $conf

ok "apt purges" apt purge collectd-plugin-procleak procleak $plugin_package
ok "no file is left" nothing_left
ok "no package is left" no_package_left
kill $leaker_pid
echo "1..$number"
[ $failed -eq 0 ]
