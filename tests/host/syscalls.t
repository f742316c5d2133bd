#!/usr/bin/python3
# What a steady tick costs the host's thread, in system calls, counted by strace: 9 for each matched
# process at tier 0 and 2 for each unmatched one, at the most, and little besides.
import re
from harness import *

need_tool("strace")
in_own_pid_namespace()

MATCHED_MAX, UNMATCHED_MAX, FIXED_MAX = 9, 2, 40
RESTING_MAX = 1.5  # nothing ever happens in these
WARM_TICKS, TICKS = 60, 32


def calls_a_tick(directory, matched, unmatched):
    """System calls of the ticking thread in a steady tick, with so many processes around."""
    crowds = [program("forker", "--children", matched, "--name", "wanted"),
              program("forker", "--children", unmatched, "--name", "unwanted")]
    trace = os.path.join(directory, "trace-%d-%d" % (matched, unmatched))
    figures, status, errors = engine_ticks(
        directory, "[process wanted]\n", WARM_TICKS, TICKS, 5, prefix=("strace", "-f", "-o", trace))
    for crowd in crowds:
        stop(crowd)
    reap_orphans()
    if status != 0 or figures["matched"] != matched or figures["seen"] < matched + unmatched:
        ok(False, "the engine ran", figures, errors)
        finish()
    return count(trace)


def reap_orphans():
    """In this pid namespace the test is init; a zombie would be one more process of the next run."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def count(trace):
    """Calls between the marks of each tick by the thread that set them; the mean of the ticks."""
    counts, thread, current = [], None, 0
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            tid, _, call = line.partition(" ")
            if call.lstrip().startswith('write(-1, "tick>"'):
                thread, current = tid, 0
            elif tid == thread and call.lstrip().startswith('write(-1, "<tick"'):
                counts.append(current)
                thread = None
            elif tid == thread and not re.match(r" *(<\.\.\.|---|\+\+\+)", call):
                current += 1
    ok(len(counts) == TICKS, "strace saw every tick", counts)
    print("# calls in each tick: %r" % counts)
    return sum(counts) / len(counts)


directory = work_dir()
few = calls_a_tick(directory, 10, 100)
more_matched = calls_a_tick(directory, 60, 100)
more_unmatched = calls_a_tick(directory, 10, 400)
a_matched = (more_matched - few) / 50
an_unmatched = (more_unmatched - few) / 300
fixed = few - 10 * a_matched - 100 * an_unmatched
print("# a tick makes %.2f calls for a matched process, %.2f for an unmatched one, %.0f besides"
      % (a_matched, an_unmatched, fixed))

ok(0 < a_matched <= MATCHED_MAX, "a matched process costs 9 system calls at most", a_matched)
ok(a_matched <= RESTING_MAX, "one in which nothing happens 1.5 on average", a_matched)
ok(an_unmatched <= UNMATCHED_MAX, "an unmatched process costs 2 at most", an_unmatched)
ok(fixed <= FIXED_MAX, "a tick itself costs no more than 40", fixed)
finish()
