#!/usr/bin/python3
"""Every trace recorded from a real program is judged right (manifest.json says what is right)."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
sys.dont_write_bytecode = True
import evaluate  # noqa: E402
from tap import finish, ok  # noqa: E402


class Arguments:
    jobs = 2
    directory = os.path.join(evaluate.BUILD, "eval/check")


def main():
    results = evaluate.score_real(Arguments, [os.path.join(evaluate.BUILD, "procleak"), "replay"])
    for name, label, fault, _ in results:
        ok(not fault, "%s, which %s" % (name, "leaks" if label["leak"] else "does not leak"), fault)
    leaking = sum(label["leak"] for _, label, _, _ in results)
    ok(leaking >= 4 and len(results) - leaking >= 4, "at least four of either kind")
    finish()


if __name__ == "__main__":
    main()
