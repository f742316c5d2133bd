"""A Netdata of one's own: its configuration, its life and what it says over HTTP, all in one
directory and on a free port of the loopback.

Shared by the demo and by the tests. Knows where procleak.plugin is built and how Netdata is set up;
knows nothing of what a test expects.
"""

import json
import os
import pwd
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import private_collectd as private
from private_collectd import BUILD, ROOT, free_port, start, stop, wait_for  # noqa: F401

# Another daemon can be tried with these; the distribution's is the default.
DAEMON = os.environ.get("NETDATA_DAEMON", "/usr/sbin/netdata")
# the daemon does not start without its scripts there
STOCK_PLUGINS = os.environ.get("NETDATA_STOCK_PLUGINS", "/usr/lib/netdata/plugins.d")
STOCK_WEB = "/usr/share/netdata/web"
USER = "netdata"
HEALTH = os.path.join(ROOT, "conf", "health.d")
CAPABILITIES = "cap_dac_read_search,cap_sys_ptrace+ep"

CONFIG = """
[global]
    hostname = {host}
    run as user = {user}
[directories]
    config = {dir}/etc
    stock config = {dir}/stock
    log = {dir}/log
    cache = {dir}/cache
    lib = {dir}/lib
    home = {dir}
    web = {web}
    plugins = "{stock_plugins}" "{dir}/plugins"
[db]
    mode = ram
    retention = 3600
    update every = {update_every}
[web]
    bind to = 127.0.0.1
    default port = {port}
    web files owner = root
    web files group = root
[cloud]
    enabled = no
[logs]
    errors flood protection period = 0
    debug = {dir}/log/debug.log
    error = {dir}/log/error.log
    access = none
[ml]
    enabled = no
[statsd]
    enabled = no
[health]
    enabled = yes
    stock health configuration directory = {dir}/health
    health configuration directory = {dir}/etc/health.d
    script to execute on alarm = {dir}/notified.sh
    default repeat warning = never
    in memory max health log entries = 1000
    run at least every seconds = 1
[plugins]
    proc = no
    diskspace = no
    cgroups = no
    tc = no
    idlejitter = no
    timex = no
    checks = no
    slabinfo = no
    profile = no
    netdata monitoring = no
    enable running new plugins = no
    check for new plugins every = 1
    procleak = yes
[plugin:procleak]
    update every = {update_every}
    command options = {options}
{own}
"""

# Alerts as the daemon hands them to a notifier: which, chart, new and old status, info. Before 1.38
# there is a family between chart and status.
NOTIFIED = """#!/bin/sh
name=$7 chart=$8
shift {skip}
echo "$name|$chart|$1|$2|$9" >>{dir}/notified
"""


def installed():
    return os.access(DAEMON, os.X_OK) and os.path.exists(os.path.join(STOCK_PLUGINS,
                                                                      "system-info.sh"))


def is_old():
    """Before 1.38, which says labels in alerts another way."""
    said = subprocess.run([DAEMON, "-V"], stdout=subprocess.PIPE, text=True, check=False).stdout
    found = re.search(r"v?(\d+)\.(\d+)", said)
    return bool(found) and (int(found[1]), int(found[2])) < (1, 38)


def of_host(host):
    """The prefix of what concerns another host, whose charts are streamed here."""
    return "host/%s/" % host if host else ""


class Netdata:
    """A daemon in the foreground with procleak.plugin in it, all in a directory of its own."""

    def __init__(self, directory, procleak_conf, **settings):
        """`settings`: host, update_every, options, own (of netdata.conf), stream (stream.conf),
        web, capable (give the plugin its capabilities; it has them unless told)."""
        self.dir = directory
        self.procleak_conf = procleak_conf
        self.host = settings.get("host", "test")
        self.settings = settings
        self.port = free_port()
        self.process = None

    # --- setting up

    def _write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(path, mode)

    def _install_plugin(self):
        path = os.path.join(self.dir, "plugins", "procleak.plugin")
        shutil.copy(os.path.join(BUILD, "procleak.plugin"), path)
        if self.settings.get("capable", True):
            subprocess.run(["setcap", CAPABILITIES, path], check=True)

    def _install_health(self):
        """The alerts, evaluated each second and told at once, for tests have less time."""
        name = "procleak-1.37.conf" if is_old() else "procleak.conf"
        with open(os.path.join(HEALTH, name), encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"every: \d+s", "every: 1s", text)
        text = re.sub(r"delay: .*", "delay: up 0 down 0", text)
        text = re.sub(r"average -\dm", "average -4s", text)
        self._write("health/procleak.conf", text)

    def prepare(self):
        for name in ("etc/health.d", "stock/health.d", "log", "cache", "lib", "plugins", "health"):
            os.makedirs(os.path.join(self.dir, name), exist_ok=True)
        self._write("netdata.conf", CONFIG.format(
            dir=self.dir, host=self.host, user=USER, port=self.port,
            web=self.settings.get("web", STOCK_WEB), own=self.settings.get("own", ""),
            stock_plugins=STOCK_PLUGINS,
            update_every=self.settings.get("update_every", 1),
            options=self.settings.get("options", "")))
        self._write("etc/procleak.conf", self.procleak_conf)
        self._write("etc/.opt-out-from-anonymous-statistics", "")
        self._write("notified.sh", NOTIFIED.format(dir=self.dir, skip=9 if is_old() else 8),
                    0o755)
        if "stream" in self.settings:
            self._write("etc/stream.conf", self.settings["stream"])
        self._install_plugin()
        self._install_health()
        self._give_away()
        return self

    def _give_away(self):
        owner = pwd.getpwnam(USER)
        for root, names, files in os.walk(self.dir):
            for path in [root] + [os.path.join(root, name) for name in names + files]:
                if not path.endswith("procleak.plugin"):
                    os.chown(path, owner.pw_uid, owner.pw_gid)

    # --- its life

    def start(self):
        self.prepare()
        return self.run()

    def run(self):
        with open(os.path.join(self.dir, "out"), "ab") as out:
            self.process = start([DAEMON, "-D", "-c", os.path.join(self.dir, "netdata.conf")],
                                 stdout=out, stderr=out, cwd=self.dir)
        return self

    def wait_up(self, timeout_s=private.PATIENCE_S):
        """Until it answers; False when it does not, or has ended."""
        return bool(wait_for(lambda: not self.alive() or self.get("api/v1/info"), timeout_s)
                    and self.alive())

    def stop(self):
        return stop(self.process)

    def alive(self):
        return self.process.poll() is None

    def plugin_pids(self):
        """Of the plugin that this very daemon started."""
        pids = []
        for name in os.listdir("/proc"):
            try:
                exe = os.readlink("/proc/%s/exe" % name) if name.isdigit() else ""
            except OSError:
                continue
            if exe == os.path.join(self.dir, "plugins", "procleak.plugin"):
                pids.append(int(name))
        return pids

    def log(self):
        text = ""
        for name in ("out", "log/error.log", "log/daemon.log", "log/collector.log"):
            try:
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as file:
                    text += file.read()
            except OSError:
                pass
        return text

    def notified(self):
        """[(alarm, chart, status, old status, info), ...] as handed to the notifier."""
        try:
            with open(os.path.join(self.dir, "notified"), encoding="utf-8",
                      errors="replace") as file:
                return [tuple(line.rstrip("\n").split("|", 4)) for line in file]
        except FileNotFoundError:
            return []

    # --- what it says

    def url(self, path):
        return "http://127.0.0.1:%d/%s" % (self.port, path)

    def text(self, path):
        """The body of an answer, or None while there is none."""
        try:
            with urllib.request.urlopen(self.url(path), timeout=20) as answer:
                return answer.read()
        except (OSError, urllib.error.URLError):
            return None

    def get(self, path):
        """An answer as JSON; None when there is none. JSON that is none raises ValueError."""
        body = self.text(path)
        return json.loads(body) if body else None

    def charts(self, prefix="", host=None):
        """procleak's charts: {id without "procleak.": what the daemon says of it}."""
        found = self.get(of_host(host) + "api/v1/charts")
        return {name[len("procleak."):]: chart for name, chart in (found or {}).get(
            "charts", {}).items() if name.startswith("procleak." + prefix)}

    def last(self, chart, dimension, seconds=1, host=None):
        """The newest value of a dimension, or None for a gap."""
        query = urllib.parse.urlencode({
            "chart": "procleak." + chart, "after": -seconds, "points": 1, "format": "json",
            "options": "unaligned", "dimensions": dimension})
        found = self.get(of_host(host) + "api/v1/data?" + query)
        rows = (found or {}).get("data") or []
        return rows[0][1] if rows and len(rows[0]) > 1 else None

    def alarms(self, host=None):
        """{(alert, chart without "procleak."): what the daemon says of it}."""
        found = self.get(of_host(host) + "api/v1/alarms?all")
        return {(alarm["name"], alarm["chart"][len("procleak."):]): alarm
                for alarm in (found or {}).get("alarms", {}).values()
                if alarm["chart"].startswith("procleak.")}

    def status(self, alert, chart, host=None):
        return self.alarms(host).get((alert, chart), {}).get("status")

    def settle(self, alert, chart, want, timeout_s=private.PATIENCE_S, host=None):
        """Waits until an alert is in a state, and returns its last state either way."""
        wait_for(lambda: self.status(alert, chart, host) == want, timeout_s, 0.3)
        return self.status(alert, chart, host)
