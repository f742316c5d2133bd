#!/bin/bash
# Builds the Debian packages from a copy of the source below DIRECTORY, where debian/ is at the top.
#
#   deb.sh DIRECTORY [VERSION]      VERSION instead of the changelog's, to try an upgrade
set -euo pipefail
cd "$(dirname "$0")/.."

directory=$1
version=${2:-$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/debian/changelog)}
tree=$directory/procleak-$version

rm -rf "$tree"
packaging/source_files.sh "$tree"
mv "$tree/packaging/debian" "$tree/debian"
sed -i "1s/(.*)/($version)/" "$tree/debian/changelog"

# make's own variables are not those of the packages' build
unset MAKEFLAGS MAKEOVERRIDES MFLAGS BUILD PREFIX DESTDIR CFLAGS LDFLAGS CI V
cd "$tree"
dpkg-buildpackage -us -uc -j2 >"../procleak-$version.log" 2>&1 || {
	tail -n 40 "../procleak-$version.log"
	exit 1
}
cd - >/dev/null
ls "$directory"/*_"$version"_*.deb
