#!/usr/bin/python3
"""Every trace recorded from a real program is judged right (manifest.json says what is right)."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import evaluate  # noqa: E402


class Arguments:
    jobs = 2
    directory = os.path.join(evaluate.BUILD, "eval/check")


def main():
    results = evaluate.score_real(Arguments, [os.path.join(evaluate.BUILD, "procleak"), "replay"])
    print("1..%d" % (len(results) + 1))
    wrong = 0
    for number, (name, label, fault, _) in enumerate(results, 1):
        wrong += bool(fault)
        print("%sok %d - %s, which %s" % ("not " if fault else "", number, name,
                                          "leaks" if label["leak"] else "does not leak"))
        if fault:
            print("# " + fault)
    leaking = sum(label["leak"] for _, label, _, _ in results)
    both = leaking >= 4 and len(results) - leaking >= 4
    print("%sok %d - at least four of either kind" % ("" if both else "not ", len(results) + 1))
    return 1 if wrong or not both else 0


if __name__ == "__main__":
    sys.exit(main())
