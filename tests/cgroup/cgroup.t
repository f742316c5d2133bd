#!/usr/bin/python3
"""Memory of a cgroup that no process explains, in a real cgroup: it is told, and of what.

Each case puts a program that holds still into a cgroup of its own and lets the kernel's part of
that cgroup's memory grow. As a control the same program grows by itself, which is not the cgroup's.
"""
import atexit
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Try, finish, skip_all  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
PROCLEAK = os.path.join(BUILD, "procleak")
ROOT = "/sys/fs/cgroup"
SECONDS = 30
MIB = 1 << 20
children = []
directories = []

GROW = r"""
import mmap, os, socket, sys, time
what, seconds = sys.argv[1], float(sys.argv[2])
mib = 1 << 20
keep = []
if what == "tables":
    space = mmap.mmap(-1, 100 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000,
                      prot=mmap.PROT_READ)
    space.madvise(mmap.MADV_NOHUGEPAGE)
if what == "tmpfs":
    file = os.open(sys.argv[3], os.O_CREAT | os.O_WRONLY, 0o600)
if what == "sockets":
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(100)
    for i in range(60):  # all of them now: it is no descriptors that it leaks
        client = socket.create_connection(listener.getsockname())
        client.setblocking(False)
        keep += [client, listener.accept()[0]]
print("ready", flush=True)
sys.stdin.readline()
begin = time.monotonic()
step = 0
while time.monotonic() - begin < seconds:
    if what == "tmpfs":
        os.write(file, b"x" * mib)
    elif what == "anon":
        keep.append(bytearray(os.urandom(mib)))
    elif what == "mapped":
        keep.append(mmap.mmap(-1, mib))  # what was mapped before would be touched for the first time
        keep[-1].write(b"x" * mib)
    elif what == "tables":
        for i in range(128):  # a page of page tables for each 2 MiB that are read
            space[(step * 128 + i) << 21]
    elif what == "sockets":
        for i in range(4):
            try:
                keep[0].send(b"x" * 65536)
            except BlockingIOError:
                keep = keep[2:] + keep[:2]  # full: the next one
    step += 1  # what a busy machine makes late is caught up with: the pace stays even
    time.sleep(max(0, begin + step * 0.1 - time.monotonic()))
time.sleep(60)
"""


@atexit.register
def clean_up():
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
    for directory in directories:
        for _ in range(50):
            try:
                os.rmdir(directory)
            except OSError:
                time.sleep(0.1)
                continue
            break
    for name in os.listdir("/dev/shm"):
        if name.startswith("procleak-test-%d-" % os.getpid()):
            os.unlink("/dev/shm/" + name)


def controller():
    """Where cgroups with a memory account can be made, or None."""
    for top in (ROOT + "/memory", ROOT):
        path = "%s/procleak-test-%d" % (top, os.getpid())
        try:
            os.mkdir(path)
        except OSError:
            continue
        directories.append(path)
        if any(os.path.exists("%s/%s" % (path, name))
               for name in ("memory.current", "memory.usage_in_bytes")):
            return top
    return None


def make_cgroup(top, what):
    path = "%s/procleak-test-%d-%s-%d" % (top, os.getpid(), what, len(directories))
    os.mkdir(path)
    directories.append(path)
    return path


def run_case(top, what):
    """Lines of `watch` while a program lets this grow in a cgroup of its own."""
    cgroup = make_cgroup(top, what)
    if what == "sockets" and os.path.exists(cgroup + "/memory.kmem.tcp.limit_in_bytes"):
        with open(cgroup + "/memory.kmem.tcp.limit_in_bytes", "w") as limit:
            limit.write("1G")  # v1 counts socket buffers from then on
    child = subprocess.Popen([sys.executable, "-c", GROW, what, str(SECONDS),
                              "/dev/shm/procleak-test-%d-%s" % (os.getpid(), what)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             preexec_fn=lambda: join(cgroup))
    children.append(child)
    child.stdout.readline()
    watch = subprocess.Popen([PROCLEAK, "watch", "--json", "--for", str(SECONDS - 1),
                              "--set", "TimeScale=3600", "--set", "Season=false",
                              "--set", "CollectCgroup=true", str(child.pid)],
                             stdout=subprocess.PIPE, text=True)
    children.append(watch)
    child.stdin.write("\n")
    child.stdin.flush()
    return child, watch, os.path.basename(cgroup)


def join(cgroup):
    with open(cgroup + "/cgroup.procs", "w") as procs:
        procs.write(str(os.getpid()))


def check(what, where, child, watch, name):
    lines = [json.loads(line) for line in watch.communicate(timeout=SECONDS + 60)[0].splitlines()]
    child.kill()
    child.wait()
    result = Try()
    ok = result.ok
    told = [line for line in lines if line.get("cgroup", "").endswith(name) and line.get("alarm")]
    own = [line for line in lines if line.get("alarm") and not line.get("cgroup")]
    if not where:
        ok(not told, "%s: what a process holds is not told of its cgroup" % what, told)
        ok(own, "%s: but of the process" % what, lines)
        return result
    ok(told, "%s: it is told that the cgroup's memory grows" % what, lines)
    if not told:
        return result
    ok(told[0]["where"] == where, "%s: and where: %s" % (what, where), told[0])
    ok("though none of its processes does" in told[0]["message"] and name in told[0]["message"],
       "%s: in words" % what, told[0])
    print("# " + told[0]["message"])
    return result


def check_all(top, expected):
    """What was found of each, all at the same time."""
    running = {what: run_case(top, what) for what in expected}
    return {what: check(what, where, *running[what]) for what, where in expected.items()}


def main():
    top = controller() if os.geteuid() == 0 else None
    if not top:
        skip_all("no cgroup with a memory account can be made here")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    expected = {"tmpfs": "tmpfs", "tables": "page_tables", "sockets": "sock", "anon": None, "mapped": None}
    results = check_all(top, expected)
    # what grows does so by the wall clock: a machine that stood still for seconds lost hours
    late = [what for what, result in results.items() if not result.passed()]
    results.update(check_all(top, {what: expected[what] for what in late}))
    for result in results.values():
        result.tell()
    finish()


main()
