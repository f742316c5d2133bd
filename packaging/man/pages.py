#!/usr/bin/python3
"""Fills in a manual page: what the program itself knows is asked of it.

    pages.py PROCLEAK TEMPLATE >PAGE

A line `@options collectd@` becomes the table of options as collectd writes them, `@options ini@` as
an INI file does, `@usage COMMAND@` the options of a command as its --help tells them.
"""

import re
import subprocess
import sys
import textwrap


def ask(procleak, *arguments):
    return subprocess.run([procleak, *arguments], check=True, stdout=subprocess.PIPE, timeout=60,
                          universal_newlines=True).stdout


def escape(text):
    """Plain text as roff: no backslash, hyphen or leading point may have a meaning of its own."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    text = text.replace("`", "\\(ga").replace("'", "\\(aq").replace("^", "\\(ha")
    return text.replace("~", "\\(ti")


def prose(text):
    """Likewise, but hyphens between letters stay hyphens; a sentence a line, as mdoc wants it."""
    text = re.sub(r"(?<=[a-z])\\-(?=[a-z])", "-", escape(text))
    return re.sub(r"(?<=[a-z\d)])([.;]) (?=[A-Z])", r"\1\n", text)


def ini_key(key):
    """MinGrowthPercent -> min growth percent, CollectCPU -> collect cpu."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*", key)
    fixed = {"proc fs": "procfs", "cgroup fs": "cgroupfs"}
    key = " ".join(words).lower()
    return fixed.get(key, key)


def options(procleak, form):
    table = ask(procleak, "check-config", "--options")
    entries = re.findall(r"^(\w+) \((.*)\)\n    (.*)$", table, re.M)
    if not entries or 2 * len(entries) != len(table.splitlines()):
        sys.exit("pages: `check-config --options` is not as expected")
    for key, facts, text in entries:
        scope, value, *rest = [part.strip() for part in facts.split(";")]
        # "size, 0 to 1G"; but "low, normal or high" are words to choose from
        kind, span = re.match(r"(.*?)(?:, (\S+ to \S+))?$", value).groups()
        default = [part for part in rest if part.startswith("default ")]
        name = ini_key(key) + " =" if form == "ini" else key
        yield ".It Cm %s Ar %s" % (name, escape(kind).replace(",", "\\&,"))
        yield prose(text[0].upper() + text[1:]) + "."
        if span:
            yield prose("From " + span) + "."
        if default:
            yield "Default: %s." % escape(default[0].split(" ", 1)[1])
        if scope == "match":
            yield "Only in a match."
        elif "match" in scope:
            yield "Also in a match, for that alone."


def usage(procleak, command):
    found = []
    for line in ask(procleak, command, "--help").splitlines():
        option = re.match(r"  (--[a-z-]+)(?: ([A-Z=]+))?  +(\S.*)$", line)
        if option:
            # "--collectd  the files ...; --ini: they ..." tells two
            text, *more = re.split(r"; (?=--[a-z])", option.group(3))
            found.append([option.group(1), option.group(2), text])
            for other in more:
                name, text = other.split(": ", 1)
                found.append([name, None, text])
        elif found and re.match(r"   {4,}\S", line):
            found[-1][2] += " " + line.strip()
    if not found:
        sys.exit("pages: `%s --help` tells no options" % command)
    for name, argument, text in found:
        yield ".It Fl \\-%s%s" % (escape(name[2:]), " Ar " + argument if argument else "")
        yield prose(text[0].upper() + text[1:].rstrip(".")) + "."


def main():
    procleak, template = sys.argv[1:]
    with open(template, encoding="ascii") as file:
        for line in file:
            marker = re.match(r"@(options|usage) ([a-z-]+)@$", line)
            if not marker:
                sys.stdout.write(line)
                continue
            fill = {"options": options, "usage": usage}[marker.group(1)]
            for filled in fill(procleak, marker.group(2)):
                print(filled if filled.startswith(".") else textwrap.fill(
                    filled, 78, break_long_words=False, break_on_hyphens=False))


main()
