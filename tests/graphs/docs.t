#!/usr/bin/python3
# The pages of packaging/docs: what they quote is what replay says, what they tell to run exists, what
# they point to is there.
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *  # noqa: E402,F403

DOCS = os.path.join(private.ROOT, "packaging", "docs")
PROCLEAK = os.path.join(BUILD, "procleak")
PICTURES_KIB = 600  # of all that are committed
sys.path.insert(0, DOCS)
import decisions  # noqa: E402


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)
    return done.stdout, done.returncode


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def test_decisions():
    told, status = run(os.path.join(DOCS, "decisions.py"), "--check")
    ok(status == 0, "how-it-decides.md quotes replay (else: make screenshots, and read the page)",
       told)
    page = read(DOCS, "how-it-decides.md")
    for key in decisions.CASES:
        found = decisions.block_pattern(key).search(page)
        ok(found and os.path.exists(os.path.join(DOCS, "pictures", "decides-%s.png" % key)),
           "it has the case %s, with its picture" % key)
    stale = page.replace("leaking 1.", "leaking 9.", 1)
    with tempfile.TemporaryDirectory() as work:
        trace = decisions.trace_of(*decisions.CASES["leak"], work)
        lines = decisions.sentences(decisions.replay(trace), decisions.rows_of(trace)[0]["time"])
    ok(stale != page and decisions.check(stale, "leak", lines) and
       not decisions.check(page, "leak", lines), "another figure would be noticed")


def test_commands():
    options = set(re.findall(r"^(\w+) \(", run(PROCLEAK, "check-config", "--options")[0], re.M))
    for name in sorted(os.listdir(DOCS)):
        if not name.endswith(".md"):
            continue
        page = read(DOCS, name)
        wrong = []
        for command, rest in re.findall(r"procleak (watch|record|replay|status|explain|census|"
                                        r"check-config)([^`|\n]*)", page):
            known, status = run(PROCLEAK, command, "--help")
            for option in re.findall(r"(?<= )--[a-z-]+", rest.split(">")[0]):
                if option not in known or status != 0:
                    wrong.append("procleak %s %s" % (command, option))
        ok("procleak explain" in page or "procleak replay" in page and not wrong,
           "%s tells options that there are" % name, wrong)
        named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)(?: \w+)?`", page))
        theirs = {"AlwaysPreTouch"}
        ok(named - theirs <= options, "and settings that there are", named - theirs - options)
        links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page)
                 if "://" not in link and not link.startswith("#")]
        gone = [link for link in links if not os.path.exists(os.path.join(DOCS, link))]
        ok(not gone, "and links to what there is", gone)


def test_words():
    """What the runbook looks up by is what messages say."""
    page = read(DOCS, "runbook.md")
    core = os.path.join(private.ROOT, "plugin", "core")
    units = re.findall(r'= \{ "([^"]+)", PL_CAUSE', read(core, "explain", "attribution.c"))
    missing = [unit for unit in units if unit != "hour" and "per " + unit not in page]
    ok(len(units) > 8 and not missing, "the runbook has each cause", missing)
    names = read(core, "judge", "judge.c")
    decides = read(DOCS, "how-it-decides.md")
    for kind, pattern in (("REASON", "`%s`"), ("GATE", "| %s |")):
        words = re.findall(r'\[PL_%s_[A-Z_]+\] = "([^"]+)"' % kind, names)
        missing = [word for word in words if pattern % word not in decides]
        ok(len(words) > 9 and not missing, "how-it-decides.md has each " + kind.lower(), missing)
    verdicts = [word for word, _ in decisions.rrd_graphs.VERDICTS]
    missing = [word for word in verdicts if not re.search(r"^\| `%s`" % word, page, re.M)]
    ok(not missing, "and each verdict", missing)


def test_pictures():
    found = [os.path.join(root, name) for root, _, names in os.walk(DOCS) for name in names
             if name.endswith(".png")]
    size = sum(map(os.path.getsize, found)) // 1024
    ok(found and size < PICTURES_KIB, "the pictures take less than %d KiB" % PICTURES_KIB, size)
    named = read(private.ROOT, "README.md") + read(DOCS, "how-it-decides.md")
    unused = [path for path in found if os.path.basename(path) not in named]
    ok(not unused, "and each is shown somewhere", unused)
    links = re.findall(r"\]\(([^)#]+\.(?:png|md))\)", read(private.ROOT, "README.md"))
    gone = [link for link in links if not os.path.exists(os.path.join(private.ROOT, link))]
    ok(not gone, "README points to what there is", gone)


if not os.path.exists(os.path.join(BUILD, "tests", "scenario", "generate")):
    skip_all("no build/tests/scenario/generate: make scenario-tools")
test_decisions()
test_commands()
test_words()
test_pictures()
finish()
