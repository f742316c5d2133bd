#!/usr/bin/python3
"""Writes a directory of seeds for each fuzz target, out of the fixtures and of what once broke one.

    seeds.py FIXTURES OUTPUT
"""
import hashlib
import os
import struct
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
MAPS = (b"55d000000000-55d000002000 r--p 00000000 fe:00 11  /usr/bin/server\n"
        b"55d000002000-55d000008000 r-xp 00002000 fe:00 11  /usr/bin/server\n"
        b"55d001000000-55d001200000 rw-p 00000000 00:00 0   [heap]\n"
        b"7f0010000000-7f0010001000 ---p 00000000 00:00 0 \n"
        b"7f0010001000-7f0010801000 rw-p 00000000 00:00 0 \n"
        b"7f0010a00000-7f0010b00000 r-xp 00000000 fe:00 13  /srv/a\\012b (deleted)\n")
# Lives that the engine sees, in the words of engine_fuzz.c: a leak that is found, one that Auto finds,
# exec and a pid that is used again, reads that fail and a damaged state, a file that lies, a limit.
GROW, HOURS = b"\4\0\0\x80\0\0\5", b"\x0f\x3f\5"
ENGINE = (b"\x10\0\0\3\x20\0\0\1\4\x10\0" + GROW + HOURS * 2 + b"\x0b" + HOURS * 2,
          b"\x30\0\7\3\x70\0" + GROW + HOURS * 2 + b"\x0b" + HOURS,
          b"\x11\0\0\3\x20\0\x0f\3\2\3\0\x09\x0f\3\2\6\0\1\x0f\3\2\2\0\x0f\3\2\0\2\5\x09\x09",
          b"\x12\0\0\3\x20\0\0\3\5\1\1\x0f\3\2\x09\2\3\4\x0f\x14\2\x0c\3\0\x09\x41",
          b"\x12\0\0\3\x20\0\7\0\1\x14RssAnon:\t 99999999999999999999 kB\nVmSwap:\t 18446744073709551615"
          b" kB\n\n\n\n\n\n\n" + HOURS + b"\x08" + HOURS,
          b"\x12\x0d\x3c\0\0\3\x20\0" + GROW + b"\x0f\x3f\1\x0f\x3f\2")
# Evidence of each kind that there is, in short, and what every part of a page is made of.
EVIDENCE = (
    b'{"format":"procleak-evidence","version":1,"match":"web","message":"nginx leaks 9 MiB/h","about":"process",'
    b'"pid":42,"command":"nginx: worker process","verdict":"leaking","start_time":1.7e9,"since":1700000100,'
    b'"time":1700000200.5,"metric":"anon","regions_span_seconds":3600,"regions_sampling_error_percent":2.5,'
    b'"regions":[{"region":"heap","before":1,"now":9e6,"outgrows_work":true,"idle_share":0.5}],'
    b'"growing_mappings":[{"before":0,"now":4096,"region":"file","name":"/srv/a b"}],"census":{"entries":['
    b'{"name":"f()","kind":"pointer","named_by":"symbol","detail":"x","share":0.5,"objects_per_second":1.5,'
    b'"bytes_per_second":64}],"inconclusive":true,"reason":"too little"},"cause":"connections","unit":"connection",'
    b'"bytes_per_unit":4096,"bytes_per_unit_low":1,"bytes_per_unit_high":9000,"grows_with":[{"unit":"thread",'
    b'"share":0.5,"error":0.1}],"limit":"the memory limit","seconds_to_limit":60,"seconds_to_limit_low":1,'
    b'"seconds_to_limit_high":1e9,"fds":[{"name":"socket","count":3}],"judged":[{"metric":"anon","gates":['
    b'{"gate":"trend","held":true,"value":2,"needed":1}]}],"member_count":9,"siblings":[{"pid":7,'
    b'"verdict":"steady","anonymous_bytes":100}],"contain":["restart it"],"next":[{"step":"ls","cost":"none"}]}',
    b'{"format":"procleak-evidence","about":"runs","verdict":"critical","cause":"unknown","example":{"pid":1,'
    b'"comm":"x"},"runs":[{"begin":1,"end":2.5,"level":4096,"grown":1,"rate_bytes_per_hour":-3}]}',
    b'{"format":"procleak-evidence","about":"cgroup","cgroup":{"path":"/x.service","parts":[{"part":"slab","name":"slab",'
    b'"before":1,"now":2,"unexplained":true}]},"example":null}',
    b'{"format":"procleak-evidence","about":"sum","unit":"process","cause":"work","member_count":3}')
# Two places that grow, of which one then moves; a sample.
LEDGER = (b"\3\x11\1\2\x0b\x85\x8b\x45\x11\1\2\x0b\xf5\x8b\x95\x22\x30\2\x0c\xf5\x8b\xf5",
          b"\7\xf1\0\4\x08\x44\x28\x44\x48\x44\x68\x44\xf1\0\3\x08\xf4\x28\xf4\x48\xf4\x05\0\1\x08\xff")
LARGEST_SEED = 4096  # bytes: what is longer slows the search down


def small_elf():
    """A program of a segment, a note with a build id and three symbols."""
    names = b"\0_ZN3api5closeEi\0main\0_RNvCs15kBYyAo9fc_7mycrate7example\0"
    symbols = b"".join(struct.pack("<IBBHQQ", name, 0x12, 0, 1, value, 64)
                       for name, value in ((0, 0), (1, 0x1000), (17, 0x401100), (22, 0x2000)))
    note = struct.pack("<III", 4, 20, 3) + b"GNU\0" + bytes(range(20))
    note_at = 64 + 2 * 56
    symbols_at = note_at + len(note)
    names_at = symbols_at + len(symbols)
    sections_at = names_at + len(names)
    header = (b"\x7fELF\2\1\1" + bytes(9) +
              struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, sections_at, 0, 64, 56, 2, 64, 3, 2))
    segments = (struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 4096, 4096, 4096) +
                struct.pack("<IIQQQQQQ", 4, 4, note_at, 0, 0, len(note), len(note), 4))
    sections = (bytes(64) +
                struct.pack("<IIQQQQIIQQ", 1, 2, 0, 0, symbols_at, len(symbols), 2, 1, 8, 24) +
                struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, names_at, len(names), 0, 0, 1, 0))
    return header + segments + note + symbols + names + sections


def small_page():
    """The begin of a page of malloc's chunks, with what lies behind the page."""
    page = b"".join(struct.pack("<QQ", 0, size | 1) + struct.pack("<Q", 0x401000) * (size // 8 - 2)
                    for size in (48, 32, 144, 80) * 30)
    return page[:4096] + struct.pack("<Q", 0x31) * 8


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
    for path in sorted((Path(__file__).parent / "corpus").glob("*/*")):
        write(output, path.parent.name, path.read_bytes())
    write(output, "trace", TRACE)
    write(output, "ini", INI)
    write(output, "config", CONFIG)
    for text in NETDATA:
        write(output, "netdata", text)
    for life in ENGINE:
        write(output, "engine", life)
    for text in EVIDENCE:
        write(output, "cli_explain", text)
        # with an escape in front of every word, but for the name of the format
        write(output, "cli_explain", text.replace(b'":"', b'":"\\u001b').replace(b"\\u001b", b"", 1))
    for readings in LEDGER:
        write(output, "ledger", readings)
    write(output, "conf", CONF)
    write(output, "census_maps", MAPS)
    write(output, "windows", b"\x20" + MAPS)
    write(output, "windows", b"\x02nr_throttled 3\nthrottled_usec 45\n")
    write(output, "census_elf", small_elf())
    write(output, "census_page", small_page())


main()
