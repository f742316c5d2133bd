#!/usr/bin/python3
# A fleet on the loopback with the samples of conf/fleet: three hosts' collectds send to a central one,
# encrypted; its thresholds alert, a Prometheus scrapes it and alerts, an Alertmanager tells.
# "api" leaks on all three hosts, "solo" on the first one alone.
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *
import private_prometheus as prometheus

HOSTS = ("alpha", "beta", "gamma")
FAST = "TimeScale 1000\n  Season false\n  Settle 0"
HOLD_S = 10  # what the rules' minutes are made: hosts do not tell in the same second
PATIENCE_S = 120
USER_FILE = "procleak: change me\n"

for plugin in ("network", "threshold", "aggregation", "write_prometheus"):
    if not os.path.exists(os.path.join(private.stock_plugins() or "", plugin + ".so")):
        skip_all("collectd with its plugin %s is not installed" % plugin)
need_tool("prometheus")
need_tool("prometheus-alertmanager")


def free_udp_port():
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def subdirectory(name):
    path = os.path.join(base, name)
    os.mkdir(path)
    return path


base = work_dir()
udp_port, http_port = free_udp_port(), free_port()
leaky_name, steady_name = "leaky%d" % os.getpid(), "steady%d" % os.getpid()


def serve(name, *leak):
    server = program("leaky-server", "--name", name, "--buffer", "128K", *leak)
    program("client", "--port", server.answer.split()[1], "--rate", 10, "--linger", 2000)
    return server


def central():
    """collectd-central.conf, collectd-threshold.conf and collectd-prometheus.conf as they are, but for
    where things are."""
    directory = subdirectory("central")
    users = os.path.join(directory, "users")
    with open(users, "w", encoding="utf-8") as file:
        file.write(USER_FILE)
    os.chmod(users, 0o600)
    with open(os.path.join(private.ROOT, "conf", "collectd-threshold.conf"), encoding="utf-8") as file:
        own = file.read()
    own += prometheus.sample("collectd-central.conf").replace(
        '"0.0.0.0" "25826"', '"127.0.0.1" "%d"' % udp_port).replace(
            "/etc/collectd/procleak.users", users)
    own += prometheus.sample("collectd-prometheus.conf").replace(
        "9103", str(http_port)).replace("# Host", "Host")
    return private.Collectd(directory, own, host="central")


def host(name):
    """collectd-host.conf, and procleak with two matches. The first host tells of leaks itself, too."""
    directory = subdirectory(name)
    own = prometheus.sample("collectd-host.conf").replace(
        '"collectd.example.net" "25826"', '"127.0.0.1" "%d"' % udp_port)
    own += """PluginDir "%s"
LoadPlugin procleak
<Plugin procleak>
  %s
  Notify %s
  StateFile "%s/state.json"
  EvidenceDir "%s/evidence"
  <Match "api">
    Command "%s"
    PerProcess true
  </Match>
  <Match "solo">
    Command "%s"
  </Match>
</Plugin>
""" % (BUILD, FAST, "true" if name == HOSTS[0] else "false", directory, directory, leaky_name,
       leaky_name if name == HOSTS[0] else steady_name)
    return private.Collectd(directory, own, host=name)


def notices(daemon):
    """{(severity, host, plugin, instance): message}; the first of each."""
    found = {}
    for severity, name, plugin, instance, message in re.findall(
            r"Notification: severity = (\w+), host = (\w+), plugin = (\w+), plugin_instance = (\S+), "
            r".*message = (.*)", daemon.log()):
        found.setdefault((severity, name, plugin, instance), message)
    return found


def try_collectd(daemon):
    def has(plugin, name, instance):
        return wait_for(lambda: notices(daemon).get(("WARNING", name, plugin, instance)), PATIENCE_S)

    for name in HOSTS:
        told = has("procleak", name, "api")
        ok(told, "the central thresholds tell of the leak on " + name, daemon.log())
    told = has("procleak", HOSTS[0], "solo")
    ok(told, "and of the one that leaks there alone", daemon.log())
    ok(wait_for(lambda: re.search(r"host = alpha, .*%s\[\d+\] leaking .*/h" % leaky_name, daemon.log())),
       "what a host itself tells arrives as it is", daemon.log())
    told = has("aggregation", "fleet", "procleak-api-min")
    ok(told, "that all of them leak is told once, of the fleet", daemon.log())
    loud = [key for key in notices(daemon) if key[0] != "OKAY" and key[3] == "solo" and key[1] != HOSTS[0]]
    ok(not loud, "nothing of the healthy ones", loud)


def try_prometheus(server):
    solo = ("ProcleakLeaking", "solo", HOSTS[0])
    fleet = ("ProcleakDeployLeaks", "api", None)
    ok(wait_for(lambda: {solo, fleet} <= set(server.firing()), PATIENCE_S, 0.5),
       "both alerts fire: on one host, and on every host since one deploy", server.firing(),
       server.query("match:procleak_verdict"), server.log("prometheus"))
    ok(wait_for(lambda: ("ProcleakWorseThanSiblings", "solo", HOSTS[0]) in server.firing(), PATIENCE_S, 0.5),
       "the host that is worse than its siblings is named", server.firing(),
       server.query("match:procleak_growth_low"), server.query("match:procleak_growth_high"))
    ok(wait_for(lambda: not [key for key in server.firing() if key[0] == "ProcleakLeaking" and key != solo],
                PATIENCE_S, 0.5),
       "one alert of the fleet instead of one for each host, none for a process", server.firing())
    firing = server.firing()
    ok("1 of 3 hosts with it leak" in firing.get(solo, {}).get("description", ""),
       "it tells how many of how many", firing.get(solo))
    ok("on 3 hosts since one deploy" in firing.get(fleet, {}).get("summary", ""),
       "and on how many hosts", firing.get(fleet))
    verdicts = {labels["match"]: value for labels, value in server.query(
        'match:procleak_verdict{instance="gamma"}')}
    ok(verdicts.get("solo") == 1, "a healthy one is steady", verdicts)


def try_alertmanager(server):
    wanted = [("on-call", "ProcleakLeaking", "solo", [HOSTS[0]]),
              ("on-call", "ProcleakDeployLeaks", "api", [""])]
    ok(wait_for(lambda: all(row in server.told() for row in wanted), PATIENCE_S, 0.5),
       "Alertmanager tells of each once", server.told(), server.log("prometheus-alertmanager"))
    alerts = server.get("api/v2/alerts", inhibited="true") or []
    states = {row["labels"]["alertname"]: row["status"]["state"] for row in alerts}
    ok(states.get("ProcleakWorseThanSiblings") == "suppressed",
       "and keeps quiet of the siblings once it is a leak", states)


serve(leaky_name, "--hold")
serve(steady_name)
centre = central().start()
ok(wait_for(lambda: "Initialization complete" in centre.log()), "the central collectd listens", centre.log())
hosts = [host(name).start() for name in HOSTS]
alertmanager = prometheus.Alertmanager(subdirectory("alertmanager")).start()
scraper = prometheus.Prometheus(subdirectory("prometheus"), http_port, alertmanager.port, HOLD_S).start()
try_collectd(centre)
try_prometheus(scraper)
try_alertmanager(alertmanager)
faults = [line for daemon in [centre, *hosts] for line in daemon.complaints()
          # of libmicrohttpd and write_prometheus; three that read one process beside its own faults may
          # wait for its lock on a machine that runs none of them
          if "MHD_OPTION_EXTERNAL_LOGGER" not in line and "hangs: its memory is locked" not in line]
ok(not faults, "no collectd complains", "\n".join(faults))
ok(all(daemon.stop() is not None for daemon in [*hosts, centre]), "all collectds stop")
finish()
