#!/usr/bin/python3
"""What was learned outlives the daemon: killed at any moment, restarted, with its state file
damaged, out of reach, or the disk full. KILLS=N says how often it is killed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

from harness import (BUILD, LIFE_S, collectd, finish, in_own_pid_namespace, ok, program, start, stop,
                     wait_for, work_dir)

KILLS = int(os.environ.get("KILLS", "40"))
CHILDREN = 150
VERDICT_S = 150

in_own_pid_namespace()
random.seed(1)

LEAK = """
import time
kept = [bytearray(20 << 20)]
print("ready", flush=True)
end = time.monotonic() + %d
while time.monotonic() < end:
    time.sleep(0.1)
    kept.append(bytearray(100000))
""" % (LIFE_S + 4 * KILLS)

leaker = start([sys.executable, "-c", LEAK], stdout=-1)
leaker.stdout.readline()
program("forker", "--children", CHILDREN, "--name", "crowd")

directory = work_dir()
path = os.path.join(directory, "state.json")
OPTIONS = """
  TimeScale 1700
  StateInterval 1
  <Match "leaky">
    Command "python3"
    CommandLine "kept.append"
  </Match>
  Process "crowd"
"""


def state():
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def status():
    return subprocess.run([os.path.join(BUILD, "procleak"), "status", "--json", path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def verdict():
    """(verdict, since) of the leaking program as `procleak status` prints it."""
    for line in status().stdout.splitlines():
        line = json.loads(line)
        if line["pid"] == leaker.pid:
            return line["verdict"], line["since"]
    return None, None


def reads():
    """How often the leaking program was read, by this daemon and those before it."""
    return len(daemon.rows("leaky", "memory-anon"))


def notices(daemon):
    return re.findall(r"Notification: severity = (\w+), .*plugin_instance = leaky", daemon.log())


daemon = collectd(OPTIONS, directory, interval=0.5).start()
ok(wait_for(lambda: os.path.exists(path) and verdict()[0] in ("leaking", "critical"), VERDICT_S),
   "the leak is in the state file", daemon.log(), status().stderr)
first = verdict()
told = len(notices(daemon))
ok(told >= 1, "and was told", daemon.log())
ok(os.stat(path).st_mode & 0o777 == 0o600, "the file is for its owner only")
ok(len(state()["processes"]) == CHILDREN + 1, "everybody who is matched is in it",
   len(state()["processes"]))

# Killed while it starts, reads, writes its state, or sleeps.
unreadable = []
lost = []
for i in range(KILLS):
    time.sleep(random.uniform(0.05, 1.3))
    stop(daemon.process, signal.SIGKILL)
    done = status()
    if done.returncode != 1:  # 1: it leaks
        unreadable.append((i, done.returncode, done.stderr))
    if verdict()[0] not in ("leaking", "critical"):
        lost.append((i, verdict()))
    daemon.start()
ok(not unreadable, "killed %d times: the state is always readable" % KILLS, *unreadable[:5])
ok(not lost, "and the verdict is never lost", *lost[:5])
ok(abs(verdict()[1] - first[1]) < 60, "nor since when", first, verdict())
ok("CORRUPT" not in daemon.log().upper() and not os.path.exists(path + ".bad"),
   "no file was found bad", daemon.log())
saved_s = state()["header"]["saved_s"]
ok(wait_for(lambda: state()["header"]["saved_s"] > saved_s), "it goes on being saved", daemon.log())
ok(len(notices(daemon)) <= told + 2, "and what was told is not told again at each start",
   told, notices(daemon))
ok(daemon.stop() is not None, "it stops")
at_stop_s = state()["header"]["saved_s"]
ok(time.time() - at_stop_s < 30, "and saves at the end")

# Damage: one clear message, the file kept aside, and it runs on.
good = open(path, "rb").read()
DAMAGE = {
    "cut in the middle": good[:len(good) // 2],
    "empty": b"",
    "of another version": good.replace(b'"version":4', b'"version":77', 1),
    "no JSON": b"\0\1\2 nothing of the kind",
    "a bit flipped": good[:900] + bytes([good[900] ^ 0x10]) + good[901:],
}
for name, content in DAMAGE.items():
    with open(path, "wb") as file:
        file.write(content)
    for old in ("log", "out", "state.json.bad"):
        if os.path.exists(os.path.join(directory, old)):
            os.remove(os.path.join(directory, old))
    before = reads()
    daemon.start()
    ticked = wait_for(lambda: "Initialization complete" in daemon.log() and reads() > before)
    said = [line for line in daemon.log().splitlines() if "state file" in line]
    if name != "a bit flipped":  # one bit of a number is still a number
        ok(len([line for line in said if "learned anew" in line]) == 1,
           "a file that is %s: said once" % name, daemon.log())
        ok(open(path + ".bad", "rb").read() == content, "and kept aside")
    ok(ticked, "and it runs on", daemon.log())
    daemon.stop()
    ok(status().returncode in (0, 1), "a good file is there at the end", status().stderr)

# A place where nothing can be written: said, and not at each attempt.
for old in ("log", "out"):
    os.remove(os.path.join(directory, old))
os.remove(path)
os.mkdir(path + ".tmp")
with open(os.path.join(path + ".tmp", "in-the-way"), "w", encoding="utf-8"):
    pass
daemon.start()
ok(wait_for(lambda: "cannot save" in daemon.log()), "what cannot be saved is said", daemon.log())
time.sleep(3.5)
ok(daemon.log().count("cannot save") == 1, "once", daemon.log())
os.remove(os.path.join(path + ".tmp", "in-the-way"))
os.rmdir(path + ".tmp")
ok(wait_for(lambda: "saved again" in daemon.log()), "and that it works again", daemon.log())
ok(daemon.stop() is not None, "it stops")

# A full disk: the mount is this test's own, it goes with its mount namespace.
small = os.path.join(directory, "small")
os.mkdir(small)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
with open(os.path.join(small, "state.json"), "wb") as file:
    file.write(b"x" * 60000)
for old in ("log", "out"):
    os.remove(os.path.join(directory, old))
daemon = collectd(OPTIONS, directory, interval=0.5)
daemon.own = daemon.own.replace(path, os.path.join(small, "state.json"))
before = reads()
daemon.start()
ok(wait_for(lambda: "cannot save: No space left on device" in daemon.log()),
   "a full disk is said", daemon.log())
time.sleep(3)
ok(daemon.log().count("cannot save") == 1, "once", daemon.log())
ok(not os.path.exists(os.path.join(small, "state.json.tmp")), "nothing half written is left there")
ok(wait_for(lambda: reads() > before), "and it runs on", daemon.log())
ok(daemon.stop() is not None, "it stops")
subprocess.run(["umount", small], check=False)
finish()
