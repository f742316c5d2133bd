#!/usr/bin/python3
"""`procleak replay`: the contract of its input, its output and its exit code."""

import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import finish, ok  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROCLEAK = os.path.join(ROOT, os.environ.get("BUILD", "build"), "procleak")
MIB = 1 << 20
KEYS = ("time pid start_time verdict previous alarm metric rate_bytes_per_hour rate_low rate_high "
        "since cause where seconds_to_limit message").split()
SUMMARY_KEYS = ("summary file processes verdict alarms first_alarm rate_bytes_per_hour rate_low "
                "rate_high cause where reason").split()


def replay(*arguments, text=None):
    run = subprocess.run([PROCLEAK, "replay", *arguments], input=text, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=60, check=False)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def lines(output):
    return [json.loads(line) for line in output.splitlines()]


def leak(rate_mib_h=3, hours=72, step=60, scale=1, newline="\n"):
    """A trace of a process that leaks, as bytes."""
    rows = ["time,pid,start_time,anon_bytes"]
    for i in range(int(hours * 3600 / step)):
        rows.append("%d,77,1699990000,%d" % (1700000000 + i * step // scale,
                                             200 * MIB + rate_mib_h * MIB * i * step / 3600))
    return (newline.join(rows) + newline).encode()


def test_verdicts():
    code, out, err = replay("-", text=leak())
    got = lines(out)
    summary = got[-1]
    ok(code == 1 and not err, "a leak exits with 1", code, err)
    ok(all(key in line for line in got[:-1] for key in KEYS), "every line has every key")
    ok(all(key in summary for key in SUMMARY_KEYS), "so has the summary", summary)
    alarms = [line for line in got if line.get("alarm")]
    ok(alarms and summary["alarms"] == len(alarms) and
       summary["first_alarm"] == alarms[0]["time"], "the summary counts the alarms")
    ok(alarms[0]["pid"] == 77 and alarms[0]["start_time"] == 1699990000, "who leaks")
    ok(abs(summary["rate_bytes_per_hour"] / MIB - 3) < 0.3 and
       summary["rate_low"] <= 3 * MIB <= summary["rate_high"], "how fast", summary)
    ok(summary["verdict"] in ("leaking", "critical") and summary["file"] == "-", "the verdict")
    ok(all(len(line.get("message", "").encode()) <= 255 for line in got), "messages fit")
    code, out, _ = replay("-", text=leak(rate_mib_h=0))
    ok(code == 0 and lines(out)[-1]["first_alarm"] is None, "a steady process exits with 0")


def test_reason():
    """Small pages become huge ones: growth at first, which has its name once a day has been seen."""
    rows = ["time,pid,start_time,anon_bytes,vm_data_bytes,anon_huge_bytes,cpu_seconds"]
    for i in range(60 * 12):
        grown = 4 * MIB * i / 12
        rows.append("%d,77,1699990000,%d,%d,%d,%d" % (1700000000 + 300 * i, 500 * MIB + grown,
                                                      1000 * MIB, 2.5 * grown, 3 * i))
    got = lines(replay("-", text="\n".join(rows).encode())[1])
    ok(got[-2]["verdict"] == got[-1]["verdict"] == "growing", "growing, in the end as well", got)
    ok(got[-2]["reason"] != "huge-pages" and got[-1]["reason"] == "huge-pages",
       "the summary has the reason that came without a change of the verdict", got)
    got = lines(replay("-", text=leak(rate_mib_h=0))[1])
    ok(got[-1]["reason"] == "flat", "it is that of the verdict: a steady one has it too", got[-1])
    got = lines(replay("-", text="\n".join(rows[:3]).encode())[1])
    ok(got[-1]["reason"] == "learning", "so has one that is not known yet", got[-1])
    got = lines(replay("-", text=(rows[0] + "\n").encode())[1])
    ok(got[-1]["reason"] is None, "nobody, no reason", got[-1])


def test_rare_readings():
    """A reading an hour, hardly on time: as rare as every second block of the finest history."""
    for seed in range(8):
        chance = random.Random(seed)
        rows = ["time,pid,start_time,anon_bytes"]
        for i in range(60):
            at = 3600 * i + chance.uniform(-60, 60)
            rows.append("%.1f,77,1699990000,%d" % (1700000000 + at, 50 * MIB + 5 * MIB * at / 3600))
        got = lines(replay("--set", "Season=false", "-", text="\n".join(rows).encode())[1])
        order = [line["verdict"] for line in got[:-1] if line["previous"] != line["verdict"]]
        ok(order[-1] == "leaking" and "learning" not in order[1:],
           "hourly readings: growth is not forgotten between them", order)


def test_options():
    scaled = leak(scale=60)
    code, out, _ = replay("-", text=scaled)
    ok(code == 0, "an hour of growth alone is no leak", out)
    code, out, _ = replay("--time-scale", "60", "-", text=scaled)
    ok(code == 1 and abs(lines(out)[-1]["rate_bytes_per_hour"] / MIB - 180) < 18,
       "with --time-scale it is, at the real rate", out)
    ok(replay("--set", "MinGrowth=10G", "-", text=leak())[0] == 0, "--set raises a floor")
    ok(replay("--set", "min growth = 10G", "-", text=leak())[0] in (0, 2), "keys may have spaces")
    code, _, err = replay("--set", "MinGrowht=1M", "-", text=leak())
    ok(code == 2 and "MinGrowht" in err, "an unknown setting exits with 2", err)
    code, _, err = replay("--verbose", "-", text=leak())
    ok("territory" in err and "needs" in err, "--verbose tells of the gates", err)
    ok(replay()[0] == 2 and replay("--nonsense", "-", text=b"")[0] == 2, "bad usage exits with 2")
    ok(replay("/nonexistent.csv")[0] == 2, "so does a file that is not there")


def test_config(directory):
    trace = os.path.join(directory, "web.csv")
    config = os.path.join(directory, "procleak.conf")
    with open(trace, "wb") as file:
        file.write(leak())
    with open(config, "w", encoding="ascii") as file:
        file.write("[global]\nsensitivity = low\n[process web]\nmin growth = 10G\n")
    ok(replay("--config", config, trace)[0] == 0, "[process NAME] applies to NAME.csv")
    code, out, _ = replay("--config", config, "-", text=leak())
    ok(code == 1, "and not to others", out)
    code, out, _ = replay(trace, trace)
    ok(sum("summary" in line for line in lines(out)) == 2, "a summary for each trace")


def test_input():
    crlf = leak(newline="\r\n").replace(b"time,pid", b"\xef\xbb\xbftime,pid")
    ok(replay("-", text=crlf)[1] == replay("-", text=leak())[1], "CRLF and a byte order mark")
    ok(replay("-", text=leak()[:-1])[1] == replay("-", text=leak())[1], "no newline at the end")
    for text, line, what in ((b"", 1, "an empty file"), (b"pid,anon_bytes\n", 1, "no time"),
                             (b"time,anon_bytes\n1,2\n2,x\n", 3, "no number"),
                             (b"time,anon_bytes\n1,2,3\n", 2, "too many fields"),
                             (b"time,anon_bytes\n1,2\n1700000000000,2\n", 3, "milliseconds"),
                             (b"time,anon_bytes\n" + b"1" * (3 << 20), 2, "an endless line")):
        code, _, err = replay("-", text=text)
        ok(code == 2 and err.startswith("<stdin>:%d: " % line), "%s: line %d" % (what, line), err)
    _, _, err = replay("-", text=b"time,pid,anon_bytes\n1,2,3\n1,2,many\n")
    ok(err == "<stdin>:3: field 3: not a number in range\n", "the field is told", err)
    code, out, err = replay("-", text=b"time,anon_bytes\n")
    ok(code == 0 and lines(out)[-1]["processes"] == 0 and "no rows" in err,
       "without rows nothing is wrong, and that is said", code, err)
    rows = leak().splitlines(True)
    ok(replay("-", text=rows[0] + b"".join(row + row for row in rows[1:]))[1] ==
       replay("-", text=leak())[1], "rows that are there twice count once")
    blank = [row if i % 7 == 1 else row.replace(b",1699990000,", b",,")
             for i, row in enumerate(rows)]
    ok(replay("-", text=b"".join(blank))[1] == replay("-", text=leak())[1],
       "a row without its start time is of the process that has this pid")
    other = b"".join(b"%d,78,1699990001,1000000\n" % (1700000000 + i * 60) for i in range(4320))
    rows = leak().splitlines(True)
    mixed = rows[0] + b"".join(a + b for a, b in zip(rows[1:], other.splitlines(True)))
    got = lines(replay("-", text=mixed)[1])
    ok(got[-1]["processes"] == 2 and {line["pid"] for line in got if line.get("alarm")} == {77},
       "rows of several processes in turns")
    reused = rows[0] + b"".join(rows[1:2000]) + b"".join(
        row.replace(b",1699990000,", b",1700119900,").replace(row.split(b",")[3], b"5000000\n")
        for row in rows[2001:])
    got = lines(replay("-", text=reused)[1])
    ok(got[-1]["processes"] == 2, "a pid that came back is another process", got[-1])
    ok(got[-1]["verdict"] == "steady", "the verdict is that of what still runs", got[-1])


with tempfile.TemporaryDirectory() as place:
    test_verdicts()
    test_reason()
    test_rare_readings()
    test_options()
    test_config(place)
    test_input()
finish()
