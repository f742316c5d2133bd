#!/usr/bin/python3
"""`make demo-netdata`: a minute in which Netdata finds a leak.

Starts two servers under the same load, one of which keeps its side of every connection, and a
private Netdata on the loopback with procleak.plugin in it. Prints where its dashboard is, gives an
account of both servers from nothing but what Netdata serves, shows the alert as the daemon raised it
and told its notifier, and saves pictures. Everything is under build/demo-netdata; every process that it
starts ends with it. A number of seconds as its argument makes it stay that much longer.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import private_collectd as private  # noqa: E402
import private_netdata as netdata  # noqa: E402
from demo import CLIENT, LEAKY, SERVERS, STEADY, TIME_SCALE, paragraph  # noqa: E402
from screen import Screen, counted, mebibytes, rate  # noqa: E402

DURATION_S = 60
STAY_MAX_S = 3600
DIRECTORY = os.path.join(private.BUILD, "demo-netdata")
RUNGS = ("critical", "leaking", "growing", "steady", "learning")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PICTURE_S = 40  # for a browser to draw a page
PAGE = os.path.join(private.ROOT, "conf", "graphs", "netdata.html")

# time scale and season are for the demo only: a detector that runs so many times faster
CONF = """
[global]
time scale = %d
season = false
[process %s]
[process %s]
""" % (TIME_SCALE, LEAKY, STEADY)


class Account:
    """What Netdata serves of one server, as figures in base units."""

    def __init__(self, daemon, name):
        self.daemon = daemon
        self.name = name

    def last(self, chart, dimension, scale=1):
        value = self.daemon.last("%s_%s" % (self.name, chart), dimension, 3)
        return None if value is None else value * scale

    def memory(self):
        return self.last("memory", "anon", 2**20)

    def growth(self):
        return self.last("growth", "growth", 2**20)

    def verdict(self):
        return next((rung for rung in RUNGS if self.last("verdict", rung)), "waiting")


def table(accounts, elapsed_s):
    def row(label, tell):
        return "  %-22s" % label + "".join("%-28s" % tell(account) for account in accounts)

    return [
        "Served by Netdata so far, %d s to go" % max(0, DURATION_S - elapsed_s),
        "",
        row("", lambda a: a.name),
        row("verdict", lambda a: a.verdict().upper() if a.name == LEAKY else a.verdict()),
        row("memory", lambda a: mebibytes(a.memory())),
        row("growth", lambda a: rate(a.growth())),
        row("leaked since it began", lambda a: mebibytes(a.last("leaked", "leaked", 2**20))),
        row("open connections", lambda a: counted(a.last("tcp", "established"))),
        row("closed by client only", lambda a: counted(a.last("tcp", "close_wait"))),
        row("file descriptors", lambda a: counted(a.last("fds", "open"))),
    ]


def plain(accounts, elapsed_s):
    return ["%3d s  %-14s %-9s memory %-11s growth %-14s half-closed connections %4s"
            % (elapsed_s, a.name, a.verdict(), mebibytes(a.memory()), rate(a.growth()),
               counted(a.last("tcp", "close_wait"))) for a in accounts]


def start_servers(life_s):
    for name, arguments in SERVERS.items():
        server = private.program("leaky-server", *arguments, "--name", name, life_s=life_s)
        port = server.answer.split()[1]
        private.program("client", "--port", port, *CLIENT, life_s=life_s)
        server.stdout.close()


def start_netdata():
    daemon = netdata.Netdata(DIRECTORY, CONF, host="demo").start()
    if not daemon.wait_up(20):
        raise SystemExit("demo: Netdata did not start; it said:\n" + daemon.log())
    return daemon


def watch(daemon, screen):
    """The account of a minute. Returns what the notifier was told of the leak, in the end."""
    accounts = [Account(daemon, name) for name in SERVERS]
    begin = time.monotonic()
    told = 0
    for second in range(DURATION_S + 1):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        if not daemon.alive():
            raise SystemExit("demo: Netdata ended; it said:\n" + daemon.log())
        for alert, chart, status, was, info in daemon.notified()[told:]:
            told += 1
            if status in ("WARNING", "CRITICAL"):
                screen.say("%3d s  Netdata raised: %s on %s is %s, was %s: %s"
                           % (second, alert, chart, status, was, info))
        screen.show(table(accounts, second), plain(accounts, second), second)
    return [line for line in daemon.notified() if line[2] in ("WARNING", "CRITICAL")]


def picture(name, url, width, height):
    """A picture of a page, by a browser without a window. Returns its path, or why there is none."""
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    path = os.path.join(DIRECTORY, name)
    if not browser:
        return "none: there is no chromium here"
    argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--user-data-dir=" + os.path.join(DIRECTORY, "browser"),
            "--window-size=%d,%d" % (width, height), "--virtual-time-budget=30000",
            "--screenshot=" + path, url]
    try:
        subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=PICTURE_S, check=False)
    except subprocess.TimeoutExpired:
        pass
    shutil.rmtree(os.path.join(DIRECTORY, "browser"), ignore_errors=True)
    return os.path.relpath(path) if os.path.exists(path) else "none: %s failed" % browser


def draw(daemon):
    """Pictures of Netdata's own dashboard and of the page of conf/graphs."""
    dashboard = daemon.url("#menu_procleak_submenu_%s;after=-60;before=0;theme=white;help=true"
                           % LEAKY.replace("-", "_"))
    page = "file://%s?server=%s&after=60&match=%s" % (PAGE, daemon.url("").rstrip("/"), LEAKY)
    return [picture("page.png", page, 1340, 580),
            picture("dashboard.png", dashboard, 1500, 2600)]


def raised(daemon):
    """The alert as the daemon serves it."""
    lines = []
    for (alert, chart), alarm in sorted(daemon.alarms().items()):
        if alarm["status"] in ("WARNING", "CRITICAL"):
            lines += ["%s  %s on procleak.%s, value %s" % (alarm["status"], alert, chart,
                                                          alarm["value_string"]),
                      "         " + alarm["info"]]
    return lines


def epilogue(daemon, told, alerts, pictures):
    fault = ["none, and that is a fault of this demo: please report it"]
    paragraph("Alerts that are up, as Netdata serves them (api/v1/alarms):", alerts or fault)
    paragraph("What it told its notifier (the script that would send mail):",
              ["%s: %s is %s, was %s: %s" % line for line in told] or fault)
    paragraph("Pictures of the page conf/graphs/netdata.html, and of Netdata's dashboard:", pictures)
    relative = os.path.relpath(DIRECTORY)
    paragraph("Also there: " + relative, [
        "etc/procleak.conf     the whole configuration",
        "health/procleak.conf  the alerts; evaluated each second and told at once in this demo",
        "log/  out             what Netdata and the plugin said"])
    paragraph("To try next:", [
        "%s/procleak.plugin 1 debug ticks=3   what Netdata reads from it"
        % os.path.relpath(private.BUILD),
        "sudo %s 600   the same, with ten minutes to look around at %s"
        % (os.path.relpath(os.path.abspath(__file__)), re.sub(r":\d+/?$", "", daemon.url("")))])


def lock():
    """Two demos at once would write into each other's files."""
    file = open(DIRECTORY + ".lock", "w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit("demo: another demo is running here") from None
    return file


def stay_s():
    if len(sys.argv) == 1:
        return 0
    if len(sys.argv) > 2 or not re.fullmatch(r"\d{1,4}", sys.argv[1]) \
            or int(sys.argv[1]) > STAY_MAX_S:
        raise SystemExit("usage: %s [SECONDS TO STAY, %d at the most]" % (sys.argv[0], STAY_MAX_S))
    return int(sys.argv[1])


def main():
    private.exit_on_signals()
    longer_s = stay_s()
    if os.geteuid() != 0 or not netdata.installed():
        raise SystemExit("demo: needs root, and Netdata installed: sudo make demo-netdata")
    os.makedirs(private.BUILD, exist_ok=True)
    held = lock()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    os.makedirs(DIRECTORY)
    print("Two servers, the same load: 10 connections a second, 128 KiB for each while it lasts.\n"
          "One of them never closes its end of a connection. Netdata, with procleak.plugin, reads\n"
          "both every second for %d s. (The detector's clock runs %d times faster than in "
          "production.)\n" % (DURATION_S, TIME_SCALE))
    start_servers(2 * DURATION_S + longer_s)
    daemon = start_netdata()
    print("Dashboard, while this runs: " + daemon.url("#menu_procleak") + "\n")
    told = watch(daemon, Screen(sys.stdout))
    alerts = raised(daemon)
    epilogue(daemon, told, alerts, draw(daemon))
    if longer_s:
        print("\nThe dashboard stays for %d s: %s" % (longer_s, daemon.url("#menu_procleak")))
        time.sleep(longer_s)
    daemon.stop()
    held.close()
    return 0 if alerts and told else 1


if __name__ == "__main__":
    sys.exit(main())
