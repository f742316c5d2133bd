#!/usr/bin/python3
# Connections are those of the process' own network namespace, as in a container: of two alike
# programs, one here and one in a namespace of its own, each is counted by itself. And what comes and
# goes all the time is counted in full, for the list of sockets is never older than the read.
# Another user of that namespace, who gives sockets names that look like lines of the kernel's list,
# takes no connection away and adds none.
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

# Claims of each socket in its namespace that it is a Unix one in another state, in the kernel's
# words and, as a name has room for several of them, in short ones.
FORGER = """
import socket, sys, time
inodes = [line.split()[at] for file, at in (("tcp", 9), ("tcp6", 9), ("udp", 9), ("unix", 6))
          for line in open("/proc/net/" + file).readlines()[1:]]
kept = []
def bind(text):
    kept.append(socket.socket(socket.AF_UNIX))
    kept[-1].bind(b"\\0" + text.encode())
for i, inode in enumerate(inodes):
    for flags, state in ("00000000", "03"), ("00010000", "01"):
        bind("%d\\n%016x: 00000003 00000000 %s 0001 %s %5s " % (i, i, flags, state, inode))
        bind("%d\\n:\\n: 0 0 %s 0 %s %s\\n: 0 0 %s 0 %s %s\\n" % (i, *[flags, state, inode] * 2))
print("ready", len(kept), flush=True)
time.sleep(LIFE_S)
""".replace("LIFE_S", str(LIFE_S))


def serve(name):
    """A server that has 40 connections at any time, each of them for two seconds."""
    server = program("leaky-server", "--name", name)
    program("client", "--port", server.answer.split()[1], "--rate", 20, "--linger", 2000)
    return name


into = ("nsenter", "--net", "--target", str(inside.pid))
unix = sockets([inside.pid], "-Hxap", into)
forger = start([*into, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                "/usr/bin/python3", "-c", FORGER], stdout=subprocess.PIPE)
said = forger.stdout.readline().split()
ok(len(said) == 2 and int(said[1]) > 200, "somebody in there forges lines", said)
busy = [serve("%s%d" % (name, os.getpid())) for name in ("busya", "busyb")]
daemon = collectd('Process "%s"\n' * 4 % (inside_name, outside_name, *busy)).start()
for name, process, prefix in (
        (inside_name, inside, into),
        (outside_name, outside, ())):
    states = sockets([process.pid], "-Htanp", prefix)
    ok(len(states) >= 4, "ss finds the sockets of " + name, states)
    ok(daemon.wait_rows(name, "current_connections-ESTABLISHED", 2), "collectd wrote of " + name)
    check_series(daemon, name,
                 [("current_connections-" + TCP_STATES[state], count, 0)
                  for state, count in states.items()] +
                 [("current_connections-udp", 2, 0)])

counts = [daemon.value(inside_name, "current_connections-unix_" + state) or 0
          for state in ("listen", "connected", "other")]
ok(sum(counts) == sum(unix.values()) and counts[0] <= unix["LISTEN"] and counts[1] <= unix["ESTAB"],
   "forged lines make up no Unix socket and take none away", counts, unix)
for name in busy:
    daemon.settle(name, "current_connections-ESTABLISHED", 40, 6)
    rows = len(daemon.rows(name, "current_connections-ESTABLISHED"))
    daemon.wait_rows(name, "current_connections-ESTABLISHED", rows + 10)
    counts = [row[1] for row in daemon.rows(name, "current_connections-ESTABLISHED")][rows:]
    full = [count for count in counts if count >= 30]
    ok(len(full) >= 7, "of 40 that come and go, about 40 are counted", counts)
check_quiet(daemon)
finish()
