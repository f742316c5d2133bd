"""TAP, for every test that is written in Python: what was found, what was left out, the plan.

What a failure was about goes where prove lets it through. Threads may tell at the same time. Knows
nothing of what is tried.
"""

import sys
import threading

DETAIL_LINES = 40  # the last ones of each; the whole of a log helps nobody

_done = {"count": 0, "failed": 0}
_telling = threading.Lock()


def ok(passed, name, *details):
    """One result; the details are told when it failed. Returns whether it passed."""
    with _telling:
        _done["count"] += 1
        print("%sok %d - %s" % ("" if passed else "not ", _done["count"],
                                name.replace("#", "no.")), flush=True)
        if not passed:
            _done["failed"] += 1
            told = [line for detail in details for line in str(detail).splitlines()[-DETAIL_LINES:]]
            for line in ["failed: " + name, *told]:
                print("# " + line, file=sys.stderr, flush=True)
    return bool(passed)


def is_near(got, want, tolerance, name):
    """`got` is a number, and within `tolerance` of `want`."""
    passed = got is not None and abs(got - want) <= tolerance
    return ok(passed, name, "got %r, want %r +- %r" % (got, want, tolerance))


def skip(name, why):
    """A result that cannot be had here."""
    with _telling:
        _done["count"] += 1
        print("ok %d - %s # SKIP %s" % (_done["count"], name.replace("#", "no."), why), flush=True)


class Try:
    """Results of what may have a second chance: they are told when it is known that they hold."""

    def __init__(self):
        self._results = []

    def ok(self, *result):
        """As ok() above."""
        self._results.append(result)
        return bool(result[0])

    def passed(self):
        return all(result[0] for result in self._results)

    def tell(self):
        for result in self._results:
            ok(*result)


def failed():
    """How many were not ok up to now."""
    return _done["failed"]


def finish():
    print("1..%d" % _done["count"])
    sys.exit(1 if _done["failed"] else 0)


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)
