"""What the tests with a real collectd share: TAP, a private daemon with procleak in it, programs to
watch, and readings of /proc that owe nothing to procleak.

Everything lives in a directory of the test's own under build/, so that tests run side by side.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import private_collectd as private  # noqa: E402
from private_collectd import BUILD, start, stop, wait_for  # noqa: E402,F401

LIFE_S = 240  # no program outlives its test by more than this, even if the test is killed

private.exit_on_signals()


# --- TAP ---------------------------------------------------------------------------------------

_done = {"count": 0, "failed": 0}


def ok(passed, name, *details):
    """One result; the details are shown when it failed."""
    _done["count"] += 1
    print("%sok %d - %s" % ("" if passed else "not ", _done["count"], name.replace("#", "no.")))
    if not passed:
        _done["failed"] += 1
        for detail in details:
            for line in str(detail).splitlines()[-40:]:
                print("# " + line)
    sys.stdout.flush()
    return bool(passed)


def is_near(got, want, tolerance, name):
    """`got` is a number, and within `tolerance` of `want`."""
    passed = got is not None and abs(got - want) <= tolerance
    return ok(passed, name, "got %r, want %r +- %r" % (got, want, tolerance))


def finish():
    print("1..%d" % _done["count"])
    sys.exit(1 if _done["failed"] else 0)


def skip_all(reason):
    print("1..0 # SKIP " + reason)
    sys.exit(0)


def need_root():
    if os.geteuid() != 0:
        skip_all("needs root")


def need_tool(name):
    if not shutil.which(name):
        skip_all(name + " is not installed")


def in_own_pid_namespace():
    """Runs the rest of the test where /proc shows nothing but what the test itself starts."""
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.environ.get("OWN_PID_NAMESPACE"):
        return
    need_root()
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        skip_all("a pid namespace of one's own is not allowed here")
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
        if _done["failed"]:
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


# --- readings that owe nothing to procleak -----------------------------------------------------

def _run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=False, text=True,
                          errors="replace").stdout


def rollup_bytes(pid, *keys):
    """The sum of some fields of smaps_rollup, by awk."""
    pattern = "|".join("^%s:" % key for key in keys)
    text = _run("awk", "/%s/ { sum += $2 } END { print sum * 1024 }" % pattern,
                "/proc/%d/smaps_rollup" % pid)
    return float(text)


def status_bytes(pid, key):
    return float(_run("awk", "/^%s:/ { print $2 * 1024 }" % key, "/proc/%d/status" % pid))


def fd_count(pid):
    return len(_run("ls", "/proc/%d/fd" % pid).split())


def fd_targets(pid):
    """The targets of a process' descriptors, as ls shows them."""
    lines = _run("ls", "-l", "/proc/%d/fd" % pid).splitlines()
    return [line.split(" -> ", 1)[1] for line in lines if " -> " in line]


def thread_count(pid):
    return len(_run("ps", "-T", "-o", "tid=", "-p", str(pid)).split())


def tcp_states(pid, prefix=()):
    """How many TCP sockets of a process are in each state, by ss: {"ESTAB": 3, ...}."""
    states = {}
    for line in _run(*prefix, "ss", "-Htanp").splitlines():
        if "pid=%d," % pid in line:
            state = line.split()[0]
            states[state] = states.get(state, 0) + 1
    return states


def socket_lines(pid, option):
    """How many lines of `ss OPTION` name the process."""
    return sum("pid=%d," % pid in line for line in _run("ss", option).splitlines())
