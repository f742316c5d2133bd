#!/usr/bin/python3
"""Every header compiles alone, in C and without a warning.

    headers.py ROOT [FLAG...]       the compiler's flags; CC is the compiler
"""
import os
import subprocess
import sys
from pathlib import Path


def check(root, flags):
    faults = []
    for path in sorted((root / "plugin").rglob("*.h")) + sorted((root / "tests").rglob("*.h")):
        # twice: the guard is tried too
        source = f'#include "{path.resolve()}"\n#include "{path.resolve()}"\nint unused_unit;\n'
        command = [os.environ.get("CC", "cc"), "-fsyntax-only", "-Werror", "-Wno-unused-function",
                   "-Wno-unused-variable", "-Wno-unused-const-variable", *flags, "-x", "c", "-"]
        run = subprocess.run(command, input=source, capture_output=True, text=True)
        if run.returncode != 0:
            faults.append(f"{path}: does not compile alone:\n{run.stderr}")
    return faults


if __name__ == "__main__":
    found = check(Path(sys.argv[1]), sys.argv[2:])
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
