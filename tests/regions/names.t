#!/usr/bin/python3
"""Real programs whose growth is fine, or hidden, have its name told; a leak that looks alike is one."""
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from private_collectd import BUILD, start as child  # noqa: E402
from tap import finish, ok, skip  # noqa: E402

BENIGN = os.path.join(BUILD, "tests/regions/benign")
PROCLEAK = os.path.join(BUILD, "procleak")
SECONDS = 30  # hours, to the detector
JAVA = """
import java.util.ArrayList;
public class Full {
    public static void main(String[] args) throws Exception {
        ArrayList<byte[]> kept = new ArrayList<>();
        System.out.println("ready");
        for (int i = 0; i < 400; i++) {
            kept.add(new byte[100000]);
            Thread.sleep(100);
        }
    }
}
"""


def start(argv):
    """A `watch` over the program; None when the program says that it cannot."""
    program = child(argv, stdout=subprocess.PIPE, text=True)
    if program.stdout.readline().strip() != "ready":
        return None
    watch = child(
        [PROCLEAK, "watch", "--json", "--for", str(SECONDS - 1), "--set", "TimeScale=3600", "--set",
         "Season=false", "--set", "DeepReadBudget=100", "--set", "MaxLockTime=60s",
         str(program.pid)], stdout=subprocess.PIPE, text=True)
    return program, watch


# the heap of all three is touched beforehand; that of the last may grow yet
HIDDEN = {"below 32 GiB": ["-Xmx96m", "-XX:+UseSerialGC"],
          "beyond 32 GiB": ["-Xmx96m", "-XX:+UseParallelGC", "-XX:-UseCompressedOops"],
          "of ZGC": ["-Xmx96m", "-XX:+UseZGC"]}
OPEN = ["-Xmx1g", "-XX:+UseZGC"]


def compile_java(directory):
    source = os.path.join(directory, "Full.java")
    with open(source, "w") as file:
        file.write(JAVA)
    subprocess.run(["javac", "-d", directory, source], check=True, timeout=120)


def start_java(directory, options):
    return start(["java", "-Xms96m", "-XX:+AlwaysPreTouch", *options, "-cp", directory, "Full"])


def lines_of(running):
    program, watch = running
    out, _ = watch.communicate(timeout=SECONDS + 90)
    program.kill()
    program.wait()
    return [json.loads(line) for line in out.splitlines()]


def named(what, running, again, reason, words):
    """A reason is told as a verdict changes: on a machine that is too busy to look in time it has a
    second chance."""
    for retry in (again, None):
        lines = lines_of(running)
        told = [line for line in lines if line.get("reason") == reason]
        if told and not any(line.get("alarm") for line in lines) or not retry:
            break
        running = retry()
    ok(not any(line.get("alarm") for line in lines), "%s: no alarm" % what, lines)
    ok(told, "%s: the reason is %s" % (what, reason), lines)
    ok(told and words in told[-1]["message"], "%s: in words" % what, told)


def main():
    directory = tempfile.mkdtemp(prefix="procleak-names-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)

    def run(mode):
        return start([BENIGN, mode, str(SECONDS)])

    running = {mode: run(mode) for mode in ("lazyfree", "collapse", "huge", "maps", "retain")}
    has_java = shutil.which("javac") and shutil.which("java")
    if has_java:
        compile_java(directory)
        hidden = {where: start_java(directory, options) for where, options in HIDDEN.items()}
        grows = start_java(directory, OPEN)
    named("MADV_FREE", running["lazyfree"], lambda: run("lazyfree"), "lazyfree", "given back")
    if running["collapse"]:
        named("huge pages of small ones", running["collapse"], lambda: run("collapse"),
              "huge-pages", "huge")
    else:
        skip("huge pages of small ones", "the kernel makes none on demand")
    named("memory freed in arenas", running["retain"], lambda: run("retain"),
          "arena-retention", "arenas keep")
    alarms = [line for line in lines_of(running["huge"]) if line.get("alarm")]
    ok(alarms, "a leak of huge pages is a leak")
    lines = lines_of(running["maps"])
    told = [line for line in lines if line.get("alarm") and line.get("limit") == "max_map_count"]
    ok(told, "a leak of mappings runs out of these first", lines)
    ok(told and told[-1]["seconds_to_limit_low"] <= told[-1]["seconds_to_limit"] <=
       told[-1]["seconds_to_limit_high"] < 300, "when, with an interval", told)
    ok(told and "; max_map_count " in told[-1]["message"], "in words", told)
    if has_java:
        for where, options in HIDDEN.items():
            named("a leak inside a heap %s that was touched beforehand" % where, hidden[where],
                  lambda options=options: start_java(directory, options), "blind", "managed heap")
        lines = lines_of(grows)
        ok(lines and not any(line.get("reason") == "blind" for line in lines),
           "a heap that may grow hides nothing for long", lines)
    else:
        skip("a leak inside a heap that was touched beforehand", "no JDK")
    finish()


main()
