#!/usr/bin/python3
# 200 reads under valgrind, with processes coming and going all the while: no error, no leak.
import re

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

LEAKS = ("--leak-check=full", "--show-leak-kinds=definite,indirect,possible")


def try_engine():
    """The bare engine: whatever valgrind finds is ours."""
    directory = work_dir()
    log = os.path.join(directory, "valgrind.log")
    figures, status, errors = engine_ticks(
        directory, INI, 0, TICKS, 30,
        prefix=("valgrind", "--quiet", "--error-exitcode=99", *LEAKS,
                "--errors-for-leak-kinds=definite,indirect,possible", "--log-file=" + log))
    with open(log, encoding="utf-8", errors="replace") as file:
        # the marks of engine_ticks are writes to a closed descriptor, which valgrind remarks upon
        remarks = [line for line in file if "descriptor -1" not in line and "log-fd" not in line]
    print("# %r" % figures)
    ok(status == 0, "no error and no leak in the engine", "".join(remarks), errors)
    ok(figures.get("readings", 0) >= TICKS, "it read in every tick", figures)
    ok(figures.get("with_rollup", 0) > 0, "and deeply", figures)


def try_collectd():
    """The plugin in the daemon, which has leaks of its own: only what passed through ours counts."""
    directory = work_dir()
    log = os.path.join(directory, "valgrind.log")
    daemon = collectd("""
  Auto true
  AutoMinSize 1M
  StateInterval 5
  ProcessMatch "lines" "forker|assorted"
  <Match "comers">
    PerProcess true
    MaxProcesses 5
  </Match>
""", directory, interval=0.2).start(prefix=("valgrind", "--log-file=" + log, *LEAKS,
                                            "--num-callers=40", "--fullpath-after=",
                                            "--keep-debuginfo=yes"))  # the daemon unloads plugins
    ok(wait_for(lambda: len(daemon.rows("comers", "ps_count")) >= 60, LIFE_S - 60, 1),
       "collectd works under valgrind", daemon.log())
    ok(daemon.stop() is not None, "and ends")
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    ok("LEAK SUMMARY" in text or "no leaks are possible" in text, "valgrind finished", text[-2000:])
    blocks = re.split(r"==\d+== \n", text)
    ours = [block for block in blocks if re.search(r"plugin/(core|collectd)/|procleak\.so", block)]
    ok(not ours, "no error and no leak in the plugin", "\n".join(ours[:5]))


program("forker", "--children", 20, "--churn", 20, "--name", "comers", "--touch", "1M")
program("assorted")
try_engine()
try_collectd()
finish()
