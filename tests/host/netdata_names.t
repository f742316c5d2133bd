#!/usr/bin/python3
# The zoo of hostile names in the real Netdata: whatever processes and matches are called, what the
# daemon says stays JSON, the daemon and the plugin stay alive, and each has charts of its own.
import re

from harness import *
from zoo import ARGUMENTS, COMMS, zoo
import private_netdata as netdata

need_root()
if not netdata.installed():
    skip_all("Netdata is not installed")

# Names of matches, as an INI file can hold them.
NAMES = ["it's", 'say "hi"', "back\\slash", "a=b", "two  blanks", "UPPER", "upper", "caf\u00e9",
         "a.b", "a_b", "a-b", "<script>", "${label:match}", "$family", "%s%n", "x' DISABLE '",
         "../../etc/passwd", "n" * 100]


def section(name, key, value):
    return "[process %s]\n%s = %s\n" % (name, key, value)


tag = str(os.getpid())
animals = zoo(tag)
conf = section("tagged", "command line", "tag-%s-" % tag) + \
    "per process = true\nmax processes = 100\n"
# a process can be in so many matches only: the names share two of them
conf += "".join(section(name, "command line", "tag-%s-%s" % (tag, ("quote", "slash")[i % 2]))
                for i, name in enumerate(NAMES))
daemon = netdata.Netdata(work_dir(), conf).start()
ok(daemon.wait_up(), "the daemon is up", daemon.log())
count = len(COMMS) + len(ARGUMENTS) + 1
ok(wait_for(lambda: len([name for name in daemon.charts("tagged-") if name.endswith("_pss")])
            >= count), "every animal has charts", sorted(daemon.charts("tagged-")), daemon.log())
charts = daemon.charts()
ok(daemon.last("tagged_processes", "processes") == count, "and all are counted")
for title, animal in animals[:count]:
    labels = charts.get("tagged-%d_memory" % animal.pid, {}).get("chart_labels", {})
    ok(labels.get("pid") == str(animal.pid) and labels.get("process"),
       "%s has labels" % title, labels)
verdicts = [chart for name, chart in charts.items()
            if name.endswith("_verdict") and not name.startswith("tagged")]
ok(len(verdicts) == len(NAMES), "so has every match, whatever its name",
   [chart["id"] for chart in verdicts], daemon.log())
# "a=b" and "a_b" are one to a reader: '=' would split the line
ok(len({chart["family"] for chart in verdicts}) >= len(NAMES) - 1, "families tell them apart",
   [chart["family"] for chart in verdicts])
ok(all(re.fullmatch(r"procleak\.[a-z0-9_-]+", chart["id"]) for chart in charts.values()),
   "ids hold nothing that hurts", sorted(charts))
plugin = daemon.plugin_pids()
ends_s = time.monotonic() + 5
answers = {path: 0 for path in ("api/v1/charts", "api/v1/alarms?all", "api/v1/contexts",
                                "api/v1/allmetrics?format=json")}
while time.monotonic() < ends_s:
    for path in answers:
        try:
            answers[path] += bool(daemon.get(path))
        except ValueError as error:
            ok(False, path + " is JSON", error)
            ends_s = 0
    time.sleep(0.5)
ok(all(answers.values()), "all that the daemon says is JSON", answers)
ok(b"procleak" in (daemon.text("api/v1/allmetrics?format=prometheus") or b""),
   "Prometheus is served")
ok(daemon.alive() and daemon.plugin_pids() == plugin and len(plugin) == 1,
   "daemon and plugin are the same as at the start", daemon.log())
ok(not re.search(r"Disabling it|Unknown keyword|malformed", daemon.log()),
   "nothing was objected to", daemon.log())
finish()
