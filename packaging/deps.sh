#!/bin/bash
# Installs what procleak is built, run, tested and checked with, and only what is missing.
#
#   deps.sh [build] [run] [netdata] [fleet] [test] [lint] [picture] [man] [bench] [packages]
#   groups; all but bench and packages when none is given
#
# Needs root only when something is missing. On a distribution without dpkg it prints the list and
# goes on: the build then says what it lacks. No service is started or enabled by this.
set -euo pipefail

# One package a word; of "a|b" any will do, and the first one that exists is installed. A word with
# '?' behind it is done without where the distribution does not have it.
declare -A packages=(
	[build]="gcc libc6-dev make pkg-config collectd-dev libyajl-dev libinih-dev libmnl-dev
		libcap-dev libiberty-dev"
	[run]="collectd-core librrd8|librrd8t64 rrdtool fonts-dejavu-core python3"
	[netdata]="netdata-core|netdata-core-no-sse? netdata-plugins-bash? libcap2-bin"
	[fleet]="prometheus? prometheus-alertmanager? libmicrohttpd12|libmicrohttpd12t64? libprotobuf-c1?"
	[man]="mandoc? python3"
	[packages]="debhelper dpkg-dev lintian debootstrap util-linux python3 perl git? rpm?
		rpmlint?"
	[picture]="netdata-web? chromium? pngquant?"
	[test]="perl procps iproute2 util-linux strace valgrind redis-tools|redis-server
		nginx g++ libjemalloc2? libgoogle-perftools4|libgoogle-perftools4t64?
		libmimalloc2.0|libmimalloc3? librrds-perl? libconfig-general-perl?
		libregexp-common-perl? libcgi-pm-perl? liburi-perl? libhtml-parser-perl?"
	[bench]="netdata-core|netdata-core-no-sse? prometheus-process-exporter? procps smem? util-linux"
	[lint]="clang clang-format clang-tidy cppcheck libclang-rt-14-dev|libclang-rt-dev"
)
lock_wait_s=300

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The alternatives of a word.
names() {
	local word=${1%\?}
	echo "${word//|/ }"
}

# False for what may be missing and is in no package list, if there are any lists.
is_known() {
	local name
	[ "$1" != "${1%\?}" ] || return 0
	for name in $(names "$1"); do
		apt-cache show "$name" >/dev/null 2>&1 && return 0
	done
	! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1
}

# Prints the words of a group of which no alternative is installed.
missing() {
	local word name
	for word in ${packages[$1]}; do
		for name in $(names "$word"); do
			installed "$name" && continue 2
		done
		if is_known "$word"; then echo "$word"; fi
	done
}

# The first alternative of each word that the package lists know, else the first one, so that apt
# names what it cannot find.
choose() {
	local word name
	for word in "$@"; do
		for name in $(names "$word"); do
			apt-cache show "$name" >/dev/null 2>&1 && break
			name=
		done
		[ -n "$name" ] || [ "$word" != "${word%\?}" ] || name=${word%%|*}
		[ -z "$name" ] || echo "$name"
	done
}

# apt-get waits for dpkg's lock by itself, but not for that of the package lists.
update_lists() {
	local try
	for try in 1 2 3 4 5 6; do
		apt-get update -qq && return
		echo "deps: apt-get update failed (try $try of 6), again in 10 s" >&2
		sleep 10
	done
	return 1
}

# Servers that come with the packages must not start: invoke-rc.d obeys this file.
policy=/usr/sbin/policy-rc.d
hold_services() {
	[ -e $policy ] && return
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
}

groups=("$@")
[ $# -gt 0 ] || groups=(build run netdata fleet test lint picture man)
for group in "${groups[@]}"; do
	[ -n "${packages[$group]:-}" ] || { echo "deps: no such group: $group" >&2; exit 2; }
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps: this is not a Debian; please see to it that these (or their like) are installed:"
	for group in "${groups[@]}"; do
		echo "  $group:" ${packages[$group]}
	done
	exit 0
fi

mapfile -t words < <(for group in "${groups[@]}"; do missing "$group"; done)
[ ${#words[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "deps: missing: ${words[*]%%|*}" >&2
	echo "deps: as root: apt-get install --no-install-recommends ${words[*]%%|*}" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
declare -A was_here
for name in nginx netdata-core prometheus prometheus-alertmanager; do
	was_here[$name]=$(installed $name && echo yes || true)
done
echo "deps: installing ${words[*]%%|*}"
hold_services
update_lists
mapfile -t chosen < <(choose "${words[@]}")
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=$lock_wait_s \
	-o Dpkg::Use-Pty=0 "${chosen[@]}" >/dev/null

# The tests start servers of their own; the packaged ones are not to appear at the next boot.
disable() {
	[ -z "${was_here[$1]}" ] && installed "$1" && command -v update-rc.d >/dev/null || return 0
	update-rc.d "$2" disable >/dev/null 2>&1 || true
}
disable nginx nginx
disable netdata-core netdata
disable prometheus prometheus
disable prometheus-alertmanager prometheus-alertmanager
