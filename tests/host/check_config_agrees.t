#!/usr/bin/python3
"""check-config reads collectd.conf as collectd does: on one file full of oddities and faults, the
daemon's plugin and the command find the same faults and watch the same matches."""

import os
import re
import subprocess

from harness import BUILD, finish, ok, private, skip_all, wait_for, work_dir

ODDITIES = r"""
PluginDir "%(build)s"
Include "%(dir)s/first.conf"
<Plugin other>
  Whatever ::1 "x" * 3
</Plugin>
<Plugin procleak>
  StateFile ""
  Process "plain" # "not this"
  Process joined_\
words
  Process "joined \
     text"
  <Process "block">
    Settle 20 min
    MinGrowth 2.5M
    MinRate 0x1000
    Notify no
  </Process>
  ProcessMatch "escapes" "a\\.b\"c\d|\\\\"
  ProcessMatch "slash/es" "x"
  ProcessMatch one_argument
  ProcessMatch "bad" "("
  MinGrowth 8X
  Horizon 1 2 3
  Renotfy 1d
  Season maybe
  User "root"
  <Match "m">
    Command "one"
    Command "two"
    PerProcess yes
    MaxProcesses 0
    <Match "inner">
      User "x"
    </Match>
  </Match>
  <Match "m">
    ProcFS "/x"
  </Match>
  <Match>
    Command "nameless"
  </Match>
  <Match "no one">
    User "no such user"
  </Match>
  <Empty "block">
  </Empty>
  <Full "block">
    A 1
  </Full>
  Process "self"
  Process ""
  Process 8080
  Process true
</Plugin>
<plugin "ProcLeak">
  Process "second block"
</plugin>
"""
FIRST = 'LoadPlugin procleak\n<Plugin procleak>\n  Process "included"\n  Color red\n</Plugin>\n'


def daemon_faults(log):
    """What the plugin complained about, in order."""
    return [re.sub(r"^.*?procleak: ", "", line) for line in log.splitlines()
            if re.search(r"\[error\].*procleak: ", line)]


def command_faults(out, directory):
    return [re.sub(r"^\S+:\d+: ", "", line) for line in out.splitlines()
            if line.startswith(directory)]


if not private.stock_plugins():
    skip_all("collectd with its csv plugin is not installed")
directory = work_dir()
own = ODDITIES % {"build": BUILD, "dir": directory}
with open(os.path.join(directory, "first.conf"), "w", encoding="utf-8") as first:
    first.write(FIRST)

collectd = private.Collectd(directory, own).start()
ok(wait_for(lambda: "self" in collectd.matches()), "collectd starts", collectd.log())
check = subprocess.run([os.path.join(BUILD, "procleak"), "check-config",
                        os.path.join(directory, "collectd.conf")], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=60, check=False)
text = check.stdout.decode("utf-8", "replace")
want = daemon_faults(collectd.log())
got = command_faults(text, directory)
ok(len(want) >= 16, "the daemon found faults", want)
ok(got == want, "check-config found the same", "daemon:", *want, "check-config:", *got)
ok(check.returncode == 1, "and says so", check.returncode)

watched = {name.replace("/", "_") for name in re.findall(r'(?m)^match "(.*)"$', text)}
# a series for each match, also for those of which nothing runs
wait_for(lambda: watched <= collectd.matches())
ok(len(watched) >= 8 and collectd.matches() - {"self"} == watched, "both watch the same",
   sorted(collectd.matches()), sorted(watched))
ok(collectd.alive() and collectd.stop() is not None, "the daemon lived through it all")
finish()
