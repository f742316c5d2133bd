#!/usr/bin/python3
# A process too large for a walk through its memory: its lock is held for no longer than MaxLockTime
# says, by the plugin's own account and, as a probe thread inside of it sees it, from outside.
#
# PL_GIANT=16G measures what the README promises (the machine must have the memory); a short form of
# it, with a limit to match, is part of `make check`.
import threading
from harness import *

need_root()
SIZE = os.environ.get("PL_GIANT", "640M")
MAX_LOCK_MS = float(os.environ.get("PL_MAX_LOCK_MS", "20" if "PL_GIANT" in os.environ else "1.2"))
TICKS = int(os.environ.get("PL_TICKS", "9"))
SIZE_BYTES = int(SIZE[:-1]) << {"M": 20, "G": 30}[SIZE[-1]]
TARGET = os.path.join(BUILD, "tests", "bench", "target")


def quiet(argv):
    return subprocess.run(argv, check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


class Probe:
    """Maps and unmaps a page each millisecond in the giant, and times that."""

    def __init__(self):
        self.process = subprocess.Popen(
            [TARGET, "--resident", str(SIZE_BYTES), "--idle", "1", "--for", "600"],
            stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.ready = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if not self.ready.wait(120):
            self.process.kill()
            raise SystemExit("the giant did not start")
        # what it waits for shall be the lock, and not a CPU
        quiet(["chrt", "-a", "-f", "-p", "20", str(self.process.pid)])

    def read(self):
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 5 and words[4].count(",") > 10:
                self.lines.append((time.monotonic(), float(words[3]), int(words[1])))
                self.ready.set()

    def longest_ms(self, begin, end):
        return max((line[1] for line in self.lines if begin < line[0] <= end), default=0) / 1000

    def close(self):
        self.process.kill()
        self.process.wait()


directory = work_dir()
# on a busy machine a reader that is stopped in the midst holds the lock for its time slice
prompt = ("chrt", "-f", "10")
if not quiet([*prompt, "true"]):
    prompt = ()
probe = Probe()
try:
    begin = time.monotonic()
    time.sleep(3)
    alone_ms = probe.longest_ms(begin, time.monotonic())
    begin = time.monotonic()
    figures, status, errors = engine_ticks(
        directory, "[global]\nMaxLockTime = %g\nTimeScale = 60\n[process target]\nCommand = target\n"
        % MAX_LOCK_MS, 1, TICKS, 1000, prefix=prompt)
    read_ms = probe.longest_ms(begin, time.monotonic())
finally:
    probe.close()

print("# longest wait of the probe: %.2f ms alone, %.2f ms while it is read" % (alone_ms, read_ms))
print("# by the plugin's account: %.2f ms held in all, %.3f ms at the longest; %.1f MiB of %.0f, "
      "+- %.1f %%" % (figures.get("lock_us", 0) / 1000, figures.get("longest_us", 0) / 1000,
                      figures.get("region_bytes", 0) / 2**20, SIZE_BYTES / 2**20,
                      figures.get("error_permille", 0) / 10))
minutes = 1 + TICKS // 60
ok(status == 0 and figures["matched"] == 1, "the engine ran", figures, errors)
ok(figures["with_rollup"] == 0, "no rollup is read", figures)
ok(figures["degraded"] > 0 and "too large" in errors, "which is said", figures, errors)
ok(figures["method"] == 1, "it is sampled", figures)
is_near(figures["region_bytes"], SIZE_BYTES,
        SIZE_BYTES * (figures["error_permille"] * 1.5e-3 + 0.02), "and about right")
ok(figures["error_permille"] < 250, "and it says how sure it is", figures)
ok(0 < figures["lock_us"] <= 2 * minutes * MAX_LOCK_MS * 1000,
   "its lock is held for no longer than allowed, and one read", figures)
ok(figures["longest_us"] <= max(MAX_LOCK_MS, 20) * 1000, "never for long at a time", figures)
finish()
