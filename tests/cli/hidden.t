#!/usr/bin/python3
# Whoever may not see a process, or not into it, is told so, once and in words.
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *  # noqa: E402,F403

need_root()
need_tool("setpriv")
need_tool("unshare")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
          "--inh-caps=-all"]
PROCLEAK = os.path.join(BUILD, "procleak")


def ask(*arguments, prefix=()):
    done = subprocess.run([*prefix, *NOBODY, PROCLEAK, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False)
    return done.returncode, done.stderr.decode().strip().splitlines()


process = start(["sleep", "300"])
pid = str(process.pid)
commands = {"watch": ["watch", "--for", "1", pid], "record": ["record", "--for", "1", pid],
            "census": ["census", "--interval", "1", pid], "explain": ["explain", pid]}
for title, arguments in commands.items():
    code, lines = ask(*arguments)
    ok(len(lines) == 1 and "CAP_SYS_PTRACE" in lines[0], title + " names the capability", lines)
    ok(code == (0 if title in ("watch", "record") else 2), "and goes on where it can", code)

for option in ("1", "2"):
    hide = ["unshare", "--mount", "sh", "-c",
            "mount -t proc -o hidepid=%s proc /proc && exec \"$@\"" % option, "sh"]
    if subprocess.run([*hide, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        skip("hidepid=" + option, "proc cannot be mounted here")
        continue
    for title, arguments in commands.items():
        code, lines = ask(*arguments, prefix=hide)
        ok(code == 2 and len(lines) == 1 and ("hidepid" in lines[0] or "CAP_SYS_PTRACE" in lines[0]),
           "hidepid=%s: %s" % (option, title), lines)
    code, lines = ask("watch", "--for", "1", "sleep", prefix=hide)
    ok(code == 2 and lines and "hidepid" in lines[0], "and a name that nobody seems to have", lines)

code, lines = ask("watch", "999999999")
ok(code == 2 and lines == ["procleak watch: there is no process 999999999"], "nobody is nobody", lines)
code, lines = ask("explain", "99999999")
ok(code == 2 and lines and "there is no such process" in lines[0], "there too", lines)
finish()
