#!/usr/bin/python3
"""What can be told of the sources line by line.

    text.py ROOT

- A function has at most 60 lines, from its opening brace to its closing one.
- A header of the core begins with a comment on what it knows, and has a guard named after it.
- Nothing names a directory that only one machine has, or the number of somebody's ticket.
"""
import re
import sys
from pathlib import Path

FUNCTION_LINES = 60
TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".t", ".md", ".conf", ".mk", ""}
SKIPPED = {".git", "build", "fixtures"}
# First directories that a file may name: those of the FHS, and examples of their own kind.
ROOTS = set("bin boot dev etc home host lib lib64 media mnt opt proc root run sbin srv sys tmp usr "
            "var net nonexistent path kubepods system.slice user.slice machine.slice docker".split())
ABSOLUTE = re.compile(r"""(?:^|[\s"'`=(:<,])/([A-Za-z][A-Za-z0-9_.-]*)/[A-Za-z0-9_.]""")
TICKET = re.compile(r"\bissues? (?:no\. ?)?#?\d+\b", re.IGNORECASE)


def files(root):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and path.suffix in TEXT_SUFFIXES and not SKIPPED & set(parts):
            yield path


def long_functions(path, lines):
    opened = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            opened = number
        elif line.startswith("}") and opened:
            length = number - opened + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{opened}: function of {length} lines, more than {FUNCTION_LINES}"
            opened = None


def header_faults(path, lines):
    guard = "PL_" + re.sub(r"[^A-Z]", "_", "_".join(path.parts[-2:]).upper())
    if not lines or not lines[0].startswith("/*"):
        yield f"{path}:1: a header begins with what it knows"
    if f"#ifndef {guard}" not in lines:
        yield f"{path}:1: the guard is not {guard}"


def foreign_names(path, lines):
    for number, line in enumerate(lines, 1):
        for match in ABSOLUTE.finditer(line):
            if match.group(1) not in ROOTS:
                yield f"{path}:{number}: no machine but one has /{match.group(1)}"
        if TICKET.search(line):
            yield f"{path}:{number}: names the number of a ticket"


def check(root):
    faults = []
    for path in files(root):
        lines = path.read_text(errors="replace").splitlines()
        faults += foreign_names(path, lines)
        if path.suffix in (".c", ".h"):
            faults += long_functions(path, lines)
        if path.suffix == ".h" and "core" in path.relative_to(root).parts:
            faults += header_faults(path, lines)
    return faults


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
