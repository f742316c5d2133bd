"""Words and pictures for a terminal: figures as people write them, a table that is redrawn in place,
plain lines where there is no terminal. Knows nothing of collectd or of processes."""

import os
import shutil

PLAIN_EVERY_S = 5
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.:-=+*#"


def mebibytes(value):
    return "-" if value is None else "%.1f MiB" % (value / 2**20)


def counted(value):
    return "-" if value is None else "%d" % value


def rate(bytes_per_hour):
    """A rate in the unit that suits it, signed."""
    if bytes_per_hour is None:
        return "-"
    for unit, size in (("GiB/h", 2**30), ("MiB/h", 2**20)):
        if abs(bytes_per_hour) >= size:
            return "%+.1f %s" % (bytes_per_hour / size, unit)
    return "%+.0f KiB/h" % (bytes_per_hour / 2**10)


def sparkline(values, width):
    """The last values as a row of blocks, from 0 to the highest of them all."""
    top = max(values, default=0)
    if top <= 0:
        return ""
    step = max(1, -(-len(values) // width))
    return "".join(BLOCKS[min(7, int(value * 8 / top))] for value in values[::-1][::step][::-1])


class Screen:
    """Redraws a table in place on a terminal; on anything else prints lines now and then."""

    def __init__(self, stream):
        self.stream = stream
        self.live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.height = 0

    def _write(self, text):
        try:
            self.stream.write(text)
        except UnicodeEncodeError:  # a terminal that knows only ASCII
            self.stream.write(text.translate(str.maketrans(BLOCKS, ASCII_BLOCKS)))
        self.stream.flush()

    def _erase(self):
        if self.height:
            self._write("\x1b[%dA\x1b[J" % self.height)
            self.height = 0

    def say(self, line):
        """A line that stays, above the table."""
        self._erase()
        self._write(line + "\n")

    def show(self, table, lines, second):
        if not self.live:
            if second % PLAIN_EVERY_S == 0:
                self._write("".join(line + "\n" for line in lines))
            return
        width, height = shutil.get_terminal_size()
        self._erase()
        table = [line[:width - 1] for line in table[:height - 1]]
        self._write("".join(line + "\n" for line in table))
        self.height = len(table)
