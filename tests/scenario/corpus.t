#!/usr/bin/python3
"""The detector's scores on a part of the corpus stay above tests/scenario/floor.json.

The floor only ever gets stricter: `tests/scenario/corpus.t --raise` moves the floor up to what the
detector reaches now, less a small allowance, and never down.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
sys.dont_write_bytecode = True
import evaluate  # noqa: E402
from tap import finish, ok  # noqa: E402

FLOOR = os.path.join(HERE, "floor.json")
SEEDS = {"tune": 4, "report": 3}
# score: allowance, about two traces of the few that this part holds
AT_LEAST = {"recall": 0.015, "precision": 0.015, "covered": 0.04, "cause": 0.04, "place": 0.04,
            "metric": 0.03, "in_time": 0.1, "cleared": 0.02}
AT_MOST = {"false_per_week": 0.015, "over_median": 0.15, "over_p90": 1, "rate_error": 0.005}


class Arguments:
    family = None
    jobs = 2
    directory = os.path.join(evaluate.BUILD, "eval/check")


def score(name, detector):
    args = Arguments()
    args.set, args.seeds = name, SEEDS[name]
    directory, labels = evaluate.make_corpus(args)
    scores, errors = evaluate.score_detector(detector, directory, labels, args.jobs)
    return evaluate.summarise(scores), scores, errors


def raise_floor(floor, name, summary):
    own = floor.setdefault(name, {})
    for key, allowance in AT_LEAST.items():
        own[key] = max(own.get(key, 0), round(max(0, summary[key] - allowance), 3))
    for key, allowance in AT_MOST.items():
        own[key] = min(own.get(key, 1e9), round(summary[key] + allowance, 3))


def compare(name, floor, summary):
    """Yields (passed, text)."""
    for key in AT_LEAST:
        yield summary[key] >= floor[key], "%s: %s is %.3f, at least %.3f" % (
            name, key, summary[key], floor[key])
    for key in AT_MOST:
        yield summary[key] <= floor[key], "%s: %s is %.3f, at most %.3f" % (
            name, key, summary[key], floor[key])


def main():
    detector = [os.path.join(evaluate.BUILD, "procleak"), "replay"]
    floor = {}
    if os.path.exists(FLOOR):
        with open(FLOOR) as file:
            floor = json.load(file)
    for name in SEEDS:
        summary, scores, errors = score(name, detector)
        if "--raise" in sys.argv:
            raise_floor(floor, name, summary)
            continue
        ok(not errors, "%s: the detector runs on every trace" % name, *errors[:5])
        for passed, text in compare(name, floor[name], summary):
            ok(passed, text)
        for bad in scores if name == "tune" else []:  # nobody tunes on the other
            if bad["false"] or (bad["leak"] and not bad["found"]):
                print("# %s: %s" % (bad["file"], "false alarm" if bad["false"] else "missed"))
    if "--raise" in sys.argv:
        with open(FLOOR, "w") as file:
            json.dump(floor, file, indent=1, sort_keys=True)
            file.write("\n")
        return
    finish()


if __name__ == "__main__":
    main()
