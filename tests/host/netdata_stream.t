#!/usr/bin/python3
# A Netdata with procleak that streams to another one, by the samples of conf/fleet: the charts arrive
# there with their labels, and the alert is raised there too.
import uuid

from harness import *
import private_netdata as netdata

need_root()
if not netdata.installed():
    skip_all("Netdata is not installed")

KEY = str(uuid.uuid4())


def stream_conf(name, *changes):
    """A sample, with a key of our own and with other changes."""
    with open(os.path.join(private.ROOT, "conf", "fleet", name), encoding="utf-8") as file:
        text = file.read()
    for old, new in (("11111111-2222-3333-4444-555555555555", KEY), *changes):
        ok(old in text, "%s has %s" % (name, old))
        text = text.replace(old, new)
    return text


leaky = "leaky%d" % os.getpid()
server = program("leaky-server", "--name", leaky, "--buffer", "128K", "--leak", "256K")
program("client", "--port", server.answer.split()[1], "--rate", 20, "--linger", 500)
base = work_dir()
directories = [os.path.join(base, name) for name in ("parent", "child")]
for directory in directories:
    os.mkdir(directory)
    os.chmod(directory, 0o755)
parent = netdata.Netdata(directories[0], "[process nobody]\n", host="parent",
                         stream=stream_conf("netdata-parent.conf", ("dbengine", "ram"))).start()
ok(parent.wait_up(), "the parent is up", parent.log())
CHILD_CONF = "[global]\ntime scale = 2000\nseason = false\nmax lock time = 1000\n[process %s]\n" % leaky
child = netdata.Netdata(directories[1], CHILD_CONF, host="child", stream=stream_conf(
    "netdata-child.conf", ("parent.example.net:19999", "127.0.0.1:%d" % parent.port))).start()
ok(child.wait_up(), "the child is up", child.log())
ok(wait_for(lambda: leaky + "_pss" in parent.charts(host="child")), "its charts reach the parent",
   sorted(parent.charts(host="child")), parent.log(), child.log())
ok(not [name for name in parent.charts() if name.startswith(leaky)], "as charts of the child's")
here, there = (daemon.charts(host="child" if daemon is parent else None)[leaky + "_memory"]
               for daemon in (child, parent))
same = ("title", "units", "family", "context", "chart_type", "dimensions", "chart_labels")
ok(all(here[key] == there[key] for key in same), "the same in every respect", here, there)
ok(wait_for(lambda: parent.last(leaky + "_memory", "anon", 5, host="child")), "with values")
ok(parent.settle("procleak_leaking", leaky + "_verdict", "WARNING", 90, host="child") == "WARNING",
   "the alert is raised at the parent", parent.alarms("child"), parent.log())
ok(child.settle("procleak_leaking", leaky + "_verdict", "WARNING") == "WARNING", "and at the child",
   child.alarms())


def labels():
    return parent.charts(host="child")[leaky + "_verdict"]["chart_labels"]


ok(wait_for(lambda: labels().get("grows") not in (None, "none")),
   "the labels that come with it arrive too", labels())
ok(parent.alive() and child.alive(), "both are alive")
finish()
