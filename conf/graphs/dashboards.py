#!/usr/bin/python3
"""Writes Grafana's dashboards of procleak's series, beside this script:

    grafana-prometheus.json   for what collectd's write_prometheus exports
    grafana-graphite.json     for what collectd's write_graphite sends, below PREFIX ("collectd")

One table of panels makes both. A panel's queries are pairs of words for the legend and a series;
"*" stands for every type instance. Prometheus must scrape with `honor_labels: true`, or `instance`
is not the host that collectd means.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VERDICTS = (("learning", "#b0bec5"), ("steady", "#43a047"), ("growing", "#fbc02d"),
            ("leaking", "#e53935"), ("critical", "#7b1fa2"))
ALL, ONE, REGIONS, CGROUP, SELF = "all", "one", "regions", "cgroup", "self"  # plugin instances
WIDTH = 24  # columns of Grafana's grid


def series(instance, type_, type_instance=None, rate_per_s=False, scale=None):
    return {"instance": instance, "type": type_, "type_instance": type_instance,
            "rate": rate_per_s, "scale": scale}


def query_variable(name, datasource, query, all_value=None, regex=""):
    """What can be chosen above the panels: one of them, or several where a word stands for all."""
    variable = {"name": name, "label": name, "type": "query", "datasource": datasource,
                "query": query, "regex": regex, "refresh": 2, "sort": 1,
                "multi": bool(all_value), "includeAll": bool(all_value)}
    if all_value:
        variable.update(allValue=all_value, current={"text": ["All"], "value": ["$__all"]})
    return variable


class Prometheus:
    """How Prometheus is asked."""
    title = "procleak (Prometheus)"
    uid = "procleak-prometheus"
    datasource = {"type": "prometheus", "uid": "${datasource}"}
    matchers = {
        ALL: 'instance=~"$host"',
        ONE: 'instance=~"$host",procleak="$match"',
        REGIONS: 'instance=~"$host",procleak="$match-regions"',
        CGROUP: 'instance=~"$host",procleak="$match-cgroup"',
        SELF: 'instance=~"$host",procleak="self"',
    }

    def target(self, words, what):
        matchers = self.matchers[what["instance"]]
        wanted = what["type_instance"]
        if wanted == "*":
            matchers += ',type!=""'
        else:
            matchers += ',type="%s"' % (wanted or "")
        expression = "collectd_procleak_%s{%s}" % (what["type"], matchers)
        if what["rate"]:
            expression = "rate(%s[$__rate_interval])" % expression
        if what["scale"]:
            expression += " * %g" % what["scale"]
        return {"datasource": self.datasource, "expr": expression, "editorMode": "code",
                "range": True, "legendFormat": words}

    def variables(self):
        verdict = 'collectd_procleak_gauge{type="verdict"}'
        of_host = 'collectd_procleak_ps_count_processes{instance=~"$host"}'
        return [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "data"},
            query_variable("host", self.datasource, {
                "query": "label_values(%s, instance)" % verdict, "refId": "host"}, all_value=".+"),
            query_variable("match", self.datasource, {
                "query": "label_values(%s, procleak)" % of_host, "refId": "match"}),
        ]

    def legend(self, what, words):
        """What tells one line of a panel from another."""
        if what["type_instance"] == "*":
            return "{{instance}} {{procleak}} {{type}}"
        return ("{{instance}} {{procleak}} " + words).strip()


class Graphite:
    """How Graphite is asked. The last nodes of a path: host, procleak-NAME, type-instance."""
    title = "procleak (Graphite)"
    uid = "procleak-graphite"
    datasource = {"type": "graphite", "uid": "${datasource}"}
    instances = {ALL: "procleak-*", ONE: "procleak-$match", REGIONS: "procleak-$match-regions",
                 CGROUP: "procleak-$match-cgroup", SELF: "procleak-self"}
    # where Prometheus and Graphite call a series by different names
    types = {"ps_count_threads": "ps_count.threads", "duration_seconds": "duration",
             "total_time_in_ms_total": "total_time_in_ms"}

    def target(self, words, what):
        # counters come as rates, unless write_graphite was told otherwise by StoreRates
        path = "$prefix.$host.%s.%s" % (self.instances[what["instance"]], self.type_of(what))
        if what["scale"]:
            path = "scale(%s, %g)" % (path, what["scale"])
        return {"datasource": self.datasource, "target": words % path}

    def type_of(self, what):
        type_ = self.types.get(what["type"], what["type"])
        return type_ + ("-" + what["type_instance"] if what["type_instance"] else "")

    def variables(self):
        return [
            {"name": "datasource", "type": "datasource", "query": "graphite", "label": "data"},
            {"name": "prefix", "type": "textbox", "label": "prefix", "query": "collectd",
             "current": {"text": "collectd", "value": "collectd"}},
            query_variable("host", self.datasource, "$prefix.*", all_value="*"),
            query_variable("match", self.datasource, "$prefix.$host.procleak-*",
                           regex="/^procleak-(?!self$)((?:(?!-regions$|-cgroup$).)+)$/"),
        ]

    def legend(self, what, words):
        """Functions around the path that name its lines as "host.NAME" and what else is needed."""
        type_ = self.type_of(what)
        first = -3 - type_.count(".")
        nodes = "aliasByNode(%%s, %d, %d, %d)" % (first, first + 1, first + 2)
        if what["type_instance"] == "*":
            named = "aliasSub(%s, '%s', '')" % (nodes, type_.rstrip("*"))
        elif words:
            named = "aliasSub(%s, '[^.]+$', '%s')" % (nodes, words)
        else:
            named = "aliasByNode(%%s, %d, %d)" % (first, first + 1)
        return "aliasSub(%s, 'procleak-', '')" % named


# --- panels -------------------------------------------------------------------------------------

def color(mode, fixed=None):
    return {"mode": mode, "fixedColor": fixed} if fixed else {"mode": mode}


def override(words, **properties):
    """For the lines whose name ends with these words."""
    return {"matcher": {"id": "byRegexp", "options": "/%s$/" % words},
            "properties": [{"id": key.replace("__", "."), "value": value}
                           for key, value in properties.items()]}


def time_series(title, unit, queries, about="", stacked=False, overrides=(), width=12):
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 60 if stacked else 0,
              "showPoints": "never", "spanNulls": False,
              "stacking": {"mode": "normal" if stacked else "none", "group": "A"}}
    return {"type": "timeseries", "title": title, "description": about, "width": width, "height": 8,
            "queries": queries,
            "fieldConfig": {"defaults": {"unit": unit, "color": color("palette-classic"),
                                         "custom": custom}, "overrides": list(overrides)},
            "options": {"legend": {"displayMode": "table", "placement": "bottom",
                                   "calcs": ["lastNotNull", "max"]},
                        "tooltip": {"mode": "multi", "sort": "desc"}}}


def verdicts(title, about):
    mapping = {str(number): {"text": word, "color": shade, "index": number}
               for number, (word, shade) in enumerate(VERDICTS)}
    return {"type": "state-timeline", "title": title, "description": about, "width": WIDTH,
            "height": 8, "queries": [("", series(ALL, "gauge", "verdict"))],
            "fieldConfig": {"defaults": {
                "color": color("thresholds"), "custom": {"fillOpacity": 80, "lineWidth": 0},
                "mappings": [{"type": "value", "options": mapping}],
                "thresholds": {"mode": "absolute", "steps": [
                    {"color": shade, "value": number or None}
                    for number, (_, shade) in enumerate(VERDICTS)]}}, "overrides": []},
            "options": {"showValue": "never", "mergeValues": True, "rowHeight": 0.8,
                        "legend": {"displayMode": "list", "placement": "bottom"},
                        "tooltip": {"mode": "single"}}}


RIGHT = {"custom__axisPlacement": "right", "unit": "short", "custom__fillOpacity": 0}

PANELS = (
    verdicts("Verdicts", "Red leaks, violet reaches a limit soon. What to do next: "
             "procleak explain NAME on the host."),
    time_series("Growth an hour, and its interval", "bytes", [
        ("high", series(ONE, "gauge", "growth_high")),
        ("growth", series(ONE, "gauge", "growth")),
        ("low", series(ONE, "gauge", "growth_low")),
        ("a leak would be seen from", series(ONE, "gauge", "detection_floor")),
    ], "Bytes an hour. The last one is the smallest leak that would have been seen by now.",
        overrides=[override(words, custom__lineStyle={"fill": "dash", "dash": [4, 4]})
                   for words in ("high", "low", "seen from")]),
    time_series("Memory beside what it may come with", "bytes", [
        ("memory", series(ONE, "memory", "anon")),
        ("connections", series(ONE, "current_connections")),
        ("descriptors", series(ONE, "file_handles")),
        ("threads", series(ONE, "ps_count_threads")),
    ], "Anonymous memory on the left; connections, open descriptors and threads on the right.",
        overrides=[override("memory", custom__fillOpacity=30)] +
        [override(words, **RIGHT) for words in ("connections", "descriptors", "threads")]),
    time_series("Memory by kind", "bytes", [("", series(ONE, "memory", "*"))],
                "These do not overlap, so they stack.", stacked=True),
    time_series("Memory by what it is for", "bytes", [("", series(REGIONS, "memory", "*"))],
                "Heaps, arenas, stacks, files and so on; they do not overlap.", stacked=True),
    time_series("Memory charged to its cgroup", "bytes", [("", series(CGROUP, "memory", "*"))],
                "Of all processes there, and what no process explains: tmpfs, socket buffers and "
                "so on.", stacked=True),
    time_series("Memory that no mapping shows", "bytes", [
        ("held by descriptors", series(ONE, "bytes", "fd_shmem")),
        ("in its cgroup", series(CGROUP, "bytes", "unexplained"))],
                "Memory files that descriptors hold, mapped or not, and what no process of the "
                "cgroup explains."),
    time_series("Leaked since the growth began", "bytes", [
        ("", series(ONE, "bytes", "leaked"))]),
    time_series("Time until a limit is reached", "s", [("", series(ONE, "timeleft", "limit"))],
                "The first of memory.max, memory.high, rlimits, pids.max and the host's memory."),
    time_series("Share of the growth, by what it comes with", "percent", [
        ("", series(ONE, "percent", "*"))]),
    time_series("Proportional, unique and private memory", "bytes", [
        ("PSS", series(ONE, "bytes", "pss")), ("USS", series(ONE, "bytes", "uss")),
        ("private dirty", series(ONE, "bytes", "private_dirty"))]),
    time_series("Sockets by state", "short", [("", series(ONE, "current_connections", "*"))],
                stacked=True),
    time_series("Open descriptors by kind", "short", [("", series(ONE, "file_handles", "*"))],
                stacked=True),
    time_series("What procleak takes: CPU", "percent", [
        ("", series(SELF, "total_time_in_ms_total", "*", rate_per_s=True, scale=0.1))],
                "Percent of one CPU: each interval's tick, and the dear reads."),
    time_series("What procleak takes: the longest hold of a memory map", "s", [
        ("", series(SELF, "duration_seconds", "longest_hold"))]),
)


def place(panels):
    """Positions in Grafana's grid, from left to right, row by row."""
    column = row = 0
    for panel in panels:
        if column + panel["width"] > WIDTH:
            column, row = 0, row + 8
        yield {"x": column, "y": row, "w": panel["width"], "h": panel["height"]}
        column += panel["width"]


def dashboard(source):
    panels = []
    for number, (panel, position) in enumerate(zip(PANELS, place(PANELS)), 1):
        targets = []
        for letter, (words, what) in zip("ABCDEFGH", panel["queries"]):
            targets.append({"refId": letter, **source.target(source.legend(what, words), what)})
        kept = {key: panel[key] for key in ("type", "title", "description", "fieldConfig",
                                            "options") if panel[key]}
        panels.append({"id": number, "gridPos": position, "datasource": source.datasource,
                       "targets": targets, **kept})
    return {"title": source.title, "uid": source.uid, "tags": ["procleak", "collectd", "memory"],
            "schemaVersion": 37, "version": 1, "editable": True, "refresh": "1m",
            "time": {"from": "now-24h", "to": "now"}, "timezone": "browser",
            "templating": {"list": source.variables()}, "annotations": {"list": []},
            "panels": panels}


def text(source):
    return json.dumps(dashboard(source), indent=1) + "\n"


SOURCES = {"grafana-prometheus.json": Prometheus(), "grafana-graphite.json": Graphite()}


def main():
    for name, source in SOURCES.items():
        with open(os.path.join(HERE, name), "w", encoding="ascii") as file:
            file.write(text(source))
    return 0


if __name__ == "__main__":
    sys.exit(main())
