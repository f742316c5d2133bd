#!/usr/bin/python3
"""check-config on both forms of configuration; the samples in conf/ against the option table."""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import finish, ok  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROCLEAK = os.path.join(ROOT, os.environ.get("BUILD", "build"), "procleak")
HEAD = "LoadPlugin procleak\n<Plugin procleak>\n"
TAIL = "</Plugin>\n"


def check(*arguments, stdin=None):
    """Exit code and output of check-config."""
    run = subprocess.run([PROCLEAK, "check-config", *arguments], stdin=stdin,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return run.returncode, run.stdout.decode("utf-8", "replace")


def check_text(text, name="x.conf", *arguments):
    """Likewise, on a file of this text; its directory is taken out of the output."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        code, out = check(*arguments, path)
        return code, out.replace(directory + "/", "")


def faults_of(out):
    return [line for line in out.splitlines() if line.startswith("x.conf")]


# --- collectd's syntax: (what, text, exit code, faults, parts of the summary) --------------------

COLLECTD = [
    ("nothing but LoadPlugin", "LoadPlugin procleak\n", 0, [], ["Auto true", "64 MiB"]),
    ("LoadPlugin as a block", "<LoadPlugin procleak>\n  Interval 1\n</LoadPlugin>\n", 0, [],
     ["Auto true"]),
    ("no plugin at all", 'Hostname "x"\n', 1,
     ["x.conf: procleak is not loaded: there is no LoadPlugin procleak"], []),
    ("a block without LoadPlugin", HEAD.split("\n", 1)[1] + 'Process "a"\n' + TAIL, 1,
     ["x.conf:1: <Plugin procleak> has no LoadPlugin procleak before it: collectd ignores it"], []),
    ("AutoLoadPlugin instead", "AutoLoadPlugin true\n" + HEAD.split("\n", 1)[1] + 'Process "a"\n'
     + TAIL, 0, [], ['match "a"']),
    ("matches of every form", HEAD + 'Process "nginx"\nProcessMatch "api" "java .*api\\\\.jar"\n'
     '<Match "w">\n  Command "php"\n  User 0\n  MinGrowth 2M\n</Match>\n' + TAIL, 0, [],
     ['match "nginx"\n  Command "nginx"\n', 'CommandLine "java .*api\\.jar"',
      'match "w"\n  Command "php"\n  User "0"\n  MinGrowth 2M\n']),
    ("blocks merge, and globals reach all matches", HEAD + 'Process "a"\n' + TAIL
     + "<Plugin procleak>\nHorizon 7d\n<Match a>\nSettle 300\n</Match>\n" + TAIL, 0, [],
     ['match "a"\n  Command "a"\n  Horizon 7d\n  Settle 5m\n']),
    ("quantities that collectd splits", HEAD + "Process a\nSettle 20 min\nMinGrowth 2.5M\n" + TAIL,
     0, [], ["Settle 20m", "MinGrowth 2560K"]),
    ("continued lines and comments", HEAD + 'Process \\\n  "a" # "b"\n<Process "c"> # x\n'
     "Renotify 2d\n</Process>\n" + TAIL, 0, [], ['match "a"', 'match "c"', "Renotify 2d"]),
    ("other plugins are not looked at", 'Include "/nonexistent/*.conf"\n<Plugin network>\n'
     '  Server ff18::efc0:4a42 25826\n  MinGrowth 8X\n</Plugin>\nLoadPlugin procleak\n', 0, [],
     []),
    ("a bad number", HEAD + "MinGrowth 8X\nProcess a\n" + TAIL, 1,
     ['x.conf:3: MinGrowth: "8X" is not a size (like 8M)'], ['match "a"']),
    ("a bad number in a match", HEAD + "<Match a>\n\nMinGrowth 8X\n</Match>\n" + TAIL, 1,
     ['x.conf:5: match "a": MinGrowth: "8X" is not a size (like 8M)'], ['match "a"']),
    ("an unknown key", HEAD + "Process a\nMinGrwth 8M\n" + TAIL, 1,
     ['x.conf:4: unknown key "MinGrwth"; did you mean MinGrowth?'], ['match "a"']),
    ("a bad expression", HEAD + 'Process a\nProcessMatch "b" "("\n' + TAIL, 1,
     ['x.conf:4: match "b": CommandLine: "(" is not a regular expression: Unmatched ( or \\(; the '
      'match is left out'], ['match "a"']),
    ("too many values", HEAD + 'Process a\n<Match b>\nCommand a b\n</Match>\nProcess\t"c" "d"\n'
     + TAIL, 1, ['x.conf:5: match "b": Command takes 1 value, not 2; the match is left out',
                 "x.conf:7: Process takes 1 value, not 2"], ['match "a"']),
    ("an unknown block", HEAD + "Process a\n<Proces b>\nUser 0\n</Proces>\n" + TAIL, 1,
     ["x.conf:4: <Proces> is not a block; there are <Match NAME>, <Process NAME> and "
      "<ProcessMatch NAME REGEX>"], ['match "a"']),
    ("a block in a match", HEAD + "<Match a>\n<Match b>\nUser 0\n</Match>\n</Match>\n" + TAIL, 1,
     ['x.conf:4: match "a": <Match> is not a block; there are <Match NAME>, <Process NAME> and '
      '<ProcessMatch NAME REGEX>'], ['match "a"']),
    ("two matches of one name", HEAD + 'Process "a"\nProcessMatch "a" "b"\n' + TAIL, 1,
     ['x.conf:4: match "a" is there already; this one with CommandLine "b" needs another name'],
     ['Command "a"']),
    ("what collectd drops", HEAD + "Process php-fpm\n" + TAIL, 1,
     ["x.conf:3: '-' outside of quotes is dropped by collectd; quote the value",
      "x.conf:3: Process takes 1 value, not 2"], []),
    ("a syntax error", HEAD + "ProcFS /proc\n" + TAIL, 1,
     ["x.conf:3: ProcFS has no value; the rest of the file is not checked"], []),
    ("a block that is not closed", HEAD + "Process a\n", 1,
     ["x.conf:2: <Plugin> is not closed; the rest of the file is not checked"], []),
    ("a block that is closed by another", HEAD + "</Match>\n", 1,
     ["x.conf:3: </Match> closes <Plugin>; the rest of the file is not checked"], []),
    ("an open quote", HEAD + 'Process "a\n' + TAIL, 1,
     ["x.conf:3: a quote is not closed; the rest of the file is not checked"], []),
    ("no line end at the end", HEAD + TAIL.strip(), 1,
     ["x.conf:3: a line end is missing before the end of the file; the rest of the file is not "
      "checked"], []),
]

for name, text, want_code, want_faults, parts in COLLECTD:
    code, out = check_text(text)
    ok(code == want_code and faults_of(out) == want_faults, name, code, out)
    ok(all(part in out for part in parts), name + ": the summary", parts, out)

# --- INI -----------------------------------------------------------------------------------------

code, out = check_text("# hello\n\n[global]\nsettle = 20m\n[process api]\ncommand line = a;b #c\n")
ok(code == 0 and 'match "api"\n  CommandLine "a;b #c"\n  Settle 20m\n' in out, "an INI file", out)
code, out = check_text("min growth = 8X\n[process a]\nuser = nosuchuser\n[process b]\n")
ok(code == 1 and faults_of(out) == [
    'x.conf:1: MinGrowth: "8X" is not a size (like 8M)',
    'x.conf:3: match "a": User: "nosuchuser" is not a user of this host; the match is left out'],
   "faults of an INI file", out)
ok('match "b"' in out and 'match "a"\n' not in out, "and what is left", out)
code, out = check_text("\n", "x.conf", "--ini")
ok(code == 0 and "Auto" in out, "an empty file means Auto", out)
code, out = check_text("[process a]\n", "x.conf", "--collectd")
ok(code == 1, "the form can be said", out)
code, out = check_text("[process a]\n", "x.conf", "--quiet")
ok(code == 0 and out == "", "and the summary left out", out)

# --- includes --------------------------------------------------------------------------------------

with tempfile.TemporaryDirectory() as directory:
    conf_d = os.path.join(directory, "conf.d")
    os.mkdir(conf_d)
    for file_name, text in (("b.conf", HEAD + 'Process "b"\n' + TAIL), ("a.txt", HEAD + "X 1\n" + TAIL),
                            (".c.conf", HEAD + "Y 1\n" + TAIL), ("d.conf", HEAD + "Z 1\n" + TAIL)):
        with open(os.path.join(conf_d, file_name), "w", encoding="utf-8") as f:
            f.write(text)
    top = os.path.join(directory, "top.conf")
    loop = os.path.join(directory, "loop.conf")
    with open(top, "w", encoding="utf-8") as f:
        f.write('<Include "%s">\n  Filter "*.conf"\n</Include>\n' % conf_d)
    with open(loop, "w", encoding="utf-8") as f:
        f.write('LoadPlugin procleak\nInclude "%s"\n' % loop)
    code, out = check(top)
    ok(code == 1 and [line for line in out.splitlines() if directory in line] ==
       [conf_d + '/d.conf:3: unknown key "Z"'], "a directory is included, by its filter", out)
    ok('match "b"' in out, "in order", out)
    code, out = check(loop)
    ok(code == 1 and "loop.conf:2: Include is nested too deep" in out, "a loop ends", out)
    with open(top, "w", encoding="utf-8") as f:
        f.write('LoadPlugin procleak\nInclude "%s/none.conf"\n' % directory)
    code, out = check(top)
    ok(code == 1 and "top.conf:2: Include:" in out and "No such file" in out, "no such file", out)
    pipe = os.path.join(conf_d, "pipe.conf")
    os.mkfifo(pipe)
    code, out = check(conf_d)
    ok(code == 1 and pipe + ": is neither a file nor a directory" in out,
       "a pipe that lies about is not waited for", out)
    with open(loop, "w", encoding="ascii") as f:
        f.write(HEAD + 'Process "a"\n' + TAIL)
    code, out = check("--collectd", "/dev/fd/0", stdin=subprocess.Popen(
        ["cat", loop], stdout=subprocess.PIPE).stdout)
    ok(code == 0 and 'match "a"' in out, "one that is named is read", out)
    code, out = check("/dev/fd/0", stdin=subprocess.PIPE)
    ok(code == 2 and "say --collectd or --ini" in out, "if it need not be read twice", out)
code, out = check_text(HEAD + "Process a\n")
ok("is not known" in out and "Auto" not in out, "what was not read is not summed up", out)

# --- usage -------------------------------------------------------------------------------------------

code, out = check("/nonexistent/file")
ok(code == 2 and "No such file" in out, "a file that is not there", out)
code, out = check_text('Hostname "x"\n')
ok("watched" not in out, "nothing is said to be watched by a plugin that is not loaded", out)
code, out = check("--bogus")
ok(code == 2 and "usage:" in out, "an unknown option", out)
code, out = check("--help")
ok(code == 0 and "usage:" in out, "help", out)
code, OPTIONS = check("--options")
ok(code == 0, "the list of options")

# --- samples: every option is there, with its default ------------------------------------------------

TABLE = {}
for line in OPTIONS.splitlines():
    entry = re.match(r"(\w+) \((.*?);.*?(?:; default (\S+))?\)$", line)
    if entry:
        TABLE[entry.group(1).lower()] = (entry.group(1), entry.group(3))
ok(len(TABLE) > 30, "options were listed", OPTIONS)

# The defaults of StateFile and EvidenceDir are the host's; Pid is for terminal commands; the rest are examples.
NO_DEFAULT = {"statefile", "evidencedir", "process", "processmatch"}


def settings(path, pattern):
    """Settings of a sample, be they commented out: [(key, value), ...]."""
    found = []
    with open(os.path.join(ROOT, path), encoding="utf-8") as sample:
        for sample_line in sample:
            setting = re.match(pattern, sample_line)
            if setting:
                found.append((re.sub("[ _-]", "", setting.group(1)).lower(),
                              setting.group(2).strip().strip('"')))
    return found


for path, pattern in (("conf/collectd.d/procleak.conf", r"\s*#(\w+) +(.*)$"),
                      ("conf/procleak.conf", r"#([\w ]+?) ?= ?(.*)$")):
    sample = settings(path, pattern)
    keys = {key for key, _ in sample}
    ok(keys == set(TABLE) - {"pid"}, path + " holds every option and no other",
       keys ^ (set(TABLE) - {"pid"}))
    wrong = [(key, value) for key, value in sample if key in TABLE and TABLE[key][1]
             and key not in NO_DEFAULT and value != TABLE[key][1]]
    ok(not wrong, path + " tells the defaults", wrong)
    code, out = check(os.path.join(ROOT, path))
    ok(code == 0 and "Auto true" in out, path + " is valid as it stands", out)
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        live = re.sub(r"(?m)^(\s*)#(?=[\w<\[])", r"\1", f.read())
    code, out = check_text(live)
    ok(code == 0 and 'match "workers"' in out and 'PidFile "/run/php-fpm.pid"' in out,
       path + " is valid with everything in force", out)

with open(os.path.join(ROOT, "conf/collectd-threshold.conf"), encoding="utf-8") as f:
    code, out = check_text("LoadPlugin procleak\n" + f.read())
ok(code == 0, "conf/collectd-threshold.conf is valid", out)

finish()
