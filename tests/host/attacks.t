#!/usr/bin/python3
# Whoever can put something where procleak keeps its files gets nothing written elsewhere, nothing
# believed and nothing hung: links, FIFOs, devices and directories in place of the state, of a pid
# file and of a trace, and directories that belong to others.
import json
import re
import stat
import subprocess

from harness import *

need_root()
NOBODY = 65534
PRECIOUS = "precious\n"
top = work_dir()
name = "target%d" % os.getpid()
target = program("assorted", "--name", name)
with open(os.path.join(private.ROOT, "plugin/core/state/state.h"), encoding="utf-8") as header:
    VERSION = int(re.search(r"PL_STATE_VERSION (\d+)", header.read())[1])
FORGED = json.dumps({"format": "procleak-state", "version": VERSION, "header": {}, "matches": [],
                     "processes": []})  # as good as any, but for who wrote it


class Case:
    """A daemon whose state is in a directory of its own, with an attack prepared there."""

    def __init__(self, title, attack, options=""):
        self.title = title
        self.dir = os.path.join(top, title.replace(" ", "-"))
        self.place = os.path.join(self.dir, "place")
        self.state = os.path.join(self.place, "state.json")
        self.precious = os.path.join(self.dir, "precious")
        os.makedirs(self.place)
        with open(self.precious, "w", encoding="ascii") as file:
            file.write(PRECIOUS)
        attack(self)
        self.daemon = collectd('Process "%s"\nStateInterval 1\n%s' % (name, options), self.dir)
        self.daemon.own = self.daemon.own.replace(os.path.join(self.dir, "state.json"), self.state)

    def write(self, path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chown(path, NOBODY, NOBODY)

    def link(self, to, path):
        os.symlink(to, path)
        os.lchown(path, NOBODY, NOBODY)

    def is_saved(self):
        """There is a state of the daemon's own, where it was asked for."""
        try:
            info = os.lstat(self.state)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != 0 or info.st_mode & 0o777 != 0o600:
                return False
            with open(self.state, encoding="utf-8") as file:
                return "processes" in json.load(file)
        except (OSError, ValueError):
            return False

    def is_unharmed(self):
        with open(self.precious, encoding="ascii") as file:
            return file.read() == PRECIOUS


def foreign_state(case):
    os.chmod(case.place, 0o1777)
    case.write(case.state, FORGED)


def writable_state(case):
    case.write(case.state, FORGED)
    os.chown(case.state, 0, 0)
    os.chmod(case.state, 0o666)


def link_for_directory(case):
    os.rename(case.place, case.place + "-of-root")
    case.link(case.place + "-of-root", case.place)


# What becomes of the state: saved over the attack, or refused for good; what the log must say.
SAVED = (
    ("a link for the state", lambda c: c.link(c.precious, c.state), "symbolic link"),
    ("a link for the temporary file", lambda c: c.link(c.precious, c.state + ".tmp"), None),
    ("a hard link for the state", lambda c: os.link(c.precious, c.state), "kept as"),
    ("a hard link for the temporary file", lambda c: os.link(c.precious, c.state + ".tmp"), None),
    ("a FIFO for the state", lambda c: os.mkfifo(c.state), "not a regular file"),
    ("a FIFO for the temporary file", lambda c: os.mkfifo(c.state + ".tmp"), None),
    ("a device for the state", lambda c: os.mknod(c.state, 0o600 | stat.S_IFCHR, os.makedev(1, 5)),
     "not a regular file"),
    ("a state of somebody else", foreign_state, "somebody else"),
    ("a state that all may write to", writable_state, "others may write"),
)
REFUSED = (
    ("a directory for the state", lambda c: os.mkdir(c.state), "cannot save"),
    ("a directory of somebody else", lambda c: os.chown(c.place, NOBODY, NOBODY), "cannot save"),
    ("a directory that all may write to", lambda c: os.chmod(c.place, 0o777), "cannot save"),
    ("a link for the directory", link_for_directory, "cannot save"),
)

saved = [(Case(title, attack), said) for title, attack, said in SAVED]
refused = [(Case(title, attack), said) for title, attack, said in REFUSED]
for case, _ in saved + refused:
    case.daemon.start()
for case, said in saved:
    ok(wait_for(case.is_saved), case.title + ": the state is saved in its place", case.daemon.log())
    ok(case.is_unharmed(), case.title + ": nothing is written elsewhere")
    ok(not said or said in case.daemon.log(), case.title + ": it is told", case.daemon.log())
    ok("restored" not in case.daemon.log(), case.title + ": nothing is believed", case.daemon.log())
for case, said in refused:
    ok(wait_for(lambda: said in case.daemon.log()), case.title + ": it is told", case.daemon.log())
    ok(case.is_unharmed() and not os.path.isfile(case.state), case.title + ": nothing is written")
for case, _ in saved + refused:
    ok(case.daemon.wait_rows(name, "ps_rss", 3), case.title + ": it runs on", case.daemon.log())
for case, _ in saved + refused:
    took_s = case.daemon.stop()
    ok(took_s is not None, case.title + ": it stops", took_s)

# Pid files belong to who is watched.
pid_dir = os.path.join(top, "run")
os.mkdir(pid_dir)
PID_FILES = {"fifo": lambda path: os.mkfifo(path), "zero": lambda path: os.symlink("/dev/zero", path),
             "directory": lambda path: os.mkdir(path), "loop": lambda path: os.symlink(path, path),
             "tty": lambda path: os.symlink("/dev/tty", path)}
options = 'Process "%s"\n' % name
for kind, make in PID_FILES.items():
    make(os.path.join(pid_dir, kind))
    options += '<Match "%s">\nPidFile "%s"\n</Match>\n' % (kind, os.path.join(pid_dir, kind))
with open(os.path.join(pid_dir, "good"), "w", encoding="ascii") as file:
    file.write("%d\n" % target.pid)
options += '<Match "good">\nPidFile "%s"\n</Match>\n' % os.path.join(pid_dir, "good")
daemon = collectd(options).start()
ok(daemon.wait_rows("good", "ps_rss", 3) and daemon.wait_rows(name, "ps_rss", 3),
   "whatever stands for a pid file, others are read", daemon.log())
for kind in PID_FILES:
    ok((daemon.value(kind, "ps_count") or 0) == 0, "nobody is found by a " + kind)
    ok(daemon.log().count("PidFile: %s/%s:" % (pid_dir, kind)) == 1, "which is told, once",
       daemon.log())
took_s = daemon.stop()
ok(took_s is not None and took_s < STOP_S, "it stops within 2 s", took_s)


# A trace that root records where others may write.
def record(path):
    return subprocess.run([os.path.join(BUILD, "procleak"), "record", "--interval", "0.2", "--for",
                           "0.5", "-o", path, str(target.pid)], stdout=subprocess.PIPE, timeout=60,
                          stderr=subprocess.PIPE, text=True, check=False)


precious = os.path.join(top, "precious")
with open(precious, "w", encoding="ascii") as file:
    file.write(PRECIOUS)
trace = os.path.join(top, "trace.csv")
os.symlink(precious, trace)
os.lchown(trace, NOBODY, NOBODY)
done = record(trace)
ok(done.returncode == 2 and open(precious, encoding="ascii").read() == PRECIOUS,
   "a trace is not written through somebody else's link", done)
os.remove(trace)
os.link(precious, trace)
done = record(trace)
ok(done.returncode == 2 and open(precious, encoding="ascii").read() == PRECIOUS,
   "nor into a file with a second name", done)
os.remove(trace)
done = record(trace)
ok(done.returncode == 0 and open(trace, encoding="ascii").read().startswith("time,"),
   "a new file is written", done)
done = record("/dev/stdout")
ok(done.returncode == 0 and done.stdout.startswith("time,"), "and so is a pipe", done)
finish()
