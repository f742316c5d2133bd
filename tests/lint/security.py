#!/usr/bin/python3
"""Each promise in SECURITY.md names tests that are there.

    security.py ROOT

A row of a table with promises ends with a column of "`FILE`: "NAME", "NAME"; `FILE`: ..."; each NAME
must stand in its FILE as it is, and FILE must be run by `make check`.
"""
import re
import sys
from pathlib import Path

PAGE = "SECURITY.md"
GROUP = re.compile(r'`([^`]+)`: ((?:"[^"]*"(?:, )?)+)')
RUN = re.compile(r"tests/(unit/[^/]+_test\.c|[^/]+/[^/]+\.t)")


def joined(path):
    """The text of a test, with string literals that are split over lines put together."""
    return re.sub(r'"\s*\n\s*"', "", path.read_text(errors="replace"))


def row_faults(root, number, row):
    promise, tests = (cell.strip() for cell in row.strip("|\n ").rsplit("|", 1))
    left = GROUP.sub("", tests).strip("; ")
    groups = GROUP.findall(tests)
    if left or not groups:
        yield f"{PAGE}:{number}: no test is named for: {promise}"
    for file, names in groups:
        path = root / file
        if not RUN.fullmatch(file) or not path.is_file():
            yield f"{PAGE}:{number}: {file} is no test"
            continue
        text = joined(path)
        for name in re.findall(r'"([^"]*)"', names):
            if name not in text:
                yield f'{PAGE}:{number}: {file} has no test "{name}"'


def check(root):
    page = root / PAGE
    if not page.is_file():
        return []
    faults = []
    count = 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("|") and not re.match(r"\|( promise |-)", line):
            count += 1
            faults += row_faults(root, number, line)
    return faults if count else [f"{PAGE}: promises nothing"]


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
