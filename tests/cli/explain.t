#!/usr/bin/python3
"""What `explain` prints of evidence that blames no process."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import finish, ok  # noqa: E402

PROCLEAK = os.path.join(os.environ.get("BUILD", "build"), "procleak")
MIB = 1 << 20


def explain(directory, **members):
    case = {"format": "procleak-evidence", "message": "api leaking", "match": "api", "pid": None,
            "verdict": "leaking", "cause": "unknown",
            "example": {"pid": 4121, "comm": "api\033[2J"}}
    case.update(members)
    path = os.path.join(directory, "case.json")
    with open(path, "w", encoding="ascii") as out:
        json.dump(case, out)
    return subprocess.run([PROCLEAK, "explain", path], stdout=subprocess.PIPE, text=True, timeout=30,
                          env={"TZ": "UTC", "PATH": os.environ["PATH"]}, check=False).stdout


def check_runs(directory):
    run = {"begin": 1700000000, "end": 1700007200, "rate_bytes_per_hour": 3 * MIB,
           "grown": 5 * MIB, "level": 70 * MIB}
    out = explain(directory, about="runs", runs=[run, run])
    ok("past runs of the program" in out, "an alarm about past runs says so", out)
    ok(out.count("2023-11-14 22:13:20") == 2 and "5.00 MiB" in out, "and lists them", out)
    ok("nothing that was counted in its runs" in out, "and why no cause is told", out)
    ok("process 4121 (api?[2J)" in out, "the example is named, made safe", out)
    out = explain(directory, about="runs", runs=[run], example=None)
    ok("no process of it was running" in out, "or it is said that there was none", out)


def check_sum(directory):
    members = [{"pid": 10 + i, "verdict": "steady", "anonymous_bytes": 9 * MIB} for i in range(3)]
    out = explain(directory, about="sum", members=members, member_count=40, unit="process",
                  bytes_per_unit=9 * MIB)
    ok("the sum of 40 processes" in out, "an alarm about a sum says of how many", out)
    ok("the largest first" in out and "and 37 more" in out, "and tells the largest of them", out)
    ok("the number of processes" in out and "cannot tell" not in out, "with the cause", out)


def check_cgroup(directory):
    parts = [{"part": "tmpfs", "words": "tmpfs files", "unexplained": True, "before": 0,
              "now": 55 * MIB},
             {"part": "anon", "words": "anonymous memory", "unexplained": False,
              "before": 48 * MIB, "now": 48 * MIB}]
    out = explain(directory, about="cgroup",
                  cgroup={"path": "/a\033.service", "parts": parts, "unexplained_before": 0,
                          "unexplained_now": 55 * MIB})
    ok("cgroup     /a?.service" in out, "an alarm about a cgroup has its path, made safe", out)
    ok("* tmpfs files" in out and "* anonymous memory" not in out,
       "and marks what no process explains", out)
    ok("55.0 MiB  * in all" in out, "and adds that up", out)


def check_hostile(directory):
    """A file that somebody else wrote, with an escape in each of its words."""
    bad = "\033[31m"
    out = explain(
        directory, match=bad, message=bad, command=bad, verdict=bad, metric=bad, cause=bad, unit=bad, limit=bad,
        start_time=1e300, since=-1e300, bytes_per_unit=1, grows_with=[{"unit": bad, "share": 1, "error": 1}],
        regions=[{"region": bad, "before": 0, "now": 1e300}], fds=[{"name": bad, "count": 1}],
        growing_mappings=[{"region": bad, "name": bad, "before": 0, "now": 1}],
        census={"entries": [{"name": bad, "named_by": bad, "detail": bad}], "reason": bad},
        judged=[{"metric": bad, "gates": [{"gate": bad, "held": True, "value": 1, "needed": 1}]}],
        siblings=[{"pid": 1, "verdict": bad}], contain=[bad], next=[{"step": bad, "cost": bad}])
    ok("Its siblings" in out and "Until it is fixed" in out, "a hostile file is shown to its end", out)
    ok(out.count("?[31m") >= 20, "with all of its words", out)
    ok(all(" " <= c < "\177" or c == "\n" for c in out), "none of which reaches the terminal", repr(out))
    path = os.path.join(directory, "deep.json")
    with open(path, "w", encoding="ascii") as file:
        file.write("[" * 10000000)
    done = subprocess.run([PROCLEAK, "explain", path], stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    ok(done.returncode == 2 and "larger than" in done.stderr, "and one too large is refused", done)


LARGE = """
import mmap
space = mmap.mmap(-1, 400 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, len(space), 4096):
    space[at] = 1
print("ready", flush=True)
input()
"""


def anonymous_mib(case):
    return sum(row["now"] for row in case["regions"] if row["region"] == "anon") / MIB


def check_live():
    """A process without evidence, so large that its lock deserves regard."""
    large = subprocess.Popen([sys.executable, "-c", LARGE], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    try:
        large.stdout.readline()
        cases = [json.loads(subprocess.run(
            [PROCLEAK, "explain", "--dir", "/nonexistent", "--json", *options, str(large.pid)],
            stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout)
                 for options in ([], ["--deep"])]
    finally:
        large.kill()
        large.wait()
    ok(all(390 < anonymous_mib(case) < 450 for case in cases), "a large process is told as it is",
       cases)
    ok("regions_sampling_error_percent" not in cases[1], "and read whole when that is asked for",
       cases[1])


with tempfile.TemporaryDirectory() as scratch:
    check_hostile(scratch)
    check_runs(scratch)
    check_sum(scratch)
    check_cgroup(scratch)
check_live()
finish()
