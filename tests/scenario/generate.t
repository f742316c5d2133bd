#!/usr/bin/python3
"""The generator keeps its word: the same seed gives the same trace, rows are coherent, labels true."""

import csv
import filecmp
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from tap import finish, ok  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
TOOL = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "tests/scenario/generate")
COUNTERS = ("minor_faults", "cpu_seconds", "read_bytes")


def generate(directory, *arguments):
    subprocess.run([TOOL, "--seeds", "1", *arguments, directory], check=True)
    with open(os.path.join(directory, "labels-0.jsonl")) as file:
        return [json.loads(line) for line in file]


def rows_of(directory, label):
    with open(os.path.join(directory, label["file"])) as file:
        return list(csv.DictReader(file))


def by_process(rows):
    processes = {}
    for row in rows:
        processes.setdefault((row["pid"], row["start_time"]), []).append(row)
    return processes


def is_coherent(rows):
    """Resident memory is the sum of its parts; counters of a process never fall."""
    for row in rows:
        if row.get("rss_bytes") and int(row["rss_bytes"]) != sum(
                int(row[key]) for key in ("anon_bytes", "file_bytes", "shmem_bytes")):
            return False
    for own in by_process(rows).values():
        for name in COUNTERS:
            values = [float(row[name]) for row in own if row.get(name)]
            if any(b < a for a, b in zip(values, values[1:])):
                return False
    return True


def leaked_bytes(rows, label):
    """Growth of U in the leaking process, from its first quarter to its last."""
    own = [row for row in rows if int(row["pid"]) in label["pids"]]
    own = [row for row in own if label["begin"] <= float(row["time"]) <= label["end"]]
    u = [int(row["anon_bytes"]) + int(row.get("swap_bytes") or 0) for row in own]
    quarter = len(u) // 4
    return (statistics.median(u[-quarter:]) - statistics.median(u[:quarter])) / 0.75


def check_labels(labels):
    for label in labels:
        if not label["leak"]:
            continue
        good = label["t_star_s"] is None or label["t_star_s"] >= 6 * 3600 - 1
        good = good and label["begin"] < label["end"] and label["rate_per_hour"] > 0
        good = good and label["pids"] and label["causes"] and label["metrics"]
        if "urgent_by" in label:
            good = good and label["begin"] < label["urgent_by"] < label["limit_at"]
        elif label["t_star_s"]:
            good = good and label["end"] - label["begin"] >= 5 * label["t_star_s"] - 61
        if not good:
            print("# %s" % label)
            return False
    return True


def main():
    with tempfile.TemporaryDirectory() as base:
        tune, report = os.path.join(base, "tune"), os.path.join(base, "report")
        labels = generate(tune, "--set", "tune")
        others = generate(report, "--set", "report")
        again = os.path.join(base, "again")
        generate(again, "--set", "tune", "--family", "leak-gc-saw")
        ok(filecmp.cmp(os.path.join(tune, "leak-gc-saw-0001.csv"),
                       os.path.join(again, "leak-gc-saw-0001.csv"), shallow=False),
           "the same seed gives the same bytes")
        ok(len(labels) >= 60 and len(others) >= len(labels) + 15,
           "the report set has families that the tune set has not")
        ok(not {label["file"] for label in labels} & {label["file"] for label in others},
           "the sets share no trace")
        bad = [label["file"] for label in others if not is_coherent(rows_of(report, label))]
        ok(not bad, "sums and counters hold in every row %s" % bad)
        ok(check_labels(labels + others), "labels are complete and possible")
        for family in ("leak-fast", "leak-swapped", "leak-midway"):
            label = next(label for label in labels if label["family"] == family)
            grown = leaked_bytes(rows_of(tune, label), label)
            ok(0.7 < grown / label["leaked"] < 1.3, "%s: the trace grows by what the label says: "
               "%.0f of %.0f" % (family, grown, label["leaked"]))
    finish()


if __name__ == "__main__":
    main()
