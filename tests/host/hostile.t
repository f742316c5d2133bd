#!/usr/bin/python3
# A zoo of hostile names: whatever a process calls itself, it is matched by what it is, its name does
# no harm to the log or to the files, and the others are read as ever.
from harness import *
from zoo import ARGUMENTS, COMMS, zoo

in_own_pid_namespace(needed=False)  # lest another test's zoo is counted too
tag = str(os.getpid())
paren = COMMS["paren"].decode()
well = "well" + tag
program("assorted", "--name", well)
animals = zoo(tag)
tagged = len(COMMS) + len(ARGUMENTS) + 1

daemon = collectd("""
  Process "%s"
  Process "%s"
  <Match "tagged">
    CommandLine "tag-%s-"
    PerProcess true
    MaxProcesses 100
  </Match>
  <Match "long">
    CommandLine "^tag-%s-long AAAA"
  </Match>
  <Match "exe">
    Executable "%s/tests/programs/hostile"
  </Match>
  <Match "newline">
    CommandLine "^tag-%s-newline$"
  </Match>
  <Match "../../../../tmp/x%s">
    CommandLine "tag-%s-quote$"
  </Match>
""" % (well, paren, tag, tag, private.BUILD, tag, tag, tag)).start()

ok(daemon.wait_rows(well, "bytes-pss", 3), "the well-behaved one is read", daemon.log())
check_series(daemon, "tagged", [("ps_count", tagged, 0), (("ps_count", 1), tagged, 0)])
for match in ("long", "newline"):
    check_series(daemon, match, [("ps_count", 1, 0)])
check_series(daemon, "exe", [("ps_count", tagged + 2, 0)])  # with the empty and the wiped one
ok(daemon.value(paren, "ps_count") == 1, "a comm with ')' is matched whole", daemon.matches())
found = [instance for instance in daemon.matches() if "tmp" in instance]
ok(len(found) == 1 and "/" not in found[0], "a match's name cannot leave the directory", found)
ok(not os.path.exists("/tmp/x" + tag), "and nothing was written elsewhere")

for title, animal in animals[:tagged]:
    instance = "tagged-%d" % animal.pid
    rss = status_bytes([animal.pid], "VmRSS") if title != "status" else None
    got = daemon.settle(instance, "ps_rss", rss, rss / 10 + 65536) if rss else \
        daemon.value(instance, "ps_rss")
    ok(got and got > 65536, "%s: its numbers are its own" % title, rss, got)
ok(all(animal.poll() is None for _, animal in animals), "all are alive")

text = open(os.path.join(daemon.dir, "log"), "rb").read()
ok(not any(byte < 32 and byte != 10 for byte in text), "the log has no control characters")
ok(all(line.startswith(b"[") for line in text.splitlines() if line),
   "and no line that is not the daemon's own", text)
check_quiet(daemon)
finish()
