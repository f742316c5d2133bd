#!/usr/bin/python3
# procleak.plugin by itself, between pipes: when it ends and with what status, that it is never
# silent for long, which rights it keeps, which configuration it refuses, and what it says of that.
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *  # noqa: E402,F403

PLUGIN = os.path.join(BUILD, "procleak.plugin")
HEALTH = os.path.join(private.ROOT, "conf", "health.d")
PTRACE, READ_SEARCH = 1 << 19, 1 << 2  # capability(7)
NOBODY = 65534

directory = work_dir()
os.mkdir(os.path.join(directory, "etc"))
os.mkdir(os.path.join(directory, "lib"))


def write(name, text, mode=0o644):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def environment(**changes):
    env = {"NETDATA_USER_CONFIG_DIR": os.path.join(directory, "etc"),
           "NETDATA_STOCK_CONFIG_DIR": os.path.join(directory, "stock"),
           "NETDATA_LIB_DIR": os.path.join(directory, "lib"), "PATH": os.environ["PATH"]}
    env.update(changes)
    return env


class Plugin:
    """The plugin between two pipes, as Netdata starts it: by a shell that it replaces."""

    def __init__(self, *arguments, path=PLUGIN, env=None, prefix=()):
        self.process = subprocess.Popen([*prefix, path, *map(str, arguments)], bufsize=0,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env or environment())
        private._started.append(self.process)
        self.text = b""

    def read(self, want, timeout_s=private.PATIENCE_S):
        """Reads until `want` (a regular expression) was printed; False when it was not."""
        end_s = time.monotonic() + timeout_s
        out = self.process.stdout
        while not re.search(want, self.text):
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not select.select([out], [], [], left_s)[0]:
                return False
            chunk = os.read(out.fileno(), 65536)
            if not chunk:
                return False
            self.text += chunk
        return True

    def said(self):
        """All of its log; waits for its end."""
        return self.process.stderr.read().decode(errors="replace")

    def ends(self):
        """Its status, or None when it does not end."""
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            return None


def threads(pid, key):
    """What /proc says by this name of each thread: {"2", ...}."""
    found = set()
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, tid), encoding="utf-8",
                  errors="replace") as file:
            found |= {line.split()[1] for line in file if line.startswith(key + ":")}
    return found


def capabilities(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
        status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    return {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}, \
        status["NoNewPrivs"].strip()


CONF = "[process this]\ncommand = python3\n"
write("etc/procleak.conf", CONF)
quiet = Plugin(100)  # an interval of 100 s: looked at in the end
quiet_s = time.monotonic()

# ends
plugin = Plugin(1)
ok(plugin.read(rb"this_processes"), "it prints charts", plugin.text)
ok(plugin.text.startswith(b"FUNCTION GLOBAL 'procleak' "), "and offers its function first")
plugin.process.stdin.close()
ok(plugin.ends() == 0, "end of its input: it ends, with 0", plugin.process.poll())
ok("standard input is closed" in plugin.said(), "and says why")
for text in (b"QUIT", b"QUIT\n"):
    plugin = Plugin(1)
    plugin.read(rb"END\n")
    plugin.process.stdin.write(text)
    ok(plugin.ends() == 0, "%r: it ends, with 0" % text, plugin.process.poll())
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    plugin = Plugin(1)
    plugin.read(rb"END\n")
    plugin.process.send_signal(number)
    ok(plugin.ends() == 0, "signal %d: it ends, with 0" % number, plugin.process.poll())
plugin = Plugin(1)
plugin.read(rb"END\n")
plugin.process.stdout.close()
ok(plugin.ends() == 0 and "Broken pipe" in plugin.said(), "nobody reads: it ends",
   plugin.process.poll())
full = open("/dev/full", "wb")
plugin = subprocess.Popen([PLUGIN, "1"], stdin=subprocess.PIPE, stdout=full,
                          stderr=subprocess.DEVNULL, env=environment())
ok(plugin.wait(20) == 0, "what cannot be written ends it too")

# its parent dies, but somebody else holds the pipe to its input
def runs(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


reader, writer = os.pipe()
shell = subprocess.Popen(["bash", "-c", "'%s' 1 <&%d >/dev/null 2>&1 & echo $!; read x" %
                          (PLUGIN, reader)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         env=environment(), pass_fds=(reader,))
pid = int(shell.stdout.readline())
time.sleep(2)
alive = runs(pid)
shell.kill()
shell.wait()
ok(alive and wait_for(lambda: not runs(pid), 20),
   "its parent is gone, its input still open: it ends", alive)
os.close(writer)
os.close(reader)

# calls
plugin = Plugin(1)
plugin.read(rb"END\n")
plugin.process.stdin.write(b"FUNCTION 12ab 10 \"procleak\" \"0x1\" \"test\"\n")
ok(plugin.read(rb"FUNCTION_RESULT_BEGIN 12ab 200 application/json \d+\n"
               rb"[^\0]*\nFUNCTION_RESULT_END\n"),
   "a call is answered", plugin.text[-2000:])
ok(plugin.read(rb"FUNCTION_RESULT_END\n[^\0]*BEGIN 'procleak.this_processes'"), "and charts go on")
plugin.process.stdin.close()
plugin.ends()

# configuration
def refused(**changes):
    plugin = Plugin(1, **changes)
    plugin.read(rb"\n", 20)
    return plugin, plugin.text == b"DISABLE\n" and plugin.ends() == 1


write("etc/procleak.conf", CONF, 0o646)
plugin, fine = refused()
ok(fine, "a file that everybody can write to: DISABLE, status 1", plugin.text)
ok("everybody can write" in plugin.said(), "and it says why")
write("etc/procleak.conf", CONF, 0o664)
os.chmod(os.path.join(directory, "etc"), 0o777)
ok(refused()[1], "a directory likewise")
os.chmod(os.path.join(directory, "etc"), 0o755)
os.mkfifo(os.path.join(directory, "fifo.conf"))
plugin = Plugin(1, "config=" + os.path.join(directory, "fifo.conf"))
plugin.read(rb"\n", 20)
ok(plugin.text == b"DISABLE\n" and plugin.ends() == 1 and "not a regular file" in plugin.said(),
   "a FIFO does not hang it", plugin.text)
os.chmod(os.path.join(directory, "etc"), 0o1777)
plugin = Plugin(1)
ok(plugin.read(rb"this_processes"), "a sticky directory is safe, a file that its group writes too")
plugin.process.stdin.close()
os.chmod(os.path.join(directory, "etc"), 0o755)
write("etc/procleak.conf", "[process bad]\ncommand line = (\nfrobnicate = 1\n" + CONF)
plugin = Plugin(1)
ok(plugin.read(rb"SET 'config_faults' = 2\n") and b"procleak.this_processes" in plugin.text,
   "faults are counted, the rest works", plugin.text[-3000:])
plugin.process.stdin.close()
said = plugin.said()
ok(re.search(r"procleak\.conf:2: .*bad.*", said) and "procleak.conf:3:" in said,
   "and named by line", said)
os.remove(os.path.join(directory, "etc/procleak.conf"))
plugin = Plugin(1)
ok(plugin.read(rb"procleak.self_trouble"), "without a file it watches what is large")
plugin.process.stdin.close()
ok("every large process" in plugin.said(), "and says so")
other = write("other.conf", "[process named]\ncommand = python3\n")
plugin = Plugin(1, "config=" + other)
ok(plugin.read(rb"named_processes"), "config= names another file")
plugin.process.stdin.close()
ok(wait_for(lambda: os.path.exists(os.path.join(directory, "lib", "procleak.json"))),
   "the state is saved in Netdata's lib directory", os.listdir(os.path.join(directory, "lib")))
plugin = Plugin(1, "config=/nonexistent")
plugin.read(rb"\n")
ok(plugin.text == b"DISABLE\n" and plugin.ends() == 1, "a named file that is not there is an error")

# the log
env = environment(NETDATA_LOG_FORMAT="logfmt", NETDATA_LOG_LEVEL="info")
plugin = Plugin(1, env=env)
plugin.read(rb"END\n")
plugin.process.stdin.close()
said = plugin.said()
ok(said and all(re.fullmatch(r'time=\S+Z comm=procleak\.plugin source=collector level=[a-z]+ '
                             r'msg="[^"]*"', line) for line in said.splitlines()),
   "for Netdata 2 it logs as logfmt", said)
plugin = Plugin(1, env=environment(NETDATA_LOG_FORMAT="logfmt", NETDATA_LOG_LEVEL="error"))
plugin.read(rb"END\n")
plugin.process.stdin.close()
ok("level=info" not in plugin.said(), "and no more than is wanted")

# in a shell
done = subprocess.run([PLUGIN, "1", "debug", "ticks=2", "config=" + other],
                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                      timeout=60, check=False)
ok(done.returncode == 0 and done.stdout.count(b"BEGIN 'procleak.named_processes'") == 2,
   "debug prints so many ticks, whatever its input", done)
done = subprocess.run([PLUGIN, "--help"], stdout=subprocess.PIPE, check=False)
ok(done.returncode == 0 and b"usage:" in done.stdout, "--help helps")

# system calls
if threads(os.getpid(), "Seccomp"):
    write("etc/procleak.conf", CONF)
    plugin = Plugin(1)
    plugin.read(rb"END\n[^\0]*END\n")
    pid = plugin.process.pid
    ok(wait_for(lambda: len(os.listdir("/proc/%d/task" % pid)) > 1) and
       threads(pid, "Seccomp") == {"2"} and threads(pid, "NoNewPrivs") == {"1"},
       "system calls are limited, of all its threads", threads(pid, "Seccomp"))
    plugin.process.stdin.close()
    said = plugin.said()
    ok(plugin.ends() == 0 and not re.search("permitted|cannot", said), "and none is missed", said)
    plugin = Plugin(1, "sandbox=no")
    plugin.read(rb"END\n")
    ok(threads(plugin.process.pid, "Seccomp") == threads(os.getpid(), "Seccomp"),
       "sandbox=no leaves them as they are")
    plugin.process.stdin.close()
    ok("sandbox=no" in plugin.said(), "and says so")

# rights
if os.geteuid() == 0:
    write("etc/procleak.conf", CONF)
    plugin = Plugin(1)
    plugin.read(rb"END\n")
    sets, no_new = capabilities(plugin.process.pid)
    ok(sets["CapPrm"] == sets["CapEff"] == PTRACE | READ_SEARCH and not sets["CapInh"],
       "of root's capabilities it keeps two", {name: hex(bits) for name, bits in sets.items()})
    ok(no_new == "1", "and can gain none")
    ok(b"'missing_capabilities' = 0" in plugin.text, "none is missing")
    plugin.process.stdin.close()
    plugin.ends()
    copy = os.path.join(directory, "copy.plugin")
    shutil.copy(PLUGIN, copy)
    shutil.copystat(PLUGIN, copy)
    as_nobody = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
    plugin = Plugin(1, path=copy, prefix=as_nobody)
    ok(plugin.read(rb"SET 'missing_capabilities' = 2\n"), "without them, both are missing")
    plugin.process.stdin.close()
    said = plugin.said()
    ok("setcap cap_dac_read_search,cap_sys_ptrace+ep " + copy in said,
       "and it says which command grants them", said)
    subprocess.run(["setcap", "cap_sys_ptrace+ep", copy], check=True)
    plugin = Plugin(1, path=copy, prefix=as_nobody)
    ok(plugin.read(rb"SET 'missing_capabilities' = 1\n"), "with one of them, one is missing")
    sets, _ = capabilities(plugin.process.pid)
    ok(sets["CapEff"] == PTRACE, "and the other one is in effect")
    plugin.process.stdin.close()
    ok("cap_dac_read_search is missing" in plugin.said(), "the one that is missing is named")
    bounded = ("setpriv", "--bounding-set", "-sys_ptrace")
    plugin = Plugin(1, prefix=bounded)
    plugin.read(rb"END\n")
    plugin.process.stdin.close()
    said = plugin.said()
    ok("CapabilityBoundingSet" in said and "setcap" not in said,
       "one that the service forbids is told apart", said)
    subprocess.run(["setcap", "-r", copy], check=True)
    os.chmod(copy, 0o4755)
    plugin = Plugin(1, path=copy, prefix=as_nobody)
    plugin.read(rb"\n")
    ok(plugin.text == b"DISABLE\n" and plugin.ends() == 1, "setuid: it refuses to run", plugin.text)
    # what the user may not read must not appear in messages, whatever the file's capabilities
    os.chmod(copy, 0o755)
    subprocess.run(["setcap", "cap_dac_read_search,cap_sys_ptrace+ep", copy], check=True)
    secret = write("secret", "secretword = 1\n", 0o600)
    plugin = Plugin(1, "config=" + secret, path=copy, prefix=as_nobody)
    plugin.read(rb"\n")
    ok(plugin.ends() == 1 and "secretword" not in plugin.said(),
       "its capabilities do not read its user's configuration")

# both files of alerts
def alerts(name):
    with open(os.path.join(HEALTH, name), encoding="utf-8") as file:
        return [line.strip() for line in file if re.match(r" *[a-z]+: ", line)]


old = alerts("procleak-1.37.conf")
new = [line for line in alerts("procleak.conf") if not line.startswith("summary:")]
ok(old == [re.sub(r"\$\{label:(\w+)\}", r"$label:\1", line) for line in new] and old,
   "the alerts for 1.37 are the same but for labels and summaries")
ok(all(re.fullmatch(r"(\S+ )*\S+", re.sub(r"\$label:\w+ ", "", line)) and "$label:" not in
       re.sub(r"\$label:\w+( |$)", "", line) for line in old),
   "there a blank ends each label, for 1.37 takes all up to it")
source = open(os.path.join(private.ROOT, "plugin", "netdata", "charts.c"), encoding="utf-8").read()
contexts = [line.split("procleak.")[1] for line in new if line.startswith("on:")]
ok(contexts and all('"%s"' % context in source for context in contexts),
   "they are on charts that there are", contexts)
dimensions = {word for line in new if line.startswith("calc:")
              for word in re.findall(r"\$(\w+)", line)} - {"now", "last_collected_t"}
dimensions |= {line.split(" of ")[1] for line in new if line.startswith("lookup:")}
ok(all('"%s"' % dimension in source for dimension in dimensions),
   "and on dimensions that there are", dimensions)

# an interval of 100 s
ok(quiet.read(rb"END\n\n\n", 45), "with a long interval it gives a sign of life within a minute",
   time.monotonic() - quiet_s)
quiet.process.stdin.close()
ok(quiet.ends() == 0, "and still ends at once")
finish()
