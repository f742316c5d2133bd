#!/usr/bin/python3
"""How much of the core the tests reach, by what gcov counted.

    report.py BUILD [--lines PERCENT] [--branches PERCENT] [--missed MODULE/FILE.c]

Prints lines and branches of each module of plugin/core and of all together, and fails when the core
is below a floor. A branch counts when it was taken at least once. --missed lists the lines of a file
that were never run, and those with a branch that was never taken.
"""
import argparse
import collections
import json
import subprocess
import sys
from pathlib import Path

CORE = "plugin/core/"


def gcov(objects):
    """What gcov says of each source file, of many objects at once."""
    run = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout",
                          *map(str, objects)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         check=True)
    for line in run.stdout.splitlines():
        if line.startswith(b"{"):
            yield from json.loads(line)["files"]


def collect(build):
    """{file: {line: (how often, [how often each branch])}} of the core; headers are those of many."""
    counts = collections.defaultdict(dict)
    objects = sorted(Path(build, "obj", CORE).glob("*/*.gcda"))
    if not objects:
        sys.exit(f"no counts below {build}: run the tests first")
    for file in gcov(objects):
        name = file["file"]
        if CORE not in name:
            continue
        lines = counts[name[name.index(CORE) + len(CORE):]]
        for line in file["lines"]:
            often, branches = lines.get(line["line_number"], (0, []))
            now = [branch["count"] for branch in line["branches"]]
            # a header's line is in every object that uses it, and each has its own count
            if len(branches) == len(now):
                now = [a + b for a, b in zip(branches, now)]
            lines[line["line_number"]] = (often + line["count"], now or branches)
    return counts


def share(files):
    """(lines, of them run, branches, of them taken)"""
    rows = [row for file in files for row in file.values()]
    branches = [branch for _, of_line in rows for branch in of_line]
    return (len(rows), sum(often > 0 for often, _ in rows), len(branches),
            sum(branch > 0 for branch in branches))


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def show(name, figures):
    lines, run, branches, taken = figures
    print(f"{name:<12} {lines:>6} {percent(run, lines):>7.1f} % {branches:>8} "
          f"{percent(taken, branches):>7.1f} %")


def show_missed(counts, name):
    for number, (often, branches) in sorted(counts[name].items()):
        if often == 0:
            print(f"{CORE}{name}:{number}: not run")
        elif 0 in branches:
            print(f"{CORE}{name}:{number}: {branches.count(0)} of {len(branches)} not taken")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--lines", type=float, default=0)
    parser.add_argument("--branches", type=float, default=0)
    parser.add_argument("--missed", action="append", default=[])
    parser.add_argument("--files", action="store_true", help="each file, not each module")
    arguments = parser.parse_args()
    counts = collect(arguments.build)
    for name in arguments.missed:
        show_missed(counts, name)
    groups = collections.defaultdict(list)
    for name, lines in counts.items():
        groups[name if arguments.files else name.split("/")[0]].append(lines)
    print(f"{'module':<12} {'lines':>6} {'run':>9} {'branches':>8} {'taken':>9}")
    for name in sorted(groups):
        show(name, share(groups[name]))
    lines, run, branches, taken = share(counts.values())
    show("core", (lines, run, branches, taken))
    low = percent(run, lines) < arguments.lines or percent(taken, branches) < arguments.branches
    if low:
        print(f"below the floor: {arguments.lines:g} % of lines, {arguments.branches:g} % of branches")
    return 1 if low else 0


sys.exit(main())
