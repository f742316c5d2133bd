#!/usr/bin/python3
# Connections are those of the process' own network namespace, as in a container: of two alike
# programs, one here and one in a namespace of its own, each is counted by itself. And what comes and
# goes all the time is counted in full, for the list of sockets is never older than the read.
from harness import *

need_root()
need_tool("ip")
need_tool("ss")
OWN_NET = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')
if subprocess.run([*OWN_NET, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
    skip_all("a network namespace of one's own is not allowed here")

inside_name, outside_name = "in%d" % os.getpid(), "out%d" % os.getpid()
inside = program("assorted", "--name", inside_name, "--pairs", 40, prefix=OWN_NET)
outside = program("assorted", "--name", outside_name, "--pairs", 12)
ok(not sockets([inside.pid], "-Htanp"), "the sockets of the one are not to be seen from here")


def serve(name):
    """A server that has 40 connections at any time, each of them for two seconds."""
    server = program("leaky-server", "--name", name)
    program("client", "--port", server.answer.split()[1], "--rate", 20, "--linger", 2000)
    return name


busy = [serve("%s%d" % (name, os.getpid())) for name in ("busya", "busyb")]
daemon = collectd('Process "%s"\n' * 4 % (inside_name, outside_name, *busy)).start()
for name, process, prefix in (
        (inside_name, inside, ("nsenter", "--net", "--target", str(inside.pid))),
        (outside_name, outside, ())):
    states = sockets([process.pid], "-Htanp", prefix)
    ok(len(states) >= 4, "ss finds the sockets of " + name, states)
    ok(daemon.wait_rows(name, "current_connections-ESTABLISHED", 2), "collectd wrote of " + name)
    check_series(daemon, name,
                 [("current_connections-" + TCP_STATES[state], count, 0)
                  for state, count in states.items()] +
                 [("current_connections-udp", 2, 0)])
for name in busy:
    daemon.settle(name, "current_connections-ESTABLISHED", 40, 6)
    rows = len(daemon.rows(name, "current_connections-ESTABLISHED"))
    daemon.wait_rows(name, "current_connections-ESTABLISHED", rows + 10)
    counts = [row[1] for row in daemon.rows(name, "current_connections-ESTABLISHED")][rows:]
    full = [count for count in counts if count >= 30]
    ok(len(full) >= 7, "of 40 that come and go, about 40 are counted", counts)
check_quiet(daemon)
finish()
