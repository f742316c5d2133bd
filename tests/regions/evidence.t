#!/usr/bin/python3
"""From a leak to its evidence: watched, told with place and limit, kept, and explained."""
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import finish, ok  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
LEAK = os.path.join(BUILD, "tests/regions/leak")
PROCLEAK = os.path.join(BUILD, "procleak")


def watch(directory):
    """Lines of `watch` over a program that leaks 600 MiB in 40 s, on a clock 3600 times faster."""
    leak = subprocess.Popen([LEAK, "arena", "600", "40", "--password=SECRET"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        leak.stdout.readline()
        leak.stdin.write("\n")
        leak.stdin.flush()
        out = subprocess.run(
            [PROCLEAK, "watch", "--json", "--for", "38", "--set", "TimeScale=3600", "--set",
             "Season=false", "--set", "MaxLockTime=1000", "--set",
             "EvidenceDir=" + directory, str(leak.pid)],
            stdout=subprocess.PIPE, text=True, timeout=120, check=False).stdout
    finally:
        leak.kill()
        leak.wait()
    return leak.pid, [json.loads(line) for line in out.splitlines()]


def check_told(lines):
    alarms = [line for line in lines if line.get("alarm")]
    if not alarms:
        ok(False, "the leak is told", lines)
        return
    told = alarms[-1]
    ok(told["where"] == "arena", "its place is told", told)
    ok("% glibc arenas" in told["message"], "in the sentence as well", told)
    ok(len(told["message"]) < 256, "which fits a notification", told)
    ok(told["seconds_to_limit"] is None or told["limit"], "a limit has a name", told)


def check_kept(directory, pid):
    paths = sorted(glob.glob(directory + "/procleak-*.json"), key=os.path.getmtime)
    if not paths:
        ok(False, "evidence is kept", os.listdir(directory))
        return None
    with open(paths[-1], encoding="utf-8") as file:
        text = file.read()
    kept = json.loads(text)
    regions = {row["region"]: row for row in kept["regions"]}
    arena = regions.get("arena", {"before": 0, "now": 0})
    ok(len(text) <= 65536 and kept["format"] == "procleak-evidence", "evidence is kept", len(text))
    ok(kept["pid"] == pid and kept["verdict"] in ("leaking", "critical"), "about the leak", kept)
    ok("SECRET" not in text and kept["argument_count"] == 4, "without arguments",
       kept["command"])
    ok(any(gate["held"] for row in kept["judged"] for gate in row["gates"]), "with its gates",
       kept["judged"])
    ok(arena["now"] - arena["before"] > 50 << 20, "with the region that grew", regions)
    ok(any(row["region"] == "arena" for row in kept["growing_mappings"]), "and its mappings",
       kept["growing_mappings"])
    ok(any(row["name"] == "leak" for row in kept["threads"]), "with threads", kept["threads"])
    ok("host_memory_bytes" in kept["limits"], "with limits", kept["limits"])
    ok("glibc" in kept["runtimes"] and kept["next"] and kept["contain"], "with what to do", kept)
    return paths[-1]


def explain(*arguments):
    done = subprocess.run([PROCLEAK, "explain", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def check_explained(directory, pid, path):
    code, out = explain(path)
    ok(code == 0 and "arena" in out and "Where it is" in out and "Until it is fixed" in out,
       "a file is explained", out)
    ok("\033" not in out, "without colours on a pipe", out)
    by_pid = explain("--dir", directory, str(pid))
    ok(by_pid == (0, out), "the newest of a process is found", by_pid[1])
    code, out = explain("--json", path)
    ok(code == 0 and json.loads(out)["pid"] == pid, "as JSON", out)


def check_errors(directory):
    bad = os.path.join(directory, "bad.json")
    for text in ("", "{", "[]", '{"format": 7}', "\0" * 100, '{"format": "procleak-evidence"}'):
        with open(bad, "w", encoding="utf-8") as file:
            file.write(text)
        code, out = explain(bad)
        want = 0 if text.endswith('evidence"}') else 2
        ok(code == want, "a file of %r ends with %d" % (text[:20], want), out)
    code, out = explain("--dir", directory, "nobody")
    ok(code == 2 and "no evidence" in out, "a name that nothing is known of", out)
    code, out = explain("--dir", directory, str(os.getpid()))
    ok(code == 0 and "as it is now" in out and "heap" in out, "a process without evidence", out)


def main():
    with tempfile.TemporaryDirectory() as directory:
        pid, lines = watch(directory)
        check_told(lines)
        path = check_kept(directory, pid)
        if path:
            check_explained(directory, pid, path)
        check_errors(directory)
    finish()


main()
