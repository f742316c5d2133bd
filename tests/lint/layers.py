#!/usr/bin/python3
"""The data flows one way: a file of the core includes only modules to the left of its own.

    layers.py ROOT
"""
import re
import sys
from pathlib import Path

# base knows nobody; a host (plugin/cli, plugin/collectd, ...) may know every module.
ORDER = ("base parse procfs log config discover sample census regions budget history trend judge explain "
         "emit track state evidence engine").split()
# check-config reads <Plugin> blocks with the very translation that the plugin uses.
SHARED = {("cli", "../collectd/translate.h")}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
HOST_HEADERS = re.compile(r"collectd|oconfig|liboconfig|netdata")


def includes(path):
    text = path.read_text(errors="replace")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) == '"', match.group(2)


def core_fault(module, quoted, name):
    """What is wrong with an include of a core module's file, or None."""
    if not quoted:
        return f"the core includes a host's <{name}>" if HOST_HEADERS.search(name) else None
    target = name.split("/")[0]
    if "/" not in name or target not in ORDER:
        return f'"{name}" is not "MODULE/FILE.h" of a known module'
    if ORDER.index(target) > ORDER.index(module):
        return f"{module} may not include {target}, which stands to its right"
    return None


def host_fault(host, quoted, name, hosts):
    if not quoted or "/" not in name or (host, name) in SHARED:
        return None
    target = name.split("/")[0]
    if target not in ORDER:
        others = " of another host" if target in hosts or ".." in name else ""
        return f'"{name}" is not a module of the core{others}'
    return None


def check(root):
    faults = []
    hosts = [path.name for path in sorted((root / "plugin").iterdir()) if path.name != "core"]
    for path in sorted((root / "plugin").rglob("*.[ch]")):
        parts = path.relative_to(root / "plugin").parts
        if parts[0] == "core" and (len(parts) != 3 or parts[1] not in ORDER):
            faults.append(f"{path}: no known module; ORDER in {__file__} lists them")
            continue
        for line, quoted, name in includes(path):
            fault = (core_fault(parts[1], quoted, name) if parts[0] == "core"
                     else host_fault(parts[0], quoted, name, hosts))
            if fault:
                faults.append(f"{path}:{line}: {fault}")
    return faults


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
