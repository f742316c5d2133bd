"""What the tests with a real collectd share: TAP, a private daemon with procleak in it, programs to
watch, and readings of /proc that owe nothing to procleak.

Everything lives in a directory of the test's own under build/, so that tests run side by side.
"""

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import private_collectd as private  # noqa: E402
import tap  # noqa: E402
from private_collectd import BUILD, free_port, start, stop, wait_for  # noqa: E402,F401
from tap import finish, is_near, ok, skip, skip_all  # noqa: E402,F401

STOP_S = 2  # of a machine that is not starved
LIFE_S = 240  # no program outlives its test by more than this, even if the test is killed

private.exit_on_signals()


def need_root():
    if os.geteuid() != 0:
        skip_all("needs root")


def need_tool(name):
    if not shutil.which(name):
        skip_all(name + " is not installed")


def in_own_pid_namespace(needed=True):
    """Runs the rest of the test where /proc shows nothing but what the test itself starts; where that
    is not allowed it is skipped, or goes on as it is when it is not `needed`."""
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.environ.get("OWN_PID_NAMESPACE"):
        return
    allowed = subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL, check=False)
    if allowed.returncode != 0 and needed:
        skip_all("a pid namespace of one's own is not allowed here")
    if allowed.returncode != 0:
        return
    os.environ["OWN_PID_NAMESPACE"] = "1"
    os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])


# --- the daemon and what it watches ------------------------------------------------------------

def work_dir():
    """A directory of this test's own, kept only when the test failed."""
    base = os.path.join(BUILD, "host-tests")
    os.makedirs(base, exist_ok=True)
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    path = tempfile.mkdtemp(prefix=name + "-", dir=base)
    os.chmod(path, 0o755)  # servers that give up root must reach their files

    def remove():
        private.end_all()  # daemons write until they are ended
        if tap.failed():
            print("# kept for a look: " + path)
        else:
            shutil.rmtree(path, ignore_errors=True)

    atexit.register(remove)
    return path


def collectd(options, directory=None, interval=1):
    """A private collectd, not started yet, with procleak set up by `options`."""
    if not private.stock_plugins():
        skip_all("collectd with its csv plugin is not installed")
    directory = directory or work_dir()
    own = """PluginDir "%s"
LoadPlugin procleak
<Plugin procleak>
  StateFile "%s/state.json"
  %s
</Plugin>
""" % (BUILD, directory, options)
    return private.Collectd(directory, own, interval)


def program(name, *arguments, prefix=()):
    """Starts one of tests/programs and waits until it is ready."""
    return private.program(name, *arguments, life_s=LIFE_S, prefix=prefix)


ENGINE_TICKS = os.path.join(BUILD, "tests", "host", "engine_ticks")
COUNT_ALLOCATIONS = os.path.join(BUILD, "tests", "host", "libcount_allocations.so")


def engine_ticks(directory, ini, warm_ticks, ticks, pause_ms, prefix=(), preload=None):
    """Runs the bare engine. Returns (its figures as {name: number}, exit status, stderr)."""
    path = os.path.join(directory, "engine.ini")
    with open(path, "w", encoding="utf-8") as file:
        file.write(ini)
    env = dict(os.environ)
    if preload:
        env["LD_PRELOAD"] = preload
    done = subprocess.run([*prefix, ENGINE_TICKS, path, str(warm_ticks), str(ticks), str(pause_ms)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True,
                          errors="replace", timeout=LIFE_S, check=False)
    figures = dict(word.split("=") for word in done.stdout.split() if "=" in word)
    return {name: int(number) for name, number in figures.items()}, done.returncode, done.stderr


def check_series(daemon, match, wanted):
    """Each row (series, what is wanted, tolerance): collectd wrote it, and it is right."""
    end = time.monotonic() + private.PATIENCE_S
    for series, want, tolerance in wanted:
        index = 0
        if isinstance(series, tuple):
            series, index = series
        got = daemon.settle(match, series, want, tolerance, index, end - time.monotonic())
        is_near(got, want, tolerance, "%s: %s%s" % (match, series, "[%d]" % index if index else ""))


def check_quiet(daemon):
    """The log has nothing worse than information, and the daemon stops when told to."""
    ok(not daemon.complaints(), "the log is free of warnings", "\n".join(daemon.complaints()))
    took_s = daemon.stop()
    ok(took_s is not None and took_s < STOP_S, "it stops within 2 s", took_s)


# --- readings that owe nothing to procleak: awk, ls, ps, ss --------------------------------------

def _run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=False, text=True,
                          errors="replace").stdout


def _sum_kib(pids, file, *keys):
    pattern = "|".join("^%s:" % key for key in keys)
    return int(_run("awk", "/%s/ { sum += $2 } END { printf \"%%d\", sum * 1024 }" % pattern,
                    *("/proc/%d/%s" % (pid, file) for pid in pids)))


def rollup_bytes(pids, *keys):
    """The sum of some fields of smaps_rollup over some processes."""
    return _sum_kib(pids, "smaps_rollup", *keys)


def status_bytes(pids, key):
    return _sum_kib(pids, "status", key)


def children_of(pid):
    return [int(word) for word in _run("ps", "-o", "pid=", "--ppid", str(pid)).split()]


def reap_orphans():
    """This is the namespace's init: whose parent ended is its child, and stays in /proc until then."""
    started = {process.pid for process in private._started if process.returncode is None}
    for pid in children_of(os.getpid()):
        if pid not in started:
            with contextlib.suppress(ChildProcessError):  # ps(1) itself, which has listed them
                os.waitpid(pid, os.WNOHANG)


def fd_count(pids):
    return sum(len(_run("ls", "/proc/%d/fd" % pid).split()) for pid in pids)


def fd_kinds(pid):
    """How many descriptors of each kind, by what ls shows: {"socket": 3, ...}."""
    kinds = {"file": 0, "socket": 0, "pipe": 0, "event": 0, "memfd": 0, "other": 0}
    for line in _run("ls", "-l", "/proc/%d/fd" % pid).splitlines():
        target = line.partition(" -> ")[2]
        if not target:
            continue
        for start_, kind in (("socket:", "socket"), ("pipe:", "pipe"), ("anon_inode:", "event"),
                             ("/memfd:", "memfd"), ("/", "file"), ("", "other")):
            if target.startswith(start_):
                kinds[kind] += 1
                break
    return kinds


def thread_count(pids):
    return sum(len(_run("ps", "-T", "-o", "tid=", "-p", str(pid)).split()) for pid in pids)


# what ss calls a state, and what collectd's tcpconns plugin calls it
TCP_STATES = {"ESTAB": "ESTABLISHED", "CLOSE-WAIT": "CLOSE_WAIT", "FIN-WAIT-1": "FIN_WAIT1",
              "FIN-WAIT-2": "FIN_WAIT2", "LISTEN": "LISTEN", "SYN-SENT": "SYN_SENT"}


def sockets(pids, option, prefix=()):
    """How many sockets of some processes are in each state, by ss; of a shared one each counts."""
    states = {}
    for line in _run(*prefix, "ss", option).splitlines():
        for pid in pids:
            if "pid=%d," % pid in line:
                state = line.split()[1 if option == "-Hxap" else 0]
                states[state] = states.get(state, 0) + 1
    return states


def connect(port):
    """A connection to a server of the loopback that may still be starting; the caller keeps it."""
    def attempt():
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            return None

    connection = wait_for(attempt)
    if not connection:
        raise SystemExit("Bail out! nothing listens on port %d" % port)
    return connection
