#!/usr/bin/python3
"""A bare `LoadPlugin procleak`: the one program that leaks is found among everything that runs, with
a bounded number of series, and nobody else is accused."""

import re
import sys

from harness import (LIFE_S, collectd, finish, in_own_pid_namespace, ok, program, start, wait_for)

TOP = 4
STEADY = 6
SLEEPERS = 300
VERDICT_S = 150  # what takes 45 seconds on a machine with nothing else to do

in_own_pid_namespace()

# A program by another name: comm is what groups are called by where there is no systemd.
HOLD = """
import ctypes, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
kept = [bytearray(int(sys.argv[2]) << 20)]
print("ready", flush=True)
end = time.monotonic() + %d
while time.monotonic() < end:
    time.sleep(0.1)
    if len(sys.argv) > 3:
        kept.append(bytearray(int(sys.argv[3])))
""" % LIFE_S


def hold(name, mib, *leak_bytes):
    process = start([sys.executable, "-c", HOLD, name, str(mib), *map(str, leak_bytes)], stdout=-1)
    process.stdout.readline()
    return process


program("forker", "--children", SLEEPERS)
steady = [hold("steady%d" % i, 90 + 10 * i) for i in range(STEADY)]
small = hold("small", 20)
# smaller than all that is published for its size
leaker = hold("culprit", 66, 100000)

daemon = collectd("TimeScale 1700\n AutoTop %d" % TOP)
daemon.start()


def notices():
    return re.findall(r"Notification: severity = (\w+), .*plugin_instance = ([^,]*),.*message = (.*)",
                      daemon.log())


ok(wait_for(lambda: "steady5" in daemon.matches()), "the largest groups have series", daemon.log())
ok("small" not in daemon.matches(), "what is smaller than AutoMinSize has none")
seen = daemon.settle("self", "count-seen", SLEEPERS + STEADY + 4, 20) \
    if "count-seen" in daemon.series("self") else SLEEPERS
ok(seen >= SLEEPERS, "everything on the host is looked at", seen)
ok(wait_for(lambda: any(match == "culprit" for _, match, _ in notices()), VERDICT_S),
   "the leak is found and told", daemon.log())
told = [match for severity, match, _ in notices() if severity in ("WARNING", "FAILURE")]
ok(set(told) == {"culprit"}, "and nobody else is accused", told)
message = [text for _, match, text in notices() if match == "culprit"]
ok(message and "culprit[%d]" % leaker.pid in message[0], "by name and pid", message)
ok("culprit" in daemon.matches(), "what grows has series, although it is small",
   daemon.matches())
groups = {match for match in daemon.matches() - {"self"} if not match.endswith(("-regions", "-cgroup"))}
ok(len(groups) <= TOP + 1, "and the number of groups with series is bounded", groups)
ok("bytes-pss" not in daemon.series("steady5"), "a group that does not grow costs pulses only",
   daemon.series("steady5"))
ok(not daemon.complaints(), "nothing is complained of", *daemon.complaints())
ok(daemon.stop() is not None, "the daemon ends")
finish()
