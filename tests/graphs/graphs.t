#!/usr/bin/python3
# The graphs of conf/graphs/ on what a real collectd stores and sends of a leak: every series that
# they name is there, and what draws or asks is the real program.
import fnmatch
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *  # noqa: E402,F403
import private_prometheus as prometheus  # noqa: E402

GRAPHS = os.path.join(private.ROOT, "conf", "graphs")
sys.path.insert(0, GRAPHS)
import dashboards  # noqa: E402
import rrd_graphs  # noqa: E402

HOST, NAME = "test", "leaky-server"
COLLECTION3 = "/usr/share/doc/collectd-core/examples/collection3"
LEAK_S = 90  # for a verdict that takes 15 s where nothing else runs
TIME_SCALE = 2000

OWN = """
LoadPlugin rrdtool
<Plugin rrdtool>
  DataDir "{dir}/rrd"
  StepSize 1
  HeartBeat 10
  RRARows 300
  RRATimespan 300
  CacheTimeout 1
  CacheFlush 10
</Plugin>
LoadPlugin write_prometheus
<Plugin write_prometheus>
  Host "127.0.0.1"
  Port "{prometheus}"
</Plugin>
LoadPlugin write_graphite
<Plugin write_graphite>
  <Node "carbon">
    Host "127.0.0.1"
    Port "{graphite}"
    Prefix "collectd."
  </Node>
</Plugin>
"""


class Carbon:
    """Takes lines at a port, as Graphite's carbon does, and keeps the names."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.names = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        with connection, connection.makefile(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.endswith("\n"):
                    self.names.add(line.split(" ", 1)[0])


def run(*argv, **keywords):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False, **keywords)


def start_leak(directory, carbon, port):
    server = program("leaky-server", "--buffer", "128K", "--hold", "--name", NAME)
    program("client", "--port", server.answer.split()[1], "--rate", 10, "--linger", 2000)
    with open(os.path.join(directory, "pid"), "w", encoding="ascii") as file:
        file.write("%d\n" % server.pid)
    daemon = collectd('TimeScale %d\nSeason false\n<Match "%s">\nPidFile "%s/pid"\n</Match>'
                      % (TIME_SCALE, NAME, directory), directory)
    daemon.own = OWN.format(dir=directory, prometheus=port, graphite=carbon.port) + daemon.own
    return daemon.start()


# --- the files of rrdtool ----------------------------------------------------------------------

def rectangles(svg, color):
    """How many things of a colour a drawing has."""
    red, green, blue = (int(color[at:at + 2], 16) / 2.55 for at in (1, 3, 5))
    found = re.findall(r"rgb\(([\d.]+)%, ?([\d.]+)%, ?([\d.]+)%\)", svg)
    return sum(abs(float(r) - red) < 0.3 and abs(float(g) - green) < 0.3 and
               abs(float(b) - blue) < 0.3 for r, g, b in found)


def test_rrd_graphs(directory):
    data_dir = os.path.join(directory, "rrd", HOST)
    script = os.path.join(GRAPHS, "rrd_graphs.py")
    span = ("--begin", "end-120s", "--end", "now")
    done = run(script, *span, "--out", directory, data_dir)
    made = [os.path.join(directory, "%s-%s.png" % (NAME, word)) for word in
            ("memory", "regions", "growth", "drivers")]
    ok(done.returncode == 0 and all(map(os.path.exists, made)), "rrd_graphs.py draws the match",
       done.stdout, done.stderr)
    for path in made:
        with open(path, "rb") as file:
            head = file.read(24)
        wide = int.from_bytes(head[16:20], "big")
        ok(head[1:4] == b"PNG" and wide > 820, os.path.basename(path) + " is a picture", head)
    done = run(script, "--print", "--mark", "end-10s", *span, data_dir, NAME)
    calls = done.stdout.decode().splitlines()
    ok(len(calls) == 4 and all("VRULE:end-10s" in call for call in calls),
       "--print tells the calls, with what is to be marked", done.stdout, done.stderr)
    colors = {"memory": rrd_graphs.KINDS[0][1], "regions": dict(
        (kind, color) for kind, color, _ in rrd_graphs.REGIONS)["anon"],
              "growth": rrd_graphs.GROWTH, "drivers": rrd_graphs.DRIVERS[0][2]}
    for call, (word, color) in zip(calls, colors.items()):
        svg = run("sh", "-c", call.replace(word + ".png", word + ".svg").replace(
            "VRULE:end-10s", "VRULE:%d" % 0).replace("--units-exponent", "--imgformat SVG "
                                                     "--units-exponent"), cwd=directory)
        path = re.search(r"rrdtool graph (\S+)", call)[1].replace(".png", ".svg")
        drawn = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                drawn = file.read()
            os.unlink(path)
        # each is once in the legend
        ok(rectangles(drawn, color) > 1, "the picture of %s has what it is of" % word, svg.stderr)
        ok(rectangles(drawn, dict(rrd_graphs.VERDICTS)["leaking"]) > 2 and
           rectangles(drawn, dict(rrd_graphs.VERDICTS)["critical"]) <= 2,
           "and a strip of the verdict", svg.stderr)
    for wrong in ((data_dir, "nobody"), (os.path.join(directory, "nowhere"),), (directory,)):
        done = run(script, *wrong)
        ok(done.returncode == 1 and done.stderr.startswith(b"rrd_graphs: "),
           "it says what is not there", done.stdout, done.stderr)


def listed(header, name):
    """The words of a list of the core's: {name in series: words for people}."""
    with open(os.path.join(private.ROOT, "plugin", "core", header), encoding="ascii") as file:
        text = file.read().partition("#define " + name)[2].split("enum ")[0]
    return dict(re.findall(r'^\tX\([A-Z0-9]+, "(\w+)", "([^"]+)"', text, re.M))


def test_parts_known():
    regions = listed("regions/regions.h", "PL_REGION_LIST(X)")
    charged = listed("sample/cgroup.h", "PL_CGROUP_PART_LIST(X)")
    for known, table in ((regions, rrd_graphs.REGIONS), (charged, rrd_graphs.CGROUP)):
        drawn = {kind: words for kind, _, words in table if kind != "swap"}
        ok(len(known) > 10 and drawn == known, "rrd_graphs.py knows each part by its name",
           set(known.items()) ^ set(drawn.items()))
    with open(os.path.join(GRAPHS, "collection3.conf"), encoding="ascii") as file:
        block = re.search(r"<Type memory>(.*?)</Type>", file.read(), re.S)[1]
    for what in ("DSName \"", "Color "):
        missing = [kind for kind in [*regions, *charged, "swap"]
                   if not re.search(r"^  %s%s " % (what, kind), block, re.M)]
        ok(not missing, "collection3.conf has a %s for each" % what.strip(' "'), missing)


# --- collection3 -------------------------------------------------------------------------------

def graph_cgi(base, query):
    """What collection3 sends to a browser: (its headers and the rest, what it complained of)."""
    script = os.path.join(base, "bin", "graph.cgi")
    done = run("perl", script, env={**os.environ, "SCRIPT_FILENAME": script,
                                    "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
                                    "QUERY_STRING": query})
    return done.stdout, done.stderr.decode(errors="replace")


def test_collection3(directory):
    modules = ("RRDs", "Config::General", "Regexp::Common", "CGI", "URI::Escape", "HTML::Entities")
    if not os.path.isdir(COLLECTION3) or run(
            "perl", *("-M" + name for name in modules), "-e", "1").returncode != 0:
        skip("collection3 draws", "it or a Perl module is missing")
        return
    base = os.path.join(directory, "collection3")
    shutil.copytree(COLLECTION3, base)
    config = os.path.join(base, "etc", "collection.conf")
    with open(config, "a", encoding="ascii") as file:
        file.write('DataDir "%s/rrd"\nInclude "%s/collection3.conf"\n' % (directory, GRAPHS))
    with open(os.path.join(GRAPHS, "collection3.conf"), encoding="ascii") as file:
        types = re.findall(r"^<Type (\w+)>", file.read(), re.M)
    stored = os.path.join(directory, "rrd", HOST)
    for type_ in types:
        instance = "self" if type_ == "duration" else NAME
        files = [name[:-4] for name in os.listdir(os.path.join(stored, "procleak-" + instance))
                 if re.match(r"%s(-.*)?\.rrd$" % type_, name)]
        ok(files, "collectd stored a series of the type " + type_)
        query = "hostname=%s;plugin=procleak;plugin_instance=%s;type=%s" % (HOST, instance, type_)
        if type_ in ("bytes", "gauge", "timeleft", "count", "duration"):
            query += ";type_instance=" + files[0].partition("-")[2]
        out, complaints = graph_cgi(base, query)
        ok(b"\r\n\r\n\x89PNG" in out and "rror" not in complaints, "collection3 draws " + type_,
           out[:300], complaints)


# --- dashboards --------------------------------------------------------------------------------

def dashboard(name):
    with open(os.path.join(GRAPHS, name), encoding="ascii") as file:
        return json.load(file)


def overlapping(panels):
    cells = [(x, y) for panel in panels for grid in [panel["gridPos"]]
             for x in range(grid["x"], grid["x"] + grid["w"])
             for y in range(grid["y"], grid["y"] + grid["h"])]
    return len(cells) != len(set(cells)) or any(x >= 24 for x, _ in cells)


def test_shape():
    for name, source in dashboards.SOURCES.items():
        with open(os.path.join(GRAPHS, name), encoding="ascii") as file:
            ok(file.read() == dashboards.text(source),
               "%s is what dashboards.py writes (conf/graphs/dashboards.py)" % name)
        panels = dashboard(name)["panels"]
        ok(len({panel["id"] for panel in panels}) == len(panels) and not overlapping(panels),
           "its panels have numbers and places of their own")
        names = [variable["name"] for variable in dashboard(name)["templating"]["list"]]
        used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(panels)))
        ok(used <= set(names), "and use no variable but its own", used - set(names))


def filled_in(text):
    """As Grafana asks for one host and one match."""
    for name, value in (("$__rate_interval", "10s"), ("$prefix", "collectd"), ("$host", HOST),
                        ("$match", NAME)):
        text = text.replace(name, value)
    return text


def targets(name, key):
    return [(panel["title"], filled_in(target[key])) for panel in dashboard(name)["panels"]
            for target in panel["targets"]]


def wanted(name, key, matches):
    """As targets(), but for what this host cannot have."""
    for title, target in targets(name, key):
        if NAME + "-cgroup" in target and NAME + "-cgroup" not in matches:
            skip(title, "its cgroup cannot be read here")
        else:
            yield title, target


def test_prometheus(directory, port, matches):
    if not shutil.which("prometheus"):
        skip("Prometheus answers the dashboard", "there is no prometheus here")
        return
    server = prometheus.Prometheus(directory, port).start()
    for title, expression in wanted("grafana-prometheus.json", "expr", matches):
        # regions, say, are sent only while they are fresh, which on a busy machine is seldom
        lately = "last_over_time(%s[5m])" % expression if expression.endswith("}") else expression
        found = wait_for(lambda expr=lately: server.query(expr), pause_s=0.3)
        ok(found and all(labels["instance"] == HOST for labels, _ in found) and
           not server.fault(expression), "Prometheus has %s: %s" % (title, expression),
           found, server.fault(expression), server.log("prometheus"))
    for variable in dashboard("grafana-prometheus.json")["templating"]["list"][1:]:
        series, label = re.match(r"label_values\((.*), (\w+)\)$", variable["query"]["query"]).groups()
        values = {labels.get(label) for labels, _ in server.query(filled_in(series))}
        ok(values == {{"host": HOST, "match": NAME}[variable["name"]]},
           "the choices of %s are those" % variable["name"], values)
    server.stop()


def matching(pattern, names):
    """Names that a path of Graphite with wildcards means: node by node."""
    nodes = pattern.split(".")
    return {name for name in names if len(name.split(".")) == len(nodes) and all(
        fnmatch.fnmatchcase(node, wanted) for node, wanted in zip(name.split("."), nodes))}


def test_graphite(names, matches):
    for title, target in wanted("grafana-graphite.json", "target", matches):
        path = re.search(r"collectd\.[^,() ]+", target)[0]
        found = matching(path, names)
        ok(found, "Graphite is told of %s: %s" % (title, path), "\n".join(sorted(names)))
        nodes = {int(number) for number in re.findall(r"-\d+", re.sub(r"'[^']*'", "", target.replace(
            path, "")))}
        ok(all({name.split(".")[at] for at in nodes} >= {HOST} for name in found) and
           target.count("(") == target.count(")"), "its lines bear the host", nodes, found)
    variables = {variable["name"]: variable for variable in
                 dashboard("grafana-graphite.json")["templating"]["list"]}
    nodes = {name.split(".")[2] for name in names}
    choose = re.compile(variables["match"]["regex"].strip("/"))
    chosen = {found[1] for found in map(choose.search, nodes) if found}
    ok(chosen == {NAME} and "procleak-self" in nodes and "procleak-%s-regions" % NAME in nodes,
       "the choice of a match leaves regions and the plugin itself out", chosen, nodes)


def main():
    need_root()
    need_tool("rrdtool")
    test_parts_known()
    test_shape()
    directory = work_dir()
    carbon = Carbon()
    port = free_port()
    daemon = start_leak(directory, carbon, port)
    # the verdict is the last to come
    told = wait_for(lambda: daemon.value(NAME, "gauge-verdict") in (3, 4) and
                    daemon.value(NAME, "percent-connections") is not None and
                    daemon.value(NAME + "-regions", "memory-anon") is not None, LEAK_S)
    if not ok(told, "the leak is told, with what it comes with", daemon.log()):
        finish()
    test_prometheus(directory, port, daemon.matches())
    test_graphite(set(carbon.names), daemon.matches())
    daemon.stop()
    test_rrd_graphs(directory)
    test_collection3(directory)
    finish()


main()
