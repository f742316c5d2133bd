#!/usr/bin/python3
# Idle memory of real programs: one that fills as evenly as a leak is acquitted while it reads what it
# added, one that never looks at it again is confirmed; nothing is cleared where nobody asked for it.
import csv
import json

from harness import *

need_root()
need_tool("strace")
need_tool("setpriv")
FAST = ("--set", "TimeScale=1000", "--set", "Season=false", "--set", "Settle=0",
        "--set", "DeepReadBudget=100", "--set", "MaxLockTime=60s")
IDLE = ("--set", "IdleMemory=true")
PATIENCE_S = 75
directory = work_dir()


class Command:
    """A procleak command, whose lines are read while it runs."""

    def __init__(self, name, *arguments, prefix=()):
        self.path = os.path.join(directory, name)
        with open(self.path, "w", encoding="utf-8") as out, \
                open(self.path + ".err", "w", encoding="utf-8") as err:
            self.process = subprocess.Popen(
                [*prefix, os.path.join(BUILD, "procleak"), *arguments], stdout=out, stderr=err)

    def lines(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("}\n")]

    def alarms(self):
        return [line for line in self.lines() if line.get("alarm")]

    def errors(self):
        with open(self.path + ".err", encoding="utf-8") as file:
            return file.read()

    def end(self):
        self.process.terminate()
        self.process.wait(20)


def watch(name, pid, *settings):
    trace = os.path.join(directory, name + ".strace")
    return Command(name, "watch", "--json", "--interval", "0.65", *FAST, *settings, str(pid),
                   prefix=("strace", "-D", "-f", "--seccomp-bpf", "-e", "trace=openat", "-o", trace))


def cleared(name):
    """Opens of clear_refs by a watch."""
    with open(os.path.join(directory, name + ".strace"), encoding="utf-8") as file:
        return [line for line in file if "clear_refs" in line]


class Watches:
    """A cache that is used, seen with IdleMemory and without, and a leak."""

    def __init__(self):
        self.used = program("filler", "--rate", "2M", "--read", 1, "--for", 120)
        self.unused = program("filler", "--rate", "2M", "--read", 0, "--for", 120)
        self.blind = watch("blind", self.used.pid)
        self.seeing = watch("seeing", self.used.pid, *IDLE)
        self.leak = watch("leak", self.unused.pid, *IDLE)

    def acquitted(self):
        return [line for line in self.seeing.lines() if line.get("reason") == "in-use"]

    def are_done(self):
        return (self.blind.alarms() and self.acquitted() and
                any(alarm["confirmed"] for alarm in self.leak.alarms()))

    def check(self):
        wait_for(self.are_done, PATIENCE_S)
        for command in (self.blind, self.seeing, self.leak):
            command.end()
        stop(self.used)
        stop(self.unused)
        ok(self.blind.alarms(), "a cache that fills evenly looks like a leak", self.blind.lines())
        ok(not self.seeing.alarms(), "not to who sees that it is used", self.seeing.lines())
        first = (self.acquitted() or [{}])[0]
        ok(first.get("verdict") == "steady" and first.get("idle_percent", 100) < 35,
           "it is steady: in use", self.seeing.lines())
        alarm = (self.leak.alarms() or [{}])[-1]
        ok(alarm.get("confirmed") and alarm.get("idle_percent", 0) > 60,
           "what nobody reads is a leak, and confirmed", self.leak.lines())
        ok("of the growth idle for" in alarm.get("message", ""), "and its message says so", alarm)
        ok(not cleared("blind"), "nothing was cleared without IdleMemory", cleared("blind")[:5])
        ok(cleared("leak") and all("O_WRONLY" in line for line in cleared("leak")),
           "with it, clear_refs was written", cleared("leak")[:5])


def rows(command):
    with open(command.path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def try_record():
    process = program("filler", "--rate", "2M", "--read", 0)
    common = ("record", "--interval", "0.25", "--for", "8", "--set", "TimeScale=600",
              "--set", "DeepReadBudget=100", "--set", "MaxLockTime=60s")
    with_idle = Command("with", *common, *IDLE, str(process.pid))
    without = Command("without", *common, str(process.pid))
    with_idle.process.wait(60)
    without.process.wait(60)
    stop(process)
    idle = [row for row in rows(with_idle) if row["idle_bytes"]]
    ok(len(idle) >= 2, "record has idle_bytes when it is asked for", len(idle))
    last = idle[-1] if idle else {}
    ok(last and 0 < int(last["idle_bytes"]) <= int(last["anon_bytes"]) and
       float(last["idle_window_seconds"]) >= 0.9, "with the window", last)
    ok(len(idle) < len(rows(with_idle)), "at the instants at which it was read")
    ok(rows(without) and not any(row["idle_bytes"] for row in rows(without)),
       "and none when it is not")


def try_without_rights():
    """The file belongs to the process' user: CAP_DAC_READ_SEARCH is not enough."""
    process = program("filler", "--rate", "64K", prefix=("setpriv", "--reuid", "65534",
                                                         "--clear-groups"))
    record = Command("denied", "record", "--interval", "0.5", "--for", "5", *IDLE, str(process.pid),
                     prefix=("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"))
    record.process.wait(60)
    stop(process)
    told = [line for line in record.errors().splitlines() if "CAP_DAC_OVERRIDE" in line]
    ok(len(told) == 1, "one line names the capability that is missing", record.errors())
    ok(rows(record) and not any(row["idle_bytes"] for row in rows(record)),
       "and all else goes on without it", len(rows(record)))


watches = Watches()
try_record()
try_without_rights()
watches.check()
finish()
