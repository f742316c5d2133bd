#!/usr/bin/python3
"""What a trace tells of idle memory: it acquits a cache in use and confirms a leak that lies idle.

The same traces are judged once with their column idle_bytes and once without.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
sys.dont_write_bytecode = True
import evaluate  # noqa: E402
from tap import finish, ok  # noqa: E402

DETECTOR = [os.path.join(evaluate.BUILD, "procleak"), "replay"]
WITHOUT = DETECTOR + ["--set", "IdleMemory=false"]


class Arguments:
    set = "tune"
    seeds = 10
    jobs = 1
    directory = os.path.join(evaluate.BUILD, "eval/idle")


def answers(family, detector):
    """(score, lines) of every trace of a family."""
    args = Arguments()
    args.family = family
    directory, labels = evaluate.make_corpus(args)
    paths = [os.path.join(directory, label["file"]) for label in labels]
    for label, (lines, error) in zip(labels, evaluate.run_all(detector, paths, 1)):
        if error:
            raise SystemExit("Bail out! %s: %s" % (label["file"], error))
        yield evaluate.score_trace(label, lines), lines


def accused(family, detector):
    return sum(score["false"] > 0 for score, lines in answers(family, detector))


def first_alarms(detector):
    """Of each trace with an untouched leak: (time, confirmed at once)."""
    for score, lines in answers("leak-untouched", detector):
        alarms = [line for line in lines if line.get("alarm")]
        yield (alarms[0]["time"], alarms[0]["confirmed"]) if score["found"] else (None, False)


def main():
    blind = accused("fine-cache-used", WITHOUT)
    seeing = accused("fine-cache-used", DETECTOR)
    ok(blind >= 7, "%d of 10 caches that fill straight for days pass for leaks" % blind)
    ok(seeing == 0, "%d of them when what is added is seen to be used" % seeing)
    for family in ("fine-warm-unused", "fine-sessions-unused"):
        blind, seeing = accused(family, WITHOUT), accused(family, DETECTOR)
        ok(seeing <= blind + 1, "%s: %d accused, %d without" % (family, seeing, blind))
    before = list(first_alarms(WITHOUT))
    after = list(first_alarms(DETECTOR))
    ok(all(at for at, _ in after), "every leak that lies idle is found")
    gains = [(b - a) / 3600 for (b, _), (a, _) in zip(before, after) if a and b]
    ok(sum(gains) > 5, "sooner than without: by %.1f h on the mean" % (sum(gains) / len(gains)))
    later = sum(gain < -1 for gain in gains)
    ok(later <= 1, "%d of them later" % later)
    at_once = sum(confirmed for _, confirmed in after)
    ok(at_once >= 8, "%d of 10 are confirmed at the first alarm" % at_once)
    ok(not any(confirmed for _, confirmed in before), "none is without")
    finish()


if __name__ == "__main__":
    main()
