#!/usr/bin/python3
"""A minute with procleak: two servers under the same load, one leaks, collectd tells which.

Starts a private collectd with the plugin, a server that leaks and one that does not, each with a
client, and gives an account of both from nothing but what collectd wrote. Then it shows the
notification as collectd received it and draws graphs. Everything is under build/demo; every process
that it starts ends with it.
"""

import fcntl
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import private_collectd as private  # noqa: E402

sys.path.insert(0, os.path.join(private.ROOT, "conf", "graphs"))
import rrd_graphs  # noqa: E402
from screen import Screen, counted, mebibytes, rate, sparkline  # noqa: E402

DURATION_S = 60
LIFE_S = 120  # of everything that is started, should this script be killed
HOST = "test"
DIRECTORY = os.path.join(private.BUILD, "demo")
LEAKY, STEADY = "leaky-server", "steady-server"
VERDICTS = ("learning", "steady", "growing", "leaking", "critical")

# Both servers take 10 connections a second, need 128 KiB for each, and see each of them closed by
# the client after two seconds. One of them forgets to close its own end.
SERVERS = {
    LEAKY: ("--buffer", "128K", "--hold"),
    STEADY: ("--buffer", "128K"),
}
CLIENT = ("--rate", 10, "--linger", 2000)

CONFIG = """
LoadPlugin rrdtool
<Plugin rrdtool>
  DataDir "{dir}/rrd"
  StepSize 1
  HeartBeat 5
  RRARows 300
  RRATimespan 300
  CacheTimeout 1
  CacheFlush 10
</Plugin>
PluginDir "{build}"
LoadPlugin procleak
<Plugin procleak>
  StateFile "{dir}/state.json"
  TimeScale {time_scale}   # for the demo only: the detector's clock runs so many times faster
  Season false     # for the demo only: no daily cycle can be told in a minute
  <Match "{leaky}">
    PidFile "{dir}/{leaky}.pid"
  </Match>
  <Match "{steady}">
    PidFile "{dir}/{steady}.pid"
  </Match>
</Plugin>
"""
TIME_SCALE = 1000


class Account:
    """What collectd wrote of one server, as figures."""

    def __init__(self, collectd, name):
        self.collectd = collectd
        self.name = name

    def last(self, series):
        return self.collectd.value(self.name, series)

    def memory_rows(self):
        """(time, anonymous memory and swap) of every second."""
        swap = {row[0]: row[1] for row in self.collectd.rows(self.name, "memory-swap")}
        return [(row[0], row[1] + swap.get(row[0], 0))
                for row in self.collectd.rows(self.name, "memory-anon")]

    def memory(self):
        rows = self.memory_rows()
        return rows[-1][1] if rows else None

    def verdict(self):
        number = self.last("gauge-verdict")
        return VERDICTS[int(number)] if number is not None else "waiting"

    def connections(self, state):
        return self.last("current_connections-" + state)


def table(accounts, elapsed_s):
    """The live account: a column for each server."""
    def row(label, tell):
        return "  %-22s" % label + "".join("%-28s" % tell(account) for account in accounts)

    left = max(0, DURATION_S - elapsed_s)
    return [
        "Written by collectd so far, %d s to go" % left,
        "",
        row("", lambda a: a.name),
        row("verdict", lambda a: a.verdict().upper() if a.name == LEAKY else a.verdict()),
        row("memory", lambda a: mebibytes(a.memory())),
        row("", lambda a: sparkline([value for _, value in a.memory_rows()], 24)),
        row("growth", lambda a: rate(a.last("gauge-growth"))),
        row("a leak shows from", lambda a: rate(a.last("gauge-detection_floor"))),
        row("leaked since it began", lambda a: mebibytes(a.last("bytes-leaked"))),
        row("open connections", lambda a: counted(a.connections("ESTABLISHED"))),
        row("closed by client only", lambda a: counted(a.connections("CLOSE_WAIT"))),
        row("file descriptors", lambda a: counted(a.last("file_handles"))),
    ]


def plain(accounts, elapsed_s):
    """The same for a pipe: a line for each server, now and then."""
    return ["%3d s  %-14s %-9s memory %-11s growth %-14s connections %4s open %4s half-closed"
            % (elapsed_s, a.name, a.verdict(), mebibytes(a.memory()), rate(a.last("gauge-growth")),
               counted(a.connections("ESTABLISHED")), counted(a.connections("CLOSE_WAIT")))
            for a in accounts]


def notifications(collectd):
    """What collectd's logfile plugin says that it received, in order."""
    return [line.split("Notification: ", 1)[1] for line in collectd.log().splitlines()
            if "Notification: " in line and "plugin = procleak" in line]


def field(notification, name):
    found = re.search(r"\b%s = (.*?)(?:, [a-z_]+ = |$)" % name, notification)
    return found.group(1) if found else ""


def start_servers():
    for name, arguments in SERVERS.items():
        server = private.program("leaky-server", *arguments, "--name", name, life_s=LIFE_S)
        port = server.answer.split()[1]
        private.program("client", "--port", port, *CLIENT, life_s=LIFE_S)
        server.stdout.close()
        # matched by pid: a program of this name that runs elsewhere is none of ours
        with open(os.path.join(DIRECTORY, name + ".pid"), "w", encoding="ascii") as file:
            file.write("%d\n" % server.pid)


def start_collectd():
    own = CONFIG.format(dir=DIRECTORY, build=private.BUILD, leaky=LEAKY, steady=STEADY,
                        time_scale=TIME_SCALE)
    collectd = private.Collectd(DIRECTORY, own).start()
    if not private.wait_for(lambda: set(SERVERS) <= collectd.matches() or not collectd.alive(), 20):
        raise SystemExit("demo: collectd wrote nothing; it said:\n" + collectd.log())
    if not collectd.alive():
        raise SystemExit("demo: collectd did not start; it said:\n" + collectd.log())
    return collectd


def watch(collectd, screen):
    """The account of a minute. Returns when the first alarm was seen, in Unix time, or None."""
    accounts = [Account(collectd, name) for name in SERVERS]
    begin = time.monotonic()
    told = 0
    alarm_s = None
    for second in range(DURATION_S + 1):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        if not collectd.alive():
            raise SystemExit("demo: collectd ended; it said:\n" + collectd.log())
        received = notifications(collectd)
        for line in received[told:]:
            alarm_s = alarm_s or time.time()
            screen.say("%3d s  collectd received: %s: %s"
                       % (second, field(line, "severity"), field(line, "message")))
        told = len(received)
        screen.show(table(accounts, second), plain(accounts, second), second)
    return alarm_s


def paragraph(title, lines):
    print("\n" + title)
    for line in lines:
        print("  " + line)


def epilogue(collectd, pictures):
    received = notifications(collectd)
    paragraph("The notification%s, as collectd received and logged %s:"
              % (("s", "them") if len(received) != 1 else ("", "it")),
              received or ["none, and that is a fault of this demo: please report it"])
    paragraph("Graphs of what collectd stored (rrdtool):", pictures)
    relative = os.path.relpath(private.BUILD)
    paragraph("Also there: " + os.path.relpath(DIRECTORY), [
        "collectd.conf  the whole configuration; procleak's part is its last block",
        "csv/  rrd/     every series of both servers",
        "log            what collectd said"])
    paragraph("To try next:", [
        "%s/procleak watch --for 30 NAME   a live look at any process, without collectd" % relative,
        "sudo make check                   the tests",
        "README.md                         how to put it into the collectd that you have"])


def draw(begin_s, end_s, alarm_s):
    """Pictures of both servers over the whole minute. Returns their paths."""
    pictures = []
    for name in SERVERS:
        alarms = [(int(alarm_s), "notification")] if alarm_s and name == LEAKY else []
        window = rrd_graphs.Window(int(begin_s), int(end_s), marks=alarms,
                                   x_grid="SECOND:5:SECOND:10:SECOND:10:0:%H:%M:%S")
        pictures += rrd_graphs.draw(os.path.join(DIRECTORY, "rrd", HOST), name, window, DIRECTORY)
    return pictures


def lock():
    """Two demos at once would write into each other's files."""
    file = open(DIRECTORY + ".lock", "w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit("demo: another demo is running here") from None
    return file


def main():
    private.exit_on_signals()
    os.makedirs(private.BUILD, exist_ok=True)
    held = lock()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    os.makedirs(DIRECTORY)
    print("Two servers, the same load: 10 connections a second, 128 KiB for each while it lasts.\n"
          "One of them never closes its end of a connection. collectd, with procleak, reads both\n"
          "every second for %d s. (The detector's clock runs %d times faster than in production.)\n"
          % (DURATION_S, TIME_SCALE))
    start_servers()
    collectd = start_collectd()
    begin_s = time.time()
    alarm_s = watch(collectd, Screen(sys.stdout))
    end_s = time.time()
    collectd.stop()
    pictures = draw(begin_s, end_s, alarm_s)
    epilogue(collectd, [os.path.relpath(picture) for picture in pictures])
    held.close()
    return 0 if alarm_s else 1


if __name__ == "__main__":
    sys.exit(main())
