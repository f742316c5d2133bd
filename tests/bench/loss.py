"""What a target loses in throughput and in latency while a tool looks at it once a second.

Blocks with the tool held still and blocks with it running take turns, so that each pair stands side
by side on a noisy machine. The control is a pair in which nothing runs in either block.
"""

import os
import signal
import statistics
import subprocess
import threading
import time

import tools
from tools import BENCH, private

RESIDENT = "2048M"
BLOCK_S = 4.0
SETTLE_S = 0.3  # after a switch
LOSS_TOOLS = [None, tools.Procleak, tools.ProcessesMaps, tools.ExporterSmaps, tools.Apps,
              tools.Pmap, tools.Smem]
WARM_TICKS = {tools.Procleak: 15}


class Target:
    """The target, and what it said, line by line."""

    def __enter__(self):
        argv = [os.path.join(BENCH, "target"), "--resident", RESIDENT, "--threads", "2",
                "--for", "3000"]
        self.process = private.start(argv, stdout=subprocess.PIPE)
        self.lines = []
        if not self.process.stdout.readline().startswith(b"ready"):
            raise SystemExit("bench: the target did not start")
        threading.Thread(target=self.read, daemon=True).start()
        tools.Pmap.population = [self.process.pid]
        return self

    def read(self):
        for line in self.process.stdout:
            at, rounds, cpu_us, longest_us, counts = line.split()
            self.lines.append((float(at), int(rounds), float(cpu_us), float(longest_us),
                               [int(count) for count in counts.split(b",")]))

    def between(self, begin, end):
        """What it did in a span of time: rounds a second, us that 999 of 1000 rounds took less
        than, the longest round."""
        lines = [line for line in self.lines if begin <= line[0] - 0.1 and line[0] <= end]
        counts = [sum(column) for column in zip(*(line[4] for line in lines))]
        total, seen = sum(counts), 0
        p999_us = 0
        for bucket, count in enumerate(counts):
            seen += count
            if seen >= total * 0.999:
                p999_us = 2 ** (bucket / 4)
                break
        return {"rounds_per_s": sum(line[1] for line in lines) / (len(lines) * 0.1),
                "rounds_per_cpu_s": sum(line[1] for line in lines) * 1e6
                / sum(line[2] for line in lines),
                "p999_us": p999_us, "longest_us": max(line[3] for line in lines)}

    def __exit__(self, *_):
        private.stop(self.process)


class Switch:
    """Holds a tool still and lets it go on."""

    def __init__(self, tool):
        self.tool = tool

    def set(self, running):
        if self.tool is None:
            return
        if isinstance(self.tool, tools.Command):
            self.tool.allowed.set() if running else self.tool.allowed.clear()
        else:
            os.kill(self.tool.process.pid, signal.SIGCONT if running else signal.SIGSTOP)


def block(target):
    time.sleep(SETTLE_S)
    begin = time.monotonic()
    time.sleep(BLOCK_S)
    return target.between(begin, time.monotonic())


def pair_off(target, tool, pairs):
    """[(without, with), ...]; which of the two comes first takes turns."""
    switch, results = Switch(tool), []
    for number in range(pairs):
        both = {}
        for running in ((False, True) if number % 2 == 0 else (True, False)):
            switch.set(running)
            both[running] = block(target)
        results.append((both[False], both[True]))
    switch.set(True)
    return results


def sum_up(results):
    """Medians over the pairs, and how far the middle half of the ratios spreads."""
    def ratios(key):
        return sorted(on[key] / off[key] for off, on in results if off[key] > 0)

    out = {"pairs": len(results)}
    for key in ("rounds_per_s", "rounds_per_cpu_s", "p999_us"):
        values = ratios(key)
        out[key] = {"median": statistics.median(values), "low": values[len(values) // 4],
                    "high": values[-1 - len(values) // 4]}
    out["off_p999_us"] = statistics.median(off["p999_us"] for off, _ in results)
    out["on_p999_us"] = statistics.median(on["p999_us"] for _, on in results)
    out["off_longest_us"] = statistics.median(off["longest_us"] for off, _ in results)
    out["on_longest_us"] = statistics.median(on["longest_us"] for _, on in results)
    return out


def run(options, work_dir, say):
    table = {}
    with Target() as target:
        for tool in LOSS_TOOLS:
            if tool is None:
                name, results = "no tool (the noise)", pair_off(target, None, options.pairs)
            elif not options.wants(tool) and tool is not tools.Procleak:
                continue
            else:
                with tool(work_dir("loss"), 1) as running:
                    end = time.monotonic() + 60
                    while running.ticks() < WARM_TICKS.get(tool, 2) and time.monotonic() < end:
                        time.sleep(0.1)
                    name, results = tool.name, pair_off(target, running, options.pairs)
            table[name] = sum_up(results)
            row = table[name]
            say("  %-34s throughput x %.3f (%.3f..%.3f), p99.9 %.0f -> %.0f us"
                % (name, row["rounds_per_s"]["median"], row["rounds_per_s"]["low"],
                   row["rounds_per_s"]["high"], row["off_p999_us"], row["on_p999_us"]))
    return table


def report_lines(table):
    yield "### What a target loses"
    yield ""
    yield "Two threads map, fault in and unmap 64 KiB without pause, beside %s resident; each" % (
        RESIDENT.replace("2048M", "2 GiB"))
    yield "tool looks once a second. Blocks of %.0f s with and without the tool take turns; medians" % (
        BLOCK_S)
    yield "of the pairs' ratios, with the middle half of them in brackets. The first row compares"
    yield "nothing with nothing: what is within its brackets cannot be told from noise."
    yield ""
    yield ("| tool | throughput, ratio | rounds a CPU second, ratio | p99.9, us, without | with "
           "| longest, us, without | with | pairs |")
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    for name, row in table.items():
        cells = ["%.3f (%.3f..%.3f)" % (row[key]["median"], row[key]["low"], row[key]["high"])
                 for key in ("rounds_per_s", "rounds_per_cpu_s")]
        yield "| %s | %s | %.0f | %.0f | %.0f | %.0f | %d |" % (
            name, " | ".join(cells), row["off_p999_us"], row["on_p999_us"],
            row["off_longest_us"], row["on_longest_us"], row["pairs"])
    yield ""
