#!/usr/bin/python3
# Connections are those of the process' own network namespace, as in a container: of two alike
# programs, one here and one in a namespace of its own, each is counted by itself.
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

daemon = collectd('Process "%s"\nProcess "%s"' % (inside_name, outside_name)).start()
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
check_quiet(daemon)
finish()
