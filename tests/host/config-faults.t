#!/usr/bin/python3
# Whatever is wrong with the configuration: the daemon starts, the log has one clear line for each
# fault that names the match, the key and the value, and the other matches work.
from harness import *

name = "good%d" % os.getpid()
program("assorted", "--name", name)

# What is wrong, and what the one line about it must tell.
FAULTS = [
    ('Proces "nginx"', ["Proces", "Process"]),
    ('Unknown 1', ["Unknown"]),
    ('ProcessMatch "api" "java ("', ["api", "java (", "regular expression"]),
    ('ProcessMatch "api" "a{1,99999}"', ["api", "a{1,99999}"]),
    ('ProcessMatch "api"', ["ProcessMatch", "2 values"]),
    ('<Match "db">\nCommand "db"\nMinGrowth "8X"\n</Match>', ["db", "MinGrowth", "8X"]),
    ('<Match "db">\nCommand "db"\nMinGrowth "-8M"\n</Match>', ["db", "MinGrowth", "-8M"]),
    ('<Match "db">\nCommand "db"\nHorizon "soon"\n</Match>', ["db", "Horizon", "soon"]),
    ('<Match "db">\nCommand "db"\nSensitivity "extreme"\n</Match>', ["db", "Sensitivity", "extreme"]),
    ('<Match "db">\nCommand "db"\nPerProcess "maybe"\n</Match>', ["db", "PerProcess", "maybe"]),
    ('<Match "db">\nCommand "db"\nMaxProcesses 0\n</Match>', ["db", "MaxProcesses", "0"]),
    ('<Match "db">\nCommand "db"\nMaxProcesses 2.5\n</Match>', ["db", "MaxProcesses", "2.5"]),
    ('<Match "db">\nUser "no-such-user-here"\n</Match>', ["db", "User", "no-such-user-here"]),
    ('<Match "db">\nCommandLin "x"\n</Match>', ["db", "CommandLin"]),
    ('<Match "db">\nExecutable "relative"\n</Match>', ["db", "Executable", "relative"]),
    ('<Match "db">\nPidFile "relative.pid"\n</Match>', ["db", "PidFile", "relative.pid"]),
    ('<Match "db">\nCommand "db"\nProcFS "/proc"\n</Match>', ["db", "ProcFS"]),
    ('<Match "">\nCommand "db"\n</Match>', ["name"]),
    ('<Match "self">\nCommand "db"\n</Match>', ["self"]),
    ('<Match "db">\nCommand "db"\n<Deeper "x">\nA 1\n</Deeper>\n</Match>', ["db", "Deeper"]),
    ('DeepReadBudget "lots"', ["DeepReadBudget", "lots"]),
    ('DeepReadBudget 1000', ["DeepReadBudget", "1000"]),
    ('TimeScale 0', ["TimeScale", "0"]),
    ('AutoMinSize "64Q"', ["AutoMinSize", "64Q"]),
    ('Auto "perhaps"', ["Auto", "perhaps"]),
    ('ProcFS "proc"', ["ProcFS", "proc"]),
    ('MaxLockTime "1h30"', ["MaxLockTime", "1h30"]),
    ('Process "a" "b"', ["Process", "1 value"]),
    ('StateFile true false', ["StateFile", "1 value"]),
]
AT_ONCE = 6


def run(faults):
    """One daemon for each fault, all at once."""
    daemons = [collectd('%s\nProcess "%s"' % (text, name)).start() for text, _ in faults]
    for daemon, (text, words) in zip(daemons, faults):
        title = " ".join(text.split())
        works = daemon.wait_rows(name, "memory-anon", 2)
        ok(works and daemon.alive(), title + ": the rest works", daemon.log())
        lines = daemon.complaints()
        ok(len(lines) == 1, title + ": one line about it", daemon.log())
        ok(lines and all(word in lines[0] for word in words), title + ": it names what is wrong",
           words, "\n".join(lines))
        ok(daemon.matches() <= {name, "self", "db", "api"}, title + ": nothing else is watched",
           daemon.matches())
        if lines:
            print("# " + lines[0])
    for daemon in daemons:
        took_s = daemon.stop()
        ok(took_s is not None and daemon.process.returncode == 0, "it stopped as it should", took_s)


def try_missing_root():
    """A proc root that is not there yet: said once, tried again, found."""
    directory = work_dir()
    root = os.path.join(directory, "later")
    daemon = collectd('ProcFS "%s"\nProcess "%s"' % (root, name), directory).start()
    wait_for(lambda: daemon.complaints())
    time.sleep(3)
    lines = daemon.complaints()
    ok(daemon.alive() and len(lines) == 1 and root in lines[0],
       "a missing ProcFS: the daemon runs, and one line names it", daemon.log())
    os.symlink("/proc", root)
    ok(daemon.wait_rows(name, "memory-anon", 2), "it is found when it comes", daemon.log())
    ok(daemon.stop() is not None, "and the daemon stops")


def try_nothing_left():
    """Only faults: nothing to watch, and the daemon runs on."""
    daemon = collectd('ProcessMatch "api" "("').start()
    ok(daemon.wait_rows("self", "count-processes_seen", 3), "with no match left the daemon runs on",
       daemon.log())
    ok(daemon.matches() == {"self"}, "and watches nothing, for Auto was not asked for",
       daemon.matches())
    took_s = daemon.stop()
    ok(took_s is not None and took_s < STOP_S, "and stops", took_s)


for begin in range(0, len(FAULTS), AT_ONCE):
    run(FAULTS[begin:begin + AT_ONCE])
try_missing_root()
try_nothing_left()
finish()
