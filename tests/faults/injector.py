"""Faults for a program or daemon with procleak in it, by a library that is preloaded: what is
injected, and how much of it there was. The kinds are explained in inject_faults.c."""

import os
import struct

KINDS = ("errno", "eintr", "short", "torn", "gone", "stuck", "store", "alloc", "clock", "suspend",
         "kill")
SIZE = 8 * (1 + len(KINDS))


class Injector:
    """Counts over all runs; each run has a file of counters of its own."""

    def __init__(self, build, directory):
        self.preload = os.path.join(build, "tests", "host", "libinject_faults.so")
        self.directory = directory
        self.run_count = 0
        self.totals = dict.fromkeys(KINDS, 0)

    def environment(self, kinds, **plan):
        """What to add to the environment of one run, and the file of its counters."""
        self.run_count += 1
        path = os.path.join(self.directory, "faults-%d" % self.run_count)
        with open(path, "wb") as file:
            file.write(bytes(SIZE))
        os.chmod(path, 0o666)
        words = " ".join("%s=%d" % item for item in plan.items())
        return {"LD_PRELOAD": self.preload, "INJECT": "kinds=%s %s" % (kinds, words),
                "INJECT_COUNTS": path}, path

    def collect(self, path):
        """(calls that could have failed, those that did) in a run that is over."""
        with open(path, "rb") as file:
            calls, *faults = struct.unpack("%dQ" % (1 + len(KINDS)), file.read(SIZE))
        os.unlink(path)
        for kind, count in zip(KINDS, faults):
            self.totals[kind] += count
        return calls, sum(faults)

    def total(self):
        return sum(self.totals.values())
