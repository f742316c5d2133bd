#!/usr/bin/python3
"""For a very long time: collectd reads a churning host every 10 ms, and the bare engine a proc tree in
memory. Nothing may grow, nobody may be missed, and procleak, which watches its own daemon all the
while, must call it steady.

SOAK_TICKS=N reads of collectd (1000: ten seconds), CHURN_TICKS=N ticks of the engine (20,000); `make
soak` takes 100,000 and a million."""

import glob
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import (BUILD, children_of, collectd, finish, fd_count, in_own_pid_namespace,  # noqa: E402
                     ok, private, reap_orphans, status_bytes, stop, thread_count, wait_for, work_dir)

TICKS = int(os.environ.get("SOAK_TICKS", "1000"))
CHURN_TICKS = int(os.environ.get("CHURN_TICKS", "20000"))
INTERVAL_S = 0.01
# a machine that is busy reads more seldom: all of this is bounded by four times what it should take
MOST_S = 4 * TICKS * INTERVAL_S + 60
LIFE_S = min(3600, int(MOST_S) + 60)
CHILDREN = 40
LATE = 3
SEEN_S = 10  # to be seen on a busy machine; it takes a tick or two
GROWTH_BYTES = 2 << 20
# What was read and not yet written waits in the daemon's memory, 800 bytes a value. A busy machine
# writes late, and the allocator keeps room for the longest queue in the arena of each thread that
# read: 9,000 values, 7 MB, were seen. So there is one such thread, and what is past this is dropped.
QUEUE_MOST = 2000
CHURN = os.path.join(BUILD, "tests", "soak", "churn")

in_own_pid_namespace()
directory = work_dir()
state_path = os.path.join(directory, "state.json")
private.program("forker", "--children", CHILDREN, "--churn", 20, "--name", "comers", life_s=LIFE_S)
private.program("restless", "--execs", 20, life_s=LIFE_S)
private.program("assorted", life_s=LIFE_S)
if os.geteuid() == 0:
    private.program("restless", "--reborn", 20, "--name", "reborn", life_s=LIFE_S)

# A day goes by in 50 s, or in 10 s of a short run, so that there is a verdict. What is written is
# what is looked at, for a hundred thousand reads of everything would fill the disk.
daemon = collectd("""
  TimeScale %d
  StateInterval 1
  DeepReadBudget 20
  <Match "comers">
    PerProcess true
    MaxProcesses 5
  </Match>
  Process "late"
  Process "reborn"
  Process "restless"
  Process "assorted"
  <Match "itself">
    Command "collectd"
    MinGrowth "1M"
  </Match>
</Plugin>
CollectInternalStats true
ReadThreads 1
WriteQueueLimitHigh %d
WriteQueueLimitLow %d
PluginDir "%s"
LoadPlugin match_regex
<Chain "PostCache">
  <Rule "looked at">
    <Match "regex">
      PluginInstance "^(self|late|comers|itself|write_queue)$"
      Type "^(ps_count|memory|gauge|queue_length)$"
    </Match>
    Target "write"
  </Rule>
  Target "stop"
</Chain>
<Plugin csv>
""" % (1700 if TICKS > 20000 else 8000, QUEUE_MOST, QUEUE_MOST, private.stock_plugins()), directory,
                  INTERVAL_S)


def sizes():
    """What must not grow, by the kernel's own account."""
    pid = daemon.process.pid
    return {"memory": status_bytes([pid], "RssAnon"), "descriptors": fd_count([pid]),
            "threads": thread_count([pid]), "state": os.path.getsize(state_path),
            "queue": queue.look()}


def most(rows):
    return {name: max(row[name] for row in rows) for name in rows[0]}


def files_of(match, series, plugin="procleak"):
    return sorted(glob.glob(os.path.join(directory, "csv", "test", "%s-%s" % (plugin, match),
                                         series + "-2*")))


def reads():
    """How many there were: the lines of a series' files, but for their headings."""
    count = 0
    for path in files_of("comers", "ps_count"):
        with open(path, "rb") as file:
            count += sum(1 for _ in file) - 1
    return count


class Queue:
    """The most values that waited to be written, by the daemon's own account."""

    def __init__(self):
        self.offsets = {}
        self.longest = 0

    def look(self):
        for path in files_of("write_queue", "queue_length", "collectd"):
            with open(path, "rb") as file:
                file.seek(self.offsets.get(path, 0))
                text = file.read()
            self.offsets[path] = self.offsets.get(path, 0) + text.rfind(b"\n") + 1
            numbers = [line.split(b",")[1] for line in text.split(b"\n")[:-1] if line[:1].isdigit()]
            self.longest = max([self.longest, *(int(float(number)) for number in numbers)])
        return self.longest


def newest(match, series):
    """The first number of the last line: a file of a hundred thousand is not read whole for it."""
    path = (files_of(match, series) or [None])[-1]
    if not path:
        return None
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 200))
        lines = file.read().split(b"\n")[:-1]
    return float(lines[-1].split(b",")[1]) if lines and lines[-1][:1].isdigit() else None


def verdict_of(pid):
    done = subprocess.run([os.path.join(BUILD, "procleak"), "status", "--json", state_path],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    for line in done.stdout.splitlines():
        line = json.loads(line)
        if line.get("pid") == pid:
            return line["verdict"]
    return None


def seen(count):
    """Whether the newcomers are counted, all of them."""
    return wait_for(lambda: newest("late", "ps_count") == count, SEEN_S, 0.02)


def soak():
    """Returns (samples of what must not grow, newcomers tried, those that were missed)."""
    samples, tried, missed = [], 0, 0
    begin = time.monotonic()
    ticks = 0
    while ticks < TICKS and time.monotonic() - begin < MOST_S:
        late = private.program("forker", "--children", LATE, "--name", "late", life_s=60)
        tried += LATE
        missed += 0 if seen(LATE) else LATE
        stop(late)
        reap_orphans()
        tried += LATE
        missed += 0 if seen(0) else LATE
        time.sleep(0.3 if TICKS < 20000 else 5)
        samples.append(sizes())
        ticks = reads()
    return samples, tried, missed, ticks, time.monotonic() - begin


queue = Queue()
daemon.start()
ok(daemon.wait_rows("comers", "ps_count", 10) and wait_for(lambda: os.path.exists(state_path)),
   "collectd reads every 10 ms", daemon.log())
samples, tried, missed, ticks, took_s = soak()
early, late = most(samples[len(samples) // 5:len(samples) // 2]), most(samples[-len(samples) // 4:])
print("# %d reads in %.0f s (%.1f ms each), %d newcomers and leavers" % (
    ticks, took_s, 1000 * took_s / max(1, ticks), tried))
print("# at first %r, at last %r" % (early, late))
ok(ticks >= TICKS, "%d reads" % TICKS, ticks, took_s)
ok(tried > 0 and missed == 0, "every newcomer is counted, and every end", tried, missed)
ok(late["memory"] - early["memory"] < GROWTH_BYTES, "its memory does not grow", early, late)
ok(late["descriptors"] <= early["descriptors"] + 2, "nor do its descriptors", early, late)
# one that takes over from another which is kept waiting is there for a moment
stays = min(row["threads"] for row in samples[-len(samples) // 4:])
ok(stays <= early["threads"], "nor its threads", early, late, stays)
ok(late["state"] < early["state"] * 1.3 + 65536, "nor the state file", early, late)
verdict = verdict_of(daemon.process.pid)
# a short run is over while the daemon's memory still settles, and that may be told
ok(verdict == "steady" or TICKS < 5000 and verdict in ("learning", "growing"),
   "procleak calls its own daemon %s" % ("steady" if TICKS >= 5000 else "no leak"), verdict)
# the daemon's own: its statistics say the first in 5.12, its full queue the second
own = ("plugin_get_interval: Unable", "Low water mark reached")
errors = [line for line in daemon.complaints()
          if "[error]" in line and not any(words in line for words in own)]
ok(not errors, "and no error was logged", *errors[:10])
took_s = daemon.stop()
ok(took_s is not None and took_s < 10, "it ends", took_s)

done = subprocess.run([CHURN, str(CHURN_TICKS)], stdout=subprocess.PIPE, text=True, check=False,
                      timeout=3600)
figures = dict(word.split("=") for word in done.stdout.split())
figures = {name: int(number) for name, number in figures.items()}
print("# %r" % figures)
ok(done.returncode == 0 and figures.get("lives", 0) > CHURN_TICKS / 15, "%d ticks of the bare engine, %d "
   "processes come and go" % (CHURN_TICKS, figures.get("lives", 0)))
ok(figures["missed"] == 0, "all of them are counted", figures)
ok(figures["late_bytes"] < figures["early_bytes"] * 1.1 + (1 << 20), "its memory does not grow",
   figures)
ok(figures["late_state_bytes"] < figures["early_state_bytes"] * 1.1 + (1 << 17),
   "nor does its state", figures)
ok(figures["left_bytes"] < 65536, "and in the end all of it is given back", figures)
finish()
