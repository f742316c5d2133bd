#!/usr/bin/python3
# A daemon without the capabilities that dear reads need: what needs none is read all the same, what
# needs one is absent and never 0, and the log says once which ones are missing. With the two that it
# asks for, and no other, nothing is missing.
from harness import *

need_root()
need_tool("setpriv")
DROP = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

name = "full%d" % os.getpid()
process = program("assorted", "--name", name)
daemon = collectd('Process "%s"' % name).start(prefix=DROP)
ok(daemon.wait_rows(name, "memory-anon", 5), "it works", daemon.log())
anon = status_bytes([process.pid], "RssAnon")
check_series(daemon, name, [("ps_count", 1, 0), (("ps_count", 1), thread_count([process.pid]), 0),
                            ("memory-anon", anon, anon / 100 + 65536),
                            ("file_handles", fd_count([process.pid]), 0)])
blind = {series for series in daemon.series(name)
         if series.startswith(("bytes-pss", "bytes-uss", "io_octets", "current_connections", "file_handles-"))}
ok(not blind, "what it may not see is absent", blind)
told = [line for line in daemon.complaints() if "CAP_SYS_PTRACE" in line]
ok(len(told) == 1 and len(daemon.complaints()) == 1, "one line names the capabilities",
   daemon.log())
took_s = daemon.stop()
ok(took_s is not None and took_s < STOP_S, "it stops within 2 s", took_s)

# Those two alone, as conf/systemd/collectd-capabilities.conf has it; the target is another user's.
TWO = ("setpriv", "--bounding-set=-all,+sys_ptrace,+dac_read_search", "--inh-caps=-all")
name = "two%d" % os.getpid()
process = program("assorted", "--name", name, prefix=(
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
daemon = collectd('Process "%s"\nStateInterval 1' % name).start(prefix=TWO)
ok(daemon.wait_rows(name, "bytes-pss", 3), "with the two capabilities it works", daemon.log())
with open("/proc/%d/status" % daemon.process.pid, encoding="ascii") as file:
    held = [int(line.split()[1], 16) for line in file if line.startswith(("CapPrm", "CapBnd"))]
ok(held == [1 << 19 | 1 << 2] * 2, "the daemon has no other", held)
pss = rollup_bytes([process.pid], "Pss")
check_series(daemon, name, [("bytes-pss", pss, pss / 100 + 65536)] +
             [("file_handles-" + kind, count, 0) for kind, count in fd_kinds(process.pid).items()])
states = sockets([process.pid], "-Htanp")
check_series(daemon, name, [("current_connections-" + TCP_STATES[state], count, 0)
                            for state, count in states.items()])
ok(daemon.wait_rows(name, "io_octets", 2), "what it reads and writes is known")
ok(wait_for(lambda: os.path.exists(os.path.join(daemon.dir, "state.json"))), "its state is saved",
   daemon.log())
check_quiet(daemon)
finish()
