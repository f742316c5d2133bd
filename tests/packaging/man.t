#!/usr/bin/python3
"""The manual pages: sound, whole, and in step with what the program itself says."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import finish, ok, skip  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
PROCLEAK = os.path.join(BUILD, "procleak")
PAGES = ("procleak.1", "collectd-procleak.5", "procleak.conf.5")


def run(*command, **keywords):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                          universal_newlines=True, check=False, **keywords)


def source(page):
    """The page as it was built, without roff's escapes for plain characters."""
    with open(os.path.join(BUILD, "man", page), encoding="ascii") as file:
        return file.read().replace("\\-", "-")


def plain(key):
    return re.sub(r"[ _-]", "", key).lower()


def settings_of(page):
    """The keys that the page explains, as the program compares them."""
    keys = re.findall(r"^\.It Cm (.*?)(?: =)? Ar", source(page), re.M)
    return sorted(plain(key) for key in keys)


def test_lint():
    if not shutil.which("mandoc"):
        for page in PAGES:
            skip("%s is clean" % page, "no mandoc")
        return
    for page in PAGES:
        out = run("mandoc", "-Tlint", os.path.join(BUILD, "man", page)).stdout
        # The pages name one another, and are not installed where they are tested.
        lines = [line for line in out.splitlines() if not re.search(
            r"referenced manual not found: Xr (collectd-)?procleak|outdated mandoc\.db", line)]
        ok(not lines, "mandoc finds nothing in %s" % page, "\n".join(lines))


def test_options():
    table = run(PROCLEAK, "check-config", "--options").stdout
    keys = sorted(key.lower() for key in re.findall(r"^(\w+) \(", table, re.M))
    ok(len(keys) > 30, "the table of options is there", table)
    for page in PAGES[1:]:
        found = settings_of(page)
        ok(found == keys, "%s explains each option once" % page,
           set(keys).symmetric_difference(found))
    for default in ("8M", "16K", "64M"):
        ok("Default: %s." % default in source(PAGES[1]), "with the default %s" % default)


def test_commands():
    text = source("procleak.1")
    commands = re.findall(r"^  ([a-z][a-z-]+)  +\S", run(PROCLEAK, "--help").stdout, re.M)
    ok(len(commands) >= 5, "the program tells its commands", commands)
    synopsis = re.findall(r"^\.Cm ([a-z-]+)$", text.split(".Sh DESCRIPTION")[0], re.M)
    ok(sorted(synopsis) == sorted(commands), "procleak.1 has each in its synopsis",
       "%s, not %s" % (synopsis, commands))
    for command in commands:
        sections = re.findall(r"^\.Ss procleak %s$(.*?)^\.S[sh] " % command, text, re.M | re.S)
        told = set(re.findall(r"--[a-z][a-z-]*", run(PROCLEAK, command, "--help").stdout))
        # what the usage of check-config mentions of another command is none of its options
        explained = set(re.findall(r"^\.It Fl (--?[a-z-]+)", "".join(sections), re.M))
        explained = {"--" + name.lstrip("-") for name in explained}
        ok(len(sections) == 1 and told == explained, "and explains each option of " + command,
           told.symmetric_difference(explained))


def test_install():
    with tempfile.TemporaryDirectory() as directory:
        make = ("make", "-s", "-C", ROOT, "DESTDIR=" + directory, "PREFIX=/usr")
        done = run(*make, "install", "install-netdata")
        names = [os.path.join(directory, "usr/share/man/man%s" % page[-1], page) for page in PAGES]
        names += [os.path.join(directory, "usr", name) for name in (
            "bin/procleak", "lib/collectd/procleak.so", "lib/netdata/plugins.d/procleak.plugin",
            "lib/netdata/conf.d/procleak.conf", "lib/netdata/conf.d/health.d/procleak.conf")]
        ok(done.returncode == 0 and all(map(os.path.isfile, names)), "make install puts all there",
           done.stdout)
        done = run(*make, "uninstall")
        left = [name for _, _, files in os.walk(directory) for name in files]
        ok(done.returncode == 0 and not left, "make uninstall leaves nothing",
           "%s\n%s" % (left, done.stdout))


test_lint()
test_options()
test_commands()
test_install()
finish()
