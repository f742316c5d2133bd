#!/usr/bin/python3
# 500 processes in one match: all are counted and summed in every read, the number of series stays
# bounded, and a read does not take long.
from harness import *

CROWD, SERIES = 500, 5
name = "many%d" % os.getpid()
crowd = program("forker", "--children", CROWD, "--name", name, "--touch", "256K")
pids = children_of(crowd.pid)
ok(len(pids) == CROWD, "500 processes are there", len(pids))

daemon = collectd("""
  <Match "many">
    Command "%s"
    PerProcess true
    MaxProcesses %d
  </Match>
""" % (name, SERIES)).start()
anon = rollup_bytes(pids, "Pss_Anon")
uss = rollup_bytes(pids, "Private_Clean", "Private_Dirty")
ok(anon > CROWD * 256 * 1024, "and hold something", anon)
check_series(daemon, "many", [
    ("ps_count", CROWD, 0), (("ps_count", 1), CROWD, 0), ("file_handles", fd_count(pids), 0),
    ("bytes-uss", uss, uss / 50), ("memory-anon", anon, anon / 50)])

wait_for(lambda: len(daemon.matches() - {"many-cgroup"}) >= SERIES + 3)
instances = daemon.matches() - {"many-cgroup"}  # of the group that the test itself is in
own = {instance for instance in instances if instance.startswith("many-") and
       instance != "many-other"}
ok(instances - own == {"many", "many-other", "self"}, "there is the sum, the rest and the self",
   instances)
ok(len(own) == SERIES, "five processes have series of their own", own)
ok(own <= {"many-%d" % pid for pid in pids}, "named by their pids", own)
daemon.settle("many-other", "ps_count", CROWD - SERIES, 0)
is_near(daemon.value("many-other", "ps_count"), CROWD - SERIES, 0, "the others are in the rest")

rows = len(daemon.rows("many", "ps_count"))
daemon.wait_rows("many", "ps_count", rows + 10)
times = [row[0] for row in daemon.rows("many", "ps_count")][rows - 1:]
gaps = [after - before for before, after in zip(times, times[1:])]
# a machine that stands still for seconds leaves reads out by itself
ok(sorted(gaps)[len(gaps) // 2] < 1.5 and max(gaps) < 10, "a read a second, with none left out", times)
check_quiet(daemon)
finish()
