#!/bin/bash
# Installs the packages in a fresh Debian and tries them there with the real daemons, as TAP.
#
#   clean_room.sh SUITE PACKAGES UPGRADE WORK    bookworm or trixie; two directories of .deb files, the
#                                                second of a later version; where the root goes
#
# All mounts and processes are in namespaces of their own and end with this script.
set -euo pipefail

suite=$1
packages=$(realpath "$2")
upgrade=$(realpath "$3")
work=$4
mirror=${MIRROR:-http://deb.debian.org/debian}
limit_s=900

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP wants root"; exit 0; }
mkdir -p "$work"
root=$(realpath "$work")/$suite
rm -rf --one-file-system "$root"
trap 'rm -rf --one-file-system "$root"' EXIT

if ! debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$work/$suite.log" 2>&1; then
	tail -n 20 "$work/$suite.log" | sed 's/^/# /'
	echo "not ok 1 - debootstrap $suite"
	echo "1..1"
	exit 1
fi
mkdir "$root/tmp/packages" "$root/tmp/upgrade"
cp "$packages"/*.deb "$root/tmp/packages/"
cp "$upgrade"/*.deb "$root/tmp/upgrade/"
rm -f "$root"/tmp/packages/*-dbgsym_* "$root"/tmp/upgrade/*-dbgsym_*
install -m 755 "$(dirname "$0")/inside.sh" "$root/inside.sh"
# Nothing starts by itself: the script starts the daemons that it looks at.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

status=0
timeout --signal KILL $limit_s unshare --mount --pid --fork --kill-child \
	sh -ec 'mount -t proc proc "$1/proc"; exec chroot "$1" /inside.sh' - "$root" || status=$?
exit $status
