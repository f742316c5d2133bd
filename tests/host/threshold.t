#!/usr/bin/python3
"""conf/collectd-threshold.conf in the real daemon: one alert for each change of verdict, none for
the ordinary end and return of a process."""

import os
import re
import socket
import time

from harness import finish, ok, private, skip_all, wait_for, work_dir

ROOT = private.ROOT
STEP_S = 1.0
TIMEOUT = 4  # collectd's, in intervals: how late a value may come on a busy machine
GONE = 8


def putval(daemon, match, verdict, stuck=0):
    """What the plugin would dispatch: a verdict, and a count of reads that hang."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(private.PATIENCE_S)
        sock.connect(os.path.join(daemon.dir, "socket"))
        for name, value in (("procleak-%s/gauge-verdict" % match, verdict),
                            ("procleak-self/count-stuck", stuck)):
            sock.sendall(('PUTVAL "test/%s" interval=1 N:%d\n' % (name, value)).encode())
            sock.recv(4096)


def notices(daemon, match):
    """Severities of the notifications about a match, in order. A new series may be greeted with an
    OKAY, and is new again once collectd stood still for longer than its time-out: that counts once."""
    told = re.findall(r"Notification: severity = (\w+), .*plugin_instance = %s," % match,
                      daemon.log())
    return [how for before, how in zip(["OKAY", *told], told) if (before, how) != ("OKAY", "OKAY")]


def play(daemon, match, verdicts):
    """One verdict a step; None is a step in which the process does not run."""
    for verdict in verdicts:
        if verdict is not None:
            putval(daemon, match, verdict)
        time.sleep(STEP_S)


directory = work_dir()
if not private.stock_plugins():
    skip_all("collectd with its csv plugin is not installed")
for plugin in ("threshold", "unixsock"):
    if not os.path.exists(os.path.join(private.stock_plugins(), plugin + ".so")):
        skip_all("collectd lacks its %s plugin" % plugin)
with open(os.path.join(ROOT, "conf", "collectd-threshold.conf"), encoding="utf-8") as sample:
    own = sample.read() + """
Timeout %d
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "%s/socket"
</Plugin>
""" % (TIMEOUT, directory)
collectd = private.Collectd(directory, own).start()
ok(wait_for(lambda: os.path.exists(os.path.join(directory, "socket"))), "collectd runs",
   collectd.log())

# learning, steady, growing, leaking for a while, critical for a while, steady again
play(collectd, "leaky", [0, 1, 2, 3, 3, 3, 3, 4, 4, 4, 1, 1, 1])
wait_for(lambda: len(notices(collectd, "leaky")) >= 3)
got = notices(collectd, "leaky")
ok(got == ["WARNING", "FAILURE", "OKAY"], "one alert a change: leaking, critical, recovered",
   got, collectd.log())

# steady, gone for longer than collectd's time-out (Timeout times Interval), back and learning
play(collectd, "fine", [1, 1, 1] + [None] * GONE + [0, 0, 1, 1])
got = notices(collectd, "fine")
ok(set(got) <= {"OKAY"}, "no alert when a process ends and returns", got, collectd.log())

# leaking, then restarted: the alert is not repeated for the end, and is taken back
play(collectd, "cured", [1, 3, 3, 3] + [None] * GONE + [0, 1, 1])
got = notices(collectd, "cured")
ok(got[:1] == ["WARNING"] and "FAILURE" not in got and got.count("WARNING") == 1,
   "a restart of a leaking process is no second alert", got, collectd.log())
ok(got[-1:] == ["OKAY"], "and the alert is taken back", got)

ok(set(notices(collectd, "self")) <= {"OKAY"}, "nothing hangs, nothing is told",
   notices(collectd, "self"))
for _ in range(7):
    putval(collectd, "fine", 1, stuck=1)
    time.sleep(STEP_S)
ok(wait_for(lambda: notices(collectd, "self")[-1:] == ["WARNING"]), "a read that hangs is told",
   notices(collectd, "self"))
ok(collectd.stop() is not None, "collectd stops")
finish()
