#!/usr/bin/python3
# `Census true` in a real collectd: soon after a leak was told, its type of object is in the evidence,
# in a second notification and in what `procleak explain` prints; a match without it has none of that.
import glob
import json
import re

from harness import *

sys.path.insert(0, os.path.join(private.ROOT, "tests", "census"))
import evaluate  # noqa: E402

FAST = "TimeScale 1000\nSeason false\nSettle 0\nMinGrowth \"1M\"\nMaxLockTime 1000"
LEAK = 2000  # objects a second
HOOK = """#!/bin/sh
exec cat >> "%s"
"""


def leak(mark):
    """A program that leaks sessions, to be found by its mark."""
    case = evaluate.CASES["cxx-stripped"]
    built = case.build("cxx-stripped")
    if built is None:
        skip_all("g++ is not installed")
    process = start([*built, *case.arguments, "--for", str(mark), "--leak", str(LEAK), "--population",
                     "20000", "--churn", "2000"], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def hook(directory):
    """Lets the exec plugin write notifications to a file, with their meta data."""
    told = os.path.join(directory, "told")
    path = os.path.join(directory, "hook")
    with open(told, "w", encoding="utf-8"):
        pass
    os.chmod(told, 0o666)
    with open(path, "w", encoding="utf-8") as file:
        file.write(HOOK % told)
    os.chmod(path, 0o755)
    return told, """LoadPlugin exec
<Plugin exec>
  NotificationExec "nobody" "%s"
</Plugin>
""" % path


def notices(told, match):
    """The notifications about a match as {header: value}, with the message."""
    with open(told, encoding="utf-8") as file:
        text = file.read()
    found = []
    for part in re.split(r"(?m)^Severity: ", text)[1:]:
        head, _, message = ("Severity: " + part).partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
        if fields.get("PluginInstance") == match:
            found.append({**fields, "message": message.strip()})
    return found


def evidence(daemon, match):
    files = glob.glob(os.path.join(daemon.dir, "procleak-evidence", "procleak-%s-*.json" % match))
    found = []
    for path in sorted(files, key=os.path.getmtime):
        with open(path, encoding="utf-8") as file:
            found.append(json.load(file))
    return found


def with_census(told, match):
    return [notice for notice in notices(told, match) if notice.get("census")]


def try_it():
    directory = work_dir()
    told, plugin = hook(directory)
    looked, other = leak(211), leak(212)
    daemon = collectd("""%s
<Match "looked">
  CommandLine "for 211"
  Census true
</Match>
<Match "other">
  CommandLine "for 212"
</Match>""" % FAST, directory, 0.5)
    daemon.own = plugin + daemon.own
    daemon.start()
    wait_for(lambda: with_census(told, "looked"), 190)
    found = with_census(told, "looked")
    ok(found, "a notification tells what piles up", notices(told, "looked"), daemon.log())
    line = found[0]["census"] if found else ""
    ok(re.search(r"\d/s app::Session \(\d+ B each", line), "the type of the objects that leak", line)
    rate = float((re.match(r"[\d.]+", line) or ["0"])[0])
    is_near(rate, LEAK, 0.25 * LEAK, "and how many a second")
    ok(found and found[0]["Severity"] in ("WARNING", "FAILURE") and line in found[0]["message"] and
       "leaking" in found[0]["message"], "whoever sees the message alone sees it, too", found)
    ok(notices(told, "looked") and "census" not in notices(told, "looked")[0],
       "the first alert does not wait for it")
    check_evidence(daemon)
    ok(not with_census(told, "other"), "nobody looks where it was not asked for")
    ok(all("census" not in one for one in evidence(daemon, "other")), "nor is it in that evidence")
    # the exec plugin asks for the interval of a thread that has none
    ok(not [line for line in daemon.complaints() if "plugin_get_interval" not in line],
       "the log is free of warnings", "\n".join(daemon.complaints()))
    took_s = daemon.stop()
    ok(took_s is not None and took_s < STOP_S, "it stops within 2 s", took_s)
    stop(looked)
    stop(other)


def check_evidence(daemon):
    files = wait_for(lambda: [one for one in evidence(daemon, "looked") if one.get("census")], 10)
    census = files[-1]["census"] if files else {}
    entries = census.get("entries", [])
    ok(entries and entries[0]["name"] == "app::Session" and entries[0]["kind"] == "type" and
       entries[0]["confidence"] > 0.99, "the evidence has it in full", census)
    ok(census.get("inconclusive") is False and census.get("lock_seconds", 9) < 1,
       "with what it cost", census)
    done = subprocess.run([os.path.join(BUILD, "procleak"), "explain", "--dir",
                           os.path.join(daemon.dir, "procleak-evidence"), "looked"],
                          capture_output=True, text=True, check=False)
    ok("What piles up" in done.stdout and "app::Session" in done.stdout, "explain prints it",
       done.stdout, done.stderr)


need_root()
if not os.path.exists(os.path.join(private.stock_plugins() or "/", "exec.so")):
    skip_all("collectd's exec plugin is not installed")
try_it()
finish()
