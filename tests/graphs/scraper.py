"""What collectd sends, received: a Prometheus of one's own that asks it, and a port that is told what
Graphite would be told. All on the loopback.

Knows how these are run and asked; knows nothing of what a test expects.
"""

import json
import os
import shutil
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request

import private_collectd as private
from private_netdata import free_port

# `instance` is what collectd says
PROMETHEUS = """
global:
  scrape_interval: 1s
scrape_configs:
- job_name: collectd
  honor_labels: true
  static_configs:
  - targets: ['127.0.0.1:%d']
"""


def has_prometheus():
    return bool(shutil.which("prometheus"))


class Prometheus:
    """A server that asks one port every second, all in a directory of its own."""

    def __init__(self, directory, target_port):
        self.dir = directory
        self.port = free_port()
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w", encoding="ascii") as file:
            file.write(PROMETHEUS % target_port)
        with open(os.path.join(directory, "prometheus.log"), "ab") as log:
            self.process = private.start(
                ["prometheus", "--config.file=" + config, "--log.level=warn",
                 "--storage.tsdb.path=" + os.path.join(directory, "tsdb"),
                 "--web.listen-address=127.0.0.1:%d" % self.port], stdout=log, stderr=log)

    def query(self, expression):
        """(series that an expression gives now, what is wrong with it or None)"""
        url = "http://127.0.0.1:%d/api/v1/query?%s" % (
            self.port, urllib.parse.urlencode({"query": expression}))
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]["result"], None
        except urllib.error.HTTPError as error:
            return [], error.read().decode(errors="replace")
        except OSError as error:  # it has only just been started
            return [], str(error)


class Carbon:
    """Takes lines at a port, as Graphite's carbon does, and keeps the names."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.names = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        with connection, connection.makefile(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.endswith("\n"):
                    self.names.add(line.split(" ", 1)[0])
