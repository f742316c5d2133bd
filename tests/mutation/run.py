#!/usr/bin/python3
"""Do the tests notice? Puts deliberate bugs into a copy of the source, one at a time, and demands
that a unit test fails for each.

    run.py [--only TEXT] [--places] [LIST...]       (LIST: bugs.txt)

A LIST holds bugs as bugs.txt explains. A bug whose text is not there any more, one that does not
compile, and one that no test catches are failures; so is a test that fails without any bug.
--places only looks whether each bug still has its place.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build") / "mutation"
GOOD_S = 600  # on the busiest machine, without a bug
HANGS_S = 60
SLOWER = 5  # than without a bug, and it hangs as well: a busy machine must not catch bugs
# less to optimize, and nothing that a bug could hide behind
FLAGS = ["CFLAGS=-O0", "V=0"]


class Bug:
    def __init__(self, title):
        self.title, self.file, self.tests = title, None, []
        self.old, self.new = [], []

    def take(self, line):
        if line.startswith("!"):
            self.file, tests = (part.strip() for part in line[1:].split(" : "))
            self.tests = tests.split()
        else:
            self.old += [line[1:]] if line[0] in " -" else []
            self.new += [line[1:]] if line[0] in " +" else []

    def put_into(self, good):
        """The text with the bug in it, or None when it has no place."""
        # a piece of a line will do: a match has no need to begin or end with the line
        old = "\n".join(self.old)
        new = "\n".join(self.new)
        if not self.new and good.count(old + "\n") == 1:
            old += "\n"
        return good.replace(old, new) if old.strip() and good.count(old) == 1 else None

    def apply(self, tree):
        """Writes the bug into the tree. Returns the good text, or None when it has no place."""
        path = tree / self.file
        good = path.read_text() if path.is_file() else ""
        bad = self.put_into(good)
        if bad is None:
            return None
        path.write_text(bad)
        return good


def read_bugs(path):
    bugs = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line[0] == "#":
            continue
        if line[0] == "@":
            bugs.append(Bug(line[1:].strip()))
        elif line[0] in "!-+ " and bugs:
            bugs[-1].take(line)
        else:
            sys.exit(f"{path}:{number}: what is this?")
    return bugs


def copy_tree():
    """A copy of what is built, next to its objects of the last time; files that did not change keep
    their time, so that little is compiled again."""
    tree = BUILD / "tree"
    for part in ("plugin", "tests/unit", "Makefile"):
        source = ROOT / part
        files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
        for file in files:
            target = tree / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != file.read_bytes():
                shutil.copyfile(file, target)
        for old in list((tree / part).rglob("*")) if source.is_dir() else ():
            if old.is_file() and not (ROOT / old.relative_to(tree)).exists():
                old.unlink()
    fixtures = tree / "tests/fixtures"
    if not fixtures.exists():
        fixtures.symlink_to(ROOT / "tests/fixtures")
    return tree


def build(tree, tests):
    """Returns what the compiler says when it fails."""
    targets = [f"build/tests/unit/{test}_test" for test in tests]
    env = {name: value for name, value in os.environ.items() if name not in ("BUILD", "CI")}
    env = {name: value for name, value in env.items() if not name.startswith(("MAKE", "MFLAGS"))}
    run = subprocess.run(["make", "-s", "BUILD=build", *FLAGS, *targets], cwd=tree, text=True,
                         env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    return run.stderr if run.returncode else ""


def failure(tree, test, most_s):
    """What the test says when it fails, or None. One that hangs or crashes fails."""
    try:
        run = subprocess.run([f"build/tests/unit/{test}_test"], cwd=tree, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, timeout=most_s, check=False,
                             text=True, errors="replace")
    except subprocess.TimeoutExpired:
        return "it hangs"
    if run.returncode == 0:
        return None
    said = [line for line in run.stdout.splitlines() if line.startswith("not ok")]
    return said[0] if said else f"it ended with {run.returncode}"


def try_bug(tree, bug, most_s):
    """Returns (caught, how); most_s tells how long each test may take."""
    good = bug.apply(tree)
    if good is None:
        return False, f"its text does not occur once in {bug.file}: renew the bug"
    try:
        wrong = build(tree, bug.tests)
        if wrong:
            return False, "it does not compile: " + wrong[-400:]
        for test in bug.tests:
            found = failure(tree, test, most_s[test])
            if found:
                return True, f"{test}: {found}"
        return False, "NO TEST CAUGHT IT: " + " ".join(bug.tests)
    finally:
        (tree / bug.file).write_text(good)


def check_good(tree, bugs):
    """The tests pass as long as there is no bug. Returns how long each may take with one."""
    most_s, failed = {}, []
    tests = sorted({test for bug in bugs for test in bug.tests})
    wrong = build(tree, tests)
    if wrong:
        sys.exit("the copy does not compile: " + wrong)
    for test in tests:
        began_s = time.monotonic()
        failed += [test] if failure(tree, test, GOOD_S) else []
        most_s[test] = max(HANGS_S, SLOWER * (time.monotonic() - began_s))
    if failed:
        sys.exit("these fail without a bug: " + " ".join(failed))
    return most_s


def show_places(bugs):
    """As TAP: each bug can be put where it belongs, and a test of that name is there."""
    print(f"1..{len(bugs)}")
    fine = True
    for number, bug in enumerate(bugs, 1):
        path = ROOT / bug.file
        tests = [ROOT / f"tests/unit/{test}_test.c" for test in bug.tests]
        good = path.is_file() and bug.put_into(path.read_text()) is not None and tests and \
            all(test.is_file() for test in tests)
        print(f"{'' if good else 'not '}ok {number} - there is a place for: {bug.title}")
        fine = fine and good
    return 0 if fine and bugs else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="bugs with this in their title")
    parser.add_argument("--places", action="store_true")
    parser.add_argument("lists", nargs="*", type=Path)
    arguments = parser.parse_args()
    lists = arguments.lists or [Path(__file__).with_name("bugs.txt")]
    bugs = [bug for path in lists for bug in read_bugs(path) if arguments.only in bug.title]
    if arguments.places:
        return show_places(bugs)
    began_s = time.monotonic()
    tree = copy_tree()
    most_s = check_good(tree, bugs)
    caught_count = 0
    for bug in bugs:
        caught, how = try_bug(tree, bug, most_s)
        caught_count += caught
        print(f"{'caught' if caught else 'MISSED'}  {bug.title}\n        {how}", flush=True)
    print(f"{caught_count} of {len(bugs)} bugs were caught in {time.monotonic() - began_s:.0f} s")
    return 0 if bugs and caught_count == len(bugs) else 1


sys.exit(main())
