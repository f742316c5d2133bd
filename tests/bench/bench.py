#!/usr/bin/python3
"""make bench: what procleak costs beside its peers, and what a target loses; see README.md here.

bench.py [--part tables|growth|scale|loss]... [--population NAME]... [--tool WORD]... [--long] [--out FILE]

Runs in a pid namespace of its own, so that every tool sees the same processes and nothing else.
Prints tables and writes them to BENCHMARKS.md; results of parts that were not run are kept there.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import loss  # noqa: E402
import tools  # noqa: E402
from tools import BENCH, private  # noqa: E402

LIFE_S = 3000
GIB = 1 << 30

# name: (what it is, arguments of the population program)
POPULATIONS = {
    "small": ("300 small processes, all of them active once a second",
              ["--count", "300", "--own", "512K", "--active", "100"]),
    "mixed": ("2,000 mixed processes (150 more mappings, threads, or descriptors in each tenth), "
              "a fifth active once a second",
              ["--count", "2000", "--mixed", "--active", "20"]),
    "gib": ("50 processes of 1 GiB resident each, shared with their parent, all active once a "
            "second", ["--count", "50", "--shared", "1024M", "--active", "100"]),
    "idle": ("5,000 idle processes", ["--count", "5000", "--own", "64K"]),
}

GROWTH = {
    "processes": [(n, ["--count", str(n), "--own", "256K", "--active", "20"])
                  for n in (100, 300, 1000, 3000)],
    "MiB resident": [(n, ["--count", "1", "--own", "%dM" % n, "--active", "100"])
                     for n in (64, 256, 1024, 4096)],
    "mappings": [(n, ["--count", "1", "--mappings", str(n), "--active", "100"])
                 for n in (100, 1000, 10000, 60000)],
}
GROWTH_TOOLS = [tools.Procleak, tools.ProcessesMaps, tools.ExporterSmaps, tools.Pmap]


PID_MAX = "/proc/sys/kernel/pid_max"
PIDS = 200000


def set_pid_max(value):
    with contextlib.suppress(OSError), open(PID_MAX, "w", encoding="ascii") as file:
        file.write("%s" % value)


@contextlib.contextmanager
def room_for_pids():
    """Room for that many processes and threads, where the machine lets us; given back."""
    with open(PID_MAX, encoding="ascii") as file:
        before = file.read()
    try:
        if int(before) < PIDS:
            set_pid_max(PIDS)
        yield
    finally:
        set_pid_max(before)


def own_pid_namespace():
    """Goes on in one; newer kernels count to a pid_max in each of them."""
    if os.environ.get("BENCH_NAMESPACE"):
        set_pid_max(PIDS)
        return
    os.environ["BENCH_NAMESPACE"] = str(os.getpid())
    with room_for_pids():
        inside = private.start(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                                sys.executable, *sys.argv])
        status = inside.wait()
    sys.exit(1 if status else 0)


def reap_orphans():
    """We are init here: children of a population that was ended are ours to wait for."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.2)
                if not orphans():
                    return
        except ChildProcessError:
            return


def orphans():
    done = subprocess.run(["ps", "-o", "comm=", "--ppid", str(os.getpid())],
                          stdout=subprocess.PIPE, text=True, check=False)
    return [name for name in done.stdout.split() if name.startswith("population")]


class Population:
    """The processes that are measured, for as long as it is entered."""

    def __init__(self, arguments):
        self.arguments = arguments

    def __enter__(self):
        argv = [os.path.join(BENCH, "population"), *self.arguments, "--for", str(LIFE_S)]
        self.process = private.start(argv, stdout=subprocess.PIPE)
        answer = self.process.stdout.readline().decode().split()
        if len(answer) != 2:
            raise SystemExit("bench: the population did not start: %s" % " ".join(argv))
        done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                              stdout=subprocess.PIPE, text=True, check=True)
        tools.Pmap.population = [int(word) for word in done.stdout.split()]
        return int(answer[1])

    def __exit__(self, *_):
        private.stop(self.process)
        reap_orphans()


class Mark:
    """What a tool had done at an instant."""

    def __init__(self, tool):
        self.ticks = tool.ticks()
        self.cpu_s = tool.cpu_s()


def wait_ticks(tool, count, most_s):
    end = time.monotonic() + most_s
    while tool.ticks() < count and time.monotonic() < end:
        time.sleep(0.05)
    return tool.ticks() >= count


def between(tool, before, after):
    ticks = after.ticks - before.ticks
    if ticks < 1:
        return None
    return {"ticks": ticks, "cpu_ms": (after.cpu_s - before.cpu_s) * 1000 / ticks,
            "peak_mib": tool.peak_kib() / 1024}


def measure(tool, warm_ticks, ticks, most_s):
    """CPU time a tick over some ticks after some that are not counted, or None."""
    if not wait_ticks(tool, warm_ticks, most_s):
        return None
    before = Mark(tool)
    wait_ticks(tool, before.ticks + ticks, most_s)
    return between(tool, before, Mark(tool))


def work_dir(name):
    return os.path.join(private.BUILD, "bench", os.environ["BENCH_NAMESPACE"], name)


def say(text):
    print(text, flush=True)


def tell(name, result):
    if result:
        say("  %-34s %9.2f ms a tick, %6.1f MiB, %d ticks"
            % (name, result["cpu_ms"], result["peak_mib"], result["ticks"]))
    else:
        say("  %-34s did not finish" % name)


def floor(passes):
    done = subprocess.run([os.path.join(BENCH, "floor"), "population", str(passes)],
                          stdout=subprocess.PIPE, text=True, check=True)
    figures = {name: int(value) for name, value in
               (word.split("=") for word in done.stdout.split())}
    return {"ticks": passes, "peak_mib": 0, "cpu_ms":
            (figures["listing_us"] + figures["reading_us"]) / 1000 / passes}


def run_table(name, options):
    """All tools on one population; with --long procleak at 10 s beside the others all the time."""
    title, arguments = POPULATIONS[name]
    say("%s: %s" % (name, title))
    rows = {}
    with Population(arguments) as count:
        slow = tools.Procleak(work_dir("slow"), 10) if options.slow_ticks else None
        chosen = [tool for tool in [tools.Bare, *tools.PEERS] if options.wants(tool)]
        with slow or contextlib.nullcontext():
            with tools.Procleak(work_dir("tool"), 1) as fast:
                rows["procleak, 1 s"] = measure(fast, options.warm_ticks, options.own_ticks, 300)
            tell("procleak, 1 s", rows["procleak, 1 s"])
            for tool in chosen:
                with tool(work_dir("tool"), 1) as running:
                    rows[tool.name] = measure(running, 2, options.peer_ticks, 60)
                tell(tool.name, rows[tool.name])
            rows["floor"] = floor(10)
            if slow:
                rows["procleak, 10 s"] = measure(slow, 35, options.slow_ticks, 400)
                tell("procleak, 10 s", rows["procleak, 10 s"])
        tell("the kernel's floor", rows["floor"])
    return {"title": title, "count": count, "rows": rows}


def run_growth(options):
    results = {}
    for axis, points in GROWTH.items():
        results[axis] = {}
        for size, arguments in points:
            row = {}
            with Population(arguments):
                for tool in GROWTH_TOOLS:
                    own = tool is tools.Procleak
                    with tool(work_dir("tool"), 1) as running:
                        row[tool.name] = measure(running, 15 if own else 2,
                                                 20 if own else options.peer_ticks, 60)
                    say("  %d %s" % (size, axis))
                    tell(tool.name, row[tool.name])
            results[axis][size] = row
    return results


MATCHED = ["--count", "300", "--own", "256K", "--active", "20"]

# title: (tool, interval_s, ticks to warm up, ticks, arguments of each population)
SCALE = {
    "10,000 processes at 10 s, a fifth active": (tools.Procleak, 10, 26, 6, [
        ["--count", "10000", "--own", "64K", "--active", "20"]]),
    "50,000 in the table at 10 s, 300 of them matched": (tools.ProcleakOfSome, 10, 8, 6, [
        ["--count", "49700"], MATCHED]),
    "2,000 starts and exits a second beside 300 matched, at 1 s": (tools.ProcleakOfSome, 1, 20, 20, [
        ["--count", "1", "--starts", "2000"], MATCHED]),
    "19,000 descriptors in one process": (tools.Procleak, 1, 20, 20, [
        ["--count", "1", "--fds", "19000", "--active", "100"]]),
    "100,000 threads in one process": (tools.Procleak, 1, 20, 20, [
        ["--count", "1", "--threads", "100000", "--active", "100"]]),
    "60,000 mappings in one process": (tools.Procleak, 1, 20, 20, [
        ["--count", "1", "--mappings", "60000", "--active", "100"]]),
    "12 GiB resident in one process": (tools.Procleak, 1, 20, 20, [
        ["--count", "1", "--own", "12288M", "--active", "100"]]),
}
def last_value(tool, series):
    rows = tool.daemon.rows("self", series)
    return rows[-1][1] if rows else None


def run_scale(options):
    results = {}
    for title, (kind, interval_s, warm, ticks, populations) in SCALE.items():
        if options.tool and not any(word in title for word in options.tool):
            continue
        with contextlib.ExitStack() as stack:
            for arguments in populations:
                stack.enter_context(Population(arguments))
            tool = stack.enter_context(kind(work_dir("tool"), interval_s))
            row = measure(tool, warm, ticks, 400)
            if row:
                row["interval_s"] = interval_s
                row["hold_ms"] = (last_value(tool, "duration-longest_hold") or 0) * 1000
                row["matched"] = last_value(tool, "count-processes_matched")
                row["log"] = [line for line in tool.daemon.complaints()]
            results[title] = row
        tell(title, row)
        for line in row["log"] if row else []:
            say("    " + line)
    return results


# --- the report ----------------------------------------------------------------------------------

def ratio(value, base):
    return "%.1f" % (value / base) if base > 0 else "-"


def table_lines(name, result):
    rows, count = result["rows"], result["count"]
    own = [rows[key] for key in ("procleak, 1 s", "procleak, 10 s") if rows.get(key)]
    yield "### %s" % result["title"]
    yield ""
    yield "| tool | CPU a tick, ms | a process, us | peak, MiB | %s |" % (
        " | ".join(("times procleak at 1 s", "times procleak at 10 s")[:len(own)]))
    yield "|---|---:|---:|---:|%s" % ("---:|" * len(own))
    for tool, row in rows.items():
        if not row:
            yield "| %s | did not finish | | |%s" % (tool, " |" * len(own))
            continue
        ratios = " | ".join(ratio(row["cpu_ms"], base["cpu_ms"]) for base in own)
        yield "| %s | %.2f | %.1f | %s | %s |" % (
            "the kernel's floor (stat, status, fd count)" if tool == "floor" else tool,
            row["cpu_ms"], row["cpu_ms"] * 1000 / count,
            "%.0f" % row["peak_mib"] if row["peak_mib"] else "-", ratios)
    yield ""


def growth_lines(results):
    for axis, points in results.items():
        names = [tool.name for tool in GROWTH_TOOLS]
        yield "| %s | %s |" % (axis, " | ".join(names))
        yield "|---:|%s" % ("---:|" * len(names))
        for size, row in points.items():
            cells = ["%.2f" % row[name]["cpu_ms"] if row.get(name) else "-" for name in names]
            yield "| %s | %s |" % (size, " | ".join(cells))
        yield ""


def report_lines(data):
    yield "# What it costs"
    yield ""
    yield "Written by `make bench` (tests/bench); every figure was measured by the run named beside"
    yield "it, none is copied from elsewhere. CPU time is the kernel's own account of the tool"
    yield "(collectd as a whole, the exporter without its scraper), a tick is one reading of"
    yield "everything. All tools look at the same processes, in a pid namespace that holds nothing"
    yield "else. The peers' readings are a second apart. The machine was shared with other work:"
    yield "compare within a table, not across; CPU time of a loaded machine is longer than of an"
    yield "idle one, for all tools alike."
    yield ""
    for name in POPULATIONS:
        if name in data.get("tables", {}):
            result = data["tables"][name]
            yield from table_lines(name, result)
            yield "%s; `make bench ARGS=\"--part tables --population %s\"`" % (result["run"], name)
            yield ""
    if "scale" in data:
        yield "### Extremes: procleak in collectd, defaults"
        yield ""
        yield "| what | matched | CPU a tick, ms | of one core | peak, MiB | longest hold of a lock, ms |"
        yield "|---|---:|---:|---:|---:|---:|"
        for title, row in data["scale"]["results"].items():
            if row:
                hold = "-" if row["hold_ms"] is None else "%.1f" % row["hold_ms"]
                yield "| %s | %s | %.2f | %.2f %% | %.0f | %s |" % (
                    title, "%d" % row["matched"] if row.get("matched") else "-", row["cpu_ms"], row["cpu_ms"] / row["interval_s"] / 10, row["peak_mib"],
                    hold)
        yield ""
        yield "%s; `make bench ARGS=\"--part scale\"`" % data["scale"]["run"]
        yield ""
    if "growth" in data:
        yield "### Growth of the cost: CPU a tick, in ms"
        yield ""
        yield from growth_lines(data["growth"]["results"])
        yield "%s; `make bench ARGS=\"--part growth\"`" % data["growth"]["run"]
        yield ""
    if "loss" in data:
        yield from loss.report_lines(data["loss"]["results"])
        yield "%s; `make bench ARGS=\"--part loss\"`" % data["loss"]["run"]
        yield ""
    yield "### What was run"
    yield ""
    for tool in [tools.Procleak, tools.Bare, *tools.PEERS]:
        yield "* %s: %s" % (tool.name, tool.command)
    yield ""


def this_run():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    return "%s, Linux %s, %s CPUs (%s), load %.1f" % (
        datetime.datetime.now().strftime("%Y-%m-%d %H:%M"), platform.release(), os.cpu_count(),
        model.group(1).strip() if model else platform.machine(), os.getloadavg()[0])


def versions():
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "collectd-core",
                           "netdata-core", "prometheus-process-exporter", "procps", "smem"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.splitlines()


def save(data, path):
    cache = os.path.join(private.ROOT, "tests", "bench", "figures.json")
    with open(cache, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1, sort_keys=False)
        file.write("\n")
    lines = list(report_lines(data))
    lines += ["Versions: " + ", ".join(data["versions"]) + ".", ""]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip() + "\n")


def load():
    try:
        with open(os.path.join(HERE, "figures.json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def options_of():
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=["tables", "growth", "scale", "loss"])
    parser.add_argument("--population", action="append", choices=list(POPULATIONS))
    parser.add_argument("--tool", action="append", help="only tools with this word in their name")
    parser.add_argument("--warm", type=int, help="ticks of procleak that are not counted")
    parser.add_argument("--long", action="store_true", help="more ticks, more pairs, every part")
    parser.add_argument("--out", default=os.path.join(private.ROOT, "BENCHMARKS.md"))
    options = parser.parse_args()
    options.part = options.part or (["tables", "growth", "scale", "loss"] if options.long
                                    else ["tables", "loss"])
    options.population = options.population or (list(POPULATIONS) if options.long
                                                else ["mixed", "gib"])
    options.warm_ticks, options.own_ticks = (90, 60) if options.long else (50, 20)
    options.warm_ticks = options.warm or options.warm_ticks
    options.peer_ticks = 10 if options.long else 5
    options.slow_ticks = 12 if options.long else 0
    options.pairs = 10 if options.long else 4
    options.wants = lambda tool: not options.tool or any(word in tool.name
                                                         for word in options.tool)
    return options


def main():
    options = options_of()
    if os.geteuid() != 0:
        raise SystemExit("bench: wants root")
    private.exit_on_signals()
    own_pid_namespace()
    data = load()
    data["versions"] = versions()
    if "tables" in options.part:
        for name in options.population:
            result = run_table(name, options)
            result["run"] = this_run()
            data.setdefault("tables", {})[name] = result
            save(data, options.out)
    if "growth" in options.part:
        data["growth"] = {"results": run_growth(options), "run": this_run()}
        save(data, options.out)
    if "scale" in options.part:
        results = run_scale(options)
        data = load()
        kept = data.setdefault("scale", {}).setdefault("results", {})
        kept.update(results)
        data["scale"]["results"] = {title: kept[title] for title in SCALE if title in kept}
        data["scale"]["run"] = this_run()
        save(data, options.out)
    if "loss" in options.part:
        data["loss"] = {"results": loss.run(options, work_dir, say), "run": this_run()}
        save(data, options.out)
    say("written: %s" % options.out)


if __name__ == "__main__":
    main()
