#!/usr/bin/python3
# Regions in a real collectd: on an instance of their own, beside what awk reads of smaps, and adding
# up to what is resident.
from harness import *

NAME = "regions%d" % os.getpid()
TOLERANCE = 128 * 1024


def heap_bytes(pid):
    """What of the brk heap is resident."""
    out = _run_awk("/^[0-9a-f]+-/ { heap = $NF == \"[heap]\" } heap && /^Rss:/ { sum += $2 } "
                   "END { print sum + 0 }", "/proc/%d/smaps" % pid)
    return int(out) * 1024


def _run_awk(text, path):
    return subprocess.run(["awk", text, path], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def main():
    server = program("leaky-server", "--name", NAME)
    # a baseline is read a minute after the start; no time is left for that here
    daemon = collectd('TimeScale 60\nMaxLockTime 1000\nProcess "%s"' % NAME).start()
    instance = NAME + "-regions"
    wait_for(lambda: daemon.value(instance, "memory-heap") is not None)
    want = heap_bytes(server.pid)
    is_near(daemon.settle(instance, "memory-heap", want, TOLERANCE), want, TOLERANCE,
            "the brk heap is what awk sees")
    names = [series for series in daemon.series(instance) if series.startswith("memory-")]
    ok({"memory-heap", "memory-stack", "memory-library", "memory-file", "memory-swap"} <= set(names),
       "the parts of a simple program", names)
    total = sum(daemon.value(instance, series) or 0 for series in names)
    want = status_bytes([server.pid], "VmRSS") + status_bytes([server.pid], "VmSwap")
    # pages of the vdso are in no process' resident set
    is_near(total, want, want / 20 + TOLERANCE, "they add up to the resident set")
    ok(all(not series.startswith("memory-heap") for series in daemon.series(NAME)),
       "the match itself keeps its own parts", daemon.series(NAME))
    check_quiet(daemon)
    stop(server)
    finish()


main()
