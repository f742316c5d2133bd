#!/usr/bin/python3
"""What a census costs the program that it looks at.

    loss.py [--pairs 20] [--window 5] [--kind 0|1]

Pairs of windows of one run: one with a census from its begin to its end, one without, in turns
which comes first. The loss of throughput (operations a second) and of efficiency (operations a
second of CPU, which a busy machine does not disturb) is that of a census without any pause: at one
a minute it is smaller by 60 / window. Prints both, with the error of the mean.
"""
import argparse
import os
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import evaluate  # noqa: E402

MOST_PERCENT = 1

def collect(stream, samples):
    for line in stream:
        samples.append(tuple(float(word) for word in line.split()))


def window(pid, samples, seconds, look):
    """(operations a second, operations a second of CPU)"""
    time.sleep(0.3)
    first = samples[-1]
    census = None
    if look:
        census = subprocess.Popen([os.path.join(evaluate.BUILD, "procleak"), "census", "--json",
                                   "--interval", str(seconds - 1), str(pid)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    last = samples[-1]
    if census and census.wait() != 0:
        raise SystemExit("the census failed")
    return ((last[2] - first[2]) / (last[0] - first[0]), (last[2] - first[2]) / (last[1] - first[1]))


def tell(name, losses, seconds):
    mean, error = statistics.mean(losses), statistics.stdev(losses) / len(losses) ** 0.5
    print("%-12s %+.2f %% +- %.2f without a pause, %+.3f %% +- %.3f at one a minute" %
          (name, mean, error, mean * seconds / 60, error * seconds / 60))


def sum_up(losses, seconds):
    """One line, by what a busy machine disturbs least."""
    mean = statistics.mean(losses) * seconds / 60
    error = statistics.stdev(losses) / len(losses) ** 0.5 * seconds / 60
    shown = mean + 2 * error < MOST_PERCENT
    print("%s: a census a minute costs its target %.2f %% +- %.2f (most allowed: %g %%)" %
          ("good" if shown else "too much" if mean - 2 * error > MOST_PERCENT else "too noisy to tell",
           mean, error, MOST_PERCENT))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--window", type=float, default=5)
    parser.add_argument("--kind", type=int, choices=(0, 1), default=0)
    options = parser.parse_args()
    command = evaluate.Case("throughput.c", None, 0).build("throughput")
    process = subprocess.Popen(command + ["--kind", str(options.kind), "--for", "3000"],
                               stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    samples = []
    threading.Thread(target=collect, args=(process.stdout, samples), daemon=True).start()
    losses = []
    try:
        time.sleep(2)
        for pair in range(options.pairs):
            looks = (True, False) if pair % 2 else (False, True)
            seen = {look: window(process.pid, samples, options.window, look) for look in looks}
            losses.append([100 * (1 - with_it / without)
                           for with_it, without in zip(seen[True], seen[False])])
    finally:
        process.kill()
    tell("throughput", [loss[0] for loss in losses], options.window)
    tell("efficiency", [loss[1] for loss in losses], options.window)
    sum_up([loss[1] for loss in losses], options.window)


main()
