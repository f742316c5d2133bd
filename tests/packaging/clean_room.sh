#!/bin/bash
# Installs the packages in a fresh Debian and tries them there with the real daemons, as TAP.
#
#   clean_room.sh SCRIPT SUITE PACKAGES UPGRADE WORK
#
# SCRIPT of this directory runs in the root; bookworm or trixie; two directories of .deb files, the
# second of a later version; where the root goes. A root as debootstrap made it stays there for the
# next script, until somebody removes WORK.
#
# All mounts and processes are in namespaces of their own and end with this script. MIRROR is where
# Debian comes from: the one that this machine's apt has, unless told.
set -euo pipefail

script=$1
suite=$2
packages=$(realpath "$3")
upgrade=$(realpath "$4")
work=$5
limit_s=${LIMIT_S:-900}
bootstrap_limit_s=600
answer_limit_s=60

fail() {
	sed 's/^/# /'
	echo "not ok 1 - $*"
	echo "1..1"
	exit 1
}

# The first Debian that apt knows of, which is not that of security updates.
find_mirror() {
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Created-By: Packages' 2>/dev/null |
		sed -n 's/^Debian|Debian|//p' | grep -m 1 '^https\?:'
}

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP wants root"; exit 0; }
mirror=${MIRROR:-$(find_mirror || echo http://deb.debian.org/debian)}
mkdir -p "$work"
base=$(realpath "$work")/$suite.base
root=$(realpath "$work")/$suite
rm -rf --one-file-system "$root"
trap 'rm -rf --one-file-system "$root"' EXIT

# A proxy of apt's is not yet one of debootstrap's.
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "${proxy:-}" ] || export http_proxy="$proxy"

if [ ! -e "$base/.whole" ]; then
	rm -rf --one-file-system "$base"
	timeout $answer_limit_s /usr/lib/apt/apt-helper -o Acquire::Retries=2 \
		-o Acquire::http::Timeout=15 download-file "$mirror/dists/$suite/Release" \
		"$work/$suite.release" >"$work/$suite.log" 2>&1 </dev/null ||
		tail -n 5 "$work/$suite.log" | fail "$mirror has no $suite, or does not answer (MIRROR=...)"
	timeout $bootstrap_limit_s debootstrap --variant=minbase "$suite" "$base" "$mirror" \
		>"$work/$suite.log" 2>&1 </dev/null ||
		tail -n 20 "$work/$suite.log" | fail "debootstrap $suite from $mirror"
	touch "$base/.whole"
fi
cp -a "$base" "$root"
rm "$root/.whole"
mkdir "$root/tmp/packages" "$root/tmp/upgrade"
cp "$packages"/*.deb "$root/tmp/packages/"
cp "$upgrade"/*.deb "$root/tmp/upgrade/"
rm -f "$root"/tmp/packages/*-dbgsym_* "$root"/tmp/upgrade/*-dbgsym_*
install -m 755 "$(dirname "$0")/$script" "$root/inside.sh"
# As Debian's installer does: collectd as it comes asks for the name of the host.
echo "127.0.1.1 $(hostname)" >>"$root/etc/hosts"
# Nothing starts by itself: the script starts the daemons that it looks at.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

# What started this script may be killed, and then nothing stays behind.
status=0
die_with_parent="setpriv --pdeathsig KILL"
$die_with_parent timeout --signal KILL "$limit_s" \
	$die_with_parent unshare --mount --pid --fork --kill-child \
	sh -ec 'mount -t proc proc "$1/proc"; exec chroot "$1" /inside.sh' - "$root" || status=$?
exit $status
