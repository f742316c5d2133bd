#!/bin/bash
# Builds the RPM packages in DIRECTORY, from a copy of the source. On a distribution without an RPM
# database, such as Debian, what the build needs is not looked up there, but has to be installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p "$1"
directory=$(realpath "$1")
version=$(sed -n 's/^Version: *//p' packaging/rpm/procleak.spec)
options=()
[ ! -e /etc/debian_version ] || options+=(--nodeps)

rm -rf "$directory/procleak-$version"
packaging/source_files.sh "$directory/procleak-$version"
mkdir -p "$directory/SOURCES"
tar -C "$directory" --sort=name --owner=0 --group=0 -czf "$directory/SOURCES/procleak-$version.tar.gz" \
	"procleak-$version"
rm -rf "$directory/procleak-$version"
unset MAKEFLAGS MAKEOVERRIDES MFLAGS BUILD PREFIX DESTDIR CFLAGS LDFLAGS CI V
rpmbuild -ba "${options[@]}" --define "_topdir $directory" packaging/rpm/procleak.spec \
	>"$directory/log" 2>&1 || {
	tail -n 40 "$directory/log"
	exit 1
}
find "$directory/RPMS" -name '*.rpm'
