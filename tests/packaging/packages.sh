#!/bin/bash
# Builds the packages, twice to see that they come out the same, has lintian look at them, tries the
# spec file, and lets them live in fresh Debians.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/debian/changelog)
status=0

fail() {
	echo "check-packages: $*" >&2
	status=1
}

sums() {
	(cd "$build/deb" && sha256sum ./*.deb)
}

rm -rf "$build/deb" "$build/deb-later"
packaging/deb.sh "$build/deb"
first=$(sums)
packaging/deb.sh "$build/deb" >/dev/null
[ "$first" = "$(sums)" ] || fail "a second build is another one"
packaging/deb.sh "$build/deb-later" "$version+later1"

lintian --allow-root --fail-on error,warning "$build/deb/procleak_${version}_"*.changes ||
	fail "lintian found something"

if command -v rpmbuild >/dev/null; then
	packaging/rpm/build.sh "$build/rpm" || fail "rpmbuild failed"
else
	echo "check-packages: no rpmbuild here, the spec file was not tried"
fi

for suite in ${SUITES:-bookworm trixie}; do
	prove -v --timer --exec bash tests/packaging/clean_room.sh :: \
		"$suite" "$build/deb" "$build/deb-later" "$build/clean-room" || fail "$suite failed"
done
exit $status
