#!/usr/bin/python3
"""The scorer, on answers whose score is known: silence, alarm at once, the truth, near misses."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
sys.dont_write_bytecode = True
import evaluate  # noqa: E402
from tap import finish, ok  # noqa: E402

HOUR = 3600
LEAK = {"file": "leak", "family": "leak-x", "leak": True, "begin": 100 * HOUR, "end": 300 * HOUR,
        "t_star_s": 10 * HOUR, "rate_per_hour": 1e6, "metric": "anon", "metrics": ["anon"],
        "causes": ["work"], "places": ["heap"], "pids": [7], "processes": 1, "rate_scored": True,
        "fixed": False, "clean_process_weeks": 0.5}
FINE = {"file": "fine", "family": "fine-x", "leak": False, "processes": 1,
        "clean_process_weeks": 1.5}


def alarm(at_h, **more):
    return {"time": at_h * HOUR, "pid": 7, "verdict": "leaking", "alarm": True, "metric": "anon",
            "cause": "work", "where": "heap", "rate_bytes_per_hour": 1e6, "rate_low": 0.9e6,
            "rate_high": 1.1e6, **more}


def summary(**more):
    return {"summary": True, "verdict": "leaking", "cause": "work", "where": "heap",
            "rate_bytes_per_hour": 1.1e6, "rate_low": 0.9e6, "rate_high": 1.2e6, **more}


def totals(leak_lines, fine_lines, leak=None):
    return evaluate.summarise([evaluate.score_trace(leak or LEAK, leak_lines),
                               evaluate.score_trace(FINE, fine_lines)])


def main():
    quiet = [{"summary": True, "verdict": "steady"}]
    told = totals([alarm(120), summary()], quiet)
    ok(told["recall"] == told["precision"] == told["f1"] == 1, "the truth scores 1")
    ok(told["false_per_week"] == 0 and told["over_median"] == 2, "found after 2 T*")
    ok(abs(told["rate_error"] - 0.1) < 1e-9 and told["covered"] == 1, "rate off by a tenth, covered")
    ok(told["cause"] == told["place"] == told["metric"] == 1, "cause, place and metric are right")
    silent = totals(quiet, quiet)
    ok(silent["recall"] == 0 and silent["precision"] is None, "silence finds nothing")
    cried = totals([alarm(1), summary()], [alarm(1), summary()])
    ok(cried["recall"] == 0 and cried["precision"] == 0, "an alarm before the leak begins is false")
    ok(cried["false_per_week"] == 1, "two false alarms in two process-weeks are one a week")
    both = totals([alarm(1), alarm(120), summary()], quiet)
    ok(both["recall"] == 1 and both["precision"] == 0.5, "true after false: found, and accused")
    ok(totals([alarm(120, pid=8), summary()], quiet)["recall"] == 0, "the wrong process is false")
    ok(totals([alarm(120, pid=0), summary()], quiet)["recall"] == 1, "no process named is true")
    wrong = totals([alarm(120), summary(cause="time", where="arena", rate_low=1.05e6)], quiet)
    ok(wrong["cause"] == wrong["place"] == wrong["covered"] == 0, "wrong cause, place, interval")
    steady = alarm(140, alarm=False, verdict="steady")
    fixed = dict(LEAK, fixed=True, end=130 * HOUR)
    ok(totals([alarm(120), steady, summary()], quiet, fixed)["cleared"] == 1, "cleared when fixed")
    ok(totals([alarm(120), summary()], quiet, fixed)["cleared"] == 0, "not cleared when still leaking")
    late = dict(LEAK, urgent_by=110 * HOUR)
    ok(totals([alarm(120), summary()], quiet, late)["in_time"] == 0, "after half of the time: late")
    ok(totals([alarm(109), summary()], quiet, late)["in_time"] == 1, "before half of the time: not")
    real = {"leak": True, "metrics": ["fds"], "causes": ["work"], "pids": [7]}
    ok(evaluate.judge_real("x", real, [alarm(1, metric="fds"), summary()]) is None,
       "a recorded leak that is named is right")
    ok(evaluate.judge_real("x", real, [alarm(1, metric="fds", pid=9), summary()]),
       "accusing its neighbour is wrong")
    ok(evaluate.judge_real("x", real, [alarm(1), summary()]), "so is the wrong metric")
    ok(evaluate.judge_real("x", real, [alarm(1, metric="fds"), summary(cause="threads")]),
       "and the wrong cause")
    ok(evaluate.judge_real("x", {"leak": False}, [alarm(1), summary()]), "and any alarm on a fine one")
    finish()


if __name__ == "__main__":
    main()
