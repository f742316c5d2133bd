#!/usr/bin/python3
"""Draws the pictures of how-it-decides.md and writes its sentences, both from what replay says.

    decisions.py            makes traces, replays them, draws, and rewrites the page
    decisions.py --check    tells where the page says other than replay does, and changes nothing

Needs build/procleak and build/tests/scenario/generate; to draw, rrdtool.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
PAGE = os.path.join(HERE, "how-it-decides.md")
PICTURES = os.path.join(HERE, "pictures")
sys.path.insert(0, os.path.join(ROOT, "conf", "graphs"))
import rrd_graphs  # noqa: E402

LEAK = "leak"
# part of the page -> family and seed of tests/scenario/, which always make the same trace
CASES = {
    LEAK: ("leak-connections-open", 2),
    "gc-leak": ("leak-gc-saw", 3),
    "saw": ("fine-gc-hours", 2),
    "warm-up": ("fine-warm-hours", 8),
    "season": ("fine-weekly", 9),
    "nightly": ("leak-nightly", 2),
    "keys": ("fine-key-cache", 7),
}
VERDICTS = [word for word, _ in rrd_graphs.VERDICTS]
SLOTS = 1500  # points of a picture
ALIKE = 0.1  # numbers of a sentence may differ by this share before the page is out of date
MEMORY = (("anon_bytes", "memory-anon", "value"), ("swap_bytes", "memory-swap", "value"))
DRIVERS = (("connections", "current_connections", "value"), ("fds", "file_handles", "value"),
           ("threads", "ps_count", "threads"))  # of the case that they explain


def trace_of(family, seed, directory):
    subprocess.run([os.path.join(BUILD, "tests", "scenario", "generate"), "--set", "tune", "--seeds",
                    str(seed), "--family", family, directory], check=True)
    return os.path.join(directory, "%s-%04d.csv" % (family, seed))


def replay(trace):
    """What procleak says of a trace: its changes of verdict. An alarm is no failure here."""
    done = subprocess.run([os.path.join(BUILD, "procleak"), "replay", trace],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit("decisions: replay failed on " + trace)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if not line.get("summary")]


def rows_of(trace):
    """[{column: number or None}, ...] in order of time."""
    with open(trace, encoding="ascii") as file:
        columns = file.readline().strip().split(",")
        return [{name: float(field) if field else None for name, field in
                 zip(columns, line.rstrip("\n").split(","))} for line in file]


def since_begin(seconds):
    hours = seconds / 3600
    return "%4.1f days" % (hours / 24) if hours >= 48 else "%4.1f hours" % hours


def sentences(said, begin_s):
    """The lines of the page: when, whether anybody is told, and what."""
    return ["%-11s %s  %s" % (since_begin(line["time"] - begin_s),
                              "ALARM" if line["alarm"] else "     ",
                              re.sub(r"^process\[\d+\] ", "", line["message"])) for line in said]


# --- the picture -------------------------------------------------------------------------------

def store(directory, name, points, source):
    """A file as collectd's rrdtool plugin would have made it, of [(time, value), ...]."""
    path = os.path.join(directory, name + ".rrd")
    step = max(1, int((points[-1][0] - points[0][0]) / SLOTS))
    slots = {int(time) // step * step: value for time, value in points if value is not None}
    if not slots:
        return
    archives = ["RRA:%s:0.5:1:%d" % (how, SLOTS + 10) for how in ("AVERAGE", "MIN", "MAX")]
    subprocess.run(["rrdtool", "create", path, "--start", str(min(slots) - step), "--step",
                    str(step), "DS:%s:GAUGE:%d:U:U" % (source, 4 * step), *archives], check=True)
    updates = ["%d:%.10g" % slot for slot in sorted(slots.items())]
    for at in range(0, len(updates), 500):
        subprocess.run(["rrdtool", "update", path, *updates[at:at + 500]], check=True)


def verdict_points(said, times):
    """The verdict at each of these times."""
    points, current, left = [], 0, list(said)
    for time in times:
        while left and left[0]["time"] <= time:
            current = VERDICTS.index(left.pop(0)["verdict"])
        points.append((time, current))
    return points


def draw(key, rows, said, work):
    data = os.path.join(work, key, "procleak-" + key)
    os.makedirs(data)
    times = [row["time"] for row in rows]
    for column, name, source in MEMORY + (DRIVERS if key == LEAK else ()):
        points = [(row["time"], row.get(column)) for row in rows]
        if any(value is not None for _, value in points):
            store(data, name, points, source)
    store(data, "gauge-verdict", verdict_points(said, times), "value")
    alarms = [(int(line["time"]), "alarm") for line in said if line["alarm"]]
    window = rrd_graphs.Window(int(times[0]), int(times[-1]), (720, 150), alarms)
    picture = dict((os.path.basename(path), (path, command)) for path, command in
                   rrd_graphs.calls(os.path.join(work, key), key, window, work))
    path, command = picture[key + "-drivers.png"]
    for option, words in (("--watermark", "drawn from a trace of tests/scenario"),
                          ("--title", "%s, seed %d" % CASES[key])):
        command[command.index(option) + 1] = words
    subprocess.run(command, cwd=os.path.join(work, key), stdout=subprocess.DEVNULL, check=True)
    shutil.move(path, os.path.join(PICTURES, "decides-%s.png" % key))


# --- the page ----------------------------------------------------------------------------------

def block(key, lines):
    return "\n".join(["<!-- %s -->" % key, "![%s](pictures/decides-%s.png)" % (key, key), "", "```",
                      *lines, "```", "<!-- /%s -->" % key])


def block_pattern(key):
    return re.compile(r"<!-- %s -->.*?<!-- /%s -->" % (key, key), re.S)


def is_alike(one, other):
    """The same words, and about the same numbers."""
    number = r"\d+(?:\.\d+)?"
    if re.sub(number, "0", one) != re.sub(number, "0", other):
        return False
    return all(abs(float(a) - float(b)) <= max(ALIKE * abs(float(a)), 0.2)
               for a, b in zip(re.findall(number, one), re.findall(number, other)))


def check(page, key, lines):
    """Where the page is out of date, as lines to print."""
    found = block_pattern(key).search(page)
    said = found[0].split("```")[1].strip("\n").split("\n") if found and "```" in found[0] else []
    if len(said) == len(lines) and all(map(is_alike, said, lines)):
        return []
    return ["%s: the page says" % key, *said, "and replay says", *lines]


def main():
    only_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not only_check:
        raise SystemExit(__doc__)
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    faults = []
    with tempfile.TemporaryDirectory() as work:
        for key, (family, seed) in CASES.items():
            trace = trace_of(family, seed, os.path.join(work, family))
            said = replay(trace)
            rows = rows_of(trace)
            lines = sentences(said, rows[0]["time"])
            if only_check:
                faults += check(page, key, lines)
                continue
            draw(key, rows, said, work)
            page = block_pattern(key).sub(lambda _, text=block(key, lines): text, page)
    if faults:
        print("\n".join(faults))
    if not only_check:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(page)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
