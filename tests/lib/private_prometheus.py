"""A Prometheus of one's own, and an Alertmanager whose messages one gets: each in a directory, on
free ports of the loopback.

Knows how they are started, asked and set up to be quick; knows nothing of what a test expects.
"""

import contextlib
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

from private_collectd import ROOT, free_port, start, stop

FLEET = os.path.join(ROOT, "conf", "fleet")
RULES = "procleak.rules.yml"


def sample(name):
    """The text of one of conf/fleet/."""
    with open(os.path.join(FLEET, name), encoding="utf-8") as file:
        return file.read()


def tool(*command):
    """Runs promtool or amtool; returns (whether it is content, what it said)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)
    return done.returncode == 0, done.stdout


class _Server:
    """What the two daemons have in common."""

    def __init__(self, directory):
        self.dir = directory
        self.port = free_port()
        self.process = None

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self, name, *options):
        with open(os.path.join(self.dir, name + ".log"), "ab") as log:
            self.process = start([shutil.which(name), *options], stdout=log, stderr=log,
                                 cwd=self.dir)
        return self

    def log(self, name):
        with open(os.path.join(self.dir, name + ".log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def get(self, path, **query):
        """An answer as JSON, be it a refusal, or None while there is none."""
        url = "http://127.0.0.1:%d/%s?%s" % (self.port, path, urllib.parse.urlencode(query))
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with contextlib.suppress(ValueError):
                return json.load(error)
            return None
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def stop(self):
        return stop(self.process)


class Prometheus(_Server):
    """With the rules of conf/fleet, each second; what they wait for takes `hold_s` only."""

    def __init__(self, directory, target_port, alertmanager_port=9, hold_s=60):
        super().__init__(directory)
        config = sample("prometheus.yml").replace("127.0.0.1:9103", "127.0.0.1:%d" % target_port)
        config = config.replace("127.0.0.1:9093", "127.0.0.1:%d" % alertmanager_port)
        self.write("prometheus.yml", re.sub(r"_interval: \d+s", "_interval: 1s", config))
        self.write(RULES, re.sub(r"for: \d+m", "for: %ds" % hold_s, sample(RULES)))

    def start(self):
        return self.run("prometheus", "--config.file=prometheus.yml",
                        "--storage.tsdb.path=%s/data" % self.dir, "--log.level=warn",
                        "--web.listen-address=127.0.0.1:%d" % self.port)

    def query(self, expression):
        """[(labels, value), ...]"""
        found = (self.get("api/v1/query", query=expression) or {}).get("data", {"result": []})
        return [(row["metric"], float(row["value"][1])) for row in found["result"]]

    def fault(self, expression):
        """What is wrong with an expression, or None."""
        return (self.get("api/v1/query", query=expression) or {}).get("error")

    def firing(self):
        """{(alert, match, host or None): its annotations}"""
        found = (self.get("api/v1/alerts") or {}).get("data", {"alerts": []})
        return {(row["labels"]["alertname"], row["labels"].get("match"),
                 row["labels"].get("instance")): row["annotations"]
                for row in found["alerts"] if row["state"] == "firing"}


class Alertmanager(_Server):
    """With conf/fleet/alertmanager.yml, in a hurry. Its messages come in at a port of this script."""

    def __init__(self, directory):
        super().__init__(directory)
        self.messages = []  # (receiver, what Alertmanager says)
        messages = self.messages

        class Receiver(http.server.BaseHTTPRequestHandler):
            """Takes whatever is sent."""

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.append((self.path.strip("/"), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                """Nobody wants to know."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        config = sample("alertmanager.yml")
        config = config.replace("127.0.0.1:8080", "127.0.0.1:%d" % self._server.server_port)
        self.write("alertmanager.yml", re.sub(r"(group_wait|group_interval): \w+", r"\1: 2s", config))

    def start(self):
        return self.run("prometheus-alertmanager", "--config.file=alertmanager.yml",
                        "--storage.path=%s/data" % self.dir, "--cluster.listen-address=",
                        "--web.listen-address=127.0.0.1:%d" % self.port)

    def told(self):
        """[(receiver, alert, match, hosts), ...] of what was told as firing, in order."""
        return [(receiver, message["groupLabels"]["alertname"], message["groupLabels"].get("match"),
                 sorted(alert["labels"].get("instance", "") for alert in message["alerts"]))
                for receiver, message in list(self.messages) if message["status"] == "firing"]
