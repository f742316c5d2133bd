#!/usr/bin/python3
"""What the objects of the core call and keep, told from their symbols.

    symbols.py OBJECTS      the directory that holds MODULE/*.o

- The pure modules call nobody but each other, base, and functions that do no I/O, read no clock
  and allocate nothing (glibc's qsort allocates).
- No module of the core ends the process or prints on its behalf, or keeps a mutable global.
"""
import subprocess
import sys
from pathlib import Path

PURE = ("parse", "regions", "history", "trend", "judge", "explain")
MEMORY = "memchr memcmp memcpy memmem memmove memrchr memset strcmp strlen strncmp strnlen".split()
MATH = ("cbrt ceil erf erfc exp exp2 expm1 fabs floor fmax fmaxf fmin fminf frexpf hypot ldexp ldexpf "
        "llround log log10 log1p log2 lrintf lround pow round sqrt trunc").split()
COMPILER = ("_GLOBAL_OFFSET_TABLE_ __stack_chk_fail __popcountdi2 __memcpy_chk __memset_chk "
            "__memmove_chk").split()
CALLABLE = set(MEMORY + MATH + COMPILER)
EXTRA = {"explain": {"snprintf", "vsnprintf", "__snprintf_chk", "__vsnprintf_chk"}}
# printf of a constant becomes puts or putchar; assert() becomes __assert_fail
FORBIDDEN = set("_exit abort err errx exit perror printf putchar puts quick_exit stderr stdin stdout "
                "system vprintf warn warnx __assert_fail __printf_chk".split())
WRITABLE = (".bss", ".data", ".tbss", ".tdata", "*COM*")


def symbols(path):
    """Yields (name, type, section) for each symbol of an object."""
    out = subprocess.run(["nm", "-f", "sysv", str(path)], check=True, capture_output=True, text=True)
    for line in out.stdout.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7 and columns[0] != "Name":
            yield columns[0], columns[3], columns[6]


def is_writable(kind, section):
    if kind not in ("OBJECT", "TLS") or section.startswith(".data.rel.ro"):
        return False
    return any(section == name or section.startswith(name + ".") for name in WRITABLE)


def is_callable(module, name, home):
    if name in home:
        return home[name] == "base" or home[name] in PURE
    return name in CALLABLE or name in EXTRA.get(module, ())


def check(objects):
    faults, undefined, home = [], [], {}
    for path in sorted(objects.glob("*/*.o")):
        module = path.parent.name
        for name, kind, section in symbols(path):
            if section == "*UND*":
                undefined.append((path, module, name))
                continue
            home.setdefault(name, module)
            if is_writable(kind, section):
                faults.append(f"{path}: mutable global {name}")
    for path, module, name in undefined:
        if name in FORBIDDEN:
            faults.append(f"{path}: the core may not use {name}")
        elif module in PURE and not is_callable(module, name, home):
            faults.append(f"{path}: a pure module may not call {name}")
    if not home:
        faults.append(f"{objects}: no objects there")
    return faults


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
