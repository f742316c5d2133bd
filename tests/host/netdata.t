#!/usr/bin/python3
# The Netdata plugin in the real daemon: charts, their labels and values, alerts that are raised and
# cleared, restarts of what is watched, faults that cost nothing but themselves, the daemon's death.
import signal

from harness import *
import private_netdata as netdata

need_root()
if not netdata.installed():
    skip_all("Netdata is not installed")

tag = str(os.getpid())
LEAKY, STEADY, LATE, TIGHT = "leaky" + tag, "steady" + tag, "late" + tag, "tight" + tag

# An hour of the detector in a few seconds; one line that cannot be understood.
CONF = """
[global]
time scale = 2000
max lock time = 60000
deep read budget = 50
season = false
[process %s]
[process %s]
[process %s]
[process %s]
per process = true
[process broken]
command line = a(b
""" % (LEAKY, STEADY, LATE, TIGHT)


def run_server(name, *arguments):
    server = program("leaky-server", "--name", name, *arguments)
    client = program("client", "--port", server.answer.split()[1], "--rate", 20, "--linger", 500)
    return server, client


def unit_of(chart):
    return charts[chart]["context"], charts[chart]["units"], charts[chart]["chart_type"]


run_server(STEADY, "--buffer", "128K")
leaky = run_server(LEAKY, "--buffer", "128K", "--leak", "256K")
tight = program("assorted", "--name", TIGHT, prefix=("prlimit", "--nofile=74"))
daemon = netdata.Netdata(work_dir(), CONF).start()
ok(daemon.wait_up(), "the daemon is up", daemon.log())

# charts
wanted = [STEADY + "_memory", STEADY + "_pss", STEADY + "_tcp", LEAKY + "_growth", "self_trouble"]
ok(wait_for(lambda: set(wanted) <= set(daemon.charts())), "charts appear", sorted(daemon.charts()),
   daemon.log())
charts = daemon.charts()
ok(unit_of(STEADY + "_memory") == ("procleak.memory", "MiB", "stacked"),
   "memory is stacked, in MiB")
ok(unit_of(STEADY + "_verdict")[0] == "procleak.verdict", "a verdict has a context of its own")
ok(list(charts[STEADY + "_verdict"]["dimensions"]) == ["learning", "steady", "growing", "leaking",
                                                       "critical"], "a dimension a rung")
ok(charts[STEADY + "_memory"]["family"] == STEADY, "a family a match")
labels = charts[STEADY + "_memory"]["chart_labels"]
ok(labels.get("match") == STEADY and labels.get("scope") == "match", "labels name the match",
   labels)
titles = {}
for chart in charts.values():
    titles.setdefault(chart["context"], set()).add((chart["title"].split(" (procleak.")[0],
                                                    chart["units"]))
ok(all(len(found) == 1 for found in titles.values()), "one title and unit a context", titles)
ok(not [name for name in charts if name.startswith("broken")], "a match with a fault has none")

# values
per_process = "%s-%d" % (TIGHT, tight.pid)
ok(wait_for(lambda: per_process + "_pss" in daemon.charts()), "a process has charts of its own")
labels = daemon.charts(per_process)[per_process + "_memory"]["chart_labels"]
ok(labels.get("pid") == str(tight.pid) and labels.get("process") == TIGHT[:15],
   "whose labels name it", labels)
ok(labels.get("exe") == os.path.join(private.PROGRAMS, "assorted"),
   "and its program", labels)
is_near(daemon.last(per_process + "_memory", "anon"),
        status_bytes([tight.pid], "RssAnon") / 1048576, 1, "anonymous memory is that of status")
is_near(daemon.last(per_process + "_pss", "pss"), rollup_bytes([tight.pid], "Pss") / 1048576, 1,
        "PSS is that of smaps_rollup: the plugin has its capabilities")
is_near(daemon.last(per_process + "_fds", "open"), fd_count([tight.pid]), 0.5,
        "descriptors are ls's")
is_near(daemon.last(LATE + "_processes", "processes"), 0, 0, "who does not run has a chart, of 0")
ok(LATE + "_memory" not in daemon.charts(), "and no chart of nothing")

# alerts raised
ok(daemon.settle("procleak_leaking", LEAKY + "_verdict", "WARNING", 90) == "WARNING",
   "the leak raises the alert", daemon.alarms(), daemon.log())
alarm = daemon.alarms()[("procleak_leaking", LEAKY + "_verdict")]
ok(wait_for(lambda: LEAKY in daemon.alarms()[("procleak_leaking", LEAKY + "_verdict")]["info"]),
   "whose text names the match", alarm)
ok("$" not in alarm["info"], "and holds no variable that was not filled in", alarm)
ok(wait_for(lambda: daemon.charts()[LEAKY + "_verdict"]["chart_labels"].get("pid") ==
            str(leaky[0].pid)), "the labels of the verdict blame the process",
   daemon.charts()[LEAKY + "_verdict"])
labels = daemon.charts()[LEAKY + "_verdict"]["chart_labels"]
ok(labels.get("grows") not in (None, "none"), "and say what grows", labels)
ok(daemon.last(LEAKY + "_growth", "growth", 5) > 100, "the rate is about 18 GiB an hour",
   daemon.last(LEAKY + "_growth", "growth", 5))
ok(wait_for(lambda: daemon.status("procleak_fds_near_limit", per_process + "_fdlimit") in
            ("WARNING", "CRITICAL")), "descriptors near their limit raise theirs", daemon.alarms())
ok(daemon.settle("procleak_plugin_trouble", "self_trouble", "WARNING") == "WARNING",
   "so does the fault in the configuration", daemon.alarms())
ok(any("broken" in line and "a(b" in line for line in daemon.log().splitlines()),
   "which the log names", daemon.log())
ok(wait_for(lambda: any(line[0] == "procleak_leaking" and LEAKY in line[1] and line[2] == "WARNING"
                        and LEAKY in line[4] for line in daemon.notified())),
   "the notifier is told of the leak", daemon.notified())

# on a host with more memory than it leaks in some hours the limit is no matter for an alert
left_s = wait_for(lambda: daemon.last(LEAKY + "_timeleft", "leak", 5))
ok(not left_s or left_s > 20000 or wait_for(lambda: any(
    line[0] == "procleak_time_to_limit" and line[2] in ("WARNING", "CRITICAL")
    for line in daemon.notified())), "and of a limit that is near", left_s, daemon.notified())

# a walk of all its mappings is dear, and may be some time ago; a busy machine stops it in the midst,
# which counts as holding the lock: hence MaxLockTime above
ok(wait_for(lambda: daemon.last(LEAKY + "_regions", "anon", 300), 90), "its regions say where it grows",
   sorted(daemon.charts(LEAKY)))

# the live table, where the daemon lets it be called without its cloud
if not netdata.is_old():
    found = daemon.get("api/v1/function?function=procleak") or {}
    columns = found.get("columns", {})
    rows = {row[columns["Series"]["index"]]: row for row in found.get("data", [])}
    ok(found.get("status") == 200 and LEAKY in rows, "the function is answered", found)
    ok(rows[LEAKY][columns["Verdict"]["index"]] in ("leaking", "critical"), "with the verdict",
       rows[LEAKY])
    ok(rows[STEADY][columns["Memory"]["index"]] > 1, "and memory", rows[STEADY])

# a restart
plugin = daemon.plugin_pids()
begin = len(daemon.notified())
stop(leaky[1])
stop(leaky[0])
ok(daemon.settle("procleak_leaking", LEAKY + "_verdict", "CLEAR") == "CLEAR",
   "the alert ends with the process", daemon.alarms())
ok(wait_for(lambda: daemon.last(LEAKY + "_processes", "processes") == 0), "none is left")
gone = len(daemon.notified())
ok(daemon.last(LEAKY + "_memory", "anon") is None, "its memory is a gap, not a zero",
   daemon.last(LEAKY + "_memory", "anon"))
run_server(LEAKY, "--buffer", "128K")
ok(wait_for(lambda: daemon.last(LEAKY + "_memory", "anon")),
   "the next one goes on in the same chart")
ok(wait_for(lambda: any(line[0] == "procleak_leaking" and line[2] == "CLEAR"
                        for line in daemon.notified()[begin:])),
   "of the end of the leak it is told", daemon.notified()[begin:])
time.sleep(5)
raised = [line for line in daemon.notified()[gone:] if line[2] in ("WARNING", "CRITICAL")]
ok(not raised, "and nothing is raised by a restart", raised)
ok(daemon.status("procleak_leaking", STEADY + "_verdict") == "CLEAR",
   "the healthy one was never accused", daemon.alarms())
ok(not [line for line in daemon.notified() if STEADY in line[1]], "nor told of", daemon.notified())

# a process with charts of its own ends
stop(tight)
ok(wait_for(lambda: per_process + "_memory" not in daemon.charts(), 40),
   "the charts of a process that ended are obsolete", sorted(daemon.charts()))
ok(daemon.plugin_pids() == plugin and len(plugin) == 1, "all of that by one and the same plugin",
   plugin, daemon.plugin_pids(), daemon.log())

# the daemon dies
daemon.process.send_signal(signal.SIGKILL)
daemon.process.wait()
ok(wait_for(lambda: not daemon.plugin_pids(), 20), "killed with -9: the plugin ends by itself",
   daemon.plugin_pids())
finish()
