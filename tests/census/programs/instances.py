#!/usr/bin/python3
# A Python program that renews a population of instances, dicts and strings, and leaks one kind:
# instances (of a plain class, or with slots), dicts, functions, or exceptions with what they hold on to.
import argparse
import random
import sys
import time

options = argparse.ArgumentParser()
options.add_argument("--for", type=float, default=300, dest="for_s")
options.add_argument("--kind", choices=("plain", "slots", "dict", "function", "exception"), default="plain")
options.add_argument("--leak", type=float, default=500)
options.add_argument("--churn", type=float, default=5000)
options.add_argument("--population", type=int, default=100000)
options = options.parse_args()


class Order:
    def __init__(self, number):
        self.number = number
        self.lines = [number, number + 1]


class Customer:
    __slots__ = ("name", "city", "orders")

    def __init__(self, number):
        self.name = "customer %d" % number
        self.city = "city"
        self.orders = {}


class PendingReply:
    def __init__(self, number):
        self.number = number
        self.body = "body %d" % number
        self.done = False


class SlottedReply:
    __slots__ = ("number", "body")

    def __init__(self, number):
        self.number = number
        self.body = "body %d" % number


def failure(number):
    try:
        raise LookupError(number)
    except LookupError as error:
        return error


MAKERS = (Order, Customer, lambda n: {"number": n, "text": "text %d" % n}, lambda n: "string %d" % n,
          lambda n: (n, str(n)))
LEAKS = {"plain": PendingReply, "slots": SlottedReply, "dict": lambda n: {"id": n, "state": "open"},
         "function": lambda n: lambda: n, "exception": failure}

live = [random.choice(MAKERS)(i) for i in range(options.population)]
leaked = []
begin = time.monotonic()
churned = leaks = 0
print("ready", flush=True)
while time.monotonic() - begin < options.for_s:
    age = time.monotonic() - begin
    while churned < age * options.churn:
        live[random.randrange(len(live))] = random.choice(MAKERS)(churned)
        churned += 1
    while leaks < age * options.leak:
        leaked.append(LEAKS[options.kind](leaks))
        leaks += 1
    time.sleep(0.002)
sys.exit(0)
