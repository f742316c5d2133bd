#!/usr/bin/python3
"""Everything that can go wrong, under the real daemons: calls that fail in every way, processes that
are gone between any two reads, hosts without descriptors, disk, rights or time. Nothing may crash or
hang, and a verdict that was reached must not be lost.

FAULTS=short (the default) takes about a minute, FAULTS=long about 20; SEED=N
tries others."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import (BUILD, ENGINE_TICKS, children_of, collectd, finish,  # noqa: E402
                     in_own_pid_namespace, need_root, ok, private, program, reap_orphans, start, stop, wait_for,
                     work_dir)
from injector import Injector  # noqa: E402

LONG = os.environ.get("FAULTS", "short") == "long"
SEED = int(os.environ.get("SEED", "1"))
LIFE_S = 2400 if LONG else 400
private.GRACE_S = 5
TIME_SCALE = 4000
LEARN_S = 120  # for what takes 17 s on a machine with nothing else to do
STORM_S = 8 if LONG else 2.5
STOP_MOST_S = 15  # to end on a busy machine; 2 s are promised, and tested where nothing is injected
PLUGIN = os.path.join(BUILD, "procleak.plugin")
NOBODY = 65534

need_root()
in_own_pid_namespace()
base = work_dir()
injector = Injector(BUILD, base)
counts = {"runs": 0, "crashes": 0, "hangs": 0, "lost verdicts": 0}
begin_s = time.monotonic()

LEAK = """
import time
kept = [bytearray(20 << 20)]
print("ready", flush=True)
end = time.monotonic() + %d
while time.monotonic() < end:
    time.sleep(0.1)
    kept.append(bytearray(100000))
""" % LIFE_S

leaker = start([sys.executable, "-c", LEAK], stdout=-1)
leaker.stdout.readline()
private.program("forker", "--children", 20, "--churn", 20, "--name", "comers", life_s=LIFE_S)
private.program("restless", "--reborn", 20, "--name", "reborn", life_s=LIFE_S)
private.program("restless", "--execs", 50, life_s=LIFE_S)
private.program("assorted", life_s=LIFE_S)

MATCHES = """
  TimeScale %d
  StateInterval 1
  ReadTimeout 1
  <Match "leaky">
    Command "python3"
    CommandLine "kept.append"
  </Match>
  <Match "comers">
    PerProcess true
    MaxProcesses 5
  </Match>
  <Match "reborn">
    PerProcess true
  </Match>
  Process "restless"
  Process "assorted"
""" % TIME_SCALE

INI = """
[global]
time scale = %d
state interval = 1
read timeout = 1
state file = %%s
evidence dir = %%s
[process leaky]
command = python3
command line = kept.append
[process comers]
per process = true
max processes = 5
[process reborn]
per process = true
[process restless]
[process assorted]
""" % TIME_SCALE


# --- what is looked at after each run ------------------------------------------------------------

def status(path):
    return subprocess.run([os.path.join(BUILD, "procleak"), "status", "--json", path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def verdicts(path):
    """{pid: verdict} of a state file, or None when it cannot be read."""
    done = status(path)
    if done.returncode not in (0, 1):
        return None
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["pid"]: line["verdict"] for line in lines if line.get("pid")}


def count(what, happened):
    counts[what] += bool(happened)
    return not happened


def judge(name, code, took_s, path, log, wanted=(0,), keeps=True):
    """One run is over: how did it end, and is the verdict still there?"""
    counts["runs"] += 1
    found = verdicts(path) if keeps else {}
    fine = count("crashes", code is not None and code not in wanted)
    fine &= count("hangs", took_s is None or took_s > STOP_MOST_S)
    fine &= count("lost verdicts", keeps and (
        found is None or found.get(leaker.pid) not in ("leaking", "critical")))
    return fine or ok(False, name, "status %r, %r s to stop, leaker %r" % (
        code, took_s, found and found.get(leaker.pid)), "", log)


def own_directory(name):
    """With the state that the keeper has saved last."""
    path = os.path.join(base, re.sub(r"\W+", "-", name))
    os.makedirs(path)
    os.chmod(path, 0o755)
    if keeper:
        shutil.copyfile(keeper.state, os.path.join(path, "state.json"))
    return path


# --- the daemons ---------------------------------------------------------------------------------

class OfCollectd:
    """A collectd that starts with what was learned."""

    def __init__(self, name, prefix=(), environment=None, options=MATCHES, interval=0.1,
                 directory=None, inner=False):
        self.name = "collectd: " + name
        self.inner = inner
        self.directory = directory or own_directory(self.name)
        self.state = os.path.join(self.directory, "state.json")
        self.daemon = collectd(options, self.directory, interval)
        words = ["%s=%s" % item for item in (environment or {}).items()]
        self.daemon.start((*prefix, "env", *words) if words else tuple(prefix))

    def up(self):
        return wait_for(lambda: "entering read-loop" in self.daemon.log() or
                        not self.daemon.alive())

    def end(self, keeps=True, path=None):
        code = self.daemon.process.poll()  # it must still be there
        if self.inner and code is None:  # unshare(1) is deaf to signals while its child runs
            for pid in children_of(self.daemon.process.pid):
                os.kill(pid, signal.SIGTERM)
            self.daemon.process.wait(private.PATIENCE_S)
        took_s = self.daemon.stop()
        code = self.daemon.process.returncode if code is None else code or -1
        return judge(self.name, code if took_s is not None else None, took_s, path or self.state,
                     self.daemon.log(), keeps=keeps)


WORDS = rb"(CHART|CLABEL|CLABEL_COMMIT|DIMENSION|BEGIN|SET|END|FUNCTION|DISABLE)\b|$"


class OfNetdata:
    """The plugin of Netdata, between two pipes."""

    def __init__(self, name, prefix=(), environment=None):
        self.name = "netdata: " + name
        self.directory = own_directory(self.name)
        self.state = os.path.join(self.directory, "state.json")
        conf = os.path.join(self.directory, "procleak.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(INI % (self.state, os.path.join(self.directory, "evidence")))
        env = {**os.environ, "NETDATA_LIB_DIR": self.directory, **(environment or {})}
        self.out = os.path.join(self.directory, "out")
        self.err = os.path.join(self.directory, "err")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([*prefix, PLUGIN, "1", "config=" + conf], env=env,
                                            stdin=subprocess.PIPE, stdout=out, stderr=err)
        private._started.append(self.process)

    def log(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def up(self):
        return wait_for(lambda: os.path.getsize(self.out) > 0 or self.process.poll() is not None)

    def tries_later(self):
        """Without memory, to start or for what it writes, it says so and ends well: Netdata starts it
        again. After a failure, or DISABLE, before there was a value it never would."""
        said = self.log()
        return self.process.poll() == 0 and (
            "ends: Cannot allocate memory" in said or
            "Netdata will try again" in said and os.path.getsize(self.out) == 0)

    def end(self, keeps=True):
        early = self.process.poll()
        begin = time.monotonic()
        self.process.stdin.close()
        try:
            code = self.process.wait(private.PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = None
        took_s = None if code is None else time.monotonic() - begin
        with open(self.out, "rb") as file:
            wrong = [line for line in file.read().split(b"\n") if not re.match(WORDS, line)]
        if early is not None and not self.tries_later() or wrong:
            code = "%r early, %r" % (early, wrong[:3])
        return judge(self.name, code, took_s, self.state, self.log(), keeps=keeps)


# --- the keeper: what it learned, the others begin with, as if they had just been restarted --------

keeper = None


def learn():
    daemon = OfCollectd("keeper")
    found = wait_for(lambda: (verdicts(daemon.state) or {}).get(leaker.pid) in
                     ("leaking", "critical"), LEARN_S, 0.3)
    ok(found, "the leak is found without any fault", daemon.daemon.log(), verdicts(daemon.state))
    return daemon


# --- calls that fail -----------------------------------------------------------------------------

# what fails, one of how many, and whether the verdict must stand: of text that the kernel never wrote,
# and where there is no memory for a match, nothing but survival is asked
STORMS = (
    ("reads fail and are interrupted", "errno+eintr", {"one_in": 20}, True),
    ("reads are short", "short", {"one_in": 200}, True),
    ("reads are short and torn", "short+torn", {"one_in": 20}, False),
    ("processes are gone between two reads", "gone", {"one_in": 60}, True),
    ("reads hang", "stuck", {"one_in": 10, "stuck_ms": 2500}, True),
    ("all of that", "errno+eintr+short+torn+gone+stuck", {"one_in": 30, "stuck_ms": 1500}, False),
    ("writes fail", "store+eintr", {"one_in": 3}, True),
    ("there is no memory now and then", "alloc", {"one_in": 30}, False),
    ("the clock jumps by years", "clock", {"period_ms": 300}, True),
    ("the host is suspended", "suspend", {"period_ms": 700}, True),
)


def begin_storm(name, kinds, plan, seed):
    runs = []
    for host in (OfCollectd, OfNetdata):
        environment, path = injector.environment(kinds, seed=seed, **plan)
        runs.append((host("%s, seed %d" % (name, seed), environment=environment), path))
    return runs


def storms(seed, at_once):
    """Both daemons in each storm, some storms at once."""
    for first in range(0, len(STORMS), at_once):
        rows = STORMS[first:first + at_once]
        begun = [begin_storm(*row[:3], seed) for row in rows]
        for run, _ in itertools.chain(*begun):
            run.up()
        time.sleep(STORM_S)
        for (name, _, _, keeps), runs in zip(rows, begun):
            fine = all([run.end(keeps=keeps) for run, _ in runs])
            count_ = sum(injector.collect(path)[1] for _, path in runs)
            ok(fine and count_ > 0, "%s: %d faults in both daemons, seed %d" % (name, count_, seed))


# --- one call fails, whichever -------------------------------------------------------------------

def engine_run(directory, kinds, ticks, **plan):
    """The bare engine for some ticks. Returns (calls, faults, how it ended, what it said)."""
    environment, path = injector.environment(kinds, **plan)
    argv = [ENGINE_TICKS, os.path.join(directory, "engine.ini"), "0", str(ticks), "0"]
    try:
        done = subprocess.run(argv, env={**os.environ, **environment}, timeout=60, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        code, said = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, said = None, b"it hangs"
    return (*injector.collect(path), code, said.decode(errors="replace"))


def each_call(kinds, ticks=3, wanted=(0,), most=None):
    """Lets the first call fail, in another run the second, and so on: all of them, or `most`."""
    directory = own_directory("each %s" % kinds)
    state = os.path.join(directory, "state.json")
    with open(os.path.join(directory, "engine.ini"), "w", encoding="utf-8") as file:
        file.write(INI % (state, os.path.join(directory, "evidence")))
    calls = engine_run(directory, kinds, ticks)[0]
    step = max(1, calls // most) if most else 1
    tried = 0
    fine = True
    for nth in range(1 + SEED % step, calls + 1, step):
        shutil.copyfile(keeper.state, state)
        _, faults, code, said = engine_run(directory, kinds, ticks, nth=nth, seed=SEED + nth)
        tried += faults
        # without memory for the configuration or the state it may learn anew, but not lose the file
        kept = state + ".bad" if os.path.exists(state + ".bad") else state
        fine &= judge("%s: call %d of %d" % (kinds, nth, calls), code,
                      0 if code is not None else None, kept, said, wanted)
        if kept != state:
            os.unlink(kept)
    ok(fine and tried > 0, "%s: each of %d calls of an engine's life fails%s: %d runs" % (
        kinds, calls, "" if step == 1 else " (1 in %d)" % step, tried))


def each_allocation_of_daemons(most):
    """Start-up of both daemons, with the n-th allocation failing: they start, at once or later."""
    for host in (OfCollectd, OfNetdata):
        environment, path = injector.environment("alloc")
        run = host("all allocations", environment=environment)
        run.up()
        time.sleep(0.5)
        run.end()
        calls, _ = injector.collect(path)
        step = max(1, calls // most) if most else 1
        fine, tried = True, 0
        for nth in range(1 + SEED % step, calls + 1, step):
            environment, path = injector.environment("alloc", nth=nth)
            run = host("allocation %d" % nth, environment=environment)
            run.up()
            time.sleep(0.1)
            fine &= run.end(keeps=False)
            tried += injector.collect(path)[1]
            shutil.rmtree(run.directory)
        ok(fine and tried > 0, "%s: each of %d allocations of its start fails%s: %d runs" % (
            host.__name__, calls, "" if step == 1 else " (1 in %d)" % step, tried))


# --- hosts that lack something -------------------------------------------------------------------

def in_shell(script):
    """A prefix: the script, then the daemon in its place."""
    return ("sh", "-c", script + ' && exec "$@"', "sh")


def in_mounts(script):
    return ("unshare", "--mount", *in_shell(script))


def small_disk(name):
    """A directory for a daemon on a small disk of its own."""
    path = own_directory(name)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", path], check=True)
    shutil.copyfile(keeper.state, os.path.join(path, "state.json"))
    return path


def fill(path):
    with open(os.path.join(path, "filler"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass


def hosts_that_lack():
    """All at once, for they do little."""
    runs = {
        "64 descriptors": OfCollectd("64 descriptors", ("prlimit", "--nofile=64")),
        "no capabilities": OfCollectd("no capabilities", (
            "setpriv", "--bounding-set=-all", "--inh-caps=-all")),
        "hidepid=2": OfCollectd("hidepid", in_mounts(
            "mount -t proc -o hidepid=2 proc /proc && chown -R %d ." % NOBODY) + (
                "setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups")),
        "a container's /proc": OfCollectd("container", (
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            inner=True),
        "a user namespace": OfCollectd("user namespace", ("unshare", "--user", "--map-root-user")),
        "nothing in /proc": OfCollectd("no proc", in_mounts("mount -t tmpfs tmpfs /proc")),
        "1,000 matches": OfCollectd("1000 matches", options=MATCHES + "".join(
            '  ProcessMatch "m%d" "^nothing%d"\n' % (i, i) for i in range(1000))),
        "another interval": OfCollectd("interval", interval=0.5),
        "Netdata, 64 descriptors": OfNetdata("64 descriptors", ("prlimit", "--nofile=64")),
        "Netdata, no capabilities": OfNetdata("no capabilities", (
            "setpriv", "--bounding-set=-all", "--inh-caps=-all")),
        "Netdata, a user namespace": OfNetdata("user namespace", (
            "unshare", "--user", "--map-root-user")),
        "Netdata, nothing in /proc": OfNetdata("no proc", in_mounts("mount -t tmpfs tmpfs /proc")),
    }
    for run in runs.values():
        run.up()
    time.sleep(STORM_S)
    for name, run in runs.items():
        # who cannot see the process keeps what is known of it
        ok(run.end(), "%s: it runs and ends, and the verdict stands" % name)
    said = runs["1,000 matches"].daemon.log()
    ok(said.count("only 256 matches are possible") == 1000 - 256 + 5,
       "each match that is too many is named", said.count("only 256 matches"))


def disks():
    full = OfCollectd("full disk", directory=small_disk("full disk"))
    only = OfCollectd("read-only disk", directory=small_disk("read-only disk"))
    for run in (full, only):
        run.up()
    fill(full.directory)
    subprocess.run(["mount", "-o", "remount,ro", only.directory], check=False,
                   stderr=subprocess.DEVNULL)
    subprocess.run(["mount", "--bind", "-o", "ro", only.directory, only.directory], check=False)
    time.sleep(STORM_S)
    ok(full.end(), "a disk full of its own log and data: it ends, and the state is whole")
    ok(only.end(), "a state that may not be written: it ends, and the old one stays")
    subprocess.run(["umount", only.directory], check=False)
    for run in (full, only):
        subprocess.run(["umount", run.directory], check=False)


def intervals():
    """One daemon after the other on one state, at other intervals, killed or asked to end."""
    directory = own_directory("intervals")
    fine = True
    for interval in (0.02, 1, 0.1, 5, 0.3)[:5 if LONG else 3]:
        run = OfCollectd("interval %g" % interval, interval=interval, directory=directory)
        run.up()
        time.sleep(2 if LONG else 0.7)
        fine &= run.end()
    ok(fine, "the interval changes from start to start: the verdict stands")


def kills():
    """The daemon is killed, at any moment, and starts again on what is left."""
    directory = own_directory("kills")
    fine = True
    for nth in range(40 if LONG else 4):
        run = OfCollectd("kill %d" % nth, interval=0.02, directory=directory)
        run.up()
        time.sleep(0.05 + 0.037 * (SEED + nth) * 7 % 1.5)
        stop(run.daemon.process, signal.SIGKILL)
        fine &= judge(run.name, run.daemon.process.returncode, 0, run.state, run.daemon.log(),
                      (-signal.SIGKILL,))
    ok(fine, "killed again and again: the verdict stands")


def fork_bomb():
    """5,000 processes in one match, at once, and gone at once."""
    run = OfCollectd("fork bomb", options=MATCHES + '  Process "bomb"\n', interval=0.5)
    run.up()
    bomb = private.program("forker", "--children", 5000, "--name", "bomb", life_s=60)
    seen = wait_for(lambda: run.daemon.value("bomb", "ps_count") == 5000)
    stop(bomb, signal.SIGKILL)
    reap_orphans()
    gone = wait_for(lambda: run.daemon.value("bomb", "ps_count") == 0)
    ok(run.end() and seen and gone, "5,000 processes come and go: all are counted", seen, gone,
       run.daemon.log())


def many_starts():
    """2,000 processes begin and end every second."""
    churn = private.program("forker", "--children", 50, "--churn", 2000, "--name", "churn",
                            life_s=LIFE_S)
    run = OfCollectd("churn", options=MATCHES + '  Process "churn"\n')
    run.up()
    seen = wait_for(lambda: (run.daemon.value("churn", "ps_count") or 0) >= 40)
    time.sleep(STORM_S)
    ok(run.end() and seen, "2,000 starts and exits a second: most of those that live are seen", seen)
    stop(churn)
    reap_orphans()


# --- the campaign --------------------------------------------------------------------------------

keeper = learn()
for kind in ("errno", "eintr", "gone", "short", "torn"):
    each_call(kind, most=None if LONG else 15)
each_call("store", ticks=1)
each_call("kill", most=None if LONG else 15, wanted=(0, -signal.SIGKILL))
kills()
each_call("alloc", most=None if LONG else 25, wanted=(0, 1, 2))
for round_ in range(4 if LONG else 1):
    storms(SEED + round_, 3 if LONG else 5)
hosts_that_lack()
disks()
intervals()
fork_bomb()
many_starts()
each_allocation_of_daemons(None if LONG else 4)
ok(keeper.end(), "the one that saw no fault but the crowds is as well as ever")
print("# %s faults (%s) in %s runs, %.0f s: %d crashes, %d hangs, %d lost verdicts" % (
    format(injector.total(), ","),
    ", ".join("%s %s" % (format(n, ","), kind) for kind, n in injector.totals.items() if n),
    format(counts["runs"], ","), time.monotonic() - begin_s, counts["crashes"], counts["hangs"],
    counts["lost verdicts"]))
ok(not counts["crashes"] + counts["hangs"] + counts["lost verdicts"],
   "nothing crashed, hung or was forgotten", counts)
finish()
