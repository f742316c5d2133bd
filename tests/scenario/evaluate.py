#!/usr/bin/python3
"""Scores a leak detector on the corpus.

  evaluate.py [--set tune|report] [--seeds N] [--family NAME] [--detector CMD] [--references]
  evaluate.py --clean FOLDER...        folders of traces that must not alarm (no labels needed)
  evaluate.py --real                   the traces recorded from real programs

The detector is run once a trace, `CMD FILE`, and prints JSON lines as `procleak replay` does.
Traces, labels and results stay under build/eval/SET for a closer look at what went wrong.

Scores: an alarm counts as true when it comes after the leak began and names a leaking process
(or none); every other alarm is false. T* is the earliest honest time of detection: when the leaked
bytes exceed max(8 MiB, 2 % of the level) and 4 deviations of the noise, but not under 6 h.
"""

import argparse
import concurrent.futures
import glob
import hashlib
import json
import lzma
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
TOOLS = os.path.join(BUILD, "tests/scenario")
BYTES_METRICS = {"anon", "shmem", "vm_data"}
ALIASES = {"u": "anon", "vmdata": "vm_data", "vm": "vm_data", "vm_size": "vm_data"}
FIXED_GRACE_S = 2 * 86400  # a leak that was fixed live may be named for so long


def digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        if os.path.exists(part):
            with open(part, "rb") as file:
                total.update(file.read())
        else:
            total.update(part.encode())
    return total.hexdigest()


def make_corpus(args):
    """Generates the set unless it is there already. Returns its directory and labels."""
    generator = os.path.join(TOOLS, "generate")
    name = args.set + ("-" + args.family if args.family else "")
    directory = os.path.join(args.directory, name)
    stamp_path = os.path.join(directory, "stamp")
    stamp = digest(generator, args.set, str(args.seeds), args.family or "")
    known = ""
    if os.path.exists(stamp_path):
        with open(stamp_path) as file:
            known = file.read()
    if known != stamp:
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        command = [generator, "--set", args.set, "--seeds", str(args.seeds)]
        if args.family:
            command += ["--family", args.family]
        shards = [
            subprocess.Popen(command + ["--shard", "%d/%d" % (i, args.jobs), directory])
            for i in range(args.jobs)
        ]
        if any([shard.wait() for shard in shards]):
            sys.exit("evaluate: the generator failed")
        with open(stamp_path, "w") as file:
            file.write(stamp)
    labels = []
    for path in glob.glob(os.path.join(directory, "labels-*.jsonl")):
        with open(path) as file:
            labels += [json.loads(line) for line in file]
    labels.sort(key=lambda label: (not label["leak"], label["family"], label["file"]))
    if not labels:
        sys.exit("evaluate: no family is called %r in the %s set" % (args.family, args.set))
    return directory, labels


def run_detector(command, path, timeout_s=300):
    """Returns (lines, error)."""
    try:
        done = subprocess.run(
            command + [path], capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], str(error)
    if done.returncode not in (0, 1):
        return [], "status %d: %s" % (done.returncode, done.stderr.strip()[:200])
    try:
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    except ValueError as error:
        return [], "not JSON: %s" % error
    if not lines or not lines[-1].get("summary"):
        return [], "no summary line"
    return lines, None


def run_all(command, paths, jobs):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda path: run_detector(command, path), paths))


def metric_of(line):
    name = str(line.get("metric") or "").lower().removesuffix("_bytes")
    return ALIASES.get(name, name)


def is_true_alarm(label, line):
    if not label["leak"] or line["time"] < label["begin"] - 1:
        return False
    if label["fixed"] and line["time"] > label["end"] + FIXED_GRACE_S:
        return False
    return not line.get("pid") or line["pid"] in label["pids"]


def final_word(label, lines, alarms):
    """The line whose rate, cause and place are judged: the summary where it speaks of the leak."""
    summary = lines[-1]
    if label["processes"] > 1 or label["fixed"] or summary.get("rate_bytes_per_hour") is None:
        return dict(alarms[-1])
    return summary


def score_trace(label, lines):
    alarms = [line for line in lines if line.get("alarm") and not line.get("summary")]
    true = [line for line in alarms if is_true_alarm(label, line)]
    score = {
        "file": label["file"],
        "family": label["family"],
        "leak": label["leak"],
        "alarms": len(alarms),
        "false": len(alarms) - len(true),
        "clean_weeks": label["clean_process_weeks"],
        "found": bool(true),
    }
    false = [line for line in alarms if not is_true_alarm(label, line)]
    if false:
        score["false_example"] = false[0]
    if label["leak"]:
        score_leak(score, label, lines, true)
    return score


def score_leak(score, label, lines, true):
    if label.get("urgent_by"):
        score["in_time"] = bool(true) and true[0]["time"] <= label["urgent_by"]
    if label["fixed"]:
        changes = [line["verdict"] for line in lines if not line.get("summary")]
        score["cleared"] = bool(changes) and changes[-1] not in ("leaking", "critical")
    if not true:
        return
    if label.get("t_star_s"):
        score["over_t_star"] = (true[0]["time"] - label["begin"]) / label["t_star_s"]
    word = final_word(label, lines, true)
    metric = metric_of(true[-1])
    score["metric_right"] = metric in label["metrics"]
    if "cause" in word:
        score["cause"] = word["cause"]
        score["cause_right"] = word["cause"] in label["causes"]
    if "where" in word and metric in BYTES_METRICS - {"vm_data"}:
        score["where"] = word["where"]
        score["place_right"] = word["where"] in label["places"]
    rate = word.get("rate_bytes_per_hour")
    if label["rate_scored"] and metric == label["metric"] and rate is not None:
        truth = label["rate_per_hour"]
        score["rate_error"] = abs(rate - truth) / truth
        low, high = word.get("rate_low"), word.get("rate_high")
        if low is not None and high is not None:
            score["covered"] = low <= truth <= high


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else None


def mean_of(scores, key):
    values = [score[key] for score in scores if key in score]
    return sum(values) / len(values) if values else None


def summarise(scores):
    leaks = [score for score in scores if score["leak"]]
    found = sum(score["found"] for score in leaks)
    accused = sum(score["false"] > 0 for score in scores)
    recall = found / len(leaks) if leaks else None
    precision = found / (found + accused) if found + accused else None
    weeks = sum(score["clean_weeks"] for score in scores)
    over = [score["over_t_star"] for score in leaks if "over_t_star" in score]
    errors = [score["rate_error"] for score in leaks if "rate_error" in score]
    return {
        "traces": len(scores),
        "leaks": len(leaks),
        "found": found,
        "accused": accused,
        "recall": recall,
        "precision": precision,
        "f1": 2 * recall * precision / (recall + precision) if recall and precision else None,
        "false_per_week": sum(score["false"] for score in scores) / weeks if weeks > 0 else None,
        "clean_weeks": weeks,
        "over_median": statistics.median(over) if over else None,
        "over_p90": quantile(over, 0.9),
        "rate_error": statistics.median(errors) if errors else None,
        "covered": mean_of(leaks, "covered"),
        "metric": mean_of(leaks, "metric_right"),
        "cause": mean_of(leaks, "cause_right"),
        "place": mean_of(leaks, "place_right"),
        "in_time": mean_of(leaks, "in_time"),
        "cleared": mean_of(leaks, "cleared"),
    }


COLUMNS = [
    ("traces", "n", "%d"),
    ("recall", "recall", "%.3f"),
    ("precision", "prec", "%.3f"),
    ("f1", "F1", "%.3f"),
    ("accused", "accused", "%d"),
    ("false_per_week", "fa/wk", "%.3f"),
    ("over_median", "t/T*", "%.2f"),
    ("over_p90", "p90", "%.2f"),
    ("rate_error", "rate err", "%.3f"),
    ("covered", "cover", "%.2f"),
    ("metric", "metric", "%.2f"),
    ("cause", "cause", "%.2f"),
    ("place", "place", "%.2f"),
    ("in_time", "urgent", "%.2f"),
    ("cleared", "cleared", "%.2f"),
]


def print_row(name, summary):
    cells = []
    for key, title, form in COLUMNS:
        value = summary.get(key)
        width = max(len(title), 6)
        cells.append(("-" if value is None else form % value).rjust(width))
    print("%-26s %s" % (name[:26], " ".join(cells)))


def print_table(scores, by_family=True):
    titles = [title.rjust(max(len(title), 6)) for _, title, _ in COLUMNS]
    print("%-26s %s" % ("family", " ".join(titles)))
    families = sorted({score["family"] for score in scores}, key=lambda f: (f[:5] != "leak-", f))
    for family in families if by_family else []:
        print_row(family, summarise([s for s in scores if s["family"] == family]))
    print_row("ALL", summarise(scores))


def print_failures(title, scores, text, most):
    if not scores:
        return
    print("\n%s (%d%s):" % (title, len(scores), ", the first %d" % most if len(scores) > most else ""))
    for score in scores[:most]:
        print("  %-34s %s" % (score["file"], text(score)))


def false_text(score):
    line = score["false_example"]
    return "%d false; first %s at %.0f pid %s: %s" % (
        score["false"], line.get("verdict"), line["time"], line.get("pid"),
        line.get("message", "")[:90],
    )


def print_worst(scores, most):
    leaks = [score for score in scores if score["leak"]]

    def by(key):
        return sorted((s for s in leaks if key in s), key=lambda s: -s[key])

    print_failures("missed", [s for s in leaks if not s["found"]], lambda s: "", most)
    accused = sorted((s for s in scores if s["false"]), key=lambda s: -s["false"])
    print_failures("false alarms", accused, false_text, most)
    print_failures("not in time for the limit", [s for s in leaks if s.get("in_time") is False],
                   lambda s: "", most)
    print_failures("slower than 6 T*", [s for s in by("over_t_star") if s["over_t_star"] > 6],
                   lambda s: "%.1f T*" % s["over_t_star"], most)
    print_failures("rate off by over 30 %", [s for s in by("rate_error") if s["rate_error"] > 0.3],
                   lambda s: "%.0f %%" % (100 * s["rate_error"]), most)
    print_failures("not cleared", [s for s in leaks if s.get("cleared") is False], lambda s: "", most)
    print_failures("wrong cause", [s for s in leaks if s.get("cause_right") is False],
                   lambda s: "said %s" % s["cause"], most)
    print_failures("wrong metric", [s for s in leaks if s.get("metric_right") is False],
                   lambda s: "", most)
    print_failures("wrong place", [s for s in leaks if s.get("place_right") is False],
                   lambda s: "said %s" % s["where"], most)


def score_detector(command, directory, labels, jobs):
    paths = [os.path.join(directory, label["file"]) for label in labels]
    scores = []
    errors = []
    for label, (lines, error) in zip(labels, run_all(command, paths, jobs)):
        if error:
            errors.append("%s: %s" % (label["file"], error))
            lines = [{"summary": True}]
        scores.append(score_trace(label, lines))
    return scores, errors


def score_references(directory, labels, jobs):
    """Returns {detector: scores}; the run is kept, the traces do not change."""
    tool = os.path.join(TOOLS, "reference")
    cache = os.path.join(directory, "references.json")
    stamp = digest(tool, os.path.join(directory, "stamp"))
    if os.path.exists(cache):
        with open(cache) as file:
            kept = json.load(file)
        if kept["stamp"] == stamp:
            return kept["scores"]
    scores = {}
    paths = [os.path.join(directory, label["file"]) for label in labels]

    def run(path):
        done = subprocess.run([tool, path], capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for label, lines in zip(labels, pool.map(run, paths)):
            for name in dict.fromkeys(line["detector"] for line in lines):
                own = [line for line in lines if line["detector"] == name]
                scores.setdefault(name, []).append(score_trace(label, own))
    with open(cache, "w") as file:
        json.dump({"stamp": stamp, "scores": scores}, file)
    return scores


def score_clean(folders, command, jobs):
    """Traces that must not alarm. Returns the number that did."""
    accused = 0
    for folder in folders:
        paths = sorted(glob.glob(os.path.join(folder, "**/*.csv"), recursive=True))
        results = run_all(command, paths, jobs)
        verdicts = {}
        bad = []
        for path, (lines, error) in zip(paths, results):
            verdict = "error" if error else lines[-1].get("verdict", "?")
            verdicts[verdict] = verdicts.get(verdict, 0) + 1
            alarms = [line for line in lines if line.get("alarm") and not line.get("summary")]
            if error or alarms or (lines and lines[-1].get("alarms")):
                bad.append((path, error or (alarms and alarms[0].get("message")) or "alarm"))
        print("%s: %d traces, %d with an alarm; final verdicts %s" % (
            folder, len(paths), len(bad),
            ", ".join("%s %d" % item for item in sorted(verdicts.items()))))
        for path, message in bad[:20]:
            print("  %s: %s" % (os.path.basename(path), message))
        accused += len(bad)
    return accused


def judge_real(name, label, lines):
    """Returns what is wrong with what was said of a recorded program, or None."""
    alarms = [line for line in lines if line.get("alarm") and not line.get("summary")]
    if not label["leak"]:
        return "%d alarms: %s" % (len(alarms), alarms[0].get("message")) if alarms else None
    if not alarms:
        return "no alarm; it ends as %s" % lines[-1].get("verdict")
    pids = label.get("pids")
    wrong = [line for line in alarms if pids and line.get("pid") and line["pid"] not in pids]
    if wrong:
        return "accuses pid %d: %s" % (wrong[0]["pid"], wrong[0].get("message"))
    if metric_of(alarms[-1]) not in label["metrics"]:
        return "says that %s leaks" % alarms[-1].get("metric")
    if lines[-1].get("cause") not in label["causes"]:
        return "blames %s" % lines[-1].get("cause")
    return None


def score_real(args, command):
    """Judges the traces that record.py made. Returns [(name, label, what is wrong or None,
    lines)]."""
    source = os.path.join(ROOT, "tests/scenario/real")
    directory = os.path.join(args.directory, "real")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(source, "manifest.json")) as file:
        manifest = json.load(file)

    def judge(item):
        name, label = item
        path = os.path.join(directory, name + ".csv")
        with lzma.open(os.path.join(source, name + ".csv.xz")) as packed, open(path, "wb") as file:
            file.write(packed.read())
        scale = ["--time-scale", str(label["time_scale"])]
        lines, error = run_detector(command + scale, path)
        return name, label, error or judge_real(name, label, lines), lines

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        return list(pool.map(judge, sorted(manifest.items())))


def print_real(results):
    for name, label, wrong, lines in results:
        alarm = next((line for line in lines if line.get("alarm")), {})
        print("%-5s %-26s %-5s %s" % ("ok" if not wrong else "WRONG", name,
                                      "leak" if label["leak"] else "fine",
                                      wrong or alarm.get("message", "")))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--set", choices=("tune", "report"), default="tune")
    parser.add_argument("--seeds", type=int, default=16, help="traces a family")
    parser.add_argument("--family", help="only this one")
    parser.add_argument("--detector", default=os.path.join(BUILD, "procleak") + " replay")
    parser.add_argument("--references", action="store_true", help="score reference detectors too")
    parser.add_argument("--only-references", action="store_true", help="do not run ours")
    parser.add_argument("--clean", nargs="+", metavar="FOLDER", help="must not alarm")
    parser.add_argument("--real", action="store_true", help="the recorded traces")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--worst", type=int, default=12, help="failures to list of each kind")
    parser.add_argument("--directory", default=os.path.join(BUILD, "eval"))
    parser.add_argument("--json", metavar="FILE", help="write the summary there")
    return parser.parse_args()


def main():
    args = parse_arguments()
    command = shlex.split(args.detector)
    if args.clean:
        return 1 if score_clean(args.clean, command, args.jobs) else 0
    if args.real:
        results = score_real(args, command)
        print_real(results)
        return 1 if any(wrong for _, _, wrong, _ in results) else 0
    directory, labels = make_corpus(args)
    result = {}
    if not args.only_references:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        scores, errors = score_detector(command, directory, labels, args.jobs)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(os.path.join(directory, "scores.json"), "w") as file:
            json.dump(scores, file, indent=1)
        result["procleak"] = summarise(scores)
        print_table(scores)
        print_worst(scores, args.worst)
        print_failures("the detector failed", [{"file": e} for e in errors], lambda s: "", args.worst)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        rows = sum(label["rows"] for label in labels)
        print("\n%d rows of %d processes in %.1f s of CPU, %.0f rows a second" % (
            rows, sum(label["processes"] for label in labels), cpu_s, rows / cpu_s))
    if args.references or args.only_references:
        print("\nreference detectors on the same traces")
        references = score_references(directory, labels, args.jobs)
        titles = [title.rjust(max(len(title), 6)) for _, title, _ in COLUMNS]
        print("%-26s %s" % ("detector", " ".join(titles)))
        if "procleak" in result:
            print_row("procleak", result["procleak"])
        for name, scores in references.items():
            result[name] = summarise(scores)
            print_row(name, result[name])
    print("\ntraces, labels and scores: %s" % os.path.relpath(directory))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(result, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
