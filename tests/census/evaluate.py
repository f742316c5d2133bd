#!/usr/bin/python3
"""Counts how often `procleak census` names what leaks, on programs whose leak is known.

    evaluate.py [--runs 20] [--interval 30] [--pages 256] [--parallel 10] [--json FILE] [CASE...]

Censuses only read, so that several of one process run side by side, each with pages of its own.
Without CASE: all of them. Prints a line a case; exits with 1 when a case is below what it wants.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(HERE, "../../build")))
PROGRAMS = os.path.join(BUILD, "tests/census")
SOURCES = os.path.join(HERE, "programs")
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


def preload(name):
    return {"LD_PRELOAD": os.path.join(LIBRARIES, name)}


def find_go():
    """$GO, that of the path, or else the newest that Debian installed beside it; None without."""
    return os.environ.get("GO") or shutil.which("go") or next(
        iter(sorted(glob.glob("/usr/lib/go-*/bin/go"), reverse=True)), None)


class Case:
    """A program, what it leaks (None: nothing) and how much of it a second."""

    def __init__(self, source, wanted, rate, arguments="", flags="", strip=False, env=None, settle=0,
                 interval=None, want=0.95):
        self.source, self.wanted, self.rate = source, wanted, rate
        self.arguments, self.flags, self.strip, self.env = arguments.split(), flags.split(), strip, env
        self.settle, self.interval, self.want = settle, interval, want

    def build(self, name):
        """Returns the command, or None when something is not installed."""
        source = os.path.join(SOURCES, self.source)
        if self.env and not os.path.exists(self.env.get("LD_PRELOAD", "/")):
            return None
        if self.source.endswith(".py"):
            python = self.flags[0] if self.flags else "/usr/bin/python3"
            return [python, source] if os.path.exists(python) else None
        compiler = {".cc": "g++", ".c": "gcc", ".rs": "rustc", ".go": find_go()}[
            os.path.splitext(source)[1]]
        if not compiler or not shutil.which(compiler):
            return None
        os.makedirs(PROGRAMS, exist_ok=True)
        program = os.path.join(PROGRAMS, name)
        if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
            flags = ["-O"] if compiler == "rustc" else ["-O2", "-g", "-pthread"]
            environment = None
            if self.source.endswith(".go"):
                flags = ["build"] + (["-ldflags=-s -w"] if self.strip else [])
                environment = {**os.environ, "GO111MODULE": "off", "GOTOOLCHAIN": "local",
                               "GOCACHE": os.path.join(PROGRAMS, "go-cache")}
            subprocess.run([compiler] + flags + self.flags + ["-o", program, source], check=True,
                           env=environment)
            if self.strip and not self.source.endswith(".go"):
                subprocess.run(["strip", program], check=True)
        return [program]


SESSION, TICKET = r"^app::Session$", r"^expire_ticket$"
CASES = {
    "cxx": Case("objects.cc", SESSION, 500),
    "cxx-stripped": Case("objects.cc", SESSION, 500, strip=True),
    "cxx-static": Case("objects.cc", SESSION, 500, flags="-static"),
    "cxx-static-stripped": Case("objects.cc", SESSION, 500, flags="-static", strip=True),
    "cxx-static-pie": Case("objects.cc", SESSION, 500, flags="-static-pie", strip=True),
    "cxx-no-pie": Case("objects.cc", SESSION, 500, flags="-no-pie"),
    "cxx-lto-stripped": Case("objects.cc", SESSION, 500, flags="-flto", strip=True),
    "cxx-no-rtti": Case("objects.cc", SESSION, 500, flags="-fno-rtti"),
    "cxx-arenas": Case("objects.cc", SESSION, 500, "--threads 4"),
    "cxx-jemalloc": Case("objects.cc", SESSION, 500, env=preload("libjemalloc.so.2")),
    "cxx-tcmalloc": Case("objects.cc", SESSION, 500, env=preload("libtcmalloc.so.4")),
    "cxx-mimalloc": Case("objects.cc", SESSION, 500, env=preload("libmimalloc.so.2")),
    "cxx-huge-pages": Case("objects.cc", SESSION, 500, env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}),
    "cxx-jemalloc-arenas": Case("objects.cc", SESSION, 500, "--threads 4",
                                env=preload("libjemalloc.so.2")),
    "c-function": Case("structs.c", TICKET, 500),
    "c-function-stripped": Case("structs.c", r"^c-function-stripped\+0x[0-9a-f]+$", 500, strip=True),
    "c-string": Case("structs.c", r'^"quota exceeded"$', 500, "--kind 1"),
    "c-buffers-64": Case("structs.c", r"^80-byte", 500, "--kind 2 --size 64"),
    "c-buffers-4096": Case("structs.c", r"^4112-byte", 500, "--kind 2 --size 4096"),
    "c-buffers-65536": Case("structs.c", r"^65552-byte", 40, "--kind 2 --size 65536 --leak 40"),
    "c-buffers-1m": Case("structs.c", r"^1052672-byte", 4, "--kind 2 --size 1M --leak 4"),
    "python": Case("instances.py", r"^PendingReply$", 500),
    "python-slots": Case("instances.py", r"^SlottedReply$", 500, "--kind slots"),
    "python-dict": Case("instances.py", r"^dict$", 500, "--kind dict"),
    "python-function": Case("instances.py", r"^function$", 500, "--kind function"),
    "python-exception": Case("instances.py", r"^LookupError$", 500, "--kind exception"),
    "cxx-slow-large": Case("objects.cc", SESSION, 20, "--leak 20 --population 6000000 --churn 20000",
                           want=0),
    "shared-plain": Case("shared.cc", r"_Sp_counted_ptr_inplace<shop::Basket", 500),
    "shared-virtual": Case("shared.cc", r"^shop::Payment$", 500, "--kind 1"),
    "map-nodes": Case("shared.cc", r"^112-byte", 500, "--kind 2"),
    "callbacks": Case("shared.cc", r"Function_handler|80-byte", 500, "--kind 3"),
    "rust": Case("traits.rs", r"Upload", 500),
    "go": Case("tickets.go", r"^96-byte objects with pointers$", 500, strip=True),
    "go-buffers": Case("tickets.go", r"^3 KiB objects without pointers$", 500, "--kind buffer"),
    "go-goroutines": Case("tickets.go", r"^goroutine in main.serveForever$", 500, "--kind goroutine", strip=True),
    "go-pie": Case("tickets.go", r"^96-byte objects with pointers$", 500, flags="-buildmode=pie"),
    "quiet-go": Case("tickets.go", None, 0, "--leak 0", strip=True),
    "rust-closure": Case("traits.rs", r"retry_upload::\{\{closure\}\}$", 500, "--closures 1"),
    "quiet-tides": Case("tides.cc", None, 0),
    "quiet-tides-slow": Case("tides.cc", None, 0, "--period 25"),
    "quiet-tides-fast": Case("tides.cc", None, 0, "--period 2"),
    "quiet-tides-jemalloc": Case("tides.cc", None, 0, env=preload("libjemalloc.so.2")),
    "quiet-cxx": Case("objects.cc", None, 0, "--leak 0"),
    "quiet-cxx-arenas": Case("objects.cc", None, 0, "--leak 0 --threads 4"),
    "quiet-cxx-jemalloc": Case("objects.cc", None, 0, "--leak 0", env=preload("libjemalloc.so.2")),
    "quiet-cxx-tcmalloc": Case("objects.cc", None, 0, "--leak 0", env=preload("libtcmalloc.so.4")),
    "quiet-growing-buffers": Case("structs.c", None, 0, "--kind 3 --leak 1000"),
    "quiet-c": Case("structs.c", None, 0, "--leak 0"),
    "quiet-python": Case("instances.py", None, 0, "--leak 0"),
}
for version in ("3.9.18", "3.10.13", "3.12.1", "3.13.0"):
    CASES["python-" + version] = Case("instances.py", r"^PendingReply$", 500,
                                      flags=os.path.expanduser("~/.pyenv/versions/%s/bin/python" % version))


def start(case, command, for_s):
    process = subprocess.Popen(command + case.arguments + ["--for", str(int(for_s))],
                               env={**os.environ, **(case.env or {})}, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def census(pid, interval, pages, delay):
    time.sleep(delay)
    done = subprocess.run([os.path.join(BUILD, "procleak"), "census", "--json", "--interval",
                           str(interval), "--pages", str(pages), str(pid)],
                          capture_output=True, text=True, timeout=interval + 60)
    if done.returncode != 0:
        return {"error": done.stderr.strip(), "entries": []}
    return json.loads(done.stdout)


def score(case, results):
    """(right, wrong, inconclusive, rates within 25 %, intervals that hold the rate)"""
    right = wrong = silent = near = held = 0
    for result in results:
        top = result["entries"][0] if result["entries"] else None
        if top is None:
            silent += 1
        elif case.wanted is None or not re.search(case.wanted, top["name"]):
            wrong += 1
        else:
            right += 1
            near += abs(top["objects_per_second"] - case.rate) <= 0.25 * case.rate
            held += top["low"] <= case.rate <= top["high"]
    return right, wrong, silent, near, held


def good_enough(case, results):
    right, wrong, silent, near, _ = score(case, results)
    if case.wanted is None:
        return wrong == 0
    return wrong == 0 and right >= case.want * len(results) and near >= case.want * right


def run(name, options):
    case = CASES[name]
    command = case.build(name)
    if command is None:
        print("%-20s skipped: something is not installed" % name, flush=True)
        return None
    interval = case.interval or options.interval
    rounds = -(-options.runs // options.parallel)
    process = start(case, command, rounds * (interval + 10) + 90)
    results = []
    try:
        time.sleep(case.settle or options.settle)
        with concurrent.futures.ThreadPoolExecutor(options.parallel) as pool:
            jobs = [pool.submit(census, process.pid, interval, options.pages,
                                (i % options.parallel) * 0.3) for i in range(options.runs)]
            results = [job.result() for job in jobs]
        with open("/proc/%d/status" % process.pid, encoding="utf-8") as status:
            rss = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) // 1024
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    report(name, case, results, rss, options)
    return results


def report(name, case, results, rss, options):
    right, wrong, silent, near, held = score(case, results)
    cpu = max(result.get("cpu_seconds", 0) for result in results)
    rates = sorted(r["entries"][0]["objects_per_second"] for r in results if r["entries"])
    print("%-20s %s %2d right %2d wrong %2d silent | rate %g: %d within 25 %%, interval held %d, "
          "%s | %d MiB, %.0f ms" %
          (name, "ok " if good_enough(case, results) else "BAD", right, wrong, silent, case.rate, near,
           held, "%.0f..%.0f" % (rates[0], rates[-1]) if rates else "-", rss, cpu * 1000), flush=True)
    for result in results:
        top = result["entries"][0]["name"] if result["entries"] else None
        if result.get("error") or (top and (case.wanted is None or not re.search(case.wanted, top))):
            print("    %s" % (result.get("error") or [(e["name"], round(e["objects_per_second"], 1),
                                                       e["confidence"]) for e in result["entries"][:4]]))
    if options.verbose:
        for result in results:
            print("    %s %s" % (result.get("reason"), [(e["name"], round(e["objects_per_second"], 1),
                                                          e["confidence"]) for e in result["entries"][:4]]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--interval", type=float, default=30)
    parser.add_argument("--pages", type=int, default=256)
    parser.add_argument("--parallel", type=int, default=10)
    parser.add_argument("--settle", type=float, default=5)
    parser.add_argument("--json")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error("no such case: %s; there are %s" % (" ".join(unknown), " ".join(CASES)))
    found = {name: run(name, options) for name in options.cases or CASES}
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
    bad = [name for name, results in found.items() if results and not good_enough(CASES[name], results)]
    print("%d cases, below what is wanted: %s" % (len(found), " ".join(bad) or "none"))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
