#!/usr/bin/python3
"""Writes a directory of seeds for each fuzz target, out of the fixtures.

    seeds.py FIXTURES OUTPUT
"""
import hashlib
import os
import sys
from pathlib import Path

# Target, file names in the trees, bytes that the target wants before the text.
TARGETS = (
    ("stat", ("stat",), b""), ("status", ("status",), b""), ("statm", ("statm",), b""),
    ("rollup", ("smaps_rollup", "smaps"), b""), ("io", ("io",), b""), ("limits", ("limits",), b""),
    ("meminfo", ("meminfo",), b""), ("cgroup", ("cgroup",), b""), ("cmdline", ("cmdline",), b"\x40"),
    ("number", ("stat", "memory.max", "memory.high", "memory.limit_in_bytes"), b""),
    ("net", ("net/tcp", "net/tcp6"), b"\x00\x1f"), ("net", ("net/udp",), b"\x01\x1f"),
    ("net", ("net/unix",), b"\x02\x1f"), ("smaps", ("smaps",), b"\x3f"),
)
TRACE = (b"time,pid,start_time,rss_bytes,anon_bytes,swap_bytes,threads,cpu_seconds,unknown\n"
         b"1700000000,42,1699990000.5,1048576,524288,,4,1.25,x\r\n"
         b"1700000010.5,42,1699990000.5,\"1048576\",524289,0,4,1.50,\n")
INI = (b"; comment\n[global]\nProcFS = /host/proc\nTimeScale = 60\nauto-min-size = 64M\n"
       b"[process redis]\ncommand = redis-server\nMinGrowth = 8M\nPer_Process = true\n"
       b"[process all python]\ncommand line = ^/usr/bin/python3 .*worker$\nUser = www-data\n")
CONFIG = (b"TimeScale\0" b"60\0" b"match\0" b"redis\0" b"Command\0redis-server\0"
          b"MinGrowth\0" b"8M\0Sensitivity\0high\0match\0web\0CommandLine\0nginx: (worker|master)\0")
NETDATA = (b"FUNCTION 0f 10 \"procleak info\" \"0xFFFF\" \"method=api\"\n",
           b"FUNCTION_PAYLOAD 1a 10 'procleak x' '0x1'\n{}\nFUNCTION_PAYLOAD_END\nQUIT",
           b"it's\0say \"hi\"\0a\nDISABLE\0\xc3\xa9\xff\0=\\")
CONF = (b"# collectd\nLoadPlugin procleak\n<Plugin \"procleak\">\n  ProcFS \"/proc\" # root\n"
        b"  ProcessMatch \"api\" \"java .*api\\\\.jar\"\n  <Match \"a \\\"b\\\"\">\n"
        b"    PerProcess true\n    TimeScale 1.5e3\n    MinGrowth \\\n  8\n  </Match>\n</Plugin>\n")
LARGEST_SEED = 4096  # bytes: what is longer slows the search down


def write(output, target, data):
    folder = output / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def main():
    fixtures, output = Path(sys.argv[1]), Path(sys.argv[2])
    paths = [Path(base) / name for base, _, names in os.walk(fixtures) for name in names]
    for target, names, prefix in TARGETS:
        for path in paths:
            if not path.is_symlink() and str(path).endswith(tuple("/" + name for name in names)):
                data = path.read_bytes()
                if len(data) <= LARGEST_SEED:
                    write(output, target, prefix + data)
    for path in paths:
        if path.is_symlink():
            write(output, "fd_target", os.readlink(path).encode())
    write(output, "trace", TRACE)
    write(output, "ini", INI)
    write(output, "config", CONFIG)
    for text in NETDATA:
        write(output, "netdata", text)
    write(output, "conf", CONF)


main()
