#!/bin/bash
# Builds the packages, twice to see that they come out the same, has lintian look at them, tries the
# spec file and has rpmlint look at its packages, and lets all live in fresh Debians.
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
	if command -v rpmlint >/dev/null; then
		rpmlint --strict --config packaging/rpm/rpmlint.toml packaging/rpm/procleak.spec \
			"$build/rpm/RPMS/"*/*.rpm "$build/rpm/SRPMS/"*.rpm || fail "rpmlint found something"
	else
		echo "check-packages: no rpmlint here, the RPM packages were not looked at"
	fi
else
	echo "check-packages: no rpmbuild here, the spec file was not tried"
fi

# room SUITE SCRIPT...: what comes in between is said at the end, for two suites live side by side.
room() {
	local suite=$1 script status=0
	shift
	for script in "$@"; do
		prove -v --timer --exec bash tests/packaging/clean_room.sh :: "$script" "$suite" \
			"$build/deb" "$build/deb-later" "$build/clean-room" || status=1
	done >"$build/clean-room/$suite.tap" 2>&1
	return $status
}

# In the first suite the documented way from nothing to a verdict is timed, too.
suites=(${SUITES:-bookworm trixie})
rm -rf --one-file-system "$build/clean-room"
mkdir -p "$build/clean-room"
scripts=(from_nothing.sh inside.sh)
declare -A rooms
for suite in "${suites[@]}"; do
	room "$suite" "${scripts[@]}" &
	rooms[$suite]=$!
	scripts=(inside.sh)
done
for suite in "${suites[@]}"; do
	wait "${rooms[$suite]}" || fail "$suite failed"
	cat "$build/clean-room/$suite.tap"
done
rm -rf --one-file-system "$build/clean-room"
exit $status
