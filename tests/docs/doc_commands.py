"""Commands that the documentation tells a reader to run: where they stand, and what they are.

Knows README.md and its like, the sources of the manual pages, and comments of the samples in conf/;
knows nothing of how a command is tried.

A command is a line of an indented block of Markdown; a line of a fenced block, of a display of a
manual page or of an indented comment that begins with the name of a program; and what stands between
backticks (.Ql in a manual page) and begins so, and goes on.
"""

import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Generated, or a list of names.
NO_GUIDES = {"BENCHMARKS.md", "CHANGELOG.md"}
PROGRAMS = """apt apt-get amtool cat collectd cp curl df du echo gdb ipcs kill ls make netdata netdatacli
    perf prlimit ps procleak procleak.plugin prometheus promtool prove python3 rrdtool service setcap ss
    systemctl sudo sudoedit tail ulimit uuidgen""".split()
BEGINS = re.compile(r"(sudo )?((\S*/)?(%s)|[\w/]+/[\w.]+\.(py|sh))( |$)" % "|".join(
    re.escape(name) for name in PROGRAMS))


def guides():
    """The files, from the top of the source."""
    found = [name for pattern in ("*.md", "conf/**/*.md", "packaging/**/*.md", "tests/*/*.md",
                                  "doc*/**/*.md", "packaging/man/*.in", "conf/**/*.conf",
                                  "conf/**/*.yml")
             for name in glob.glob(os.path.join(ROOT, pattern), recursive=True)]
    names = {os.path.relpath(name, ROOT) for name in found}
    return sorted(name for name in names
                  if os.path.basename(name) not in NO_GUIDES and "/fixtures/" not in name)


def _lines_of_markdown(lines):
    """(number, command) of each line in a block of code."""
    fenced = False
    before = ""
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced and BEGINS.match(line.strip()):
            yield number, line
        elif not fenced and line.startswith("    ") and (not before.strip() or before[:4] == "    "):
            yield number, line
        before = line


def _lines_of_manual(lines):
    display = False
    for number, line in enumerate(lines, 1):
        plain = line.replace("\\-", "-").replace("\\e", "\\")
        if re.match(r"\.(Bd|Ed)", plain):
            display = plain.startswith(".Bd")
        elif plain.startswith(".Dl "):
            yield number, plain[4:]
        elif display and BEGINS.match(plain):
            yield number, plain
        elif re.match(r"\.Ql \S+ \S", plain) and BEGINS.match(plain[4:]):
            yield number, re.sub(r"( [.,])+$", "", plain[4:])


def _lines_of_sample(lines):
    for number, line in enumerate(lines, 1):
        found = re.match(r"#   +(.*)", line)
        if found and BEGINS.match(found[1]):
            yield number, found[1]


def _quoted(lines):
    """What stands between backticks; of a program's mere name nothing."""
    for number, line in enumerate(lines, 1):
        for text in re.findall(r"(?<!`)`([^`]+)`(?!`)", line):
            if BEGINS.match(text) and " " in text.replace("sudo ", ""):
                yield number, text


def _split(text):
    """The commands of a line, without sudo and what a comment says of them."""
    text = re.sub(r"\s+#\s.*$", "", text)
    for part in re.split(r"\s&&\s", text):
        part = re.sub(r"^sudo ", "", " ".join(part.split()))
        if part:
            yield part


def commands():
    """[(file, line, command), ...]"""
    found = []
    for name in guides():
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            lines = file.read().splitlines()
        if name.endswith(".md"):
            reader = _lines_of_markdown
        else:
            reader = _lines_of_manual if name.endswith(".in") else _lines_of_sample
        for number, text in [*reader(lines), *_quoted(lines)]:
            found += [(name, number, command) for command in _split(text)]
    return found


def settings():
    """[(file, line, text, suffix), ...]: the blocks of configuration of procleak that guides show."""
    found = []
    for name in guides():
        if not name.endswith((".md", ".in")):
            continue
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            text = file.read()
        for block in re.finditer(r"^```\w*\n(.*?)^```|^\.Bd -literal\n(.*?)^\.Ed", text, re.M | re.S):
            body = block[1] or block[2].replace("\\-", "-").replace("\\e", "\\")
            if re.search(r"^\s*<Plugin procleak>", body, re.M):
                kind = "collectd"
            elif re.search(r"^\[process ", body, re.M):
                kind = "ini"
            else:
                continue
            found.append((name, text.count("\n", 0, block.start()) + 1, body, kind))
    return found


if __name__ == "__main__":
    for row in commands():
        print("%s:%d: %s" % row)
