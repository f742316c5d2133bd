"""The tools that are compared: how each is started, when it has read everything once, what it took.

A tool is a context manager. `ticks()` is how often it has read everything so far, `cpu_s()` what
that has cost by the kernel's own account, `peak_kib()` its greatest resident size. Knows nothing of
populations and tables.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import private_collectd as private  # noqa: E402

BENCH = os.path.join(private.BUILD, "tests", "bench")
APPS_PLUGIN = ("/usr/lib/netdata/plugins.d/apps.plugin",
               "/usr/libexec/netdata/plugins.d/apps.plugin")


def cpu_of_process_s(pid):
    """CPU time of a process: its threads by the scheduler's nanoseconds; those that have ended are
    in the ticks of stat alone, so the greater one counts."""
    total_ns = 0
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            try:
                with open("/proc/%d/task/%s/schedstat" % (pid, task), encoding="ascii") as file:
                    total_ns += int(file.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    ticks = int(fields[11]) + int(fields[12])
    by_stat_s = ticks / os.sysconf("SC_CLK_TCK")
    by_threads_s = total_ns / 1e9
    return by_stat_s if by_stat_s > by_threads_s + 0.05 else by_threads_s


def peak_of_process_kib(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
        return int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1))


class Tool:
    """What all have in common: a process of its own, an interval."""

    reads_smaps = False
    command = ""  # for people

    def __init__(self, directory, interval_s):
        self.dir = directory
        self.interval_s = interval_s
        self.process = None

    def __enter__(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.begin()
        return self

    def __exit__(self, *_):
        private.stop(self.process)

    def begin(self):
        raise NotImplementedError

    def ticks(self):
        raise NotImplementedError

    def cpu_s(self):
        return cpu_of_process_s(self.process.pid)

    def peak_kib(self):
        return peak_of_process_kib(self.process.pid)

    def pids(self):
        return [self.process.pid]


class Daemon(Tool):
    """A private collectd that writes csv files and does one thing besides."""

    own = "LoadPlugin uptime\n"
    row = "uptime/uptime"

    def begin(self):
        own = self.own.format(build=private.BUILD, dir=self.dir)
        self.daemon = private.Collectd(self.dir, own, self.interval_s).start()
        self.process = self.daemon.process

    def ticks(self):
        folder, _, prefix = self.row.partition("/")
        folder = os.path.join(self.dir, "csv", "test", folder)
        rows = 0
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                if name.startswith(prefix + "-2"):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        rows += sum(1 for _ in file) - 1
        return rows


class Bare(Daemon):
    name = "collectd by itself"
    command = "collectd with csv and uptime alone"


class Procleak(Daemon):
    name = "procleak"
    command = "procleak in collectd, ProcessMatch all \".\", defaults"
    own = """PluginDir "{build}"
LoadPlugin procleak
<Plugin procleak>
  StateFile "{dir}/state.json"
  <Match "all">
    CommandLine "."
  </Match>
</Plugin>
"""
    row = "procleak-all/ps_count"


class ProcleakOfSome(Procleak):
    """Most of the processes are not its business."""
    command = "procleak in collectd, CommandLine \"--count 300 \", defaults"
    own = Procleak.own.replace('CommandLine "."', 'CommandLine "--count 300 "')


class Processes(Daemon):
    name = "collectd processes"
    command = "LoadPlugin processes: ProcessMatch all \".\""
    options = ""
    own = """LoadPlugin processes
<Plugin processes>
  {options}
  ProcessMatch "all" "."
</Plugin>
"""
    row = "processes-all/ps_count"

    def begin(self):
        self.own = self.own.replace("{options}", self.options)
        super().begin()


class ProcessesMaps(Processes):
    name = "collectd processes, fds and maps"
    command = "the same with CollectFileDescriptor and CollectMemoryMaps true"
    options = "CollectFileDescriptor true\n  CollectMemoryMaps true"


class Exporter(Tool):
    """process-exporter, scraped over the loopback by a thread of ours that is not counted."""

    name = "process-exporter, no smaps"
    flags = ("-gather-smaps=false",)
    command = "prometheus-process-exporter -gather-smaps=false, one scrape a tick"

    def begin(self):
        config = os.path.join(self.dir, "names.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("process_names:\n  - name: \"{{.Comm}}\"\n    cmdline:\n    - '.+'\n")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = "http://127.0.0.1:%d/metrics" % port
        with open(os.path.join(self.dir, "out"), "wb") as out:
            self.process = private.start(
                ["prometheus-process-exporter", "-config.path", config, *self.flags,
                 "-web.listen-address", "127.0.0.1:%d" % port], stdout=out, stderr=out)
        self.count = 0
        self.ending = threading.Event()
        self.scraper = threading.Thread(target=self.scrape, daemon=True)
        self.scraper.start()

    def scrape(self):
        while not self.ending.is_set():
            due = time.monotonic() + self.interval_s
            try:
                with urllib.request.urlopen(self.url, timeout=60) as answer:
                    if b"namedprocess_namegroup_num_procs" in answer.read():
                        self.count += 1
            except OSError:
                due = time.monotonic() + 0.2
            self.ending.wait(max(0, due - time.monotonic()))

    def ticks(self):
        return self.count

    def __exit__(self, *exception):
        self.ending.set()
        self.scraper.join(60)
        super().__exit__(*exception)


class ExporterSmaps(Exporter):
    name = "process-exporter"
    flags = ()
    reads_smaps = True
    command = "prometheus-process-exporter (its default, -gather-smaps=true), one scrape a tick"


class Apps(Tool):
    name = "netdata apps.plugin"
    command = "apps.plugin INTERVAL, output to a file"

    def begin(self):
        path = next(path for path in APPS_PLUGIN if os.path.exists(path))
        reader, self.writer = os.pipe()
        self.output = os.path.join(self.dir, "out")
        with open(self.output, "wb") as out, open(self.output + ".err", "wb") as err:
            self.process = subprocess.Popen([path, str(self.interval_s)], stdin=reader, stdout=out,
                                            stderr=err)
        os.close(reader)
        private._started.append(self.process)

    def ticks(self):
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return sum(1 for line in file if line.startswith("BEGIN users.cpu "))

    def __exit__(self, *exception):
        os.close(self.writer)
        super().__exit__(*exception)


class Command(Tool):
    """A command that is run once a tick; its children's time is what the kernel tells us of them."""

    reads_smaps = True

    def begin(self):
        self.count = 0
        self.spent_s = 0
        self.peak = 0
        self.ending = threading.Event()
        self.allowed = threading.Event()
        self.allowed.set()
        self.runner = threading.Thread(target=self.run, daemon=True)
        self.runner.start()

    def argv(self):
        raise NotImplementedError

    def run(self):
        while not self.ending.is_set():
            if not self.allowed.wait(0.1):
                continue
            due = time.monotonic() + self.interval_s
            with open(os.devnull, "wb") as null:
                child = subprocess.Popen(self.argv(), stdout=null, stderr=null,
                                         stdin=subprocess.DEVNULL)
            _, _, usage = os.wait4(child.pid, 0)
            child.returncode = 0
            self.spent_s += usage.ru_utime + usage.ru_stime
            self.peak = max(self.peak, usage.ru_maxrss)
            self.count += 1
            self.ending.wait(max(0, due - time.monotonic()))

    def ticks(self):
        return self.count

    def cpu_s(self):
        return self.spent_s

    def peak_kib(self):
        return self.peak

    def __exit__(self, *_):
        self.ending.set()
        self.runner.join(120)


class Pmap(Command):
    name = "pmap -x"
    option = "-x"
    command = "pmap -x PID..., 60 of them at a time, all once a tick"
    population = ()  # set by whoever knows

    def argv(self):
        pids = os.path.join(self.dir, "pids")
        with open(pids, "w", encoding="ascii") as file:
            file.write("\n".join(map(str, Pmap.population)))
        # its library refuses more than 64 at once
        return ["xargs", "-a", pids, "-n", "60", "pmap", self.option]


class PmapMore(Pmap):
    name = "pmap -X"
    option = "-X"
    command = "the same with -X"


class Smem(Command):
    name = "smem"
    command = "smem, once a tick"

    def argv(self):
        return ["smem", "-H"]




PEERS = [Processes, ProcessesMaps, Exporter, ExporterSmaps, Apps, Pmap, PmapMore, Smem]
