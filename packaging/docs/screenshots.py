#!/usr/bin/python3
"""The pictures of README, from what both demos left below build/ and from a terminal.

    screenshots.py      `make screenshots` runs the demos first

What is missing (a browser, the demo of Netdata) is said, and its pictures stay as they were. Paths of
this checkout are shown as ~/procleak; nothing else is retouched.
"""

import fcntl
import html
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
sys.path.insert(0, os.path.join(ROOT, "tests", "demo"))
import private_collectd as private  # noqa: E402
import demo  # noqa: E402

PICTURES = os.path.join(HERE, "pictures")
PROCLEAK = os.path.join(private.BUILD, "procleak")
COLORS = 128  # of a picture that is made small
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WATCH_S = 24
COLUMNS, ROWS = 166, 20
FONT_PX, CHAR_PX, LINE_PX = 14, 8.43, 19
SGR = {"31": "#ff6b68", "32": "#7ec16e", "33": "#e5c07b", "36": "#56b6c2", "1": "#ffffff"}
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:#1e1e1e">
<pre style="margin:12px 16px;font:%dpx/%dpx 'DejaVu Sans Mono';color:#d4d4d4">%s</pre></body>"""
# picture -> what a demo left
COPIED = {
    "demo-drivers.png": ("demo", "leaky-server-drivers.png"),
    "demo-growth.png": ("demo", "leaky-server-growth.png"),
    "netdata-page.png": ("demo-netdata", "page.png"),
}


def complain(words):
    print("screenshots: " + words, file=sys.stderr)


def copy():
    for name, path in COPIED.items():
        source = os.path.join(private.BUILD, *path)
        if os.path.exists(source):
            shutil.copyfile(source, os.path.join(PICTURES, name))
        else:
            complain("no %s: %s stays as it was" % (os.path.join(*path), name))


# --- terminals ---------------------------------------------------------------------------------

def marked_up(text):
    """What a terminal shows, as HTML: colours are kept, other sequences are not."""
    shown, open_span = "", False
    for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z])", text.replace("\r", "").replace(ROOT,
                                                                                   "~/procleak")):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if code:
            shown += "</span>" if open_span else ""
            color = SGR.get(code[1].split(";")[-1])
            open_span = bool(color)
            shown += '<span style="color:%s">' % color if color else ""
        elif not part.startswith("\x1b"):
            shown += html.escape(part)
    return shown + ("</span>" if open_span else "")


def wrapped(text, columns):
    """As a terminal of that width breaks lines."""
    return "\n".join(line[at:at + columns] for line in text.split("\n")
                     for at in range(0, max(1, len(line)), columns))


def picture_of(name, text, columns):
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if not browser:
        complain("no chromium: %s stays as it was" % name)
        return
    width = int(columns * CHAR_PX) + 34
    height = (text.count("\n") + 1) * LINE_PX + 26
    photograph(browser, name, TERMINAL % (FONT_PX, LINE_PX, marked_up(text)), width, height)


def photograph(browser, name, text, width, height):
    """A page of HTML as a picture."""
    with tempfile.TemporaryDirectory() as work:
        page = os.path.join(work, "page.html")
        with open(page, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                        "--hide-scrollbars", "--user-data-dir=" + os.path.join(work, "browser"),
                        "--window-size=%d,%d" % (width, height),
                        "--screenshot=" + os.path.join(PICTURES, name), "file://" + page],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=True)


def in_terminal(*argv):
    """All that a program writes to a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(argv[0], argv)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = b""
    try:
        while True:
            read = os.read(terminal, 65536)
            if not read:
                break
            written += read
    except OSError:  # it has ended
        pass
    os.waitpid(child, 0)
    os.close(terminal)
    return written.decode(errors="replace")


def watch():
    """The last table of procleak watch, of both servers of the demo."""
    pids = []
    for name, arguments in demo.SERVERS.items():
        server = private.program("leaky-server", *arguments, "--name", name, life_s=2 * WATCH_S)
        private.program("client", "--port", server.answer.split()[1], *demo.CLIENT,
                        life_s=2 * WATCH_S)
        pids.append(str(server.pid))
    written = in_terminal(PROCLEAK, "watch", "--for", str(WATCH_S), "--set",
                          "TimeScale=%d" % (2 * demo.TIME_SCALE), "--set", "Season=false", *pids)
    frame = written.split("\x1b[H\x1b[J")[-1].replace("\r", "").rstrip("\n")
    picture_of("watch.png", "$ procleak watch %s\n%s" % (" ".join(pids), wrapped(
        frame, COLUMNS)), COLUMNS)


def explain():
    """The first screen of what was kept about the demo's leak."""
    done = subprocess.run([PROCLEAK, "explain", "--dir",
                           os.path.join(private.BUILD, "demo", "procleak-evidence"), demo.LEAKY],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        complain("no evidence of the demo: explain.png stays as it was")
        return
    shown = done.stdout.partition("\nOpen files")[0].rstrip("\n")
    picture_of("explain.png", "$ procleak explain %s\n%s\n..." % (demo.LEAKY, shown), 82)


# --- all ---------------------------------------------------------------------------------------

def make_small():
    """Fewer colours; a picture that would not become smaller stays."""
    if not shutil.which("pngquant"):
        complain("no pngquant: the pictures stay larger than they need be")
        return
    paths = [os.path.join(PICTURES, name) for name in os.listdir(PICTURES)
             if name.endswith(".png")]
    for path in paths:
        subprocess.run(["pngquant", "--force", "--skip-if-larger", "--ext", ".png", "--strip",
                        "--speed", "1", str(COLORS), path], check=False)


def main():
    private.exit_on_signals()
    copy()
    watch()
    explain()
    make_small()
    return 0


if __name__ == "__main__":
    sys.exit(main())
