#!/usr/bin/python3
# Every command that README, manual pages and samples tell to run is run: here, as it stands but for
# names and times, or by another test; or it is said why not. What nobody has thought of fails.
import os
import re
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "host"))
from harness import *
import doc_commands
from private_collectd import ROOT

LEAK_S = 120  # until a leak is told, at most; it takes half a minute
LIMIT_S = 240
WATCH_S = 4  # what a reader would end by Ctrl-C
OPTIONAL = ("promtool",)  # some Debians do not have it
EVIDENCE = "/var/lib/collectd/procleak-evidence"
FAST = "TimeScale 1000\n  Season false\n  Settle 0"

need_root()
in_own_pid_namespace()  # so that a program may be called nginx


class Ci:
    """.ci/run has it, as a line of its own."""


class By:
    """Another test runs it: a file, and what stands there."""

    def __init__(self, file, text):
        self.file, self.text = file, text


class Not:
    """It cannot be run by a test, and why."""

    def __init__(self, why):
        self.why = why


class Named:
    """A command of procleak by its name alone: a row further down runs it with what it wants."""


class Run:
    """It is run here: `wants` is in what it prints, and it exits with one of `status`. After `seconds` it
    is interrupted, as one does that never ends by itself. `add` is put behind it."""

    def __init__(self, wants, status=(0,), seconds=None, add=""):
        self.wants, self.status, self.seconds, self.add = wants, status, seconds, add


# A command as a whole, and how it is tried; in the order in which they are run.
TABLE = (
    (r"make help", Run(r"make check ")),
    (r"make|make test-programs", By("Makefile", r"^check:.*\n.*\n.*all man unit-tests test-programs")),
    (r"make (lint|tsan|demo|check|check-packages)", Ci()),
    (r"make fuzz", By(".ci/run", r"^make fuzz FUZZ_SECONDS=")),
    (r"make deps", By("Makefile", r"^check:.*\n\t@packaging/deps.sh build run")),
    (r"make deb", By("tests/packaging/packages.sh", r"^packaging/deb.sh ")),
    (r"make (install.*|install-netdata)", Run(r"procleak", add=" DESTDIR=@DEST@ V=1")),
    (r"make (bench|eval|eval-report|coverage|mutation|faults|soak|asan|drd|fuzz-long)( ARGS=.*)?", Not("it measures for many minutes")),
    (r"make demo-netdata", Not("a minute, and a browser for the picture; tests/host/netdata.t has the same")),
    (r"make screenshots", Not("a minute, and a browser; for whoever changes the pictures")),
    (r"cp conf/collectd.d/procleak.conf \S+", Run("")),
    (r"setcap \S+ \S+procleak.plugin", Run("")),
    (r"procleak.plugin 1 debug", Run(r"CHART '?procleak\.", seconds=WATCH_S)),
    (r"procleak (watch|record|replay|explain|census|check-config)( --[a-z-]+)?", Named()),
    (r"procleak check-config \S+", Run("", add=" --quiet")),
    (r"procleak watch nginx", Run(r"nginx", status=(0, 1), seconds=WATCH_S)),
    (r"procleak watch --for .*", Run(r"nginx", status=(0, 1))),
    (r"procleak record (4711|PID) > t.csv", Run(r"^time,.*pid.*\n\d", seconds=WATCH_S, add="; cat t.csv")),
    (r"procleak record --for \d+ --output t.csv 4711", Run(r"^time,.*pid.*\n\d", add="; cat t.csv")),
    (r"procleak record --for \d+ PID > leak.csv", Run(r"^time,.*pid.*\n\d", add="; cat leak.csv")),
    (r"(build/)?procleak replay (--verbose )?(--set \S+ )?(t.csv|FILE|TRACE)", Run(r'"summary":true', status=(0, 1))),
    (r"procleak census (4711|PID)( --interval 120)?", Run(r"(?i)heap|malloc|chunk", add=" --interval 5")),
    (r"procleak census PID > leak.census", Run(r"(?i)heap|malloc|chunk", add="; cat leak.census")),
    (r"procleak status", Run(r"nginx.*leaking|leaking.*nginx|critical", status=(1,))),
    (r"procleak explain (api|NAME|PID|\{\{.*\}\})", Run(r"leaking|critical")),
    (r"(cat|ls( -l)?) /(proc/PID/(stack|task|fd)|dev/shm)", Run("")),
    (r"ss -tnp( state close-wait)?", Run(r"127.0.0.1")),
    (r"ss -tmp", Run(r"skmem")),
    (r"ulimit -s", Run(r"\d|unlimited")),
    (r"prlimit --pid PID --nofile=N:N", Run("")),
    (r"ipcs -m", Run(r"shmid")),
    (r"df -h -t tmpfs", Run("", status=(0, 1))),
    (r"du -x /dev/shm /run /tmp", Run("", seconds=WATCH_S)),
    (r"perf record .*", Not("perf is the kernel's own, and not in each Debian")),
    (r"promtool check rules procleak.rules.yml", Run(r"SUCCESS")),
    (r"apt-get install make", Not("what runs this has it")),
    (r"apt install .*collectd-plugin-procleak_\*.deb .*", By("tests/packaging/from_nothing.sh", r"apt-get install")),
    (r"systemctl restart collectd", By("tests/packaging/from_nothing.sh", r"service collectd restart")),
    (r"systemctl (restart (netdata|UNIT)|show -p .*|set-property .*)", Not("no systemd runs where tests do")),
    (r"tests/packaging/clean_room.sh from_nothing.sh .*", By("tests/packaging/packages.sh", r"from_nothing.sh")),
    (r"conf/graphs/rrd_graphs.py .*", By("tests/graphs/graphs.t", r"rrd_graphs.py")),
    (r"sudoedit \S+", Not("an editor waits for a person")),
    (r"tests/scenario/evaluate.py .*", By("tests/scenario/evaluate.t", r"evaluate")),
    (r"tests/scenario/record.py .*", Not("it records real programs for hours")),
)


def row_of(command):
    return next((row for row in TABLE if re.fullmatch(row[0], command)), None)


def contents(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


class World:
    """A directory to run in, a program called nginx that leaks, and a collectd that finds out. What the
    plugin keeps is where it belongs, but in a mount of this test's own."""

    def __init__(self):
        self.dir = work_dir()
        self.dest = os.path.join(self.dir, "dest")
        kept = os.path.join(self.dir, "kept")
        for path in (self.dest, kept, os.path.join(self.dest, "etc/collectd/collectd.conf.d")):
            os.makedirs(path)
        os.makedirs("/var/lib/collectd", exist_ok=True)
        for command in (["mount", "--make-rprivate", "/"],
                        ["mount", "--bind", kept, "/var/lib/collectd"]):
            subprocess.run(command, check=True)
        server = program("leaky-server", "--name", "nginx", "--buffer", "128K", "--hold")
        program("client", "--port", server.answer.split()[1], "--rate", 10, "--linger", 2000)
        self.pid = server.pid
        self.daemon = collectd("""%s
  EvidenceDir "%s"
  StateFile "/var/lib/collectd/procleak.json"
  Process "nginx"
  <Match "api">
    Command "nginx"
  </Match>""" % (FAST, EVIDENCE), self.dir).start()

    def wait_leak(self):
        """Until the saved state has it, and both matches a file of evidence."""
        def is_told():
            told = subprocess.run([os.path.join(BUILD, "procleak"), "status"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=False).stdout
            return "leaking" in told and len(os.listdir(EVIDENCE)) >= 2

        return wait_for(is_told, LEAK_S, 1)

    def local(self, command, how):
        """The command with names of this world in it."""
        command = re.sub(r"(check-config) FILE", r"\1 conf/procleak.conf", command)
        command = re.sub(r"\b(FILE|TRACE)\b", "t.csv", command)
        command = re.sub(r"\b(4711|PID)\b", str(self.pid), command)
        command = re.sub(r"\bNAME\b|\{\{.*\}\}", "nginx", command)
        command = command.replace("N:N", "9000:9000")
        command = re.sub(r"--for \d+", "--for %d" % WATCH_S, command)
        command = re.sub(r" (/etc/collectd|/usr/lib/netdata)", r" %s\1" % self.dest, command)
        return command + how.add.replace("@DEST@", self.dest)

    def run(self, command, how):
        """(exit status, output)"""
        path = ":".join([BUILD, os.path.join(self.dest, "usr/lib/netdata/plugins.d"), os.environ["PATH"],
                         "/usr/sbin:/sbin"])
        script = self.local(command, how)
        # only what waits is interrupted, not what looks at its output
        first, separator, rest = script.partition(";")
        if how.seconds:
            first = "timeout --signal INT --kill-after 10 %d %s; test $? -le 1 -o $? -eq 124" % (
                how.seconds, first)
        done = subprocess.run(["bash", "-c", first + separator + rest], cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, PATH=path), text=True, errors="replace", timeout=LIMIT_S,
                              check=False)
        return done.returncode, done.stdout


def try_elsewhere(command, places, how):
    name = "%s (%s)" % (command, ", ".join(places))
    if isinstance(how, Ci):
        ok(re.search("^" + re.escape(command) + "$", contents(".ci/run"), re.M), name + ": by CI")
    elif isinstance(how, By):
        ok(re.search(how.text, contents(how.file), re.M), "%s: by %s" % (name, how.file))
    elif isinstance(how, Named):
        ok(True, name + ": a name, run below")
    elif isinstance(how, Not):
        ok(how.why, "%s: not run, %s" % (name, how.why))


def try_here(world, command, how):
    name = command.split()[0]
    if name in OPTIONAL and not shutil.which(name):
        ok(True, "%s: not run, there is no %s" % (command, name))
        return
    if "explain" in command or "status" in command:
        ok(world.wait_leak(), "a leak is known of: " + command, world.daemon.log())
    status, output = world.run(command, how)
    ok(status in how.status and re.search(how.wants, output, re.M), "%s: run" % command,
       "exit status %d" % status, output)


def try_settings(world):
    for name, line, text, kind in doc_commands.settings():
        with open(os.path.join(world.dir, "shown"), "w", encoding="utf-8") as file:
            file.write(text)
        status, output = world.run("procleak check-config --%s shown" % kind, Run(""))
        ok(status == 0, "%s:%d: the settings shown are right" % (name, line), output)


found = {}
for file, line, command in doc_commands.commands():
    found.setdefault(command, []).append("%s:%d" % (file, line))
unknown = {command: places for command, places in found.items() if not row_of(command)}
ok(not unknown, "every command in the guides is in the table of this test",
   "\n".join("%s: %s" % pair for pair in unknown.items()))
unused = [row[0] for row in TABLE if not any(row_of(command) is row for command in found)]
ok(not unused, "and every row of the table is in a guide", "\n".join(unused))
targets = contents("Makefile")
for command, places in found.items():
    row = row_of(command)
    if row and not isinstance(row[1], Run):
        try_elsewhere(command, places, row[1])
    for target in re.findall(r"^make ([a-z-]+)", command):
        ok(re.search(r"^([a-z-]+ )*%s( [a-z-]+)*:" % target, targets, re.M), "there is a target " + target)

world = World()
for name in ("conf", "Makefile", "plugin", "packaging", "tests"):
    os.symlink(os.path.join(ROOT, name), os.path.join(world.dir, name))
os.symlink(BUILD, os.path.join(world.dir, "build"))
shutil.copy(os.path.join(ROOT, "conf", "fleet", "procleak.rules.yml"), world.dir)
for pattern, how in TABLE:
    if isinstance(how, Run):
        for command in sorted(command for command in found if re.fullmatch(pattern, command)):
            try_here(world, command, how)
try_settings(world)
ok(world.daemon.stop() is not None, "collectd stops")
finish()
