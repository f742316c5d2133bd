#!/usr/bin/python3
"""Records traces of real programs for tests/scenario/real, leaking ones and others.

  record.py [--seconds N] [--jobs N] [--list] [NAME...]      as root, with the packages at hand

Each program runs from a private directory under build/, on loopback ports of its own, under a load
that swings as a day does, time compressed: traces are judged with --time-scale (manifest.json). All
that is started is stopped again by its pid.
"""

import argparse
import csv
import http.client
import io
import json
import lzma
import math
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
PROCLEAK = os.path.join(BUILD, "procleak")
HERE = os.path.join(ROOT, "tests/scenario")
REAL = os.path.join(HERE, "real")
WAVE_S = 288  # a day, at the time scale below
TIME_SCALE = 300
PACKED_MAX_BYTES = 100 * 1024

COLUMNS = (
    "time pid start_time rss_bytes anon_bytes file_bytes shmem_bytes swap_bytes private_dirty_bytes"
    " vm_size_bytes vm_data_bytes heap_bytes threads fds connections minor_faults cpu_seconds"
    " read_bytes limit_bytes pss_bytes lazyfree_bytes anon_huge_bytes page_table_bytes"
).split()


def load_now(period_s=WAVE_S):
    return 1 + 0.4 * math.sin(2 * math.pi * time.monotonic() / period_s)


class Program:
    """One program to record. start() says which pids; load() runs until `stop` is set."""

    leak = False
    label = {}
    children = False
    interval_s = 1
    settle_s = 0

    def __init__(self, seconds):
        self.seconds = seconds
        self.started = []
        self.stop = threading.Event()
        self.directory = os.path.join(BUILD, "record", self.name())
        self.extra = {}
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)

    @classmethod
    def name(cls):
        return "".join("-" + c.lower() if c.isupper() else c for c in cls.__name__).lstrip("-")

    def spawn(self, command, **options):
        log = open(os.path.join(self.directory, "log"), "ab")
        options.setdefault("stdout", log)
        process = subprocess.Popen(
            command, cwd=self.directory, stdin=options.pop("stdin", subprocess.DEVNULL),
            stderr=log, start_new_session=True, **options)
        self.started.append(process)
        return process

    def spawn_ready(self, command):
        """Starts a program that prints "ready [NUMBER]" and returns it with the number."""
        process = self.spawn(command, stdout=subprocess.PIPE)
        words = process.stdout.readline().split()
        if not words or words[0] != b"ready":
            raise RuntimeError("%s did not start" % command[0])
        return process, int(words[1]) if len(words) > 1 else 0

    def end(self):
        self.stop.set()
        for process in reversed(self.started):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.started):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def load(self, _):
        self.stop.wait()

    def turn(self, pause_s=0.05):
        """False when it is time to end."""
        return not self.stop.wait(pause_s)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def connect(port, tries=100):
    for _ in range(tries):
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("nothing listens on %d" % port)


class RedisUnbounded(Program):
    leak = True
    label = {"metrics": ["anon"], "causes": ["work", "connections", "time", "unknown"]}
    settings = ()

    def start(self):
        self.port = free_port()
        server = self.spawn(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                             "--save", "", "--appendonly", "no", "--dir", self.directory,
                             *self.settings])
        return [server.pid]

    def load(self, seed):
        random.seed(seed)
        link = connect(self.port)
        number = 0
        while self.turn():
            batch = []
            for _ in range(int(20 * load_now())):
                number += 1
                key, value = b"session:%d" % number, b"v" * random.randint(200, 700)
                batch.append(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                             % (len(key), key, len(value), value))
            link.sendall(b"".join(batch))
            want = 5 * len(batch)
            while want > 0:
                want -= len(link.recv(65536)) or sys.exit("redis closed the connection")


class RedisMaxmemory(RedisUnbounded):
    leak = False
    label = {}
    settings = ("--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru")


class Memcached(Program):
    def start(self):
        self.port = free_port()
        server = self.spawn(["memcached", "-u", "root", "-l", "127.0.0.1", "-p", str(self.port),
                             "-m", "24", "-t", "2"])
        return [server.pid]

    def load(self, seed):
        random.seed(seed)
        link = connect(self.port)
        while self.turn():
            for _ in range(int(15 * load_now())):
                value = b"v" * random.randint(100, 1500)
                link.sendall(b"set k%d 0 0 %d\r\n%s\r\n"
                             % (random.randrange(100000), len(value), value))
                link.recv(4096)


class HttpProgram(Program):
    per_turn = 2

    def load(self, _):
        connect(self.port).close()
        while self.turn():
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            for _ in range(max(1, int(self.per_turn * load_now()))):
                link.request("GET", "/")
                link.getresponse().read()
            link.close()


class NodeLeak(HttpProgram):
    leak = True
    label = {"metrics": ["anon"], "causes": ["work", "connections", "time", "unknown"]}

    def start(self):
        self.port = free_port()
        mode = "leak" if self.leak else "steady"
        server = self.spawn(["node", "--max-old-space-size=1024",
                             os.path.join(HERE, "programs/server.js"), str(self.port), mode])
        return [server.pid]


class NodeSteady(NodeLeak):
    leak = False
    label = {}


class Nginx(HttpProgram):
    children = True
    per_turn = 8

    def start(self):
        self.port = free_port()
        with open(os.path.join(self.directory, "index.html"), "w") as page:
            page.write("<p>hello</p>" * 500)
        with open(os.path.join(self.directory, "nginx.conf"), "w") as conf:
            conf.write("""
                daemon off; user root; worker_processes 2; pid %(d)s/pid; error_log %(d)s/error;
                events { worker_connections 256; }
                http { access_log %(d)s/access; gzip on; gzip_min_length 10;
                       client_body_temp_path %(d)s; proxy_temp_path %(d)s; fastcgi_temp_path %(d)s;
                       uwsgi_temp_path %(d)s; scgi_temp_path %(d)s;
                       server { listen 127.0.0.1:%(p)d; root %(d)s; } }
            """ % {"d": self.directory, "p": self.port})
        server = self.spawn(["nginx", "-c", os.path.join(self.directory, "nginx.conf")])
        connect(self.port).close()
        return [server.pid]


class Java(Program):
    def start(self):
        subprocess.run(["javac", "-d", self.directory, os.path.join(HERE, "programs/Live.java")],
                       check=True)
        server, _ = self.spawn_ready(
            ["java", "-Xms16m", "-Xmx768m", "-XX:+UseShenandoahGC",
             "-XX:+UnlockExperimentalVMOptions", "-XX:ShenandoahGuaranteedGCInterval=4000",
             "-XX:ShenandoahUncommitDelay=1000", "-cp", self.directory, "Live",
             "leak" if self.leak else "steady", str(self.seconds + 60)])
        return [server.pid]


class JavaLeak(Java):
    leak = True
    label = {"metrics": ["anon"], "causes": ["work", "time", "unknown"]}


class JavaSteady(Java):
    pass


class Python(Program):
    mode = "cache"

    def start(self):
        server, _ = self.spawn_ready(["/usr/bin/python3", os.path.join(HERE, "programs/live.py"),
                                      self.mode, str(self.seconds + 60)])
        return [server.pid]


class PythonBoundedCache(Python):
    pass


class PythonLeak(Python):
    mode = "leak"
    leak = True
    label = {"metrics": ["anon"], "causes": ["work", "time", "unknown"]}


class PythonThreads(Python):
    mode = "threads"
    leak = True
    label = {"metrics": ["threads", "anon", "vm_data"], "causes": ["threads"]}


class CProgram(Program):
    def spawn_ours(self, name, *arguments):
        path = os.path.join(BUILD, "tests/programs", name)
        return self.spawn_ready([path, *map(str, arguments), "--for", str(self.seconds + 60)])


class CArenasLeak(CProgram):
    leak = True
    every = 80
    label = {"metrics": ["anon"], "causes": ["work", "time", "unknown"]}

    def start(self):
        server, _ = self.spawn_ours("arenas", "--leak", self.every, "--wave", WAVE_S)
        return [server.pid]


class CArenasSteady(CArenasLeak):
    leak = False
    every = 0
    label = {}


class CConnectionsLeak(CProgram):
    """The server never closes what its clients have closed."""

    leak = True
    label = {"metrics": ["connections", "fds", "anon"], "causes": ["connections", "fds"]}

    def start(self):
        server, port = self.spawn_ours("leaky-server", "--hold", "--threads", 2, "--buffer", "16K")
        self.port = port
        return [server.pid]

    def load(self, _):
        while self.turn(0.25):
            for _ in range(max(1, int(2 * load_now()))):
                with connect(self.port) as link:
                    link.sendall(b"hello\n")
                    link.recv(16)


class Postgres(Program):
    """Backends touch shared_buffers; the workload is pgbench's own."""

    children = True
    interval_s = 2
    settle_s = 3

    def start(self):
        self.port = free_port()
        base = "/usr/lib/postgresql/15/bin/"
        user = pwd.getpwnam("postgres")
        os.chown(self.directory, user.pw_uid, user.pw_gid)
        data = os.path.join(self.directory, "data")
        self.as_user = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid),
                        "--clear-groups", "--no-new-privs"]
        subprocess.run(self.as_user + [base + "initdb", "-D", data, "-A", "trust", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.directory)
        server = self.spawn(self.as_user + [
            base + "postgres", "-D", data, "-p", str(self.port), "-h", "127.0.0.1",
            "-k", self.directory, "-c", "shared_buffers=96MB", "-c", "fsync=off",
            "-c", "autovacuum_naptime=20s"])
        connect(self.port).close()
        self.client = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        for _ in range(50):
            if subprocess.run(["pg_isready", *self.client], stdout=subprocess.DEVNULL,
                              check=False).returncode == 0:
                break
            time.sleep(0.2)
        self.prepare()
        return [server.pid]

    def prepare(self):
        subprocess.run(["pgbench", "-i", "-q", "-s", "8", *self.client, "postgres"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.spawn(["pgbench", "-n", "-c", "3", "-R", "40", "-T", str(self.seconds + 30),
                    *self.client, "postgres"])


class PostgresPreparedLeak(Postgres):
    """A session prepares a new statement for each query and never deallocates one."""

    leak = True
    label = {"metrics": ["anon"], "causes": ["work", "time", "unknown"]}

    def prepare(self):
        super().prepare()
        self.session = self.spawn(["psql", "-q", "-A", "-t", *self.client, "postgres"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.session.stdin.write(b"SELECT pg_backend_pid();\n")
        self.session.stdin.flush()
        self.extra["pids"] = [int(self.session.stdout.readline())]

    def load(self, _):
        number = 0
        columns = ", ".join("abalance + %d AS c%d" % (i, i) for i in range(30))
        while self.turn(0.5):
            for _ in range(max(1, int(2 * load_now()))):
                number += 1
                self.session.stdin.write(
                    b"PREPARE s%d AS SELECT %s FROM pgbench_accounts WHERE aid = $1;\n"
                    b"EXECUTE s%d(%d);\n" % (number, columns.encode(), number, number % 10000 + 1))
            self.session.stdin.flush()

    def start(self):
        pids = super().start()
        reader = threading.Thread(target=self.session.stdout.read, daemon=True)
        reader.start()
        return pids


PROGRAMS = [
    RedisUnbounded, RedisMaxmemory, NodeLeak, PythonBoundedCache, JavaLeak, Postgres,
    CArenasLeak, Nginx, PythonThreads, JavaSteady, PostgresPreparedLeak, NodeSteady,
    CConnectionsLeak, Memcached, PythonLeak, CArenasSteady,
]


def record(program, pids):
    command = [PROCLEAK, "record", "--interval", str(program.interval_s),
               "--for", str(program.seconds)]
    if program.children:
        command.append("--children")
    done = subprocess.run(command + [str(pid) for pid in pids], capture_output=True, text=True,
                          timeout=program.seconds + 60, check=False)
    if done.stderr:
        print("%s: %s" % (program.name(), done.stderr.strip()), file=sys.stderr)
    return done.stdout


def slim(text):
    """Only the columns that a verdict may rest on, so that the repository stays small."""
    rows = csv.DictReader(io.StringIO(text))
    names = [name for name in COLUMNS if name in rows.fieldnames]
    out = io.StringIO()
    out.write(",".join(names) + "\n")
    for row in rows:
        out.write(",".join(row[name] for name in names) + "\n")
    return out.getvalue()


def keep(program, text):
    packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
    if len(packed) > PACKED_MAX_BYTES:
        raise RuntimeError("%s: %d bytes, more than is kept" % (program.name(), len(packed)))
    with open(os.path.join(REAL, program.name() + ".csv.xz"), "wb") as file:
        file.write(packed)
    return len(packed)


manifest_lock = threading.Lock()


def note(program):
    path = os.path.join(REAL, "manifest.json")
    with manifest_lock:
        manifest = {}
        if os.path.exists(path):
            with open(path) as file:
                manifest = json.load(file)
        manifest[program.name()] = {"leak": program.leak, "time_scale": TIME_SCALE,
                                    **program.label, **program.extra}
        with open(path, "w") as file:
            json.dump(manifest, file, indent=1, sort_keys=True)
            file.write("\n")


def run(kind, seconds):
    program = kind(seconds)
    try:
        pids = program.start()
        load = threading.Thread(target=program.load, args=(kind.name(),), daemon=True)
        load.start()
        time.sleep(program.settle_s)
        text = slim(record(program, pids))
        alive = load.is_alive()
    finally:
        program.end()
    if not alive:
        raise RuntimeError("%s: its load ended early" % program.name())
    size = keep(program, text)
    note(program)
    print("%s: %d rows, %d bytes packed" % (program.name(), text.count("\n") - 1, size), flush=True)


def worker(queue, seconds, failures):
    while queue:
        kind = queue.pop(0)
        try:
            run(kind, seconds)
        except Exception as error:  # the other programs are still worth recording
            failures.append(kind.name())
            print("%s: %r" % (kind.name(), error), file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=420)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.list:
        print("\n".join(kind.name() for kind in PROGRAMS))
        return 0
    os.makedirs(REAL, exist_ok=True)
    queue = [kind for kind in PROGRAMS if not args.names or kind.name() in args.names]
    failures = []
    workers = [threading.Thread(target=worker, args=(queue, args.seconds, failures))
               for _ in range(args.jobs)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
