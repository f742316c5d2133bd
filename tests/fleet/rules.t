#!/usr/bin/python3
# The samples of conf/fleet are sound: Prometheus' and Alertmanager's own tools say so, the rules say of
# made-up fleets what they should, and would not pass if they said something else.
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *
import private_prometheus as prometheus

HERE = os.path.dirname(os.path.abspath(__file__))
# Each makes the rules wrong in one way: what stands there, and what instead.
BREAKS = (
    ("a process told beside its match", '"(.+)-[^-]+")', '"(.+)=[^-]+")'),
    ("growing taken for leaking", "match:procleak_verdict >= 3 unless", "match:procleak_verdict >= 2 unless"),
    ("an alert for each host of a fleet", " unless ignoring (instance) fleet:procleak_leaks\n        for: 5m",
     "\n        for: 5m"),
    ("a fleet of few that leak", "0.8 * fleet", "0.9 * fleet"),
    ("a leak of days taken for the deploy's", "< 6 * 3600\n        for", "< 600 * 3600\n        for"),
    ("a canary compared with itself", "\n              unless topk", "\n              and topk"),
    ("a canary beside one host", "fleet:procleak_hosts >= 3\n          unless", "fleet:procleak_hosts >= 2\n          unless"),
    ("a steady host that is ahead", "match:procleak_verdict >= 2)", "match:procleak_verdict >= 1)"),
)

need_tool("promtool")
base = work_dir()
for name in os.listdir(prometheus.FLEET):
    shutil.copy(os.path.join(prometheus.FLEET, name), base)
shutil.copy(os.path.join(HERE, "rules.test.yml"), base)
rules = os.path.join(base, prometheus.RULES)


def try_rules(text):
    with open(rules, "w", encoding="utf-8") as file:
        file.write(text)
    return prometheus.tool("promtool", "test", "rules", os.path.join(base, "rules.test.yml"))


passed, said = prometheus.tool("promtool", "check", "rules", rules)
ok(passed, "promtool finds the rules sound", said)
passed, said = prometheus.tool("promtool", "check", "config", os.path.join(base, "prometheus.yml"))
ok(passed, "and prometheus.yml", said)
good = prometheus.sample(prometheus.RULES)
passed, said = try_rules(good)
ok(passed, "the rules say what they should of made-up fleets", said)
for name, old, new in BREAKS:
    passed, said = try_rules(good.replace(old, new))
    ok(old in good and not passed and "FAILED" in said, "it shows: " + name, said)

if shutil.which("amtool"):
    config = os.path.join(base, "alertmanager.yml")
    passed, said = prometheus.tool("amtool", "check-config", config)
    ok(passed, "amtool finds alertmanager.yml sound", said)
    for alert, receiver in (("ProcleakDeployLeaks", "on-call"), ("ProcleakWorseThanSiblings", "release")):
        passed, said = prometheus.tool("amtool", "config", "routes", "test", "--config.file", config,
                                       "alertname=" + alert, "match=api")
        ok(passed and said.split()[-1:] == [receiver], "%s goes to %s" % (alert, receiver), said)
else:
    skip("alertmanager.yml", "no amtool")
finish()
