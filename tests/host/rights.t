#!/usr/bin/python3
# A daemon without the capabilities that dear reads need: what needs none is read all the same, what
# needs one is absent and never 0, and the log says once which ones are missing.
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
finish()
