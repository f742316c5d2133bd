#!/bin/bash
# Copies the source into DIRECTORY, which is made: what is under version control and what is about to
# be, in whatever state it is; without the tests, of which a build of packages runs none.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
if git rev-parse --git-dir >/dev/null 2>&1; then
	git ls-files -z --cached --others --exclude-standard
else
	find . -path ./build -prune -o -path ./.git -prune -o -type f -printf '%P\0'
fi | grep -zv '^tests/' | while IFS= read -r -d '' name; do
	if [ -e "$name" ]; then printf '%s\0' "$name"; fi
done | tar --null -T - -c | tar -x -C "$1"
