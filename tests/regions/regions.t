#!/usr/bin/python3
"""Real programs that leak at one place each: the ledger has to name the place."""
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import finish, ok, skip  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
LEAK = os.path.join(BUILD, "tests/regions/leak")
MEASURE = os.path.join(BUILD, "tests/regions/measure")
POOL = os.path.abspath(os.path.join(BUILD, "tests/regions/libpool.so"))
TIMEOUT_S = 180  # for what takes some seconds


class Program:
    """A program that says a line when it is ready and one when it has leaked."""

    def __init__(self, argv, env=None):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=dict(os.environ, **(env or {})), text=True)
        self.expect("ready")

    def expect(self, word):
        line = self.process.stdout.readline().strip()
        if line != word:
            raise RuntimeError("said %r instead of %r" % (line, word))

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def measure(program, rounds=1):
    """What the ledger says between before and after the leak."""
    meter = subprocess.Popen([MEASURE, str(program.process.pid)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)

    def read():
        meter.stdin.write("\n")
        meter.stdin.flush()
        meter.stdout.readline()

    read()
    for _ in range(rounds):
        program.go()
        program.expect("done")
        read()
    out, _ = meter.communicate(timeout=TIMEOUT_S)
    return json.loads(out)


def find(pattern):
    found = sorted(glob.glob("/usr/lib/*/" + pattern))
    return found[0] if found else None


def shares(argv, env=None):
    program = Program(argv, env)
    try:
        return measure(program)
    finally:
        program.end()


def leak(kind, mib=32, env=None):
    return shares([LEAK, kind, str(mib)], env)


def check_place(name, said, where, at_least, which="anonymous"):
    share = said[which].get(where, 0)
    ok(share >= at_least, "%s: %.0f %% of the growth at %r" % (name, 100 * share, where), said)


def check_kinds():
    check_place("malloc of a single thread", leak("malloc"), "heap", 0.95)
    check_place("malloc of many threads", leak("arena"), "arena", 0.9)
    check_place("mmap", leak("mmap"), "anon", 0.95)
    check_place("one buffer that realloc moves", leak("realloc"), "anon", 0.95)
    check_place("threads that never end", leak("threads"), "stack", 0.9)
    check_place("descriptors with a buffer each", leak("fds"), "heap", 0.9)
    check_place("memfd", leak("memfd"), "memfd", 0.95, "shared")
    check_place("shared anonymous", leak("shared"), "shmem", 0.95, "shared")
    check_place("POSIX shared memory", leak("shm"), "shm", 0.95, "shared")
    check_place("SysV shared memory", leak("sysv"), "sysv", 0.95, "shared")
    check_place("the program's own data", leak("program"), "program", 0.95)


def check_library():
    said = leak("library", env={"POOL_LIBRARY": POOL})
    check_place("a library's own allocator", said, "library", 0.95)
    place = said["places"][0] if said["places"] else {}
    ok(place.get("region") == "library" and place.get("name", "").endswith("libpool.so"),
       "the library is named", said)


def check_preloaded(name, pattern, wheres):
    library = find(pattern)
    if not library:
        skip("a leak with %s" % name, "%s is not installed" % pattern)
        return
    said = leak("malloc", env={"LD_PRELOAD": library})
    share = sum(said["anonymous"].get(where, 0) for where in wheres)
    ok(share >= 0.95, "%s preloaded: %.0f %% of the growth at %s" % (name, 100 * share, wheres),
       said)
    ok(name in said["runtimes"], "%s is recognised" % name, said)


NODE = """
process.stdout.write('ready\\n');
const kept = [];
process.stdin.on('data', () => {
  for (let i = 0; i < 400000; i++) kept.push({ i: i, s: 'x' + i, a: [i] });
  process.stdout.write('done\\n');
});
"""


def check_node():
    if not os.path.exists("/usr/bin/node"):
        skip("a leak of JavaScript objects", "node is not installed")
        return
    said = shares(["/usr/bin/node", "-e", NODE])
    check_place("JavaScript objects", said, "v8", 0.85)


JAVA = """
import java.util.*;
public class Leak {
  static List<byte[]> kept = new ArrayList<>();
  public static void main(String[] a) throws Exception {
    System.out.println("ready");
    while (System.in.read() >= 0) {
      for (int i = 0; i < 48; i++) kept.add(new byte[1 << 20]);
      System.out.println("done");
    }
  }
}
"""


# a loader that is kept keeps its classes
PIECE = "public class Piece {\n%s}\n" % "".join(
    "  public long m%d(long a) { for (int i = 0; i < %d; i++) a += i ^ %dL; return a; }\n" %
    (i, i + 3, i + 7919) for i in range(100))
LOADERS = """
import java.util.*;
public class Loaders extends ClassLoader {
  Class<?> define(byte[] code) { return defineClass("Piece", code, 0, code.length); }
  static List<Object> kept = new ArrayList<>();
  public static void main(String[] a) throws Exception {
    byte[] code = Loaders.class.getResourceAsStream("Piece.class").readAllBytes();
    System.out.println("ready");
    while (System.in.read() >= 0) {
      for (int i = 0; i < 400; i++)
        kept.add(new Loaders().define(code).getDeclaredConstructor().newInstance());
      System.out.println("done");
    }
  }
}
"""


def check_java():
    if not os.path.exists("/usr/bin/java") or not os.path.exists("/usr/bin/javac"):
        skip("a leak of Java objects", "java and javac are not installed")
        return
    with tempfile.TemporaryDirectory() as where:
        sources = {"Leak.java": JAVA, "Piece.java": PIECE, "Loaders.java": LOADERS}
        for name, text in sources.items():
            with open(os.path.join(where, name), "w") as file:
                file.write(text)
        subprocess.run(["/usr/bin/javac", "-d", where,
                        *(os.path.join(where, name) for name in sources)], check=True,
                       timeout=TIMEOUT_S)

        def java(program, *options):
            return shares(["/usr/bin/java", "-Xms8m", "-Xmx256m", *options, "-cp", where, program])

        check_place("Java objects", java("Leak", "-XX:+UseSerialGC"), "java", 0.85)
        check_place("Java objects beyond 32 GiB",
                    java("Leak", "-XX:+UseSerialGC", "-XX:-UseCompressedOops"), "java", 0.85)
        check_place("Java objects of ZGC", java("Leak", "-XX:+UseZGC"), "zgc", 0.95, "shared")
        check_place("classes that are never unloaded", java("Loaders", "-XX:+UseSerialGC"),
                    "metaspace", 0.6)


def check_cost():
    program = Program([LEAK, "map", "60000"])
    try:
        program.go()
        program.expect("done")
        out = subprocess.run([MEASURE, "--cost", str(program.process.pid)], check=True,
                             stdout=subprocess.PIPE, timeout=TIMEOUT_S).stdout
    finally:
        program.end()
    cost = json.loads(out)
    over = cost["with_parser_seconds"] / cost["kernel_seconds"] - 1
    print("# %d mappings: kernel %.1f ms, parser %.1f %% more" %
          (cost["mappings"], 1e3 * cost["kernel_seconds"], 100 * over))
    ok(cost["mappings"] >= 60000, "60,000 mappings are read", cost)
    # it is about a tenth; a noisy machine may double that
    name = "the parser costs at most a quarter of the kernel's own time"
    if os.path.basename(os.path.normpath(BUILD)) == "coverage":
        skip(name, "what is counted costs more")
    else:
        ok(over <= 0.25, name, cost)
    ok(cost["scan_bytes"] <= 65536, "in bounded memory", cost)


def main():
    check_kinds()
    check_library()
    check_preloaded("jemalloc", "libjemalloc.so.2", ["jemalloc"])
    check_preloaded("tcmalloc", "libtcmalloc_minimal.so.4", ["heap", "tcmalloc"])
    check_node()
    check_java()
    check_cost()
    finish()


main()
