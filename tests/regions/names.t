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
SETTINGS = ("TimeScale=3600", "Season=false", "DeepReadBudget=100", "MaxLockTime=60s")
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
    out = tempfile.TemporaryFile("w+")  # a pipe would be full before it is read
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    watch = child([PROCLEAK, "watch", "--json", "--readings", "--for", str(SECONDS - 1), *settings,
                   str(program.pid)], stdout=out)
    return program, watch, out


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
    """What was told, and what was read each second."""
    program, watch, out = running
    watch.wait(timeout=SECONDS + 90)
    program.kill()
    program.wait()
    with out:
        out.seek(0)
        lines = [json.loads(line) for line in out]
    return ([line for line in lines if not line.get("reading")],
            [line for line in lines if line.get("reading")])


def second_chance(judge, running, again):
    """The times of a program are those of the wall clock, and so is its evenness: one that is not right
    runs once more, on a machine that may have become less busy. Returns what judge() made of it."""
    found, passed = judge(*lines_of(running))
    if not passed:
        found, passed = judge(*lines_of(again()))
    return found


def named(what, running, again, reason, words):
    """The reason of a verdict may be found later than the verdict: it is told with the readings."""
    def judge(told, readings):
        alarms = [line for line in told if line.get("alarm")]
        with_it = [line for line in readings if line.get("reason") == reason]
        return (told, alarms, with_it, readings), with_it and not alarms

    told, alarms, with_it, readings = second_chance(judge, running, again)
    ok(not alarms, "%s: no alarm" % what, told)
    ok(with_it, "%s: the reason is %s" % (what, reason), told, [
        (line["verdict"], line.get("reason"), line["anon_bytes"], line["cpu_seconds"])
        for line in readings])
    ok(all(words in line["message"] for line in told
           if line.get("reason") == reason and not line.get("summary")),
       "%s: in words" % what, told)


def runs_out(running, again):
    def judge(told, readings):
        alarms = [line for line in told if line.get("alarm") and line.get("limit") == "max_map_count"]
        return (told, alarms, readings), alarms

    told, alarms, readings = second_chance(judge, running, again)
    ok(alarms, "a leak of mappings runs out of these first", told, [
        (line["time"], line["verdict"], line.get("reason"), line.get("mappings"),
         line.get("seconds_to_limit")) for line in readings])
    ok(alarms and alarms[-1]["seconds_to_limit_low"] <= alarms[-1]["seconds_to_limit"] <=
       alarms[-1]["seconds_to_limit_high"] < 300, "when, with an interval", alarms)
    ok(alarms and "; max_map_count " in alarms[-1]["message"], "in words", alarms)


def unmapped(running, again):
    words = "; memfd or tmpfs files that nobody maps; 256 KiB per fd"

    def judge(told, _):
        alarms = [line for line in told if line.get("alarm") and line.get("metric") == "shmem"]
        return (told, alarms), alarms

    told, alarms = second_chance(judge, running, again)
    ok(alarms and alarms[-1]["where"] == "memfd",
       "a leak of memory that only descriptors hold is one, and has its place", told)
    ok(alarms and alarms[-1]["cause"] == "fds" and words in alarms[-1]["message"],
       "with its cause, in words", told)


def main():
    directory = tempfile.mkdtemp(prefix="procleak-names-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)

    def run(mode):
        return start([BENIGN, mode, str(SECONDS)])

    running = {mode: run(mode) for mode in ("lazyfree", "collapse", "huge", "maps", "memfd",
                                         "retain")}
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
    alarms = second_chance(lambda told, _: 2 * ([line for line in told if line.get("alarm")],),
                           running["huge"], lambda: run("huge"))
    ok(alarms, "a leak of huge pages is a leak")
    unmapped(running["memfd"], lambda: run("memfd"))
    runs_out(running["maps"], lambda: run("maps"))
    if has_java:
        for where, options in HIDDEN.items():
            named("a leak inside a heap %s that was touched beforehand" % where, hidden[where],
                  lambda options=options: start_java(directory, options), "blind", "managed heap")
        told, _ = lines_of(grows)
        ok(told and not any(line.get("reason") == "blind" for line in told),
           "a heap that may grow hides nothing for long", told)
    else:
        skip("a leak inside a heap that was touched beforehand", "no JDK")
    finish()


main()
