"""Draws what collectd's rrdtool plugin stored, as PNG. Reads nothing but those files."""

import math
import os
import subprocess

WIDTH, HEIGHT = 820, 260
MIB = 2**20
KINDS = (  # bottom to top; they are disjoint, so they stack
    ("anon", "#c0504d", "anonymous"),
    ("shmem", "#8064a2", "shared memory"),
    ("file", "#4f81bd", "files"),
    ("swap", "#7f7f7f", "swap"),
)
LEAKY_COLOR, STEADY_COLOR, CONNECTIONS_COLOR, ALARM_COLOR = "#c0504d", "#2e7d32", "#1f4e79", "#000000"


def _define(name, data_dir, match, series, unit=MIB):
    """DEF and CDEF of a series in units of `unit`, or nothing when it was never written. The path is
    relative to the directory of the data, so that no odd character in it needs an escape."""
    path = os.path.join("procleak-" + match, series + ".rrd")
    if not os.path.exists(os.path.join(data_dir, path)):
        return []
    return ["DEF:%s_raw=%s:value:AVERAGE" % (name, path), "CDEF:%s=%s_raw,%d,/" % (name, name, unit)]


def _highest(data_dir, match, series, window, unit=MIB):
    """The highest value of a series in the window, or 0."""
    define = _define("x", data_dir, match, series, unit)
    if not define:
        return 0.0
    out = subprocess.run(["rrdtool", "graph", "/dev/null", "--start", str(window[0]), "--end",
                          str(window[1]), *define, "VDEF:top=x,MAXIMUM", "PRINT:top:%.6le"],
                         cwd=data_dir, stdout=subprocess.PIPE, text=True, check=True).stdout
    top = float(out.split()[-1])
    return top if top > 0 else 0.0  # also when it is not a number


def _graph(picture, data_dir, window, title, label, alarm_s, *rest):
    """One PNG, its time axis marked every ten seconds, the notification as a dashed line."""
    marks = ["VRULE:%d%s:  notification\\l:dashes=4,3" % (alarm_s, ALARM_COLOR)] if alarm_s else []
    subprocess.run(["rrdtool", "graph", picture, "--start", str(window[0]), "--end", str(window[1]),
                    "--width", str(WIDTH), "--height", str(HEIGHT), "--title", title,
                    "--vertical-label", label, "--x-grid",
                    "SECOND:5:SECOND:10:SECOND:10:0:%H:%M:%S", "--slope-mode", "--border", "0",
                    "--units-exponent", "0",
                    "--font", "DEFAULT:9:DejaVu Sans", "--font", "TITLE:12:DejaVu Sans",
                    "--font", "LEGEND:9:DejaVu Sans Mono", "--font", "WATERMARK:7:DejaVu Sans",
                    "--color", "BACK#ffffff", "--color", "CANVAS#fafafa", "--watermark",
                    "procleak, drawn from the files of collectd's rrdtool plugin", *rest, *marks],
                   cwd=data_dir, stdout=subprocess.DEVNULL, check=True)
    return picture


def _legend(name, unit):
    return ["GPRINT:%s:LAST:%%8.1lf %s now" % (name, unit),
            "GPRINT:%s:MAX:%%8.1lf %s at most\\l" % (name, unit)]


def _memory_by_kind(picture, data_dir, window, match, top_mib, alarm_s):
    drawn = []
    for kind, color, label in KINDS:
        define = _define(kind, data_dir, match, "memory-" + kind)
        if define:
            stack = ":STACK" if drawn else ""
            drawn += [*define, "AREA:%s%s:  %-15s%s" % (kind, color, label, stack),
                      *_legend(kind, "MiB")]
    return _graph(picture, data_dir, window, match + ": memory by kind", "MiB", alarm_s,
                  "--lower-limit", "0", "--upper-limit", "%.0f" % top_mib, "--rigid", *drawn)


def _growth(picture, data_dir, window, matches, alarm_s):
    top = max(_highest(data_dir, match, "gauge-growth", window) for match in matches)
    drawn = []
    for name, match, color in (("leaky", matches[0], LEAKY_COLOR),
                               ("steady", matches[1], STEADY_COLOR)):
        define = _define(name, data_dir, match, "gauge-growth")
        if define:
            drawn += [*define, "LINE2:%s%s:  %-15s" % (name, color, match),
                      *_legend(name, "MiB an hour")]
    return _graph(picture, data_dir, window, "Growth as procleak estimates it", "MiB an hour",
                  alarm_s, "--lower-limit", "%.0f" % (-top / 20), *drawn)


def _round_up(number):
    """To 1, 2, 5 or 8 times a power of ten, so that the right axis bears whole numbers."""
    power = 10.0 ** math.floor(math.log10(number))
    return power * min(step for step in (1, 2, 5, 8, 10) if step * power >= number)


def _memory_and_connections(picture, data_dir, window, match, alarm_s):
    """Two axes over one time: what grows together belongs together."""
    series = "current_connections-CLOSE_WAIT"
    memory_top = _highest(data_dir, match, "memory-anon", window) or 1.0
    scale = _round_up((_highest(data_dir, match, series, window, 1) or 1.0) / memory_top)
    drawn = [*_define("memory", data_dir, match, "memory-anon"),
             "AREA:memory%s55:  %-33s" % (LEAKY_COLOR, "anonymous memory (left)"),
             "LINE1:memory%s" % LEAKY_COLOR, "GPRINT:memory:LAST:%8.1lf MiB now\\l"]
    connections = _define("connections", data_dir, match, series, 1)
    if connections:
        drawn += [*connections, "CDEF:scaled=connections,%g,/" % scale,
                  "LINE2:scaled%s:  %-33s" % (CONNECTIONS_COLOR, "connections in CLOSE_WAIT (right)"),
                  "GPRINT:connections:LAST:%8.0lf now\\l"]
    return _graph(picture, data_dir, window, match + ": memory beside connections", "MiB", alarm_s,
                  "--lower-limit", "0", "--right-axis", "%g:0" % scale, "--right-axis-label",
                  "connections", "--right-axis-format", "%.0lf", *drawn)


def draw(data_dir, out_dir, matches, begin_s, end_s, alarm_s):
    """Draws all pictures of a leaking and a steady match. Returns their paths."""
    window = (int(begin_s), int(end_s))
    leaky, steady = matches
    top = 1.1 * sum(_highest(data_dir, leaky, "memory-" + kind, window) for kind, _, _ in KINDS)

    def place(name):
        return os.path.join(out_dir, name + ".png")

    return [
        _memory_by_kind(place(leaky + "-memory"), data_dir, window, leaky, top, alarm_s),
        _memory_by_kind(place(steady + "-memory"), data_dir, window, steady, top, None),
        _growth(place("growth"), data_dir, window, matches, alarm_s),
        _memory_and_connections(place(leaky + "-connections"), data_dir, window, leaky, alarm_s),
    ]
