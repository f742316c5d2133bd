#!/usr/bin/python3
"""Draws what procleak said of processes, from the files that collectd's rrdtool plugin keeps.

    rrd_graphs.py [OPTION]... DIRECTORY [NAME]...

DIRECTORY is that of a host below collectd's DataDir, such as /var/lib/collectd/rrd/HOST; a NAME is
that of a match (or NAME-PID, NAME-cgroup), and all are drawn when none is given. Of each, four pictures over one time axis with
a strip below them that has the colour of the verdict:

    NAME-memory.png    memory by kind, stacked
    NAME-regions.png   memory by what it is for, stacked
    NAME-growth.png    growth with its interval, and the smallest leak that would have been seen
    NAME-drivers.png   memory beside connections, descriptors and threads

    --begin TIME  --end TIME     as rrdtool takes them (the last day)
    --out DIRECTORY              where the pictures go (here)
    --mark TIME                  a dashed line there, such as a deploy; may be given again
    --width N  --height N        of the plot, in pixels
    --print                      the calls of rrdtool, to go on from, instead of pictures

Reads nothing but those files, and starts nothing but rrdtool.
"""

import argparse
import math
import os
import shlex
import subprocess
import sys

# bottom to top; they do not overlap, so they stack
KINDS = (
    ("anon", "#c0504d", "anonymous"),
    ("shmem", "#8064a2", "shared memory"),
    ("file", "#4f81bd", "files"),
    ("swap", "#7f7f7f", "swap"),
)
REGIONS = (
    ("heap", "#c0504d", "brk heap"),
    ("arena", "#e46c0a", "glibc arenas"),
    ("anon", "#d99694", "anonymous mappings"),
    ("jemalloc", "#f79646", "jemalloc"),
    ("tcmalloc", "#fac090", "tcmalloc"),
    ("mimalloc", "#c55a11", "mimalloc"),
    ("scudo", "#984807", "Scudo"),
    ("go", "#00a3a3", "Go runtime"),
    ("java", "#b8860b", "Java heap"),
    ("metaspace", "#8b6914", "JVM metaspace"),
    ("v8", "#76933c", "V8 heap"),
    ("art", "#4f6228", "ART heap"),
    ("named", "#c3a5d8", "named anonymous mappings"),
    ("stack", "#31859c", "thread stacks"),
    ("jit", "#93cddd", "JIT code"),
    ("program", "#1f497d", "the program's data"),
    ("library", "#8db3e2", "library data"),
    ("file", "#4f81bd", "file mappings"),
    ("shmem", "#8064a2", "shared anonymous memory"),
    ("shm", "#604a7b", "POSIX shared memory"),
    ("sysv", "#b3a2c7", "SysV shared memory"),
    ("memfd", "#ccc1da", "memfd files"),
    ("zgc", "#daa520", "Java heap (ZGC)"),
    ("hugetlb", "#404040", "hugetlb pages"),
    ("vdso", "#a6a6a6", "pages of the kernel"),
    ("other", "#bfbfbf", "devices and the like"),
    ("swap", "#7f7f7f", "swap"),
)
# of what is charged to a cgroup; from "tmpfs" on no process explains it
CGROUP = (
    ("anon", "#c0504d", "anonymous memory"),
    ("file", "#4f81bd", "pages of files"),
    ("shmem", "#8064a2", "shared memory in use"),
    ("slab", "#a6a6a6", "kernel objects that can be given up"),
    ("other", "#bfbfbf", "other memory of the kernel"),
    ("tmpfs", "#e46c0a", "tmpfs or shared memory that no process maps"),
    ("sock", "#e69f00", "socket buffers"),
    ("page_tables", "#31859c", "page tables"),
    ("slab_unreclaimable", "#76933c", "kernel objects (slab)"),
    ("percpu", "#c3a5d8", "per-CPU memory of the kernel"),
    ("kernel_stacks", "#1f497d", "kernel stacks"),
    ("kernel", "#404040", "memory of the kernel"),
)
VERDICTS = (
    ("learning", "#b0bec5"),
    ("steady", "#43a047"),
    ("growing", "#fbc02d"),
    ("leaking", "#e53935"),
    ("critical", "#7b1fa2"),
)
# file, data source, colour, words: what a leak may come with
DRIVERS = (
    ("current_connections", "value", "#1f4e79", "connections"),
    ("file_handles", "value", "#e69f00", "open descriptors"),
    ("ps_count", "threads", "#2e7d32", "threads"),
)
GROWTH, BAND, FLOOR, MEMORY = "#c0504d", "#c0504d44", "#1f4e79", "#c0504d"
UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))
SELF, REGION_SUFFIX, CGROUP_SUFFIX = "procleak-self", "-regions", "-cgroup"
STRIP = 0.035  # height of the verdict's strip, of the plot
REST = 0.005  # parts of a stack that are smaller than this share of it are drawn as one
REST_COLOR = "#d9d9d9"


class Window:
    """The span that is drawn, the size, and what is marked in it."""

    def __init__(self, begin, end, size=(820, 220), marks=(), x_grid=None):
        self.begin, self.end = str(begin), str(end)
        self.width, self.height = size
        self.marks = marks  # of (time, words)
        self.x_grid = x_grid

    def span(self):
        return ["--start", self.begin, "--end", self.end]


def escaped(text):
    """For a place where rrdtool takes a colon for the end of a word."""
    return text.replace("\\", "\\\\").replace(":", "\\:")


class Match:
    """The series of one match, as files. Paths are relative to the directory of the host."""

    def __init__(self, data_dir, name):
        self.data_dir = data_dir
        self.name = name

    def path(self, series, suffix=""):
        return os.path.join("procleak-" + self.name + suffix, series + ".rrd")

    def has(self, series, suffix=""):
        return os.path.exists(os.path.join(self.data_dir, self.path(series, suffix)))

    def define(self, name, series, source="value", how="AVERAGE", suffix=""):
        return "DEF:%s=%s:%s:%s" % (name, escaped(self.path(series, suffix)), source, how)

    def highest(self, window, definitions, expression):
        """The highest value of an expression over the window; 0 where nothing is known."""
        argv = ["rrdtool", "graph", os.devnull, *window.span(), *definitions,
                "CDEF:whole=" + expression, "VDEF:top=whole,MAXIMUM", "PRINT:top:%.6le"]
        out = subprocess.run(argv, cwd=self.data_dir, stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        top = float(out.split()[-1])
        return top if math.isfinite(top) and top > 0 else 0.0


def unit_for(top):
    """The unit in which a number of bytes is easy to read: (name, size)."""
    return next((unit for unit in UNITS if top >= unit[1]), UNITS[-1])


def round_up(number):
    """To 1, 2, 5 or 8 times a power of ten, so that an axis bears whole numbers."""
    power = 10.0 ** math.floor(math.log10(number))
    return power * min(step for step in (1, 2, 5, 8, 10) if step * power >= number)


def verdict_strip(match):
    """Ticks side by side at the foot of the plot; over a long time the worst of each pixel."""
    if not match.has("gauge-verdict"):
        return []
    drawn = [match.define("verdict", "gauge-verdict", how="MAX"), "COMMENT:  verdict  "]
    for number, (word, color) in enumerate(VERDICTS):
        drawn += ["CDEF:is_%s=verdict,%d,EQ" % (word, number),
                  "TICK:is_%s%s:%g:  %s   " % (word, color, STRIP, word)]
    return drawn + ["COMMENT:\\l"]


def call(picture, window, title, label, drawn, options=()):
    """The command of one picture."""
    marks, told = [], set()
    for time, words in window.marks:
        legend = "" if words in told else "  %s\\l" % escaped(words)
        marks.append("VRULE:%s#000000:%s:dashes=4,3" % (escaped(str(time)), legend))
        told.add(words)
    grid = ["--x-grid", window.x_grid] if window.x_grid else []
    return ["rrdtool", "graph", picture, *window.span(), *grid,
            "--width", str(window.width), "--height", str(window.height),
            "--title", title, "--vertical-label", label, "--units-exponent", "0",
            "--slope-mode", "--border", "0", "--color", "BACK#ffffff", "--color", "CANVAS#fafafa",
            "--font", "DEFAULT:9:DejaVu Sans", "--font", "TITLE:12:DejaVu Sans",
            "--font", "LEGEND:9:DejaVu Sans Mono", "--font", "WATERMARK:7:DejaVu Sans",
            "--watermark", "procleak, drawn from the files of collectd's rrdtool plugin",
            *options, *drawn, *marks]


def figures(name, unit, digits=1):
    return ["GPRINT:%s:LAST:%%9.%dlf %s now" % (name, digits, unit),
            "GPRINT:%s:MAX:%%9.%dlf %s at most\\l" % (name, digits, unit)]


def added(kinds):
    """The sum of what is known of them; unknown where nothing is."""
    raw = ["raw_" + kind for kind in kinds]
    return ",".join(raw + ["ADDNAN"] * (len(raw) - 1))


def stack(match, window, parts, suffix=""):
    """Parts that add up: (drawn, unit). What is too thin to be seen is drawn together."""
    kinds = [part[0] for part in parts if match.has("memory-" + part[0], suffix)]
    define = {kind: match.define("raw_" + kind, "memory-" + kind, suffix=suffix) for kind in kinds}
    tops = {kind: match.highest(window, [define[kind]], "raw_" + kind) for kind in kinds}
    if not kinds:
        return [], ""
    whole = match.highest(window, define.values(), added(kinds))
    shown = [part for part in parts if tops.get(part[0], 0) > REST * whole]
    rest = [kind for kind in kinds if 0 < tops[kind] <= REST * whole]
    unit, size = unit_for(whole)
    layers = [(kind, color, words, [kind]) for kind, color, words in shown]
    if rest:
        layers.append(("rest", REST_COLOR, "all else", rest))
    wide = max((len(words) for _, _, words, _ in layers), default=0)
    drawn = []
    for name, color, words, summed in layers:
        stacked = ":STACK" if drawn else ""
        drawn += [define[kind] for kind in summed]
        drawn += ["CDEF:%s=%s,%d,/" % (name, added(summed), size),
                  "AREA:%s%s:  %-*s%s" % (name, color, wide, words, stacked),
                  *figures(name, unit)]
    return drawn, unit


def memory(match, window, picture):
    parts = CGROUP if match.name.endswith(CGROUP_SUFFIX) else KINDS
    drawn, unit = stack(match, window, parts)
    return drawn and call(picture, window, match.name + ": memory by kind", unit,
                          drawn + verdict_strip(match), ["--lower-limit", "0"])


def regions(match, window, picture):
    drawn, unit = stack(match, window, REGIONS, REGION_SUFFIX)
    return drawn and call(picture, window, match.name + ": memory by what it is for", unit,
                          drawn + verdict_strip(match), ["--lower-limit", "0"])


def growth(match, window, picture):
    if not match.has("gauge-growth"):
        return []
    define = match.define("raw", "gauge-growth")
    top = match.highest(window, [define], "raw,ABS")
    if match.has("gauge-detection_floor"):
        floor = match.define("raw_floor", "gauge-detection_floor")
        top = max(top, match.highest(window, [floor], "raw_floor"))
    unit, size = unit_for(top)
    drawn = []
    if match.has("gauge-growth_low") and match.has("gauge-growth_high"):
        drawn += [match.define("raw_low", "gauge-growth_low"),
                  match.define("raw_high", "gauge-growth_high"),
                  "CDEF:low=raw_low,%d,/" % size, "CDEF:wide=raw_high,raw_low,-,%d,/" % size,
                  "AREA:low", "AREA:wide%s:  the interval of the growth\\l:STACK" % BAND]
    if match.has("gauge-detection_floor"):
        drawn += [floor, "CDEF:floor=raw_floor,%d,/" % size,
                  "LINE1:floor%s:  %-33s:dashes=3,3" % (FLOOR, "a leak would be seen from"),
                  *figures("floor", unit + "/h")]
    drawn += [define, "CDEF:growth=raw,%d,/" % size, "LINE2:growth%s:  %-33s" % (GROWTH, "growth"),
              *figures("growth", unit + "/h"), "HRULE:0#00000066"]
    return call(picture, window, match.name + ": growth of its memory", unit + " an hour",
                drawn + verdict_strip(match), ["--lower-limit", "0"])


def drivers(match, window, picture):
    """Two axes over one time: what grows together belongs together."""
    present = [driver for driver in DRIVERS if match.has(driver[0])]
    if match.name.endswith(CGROUP_SUFFIX) or not match.has("memory-anon"):
        return []
    define = [match.define("anon", "memory-anon")]
    private = "anon"
    if match.has("memory-swap"):
        define += [match.define("swap", "memory-swap")]
        private = "anon,swap,ADDNAN"
    top = match.highest(window, define, private)
    unit, size = unit_for(top)
    tops = [match.highest(window, [match.define("x", file, source)], "x")
            for file, source, _, _ in present]
    drawn = [*define, "CDEF:memory=%s,%d,/" % (private, size),
             "AREA:memory%s55:  %-33s" % (MEMORY, "anonymous memory and swap (left)"),
             "LINE1:memory" + MEMORY, *figures("memory", unit)]
    options = ["--lower-limit", "0"]
    if present:
        scale = round_up((max(tops) or 1.0) / (top / size or 1.0))
        options += ["--right-axis", "%g:0" % scale, "--right-axis-label", "count",
                    "--right-axis-format", "%.0lf"]
    for number, (file, source, color, words) in enumerate(present):
        drawn += [match.define("driver%d" % number, file, source),
                  "CDEF:scaled%d=driver%d,%g,/" % (number, number, scale),
                  "LINE2:scaled%d%s:  %-33s" % (number, color, words + " (right)"),
                  *figures("driver%d" % number, " " * len(unit), 0)]
    return call(picture, window, match.name + ": memory beside what it may come with", unit,
                drawn + verdict_strip(match), options)


PICTURES = (("memory", memory), ("regions", regions), ("growth", growth), ("drivers", drivers))


def names(data_dir):
    """Every match that has a verdict or memory below a host's directory."""
    found = [name[len("procleak-"):] for name in os.listdir(data_dir)
             if name.startswith("procleak-") and name != SELF]
    return sorted(name for name in found if not (
        name.endswith(REGION_SUFFIX) and name[:-len(REGION_SUFFIX)] in found))


def calls(data_dir, name, window, out_dir):
    """[(path of a picture, the command that draws it), ...]; none of what was never stored."""
    match = Match(data_dir, name)
    found = []
    for word, make in PICTURES:
        picture = os.path.abspath(os.path.join(out_dir, "%s-%s.png" % (name, word)))
        command = make(match, window, picture)
        if command:
            found.append((picture, command))
    return found


def draw(data_dir, name, window, out_dir):
    """Draws all pictures of a match. Returns their paths."""
    made = calls(data_dir, name, window, out_dir)
    for _, command in made:
        subprocess.run(command, cwd=data_dir, stdout=subprocess.DEVNULL, check=True)
    return [picture for picture, _ in made]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0],
                                     epilog=__doc__.split("\n\n", 2)[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("name", nargs="*")
    parser.add_argument("--begin", default="end-1d")
    parser.add_argument("--end", default="now")
    parser.add_argument("--out", default=".")
    parser.add_argument("--mark", action="append", default=[])
    parser.add_argument("--width", type=int, default=820)
    parser.add_argument("--height", type=int, default=220)
    parser.add_argument("--print", action="store_true", dest="only_print")
    return parser.parse_args()


def main():
    given = arguments()
    data_dir = given.directory
    if not os.path.isdir(data_dir):
        raise SystemExit("rrd_graphs: %s is no directory" % data_dir)
    wanted = given.name or names(data_dir)
    window = Window(given.begin, given.end, (given.width, given.height),
                    [(time, "mark") for time in given.mark])
    if not wanted:
        raise SystemExit("rrd_graphs: nothing of procleak in %s: is it a host's directory below "
                         "DataDir?" % data_dir)
    status = 0
    for name in wanted:
        made = calls(data_dir, name, window, given.out)
        if not made:
            print("rrd_graphs: nothing of %s in %s" % (name, data_dir), file=sys.stderr)
            status = 1
        for picture, command in made:
            if given.only_print:
                print("(cd %s && %s)" % (shlex.quote(data_dir), shlex.join(command)))
                continue
            subprocess.run(command, cwd=data_dir, stdout=subprocess.DEVNULL, check=True)
            print(os.path.relpath(picture))
    return status


if __name__ == "__main__":
    sys.exit(main())
