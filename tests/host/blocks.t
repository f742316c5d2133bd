#!/usr/bin/python3
# Several <Plugin> blocks are one configuration; switches turn series off; a match of every kind of
# condition finds its process and no other.
from harness import *

need_root()
tag = str(os.getpid())
directory = work_dir()
pid_file = os.path.join(directory, "one.pid")
first = program("assorted", "--name", "first" + tag)
second = program("leaky-server", "--name", "second" + tag)
with open(pid_file, "w", encoding="ascii") as file:
    file.write("%d\n" % second.pid)

daemon = collectd("""
  Process "first%s"
  </Plugin>
  <Plugin procleak>
  ProcessMatch "line" "assorted --name first%s .*"
  <Match "exe">
    Executable "*/tests/programs/leaky-server"
    CommandLine "second%s"
    User "root"
    CollectIO false
    CollectConnections false
    CollectRollup false
  </Match>
  <Match "file">
    PidFile "%s"
  </Match>
  <Match "nobody">
    Command "first%s"
    User "nobody"
  </Match>
""" % (tag, tag, tag, pid_file, tag), directory).start()
for match, series in (("first" + tag, "bytes-pss"), ("line", "bytes-pss"), ("exe", "memory-anon"),
                      ("file", "bytes-pss"), ("nobody", "ps_count")):
    ok(daemon.wait_rows(match, series, 3), "there is %s of %s" % (series, match), daemon.log())
for match, want in (("first" + tag, 1), ("line", 1), ("exe", 1), ("file", 1), ("nobody", 0)):
    is_near(daemon.value(match, "ps_count"), want, 0, "%s holds %d" % (match, want))
ok(daemon.value("line", "memory-anon") == daemon.value("first" + tag, "memory-anon"),
   "two matches of one process agree")
ok(daemon.series("nobody") == {"ps_count"}, "a match without a process has its count alone",
   daemon.series("nobody"))
left = {series for series in daemon.series("exe")
        if series.startswith(("io_", "current_connections", "bytes-pss"))}
ok(not left, "what is switched off is not published", left)
ok({"io_octets", "current_connections", "bytes-pss"} <= daemon.series("file"),
   "what is not switched off is", daemon.series("file"))
# where the test itself is in a control group, that has an instance too
ok({name for name in daemon.matches() if not name.endswith("-cgroup")} ==
   {"first" + tag, "line", "exe", "file", "nobody", "self"},
   "and there are no other instances", daemon.matches())
check_quiet(daemon)
finish()
