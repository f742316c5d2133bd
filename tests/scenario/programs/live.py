"""A long-running CPython program. Usage: live.py MODE SECONDS

  cache     keeps results in a bounded cache (functools.lru_cache), keys in a long tail: fills fast,
            then creeps for long in ever smaller steps
  leak      remembers every event in a dict that nobody empties
  threads   starts a helper thread for each job; some never end
"""

import functools
import math
import random
import sys
import threading
import time

WAVE_S = 288


@functools.lru_cache(maxsize=1000)
def render(key):
    return ["row %d of %d" % (i, key) for i in range(12)]


@functools.lru_cache(maxsize=700)
def render_page(key):
    return ["row %d of %d" % (i, key) for i in range(450)]


def serve_cache(_):
    render_page(int(random.paretovariate(0.7)) % 1000000)


def make_leak():
    events = {}

    def serve(number):
        render(random.randrange(500))
        events[number] = {"at": time.time(), "text": "event %d" % number * 20}

    return serve


def make_threads():
    never = threading.Event()

    def serve(number):
        render(random.randrange(500))
        stuck = number % 200 == 0
        if number % 50 == 0:
            wait = (lambda: never.wait()) if stuck else (lambda: time.sleep(0.1))
            threading.Thread(target=wait, daemon=True).start()

    return serve


def main():
    mode, until = sys.argv[1], time.monotonic() + float(sys.argv[2])
    random.seed(1)
    serve = {"cache": lambda: serve_cache, "leak": make_leak, "threads": make_threads}[mode]()
    number = 0
    print("ready", flush=True)
    while time.monotonic() < until:
        load = 1 + 0.4 * math.sin(2 * math.pi * time.monotonic() / WAVE_S)
        for _ in range(int(10 * load)):
            number += 1
            serve(number)
        time.sleep(0.05)


main()
