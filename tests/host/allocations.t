#!/usr/bin/python3
# Nothing is allocated in a steady tick, neither by the host's thread nor by the worker.
from harness import *

in_own_pid_namespace()

directory = work_dir()
children = program("forker", "--children", 30, "--name", "wanted", "--touch", "1M")
program("forker", "--children", 50, "--name", "unwanted")
mixed = program("assorted")
figures, status, errors = engine_ticks(
    directory,
    "[process wanted]\nper process = true\nmax processes = 10\n[process assorted]\n"
    "[process every]\ncommand line = .\n",
    30, 100, 5, preload=COUNT_ALLOCATIONS)
print("# %r" % figures)
ok(status == 0, "the engine ran", errors)
ok(figures.get("counting") == 1, "its allocations were counted")
ok(figures.get("matched", 0) >= 31, "it watched processes", figures)
ok(figures.get("with_rollup", 0) > 0, "and read them deeply", figures)
ok(figures.get("allocations") == 0, "it allocated nothing in 100 steady ticks", figures)

stop(children)
figures, status, errors = engine_ticks(directory, "[process assorted]\n", 0, 1, 0,
                                       preload=COUNT_ALLOCATIONS)
ok(figures.get("allocations", 0) > 0, "the first tick does allocate: the count can fail", figures)
finish()
