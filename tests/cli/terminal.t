#!/usr/bin/python3
# A program that names itself, its threads, its files and its sockets in control sequences: what the
# command prints about it holds none of them, neither for a person nor as JSON or CSV.
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *  # noqa: E402,F403

HOSTILE = r"""
import ctypes, mmap, os, socket, sys, threading, time
evil = b"\x1b]0;pwn\x07\n\x9b31m\xff"
path = os.path.join(sys.argv[1].encode(), evil)
with open(path, "wb") as file:
    file.write(b"x" * 65536)
file = open(path, "rb")
mapping = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
mapping[:]
local = socket.socket(socket.AF_UNIX)
local.bind(b"\0" + evil + b"%d" % os.getpid())
prctl = ctypes.CDLL(None).prctl
prctl(15, evil, 0, 0, 0)
def run():
    prctl(15, b"t" + evil, 0, 0, 0)
    time.sleep(240)
threading.Thread(target=run, daemon=True).start()
kept = [bytearray(40 << 20)]
print("ready", flush=True)
end = time.monotonic() + 240
while time.monotonic() < end:
    kept.append(bytearray(1 << 18))
    time.sleep(0.05)
"""
with open(os.path.join(private.ROOT, "plugin", "core", "state", "state.h"), encoding="ascii") as header:
    STATE_VERSION = int(re.search(r"define PL_STATE_VERSION (\d+)", header.read())[1])
PROCLEAK = os.path.join(BUILD, "procleak")
# of UTF-8 the second byte may be above 0x7f: C1 controls are two bytes there
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

with tempfile.TemporaryDirectory() as directory:
    process = start([sys.executable, "-c", HOSTILE, directory, "a\x1b[31mb"],
                    stdout=subprocess.PIPE)
    process.stdout.readline()
    pid = str(process.pid)
    evidence = os.path.join(directory, "evidence")
    fast = ["--set", "TimeScale=3600", "--set", "Season=false", "--set", "Settle=0",
            "--set", "EvidenceDir=" + evidence, "--set", "EvidenceArguments=true"]
    seen = {}
    for title, arguments in {
            "watch": ["watch", "--for", "36", *fast, pid],
            "watch --json": ["watch", "--json", "--readings", "--for", "2", pid],
            "record": ["record", "--for", "1", pid],
            "explain": ["explain", "--dir", evidence, pid],
            "explain --json": ["explain", "--json", "--dir", evidence, pid],
            "explain now": ["explain", "--dir", directory, pid],
            "census": ["census", "--interval", "1", pid],
            "a match that is not there": ["watch", "--for", "1", "x\x1b[31m"],
    }.items():
        done = subprocess.run([PROCLEAK, *arguments], stdout=subprocess.PIPE, timeout=120,
                              stderr=subprocess.STDOUT, check=False)
        seen[title] = done.stdout.decode("utf-8", "surrogateescape")
        ok(done.stdout and not CONTROLS.search(seen[title]), title + ": no control characters",
           ascii(seen[title]))
    evil = "\x1b[31mpwn\x07\x7f\x9b"
    state = os.path.join(directory, "state.json")
    with open(state, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump({"format": "procleak-state", "version": STATE_VERSION, "header": {"saved_s": 1, "time_scale": 1},
                   "matches": [{"name": evil}],
                   "processes": [{"match": evil, "comm": evil, "message": evil,
                                  "track": {"ident": {"pid": 7, "start_ticks": 1}, "verdict": 3}}]}, file)
    trace = os.path.join(directory, evil)
    with open(trace, "w", encoding="utf-8") as file:
        file.write(seen["record"])
    config = os.path.join(directory, "config " + evil)
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'[process a{evil}]\ncommand line = "{evil}"\ntypo{evil} = 1\n')
    for title, path in (("status", state), ("status --json", state), ("replay", trace),
                        ("replay", trace + "/nothing pwn"), ("check-config", config),
                        ("check-config --ini", config + "/nothing pwn")):
        done = subprocess.run([PROCLEAK, *title.split(), path], stdout=subprocess.PIPE, timeout=60,
                              stderr=subprocess.STDOUT, check=False)
        said = done.stdout.decode("utf-8", "surrogateescape")
        ok("pwn" in said and not CONTROLS.search(said), title + ": no control characters", ascii(said))
    ok(re.search(r"pwn.*leaking|leaking.*pwn", seen["watch"], re.S), "the leak was told",
       seen["watch"])
    ok("pwn" in seen["explain"],
       "and its names are in the evidence, as far as they can be printed", seen["explain"])
    last, summary = [json.loads(line) for line in seen["watch --json"].splitlines()[-2:]]
    ok(summary["summary"] and summary["verdict"] == last["verdict"] and
       summary["reason"] == last["reason"] == "learning", "the reason of the verdict, as JSON",
       last, summary)
for arguments in (["watch", "--for", "1"], ["watch", "--json", "--for", "1"], ["record", "--for", "1"]):
    done = subprocess.run([PROCLEAK, *arguments, "no such program"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    ok(done.returncode == 2 and b"no process of that name ran" in done.stderr,
       arguments[0] + ": nobody of that name is no success", done)
finish()
