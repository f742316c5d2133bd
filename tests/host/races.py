#!/usr/bin/python3
"""The real collectd with procleak in it under valgrind's drd, for RACES_S seconds (60): there is no
data race and no misuse of a lock in which the plugin has a part. What collectd does by itself is
told, and let through. `make drd`; too slow for `make check`.

Fifty processes are read deeply while others come and go and one leaks, so that the worker reads,
saves and keeps evidence all the while; then the daemon is told to end."""
import glob
import re

from harness import *

need_tool("valgrind")
in_own_pid_namespace()

SECONDS = int(os.environ.get("RACES_S", "60"))
MEMBERS = 50
# under drd a tick takes seconds, on a busy machine many
START_S = 180
OURS = re.compile(r"plugin/(core|collectd)/|procleak\.so")
WHERE = re.compile(r" at 0x[0-9A-F]+: (\S+)")


def accesses(text):
    """What drd has to say, report by report: the access and whose memory it is; but not the rest,
    which only tells what other threads were at."""
    for block in re.split(r"==\d+== \n", text):
        if " at 0x" in block and "drd, a thread error detector" not in block:
            yield block.split("Other segment")[0]


directory = work_dir()
log = os.path.join(directory, "drd.log")
program("forker", "--children", MEMBERS, "--touch", "1M", "--name", "pool")
program("forker", "--children", 5, "--churn", 5, "--name", "comers")
server = program("leaky-server", "--leak", "256K", "--buffer", "16K")
program("client", "--port", server.answer.split()[1], "--rate", 20)
daemon = collectd("""
  TimeScale 1000
  Season false
  Settle 0
  StateInterval 5
  DeepReadBudget 50
  MaxLockTime 1000
  EvidenceDir "%s/evidence"
  <Match "pool">
    Command "pool"
    PerProcess true
    MaxProcesses 3
  </Match>
  Process "comers"
  Process "leaky-server"
""" % directory, directory).start(
    prefix=("valgrind", "--tool=drd", "--fair-sched=try", "--log-file=" + log, "--num-callers=30", "--fullpath-after=",
            "--keep-debuginfo=yes"))  # the daemon unloads plugins
ok(wait_for(lambda: daemon.value("pool", "bytes-pss"), START_S) is not None,
   "collectd works under drd, and reads deeply", daemon.log())
ends_s = time.monotonic() + SECONDS
while time.monotonic() < ends_s and daemon.alive():
    time.sleep(0.5)
ok((daemon.value("pool", "ps_count") or 0) >= MEMBERS, "fifty processes are read",
   daemon.value("pool", "ps_count"))
print("# %d ticks, verdict of the leak %r, state of %d bytes, %d files of evidence" % (
    len(daemon.rows("pool", "ps_count")), daemon.value("leaky-server", "gauge-verdict"),
    os.path.getsize(os.path.join(directory, "state.json")),
    len(glob.glob(os.path.join(directory, "evidence", "*.json")))))
ok(daemon.stop() is not None, "it ends")
with open(log, encoding="utf-8", errors="replace") as file:
    text = file.read()
ok("ERROR SUMMARY" in text, "drd looked to the end", text[-2000:])
reports = list(accesses(text))
ours = [report for report in reports if OURS.search(report)]
for report in reports:
    what = re.search(r"Conflicting \w+|[A-Z][^\n]*", re.sub(r"==\d+== (Thread \d+:\n)?", "", report))
    print("# %s in %s" % (what.group(0) if what else "?", (WHERE.search(report) or ["", "?"])[1]))
ok(not ours, "no race in the plugin", "\n".join(ours[:5]))
finish()
