#!/usr/bin/python3
# 200 reads under valgrind, with processes coming and going all the while: no error, no leak.
from harness import *

need_tool("valgrind")
in_own_pid_namespace()

TICKS = 200
INI = """
[global]
auto = true
auto min size = 1M
[process comers]
per process = true
max processes = 5
[process assorted]
[process lines]
command line = forker|assorted
"""

directory = work_dir()
log = os.path.join(directory, "valgrind.log")
program("forker", "--children", 20, "--churn", 20, "--name", "comers", "--touch", "1M")
program("assorted")
figures, status, errors = engine_ticks(
    directory, INI, 0, TICKS, 30,
    prefix=("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible", "--log-file=" + log))
with open(log, encoding="utf-8", errors="replace") as file:
    # the marks of engine_ticks are writes to a closed descriptor, which valgrind remarks upon
    remarks = [line for line in file
               if "invalid file descriptor -1" not in line and "--log-fd" not in line]
print("# %r" % figures)
ok(status == 0, "no error and no leak", "".join(remarks), errors)
ok(figures.get("readings", 0) >= TICKS, "it read in every tick", figures)
ok(figures.get("with_rollup", 0) > 0, "and deeply", figures)
finish()
