#!/usr/bin/python3
# A restart of what is watched: no value drops to 0 and no counter falls, whether the program ends
# and comes back, is replaced between two reads, or is a crowd that changes all the time.
import signal

from harness import *

PULSE_COUNTERS = [("ps_pagefaults", 0), ("ps_pagefaults", 1), ("ps_cputime", 0), ("ps_cputime", 1)]
COUNTERS = PULSE_COUNTERS + [("io_octets", 0), ("io_octets", 1), ("io_ops", 0)]

name, crowd_name = "again%d" % os.getpid(), "crowd%d" % os.getpid()
crowd = program("forker", "--children", 10, "--churn", 10, "--name", crowd_name, "--touch", "1M")


def run_server():
    server = program("leaky-server", "--name", name, "--buffer", "4M")
    client = program("client", "--port", server.answer.split()[1], "--rate", 20, "--linger", 3000)
    return server, client


def count():
    return daemon.value(name, "ps_count")


server, client = run_server()
daemon = collectd('Process "%s"\nProcess "%s"' % (name, crowd_name)).start()
ok(daemon.settle(name, "memory-anon", 240 << 20, 60 << 20), "it is watched", daemon.log())
daemon.wait_rows(name, "io_octets", 5)

# gone for a while
stop(client)
stop(server)
ok(wait_for(lambda: count() == 0), "when it is gone the count says 0", daemon.log())
end_s = [row[0] for row in daemon.rows(name, "ps_count") if row[1] == 0][0]
time.sleep(3)
others = [series for series in daemon.series(name)
          if series != "ps_count" and any(row[0] >= end_s for row in daemon.rows(name, series))]
ok(not others, "and nothing else is said", others)
server, client = run_server()
ok(wait_for(lambda: count() == 1), "it is seen when it is back")
daemon.settle(name, "memory-anon", 240 << 20, 60 << 20)

# replaced in a moment
for _ in range(3):
    stop(client, signal.SIGKILL)
    stop(server, signal.SIGKILL)
    server, client = run_server()
    rows = len(daemon.rows(name, "io_octets"))
    daemon.wait_rows(name, "io_octets", rows + 3)

# nobody in the crowd lives long enough for its dearer files to be read
for match, counters in ((name, COUNTERS), (crowd_name, PULSE_COUNTERS)):
    for series, index in counters:
        values = [row[1 + index] for row in daemon.rows(match, series)]
        falls = [pair for pair in zip(values, values[1:]) if pair[1] < pair[0]]
        ok(len(values) > 5 and not falls, "%s: %s[%d] never falls" % (match, series, index),
           values, falls)
rises = [row[1] for row in daemon.rows(crowd_name, "ps_pagefaults")]
ok(rises[-1] > rises[0] + 1000, "the faults of newcomers are counted", rises)
for series in ("memory-anon", "memory-file", "ps_rss", "ps_vm", "file_handles"):
    values = [row[1] for row in daemon.rows(name, series)]
    ok(values and min(values) > 0, "%s is never 0" % series, values)
# the one that starts them may be late itself
live = sorted(row[1] for row in daemon.rows(crowd_name, "ps_count"))
ok(live and live[0] > 0 and 8 <= live[len(live) // 2] and live[-1] <= 11,
   "of ten that change, about ten are there", live)
check_quiet(daemon)
finish()
