"""A collectd of one's own: its configuration, its life and what it wrote, all in one directory.

Shared by the demo and by the tests. Knows where procleak.so is built and what the stock plugins
write; knows nothing of what a test expects. What is started here is stopped, by its pid, when the
script ends in any way.
"""

import atexit
import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
PROGRAMS = os.path.join(BUILD, "tests", "programs")
PLUGIN_DIRS = ("/usr/lib/collectd", "/usr/lib64/collectd", "/usr/local/lib/collectd")
GRACE_S = 3  # for what is asked to end, before it is killed
STARVED_S = 15  # so late may be what has to wait for a CPU at each of its steps
STEP_S = 0.02  # between two looks at what is asked to end
PATIENCE_S = 90  # how long something that takes a second may take on a busy machine


def wait_for(condition, timeout_s=PATIENCE_S, pause_s=0.1):
    """The first true value of condition(), or its last false one when the time is up."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause_s)


def free_port():
    """A port that nobody listens on now; who asks next gets another one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- children ----------------------------------------------------------------------------------

_started = []


@atexit.register
def end_all():
    """Ends every process that was started here: asked first, for a server that is killed leaves its
    workers behind."""
    for process in reversed(_started):
        if process.poll() is None:
            process.terminate()
    end = time.monotonic() + GRACE_S
    for process in reversed(_started):
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def exit_on_signals():
    """Being told to stop is an ordinary end: what was started is ended too."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))


_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def start(argv, **kwargs):
    """A child process that ends with this script, also when the script is killed."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                               preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
                               **kwargs)
    _started.append(process)
    return process


def program(name, *arguments, life_s, prefix=()):
    """Starts one of tests/programs and waits until it is ready; its answer is in `.answer`."""
    argv = [*prefix, os.path.join(PROGRAMS, name), *map(str, arguments), "--for", str(life_s)]
    process = start(argv, stdout=subprocess.PIPE)
    process.answer = process.stdout.readline().decode()
    if not process.answer.startswith("ready"):
        raise SystemExit("Bail out! %s did not start" % name)
    return process


def _delays_s(pid):
    """{thread: how long it has waited for a CPU}, as far as the kernel counts that."""
    found = {}
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with contextlib.suppress(OSError, IndexError), open(path, encoding="ascii") as file:
            found[path] = int(file.read().split()[1]) / 1e9
    return found


def stop(process, how=signal.SIGTERM):
    """Ends a process; returns how many seconds it took, or None when it had to be killed. Left out is
    how long it waited for a CPU, and how long the machine did not run this script either."""
    begin = now = time.monotonic()
    starved_s = 0.0
    before = after = _delays_s(process.pid)
    if process.poll() is None:
        process.send_signal(how)
    while process.poll() is None:
        if now - begin > PATIENCE_S:
            process.kill()
            process.wait()
            return None
        time.sleep(STEP_S)
        last, now = now, time.monotonic()
        starved_s += max(0.0, now - last - 2 * STEP_S)
        after = {**after, **_delays_s(process.pid)}
    delayed_s = sum(delay_s - before.get(path, 0) for path, delay_s in after.items())
    return max(0.0, time.monotonic() - begin - max(starved_s, delayed_s))


# --- collectd ----------------------------------------------------------------------------------

CONFIG = """
Hostname "{host}"
FQDNLookup false
BaseDir "{dir}"
PIDFile "{dir}/collectd.pid"
TypesDB "/usr/share/collectd/types.db"
Interval {interval}
PluginDir "{stock}"
LoadPlugin logfile
<Plugin logfile>
  LogLevel info
  File "{dir}/log"
  Timestamp false
  PrintSeverity true
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{dir}/csv"
  StoreRates false
</Plugin>
{own}
"""


def stock_plugins():
    """Where the distribution keeps collectd's plugins, or None."""
    for path in PLUGIN_DIRS:
        if os.path.exists(os.path.join(path, "csv.so")):
            return path
    return None


class Collectd:
    """A collectd in the foreground, with everything it writes in a directory of its own."""

    def __init__(self, directory, own, interval=1, host="test"):
        """`own` is what stands in collectd.conf beside the log and the csv files."""
        self.dir = directory
        self.own = own
        self.interval = interval
        self.host = host
        self.process = None

    def start(self, prefix=()):
        with open(os.path.join(self.dir, "collectd.conf"), "w", encoding="utf-8") as conf:
            conf.write(CONFIG.format(dir=self.dir, stock=stock_plugins(), host=self.host,
                                     interval=self.interval, own=self.own))
        with open(os.path.join(self.dir, "out"), "ab") as out:
            # a name without its directory: collectd expands it as a shell would
            self.process = start([*prefix, shutil.which("collectd") or "/usr/sbin/collectd", "-f",
                                  "-C", "collectd.conf"], stdout=out, stderr=out, cwd=self.dir)
        return self

    def stop(self):
        """SIGTERM; returns how many seconds the daemon took, or None when it had to be killed."""
        return stop(self.process)

    def alive(self):
        return self.process.poll() is None

    def log(self):
        """All that it said: the log file, and what went to the terminal before there was one."""
        text = ""
        for name in ("out", "log"):
            try:
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as file:
                    text += file.read()
            except FileNotFoundError:
                pass
        return text

    def complaints(self):
        """The lines of the log that are worse than information. That collectd is late for its next
        interval is the machine's fault up to STARVED_S: a read that waits for something takes longer."""
        late = re.compile(r"read-function of the \S+ plugin took ([\d.]+) seconds|"
                          r"the next interval is ([\d.]+) seconds in the past")

        def tells(line):
            bad = re.search(r"\[(warning|error)\]", line) or re.match(r"(ERROR|WARNING)", line)
            found = late.search(line)
            return bad and not (found and float(found[1] or found[2]) < STARVED_S)

        return [line for line in self.log().splitlines() if tells(line)]

    def series(self, match):
        """Names of the series of a match: {"memory-anon", ...}."""
        files = glob.glob(os.path.join(glob.escape(self.dir), "csv", self.host,
                                       "procleak-" + glob.escape(match), "*"))
        return {re.sub(r"-\d{4}-\d\d-\d\d$", "", os.path.basename(file)) for file in files}

    def matches(self):
        """Every plugin instance that was dispatched."""
        root = os.path.join(self.dir, "csv", self.host)
        names = os.listdir(root) if os.path.isdir(root) else []
        return {name[len("procleak-"):] for name in names if name.startswith("procleak-")}

    def rows(self, match, series):
        """All rows of a series as collectd wrote them: [(time, value, ...), ...]."""
        rows = []
        pattern = os.path.join(glob.escape(self.dir), "csv", self.host,
                               "procleak-" + glob.escape(match), glob.escape(series) + "-????-??-??")
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    if line.endswith("\n") and not line.startswith("epoch"):
                        rows.append(tuple(float(field) for field in line.split(",")))
        return rows

    def value(self, match, series, index=0):
        """The last value of a series, or None when there is none yet."""
        rows = self.rows(match, series)
        return rows[-1][1 + index] if rows else None

    def settle(self, match, series, want, tolerance, index=0, timeout_s=PATIENCE_S):
        """Waits until a series comes near a number, and returns its last value either way."""
        def near():
            value = self.value(match, series, index)
            return value is not None and abs(value - want) <= tolerance

        wait_for(near, timeout_s)
        return self.value(match, series, index)

    def wait_rows(self, match, series, count):
        return wait_for(lambda: len(self.rows(match, series)) >= count)
