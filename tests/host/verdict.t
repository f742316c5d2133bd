#!/usr/bin/python3
# The verdict in a real collectd: of two servers under the same load the one that leaks is called
# leaking, once, with its true rate; the other is not. A restart of the daemon forgets nothing and
# repeats nothing.
import re
import signal

from harness import *

LEARNING, STEADY, GROWING, LEAKING = range(4)
FAST = "TimeScale 1000\nSeason false\nSettle 0"  # a minute is 17 hours; no day can be ruled out
RATE_TOLERANCE = 0.2

leaky_name, steady_name = "leaky%d" % os.getpid(), "steady%d" % os.getpid()


def serve(name, *leak):
    server = program("leaky-server", "--name", name, "--buffer", "128K", *leak)
    program("client", "--port", server.answer.split()[1], "--rate", 10, "--linger", 2000)
    return server


def notices(daemon, name):
    """(severity, message) of every notification about a match, as the logfile plugin shows them."""
    found = re.findall(r"Notification: severity = (\w+), .*plugin_instance = (\S+), .*message = (.*)",
                       daemon.log())
    return [(severity, message) for severity, instance, message in found
            if instance == name or instance.startswith(name + "-")]


def true_rate(server, seconds):
    """Bytes per hour of anonymous memory, by awk, over some seconds."""
    before, begin = status_bytes([server.pid], "RssAnon"), time.monotonic()
    time.sleep(seconds)
    return (status_bytes([server.pid], "RssAnon") - before) / (time.monotonic() - begin) * 3600


def try_named():
    leaky, steady = serve(leaky_name, "--hold"), serve(steady_name)
    daemon = collectd('%s\nProcess "%s"\nProcess "%s"' % (FAST, leaky_name, steady_name)).start()
    wait_for(lambda: notices(daemon, leaky_name), 120)
    told = notices(daemon, leaky_name)
    ok(len(told) == 1 and told[0][0] in ("WARNING", "FAILURE"), "one alert about the leaking one",
       told, daemon.log())
    message = told[0][1] if told else ""
    ok(len(message) < 256 and leaky_name in message and "leaking" in message and "/h" in message,
       "it names the program and the rate", message)
    ok("connection" in message, "and what the leak grows with", message)
    ok((daemon.value(leaky_name, "gauge-verdict") or 0) >= LEAKING, "its verdict is leaking")
    want = true_rate(leaky, 10)
    is_near(daemon.value(leaky_name, "gauge-growth"), want, want * RATE_TOLERANCE,
            "its rate is what awk sees")
    low = daemon.value(leaky_name, "gauge-growth_low")
    high = daemon.value(leaky_name, "gauge-growth_high")
    ok(low is not None and high is not None and low < high, "with an interval", low, high)
    is_near(daemon.value(steady_name, "gauge-verdict"), STEADY, 0, "the other one is steady")
    ok(not notices(daemon, steady_name), "and nobody is alerted about it")
    ok((daemon.value(steady_name, "gauge-detection_floor") or 0) > 0,
       "but told from where on a leak would show")
    for how in (signal.SIGTERM, signal.SIGKILL):
        try_restart(daemon, how)
    check_quiet(daemon)
    stop(leaky)
    stop(steady)


def try_restart(daemon, how):
    """The verdict is there again with the first readings, and is not news."""
    before = [severity for severity, _ in notices(daemon, leaky_name)]
    time.sleep(7)  # states are saved every few seconds, with this time scale
    stop(daemon.process, how)
    rows = len(daemon.rows(leaky_name, "gauge-verdict"))
    daemon.start()
    daemon.wait_rows(leaky_name, "gauge-verdict", rows + 3)
    verdicts = [row[1] for row in daemon.rows(leaky_name, "gauge-verdict")][rows:]
    ok(verdicts and min(verdicts) >= LEAKING, "signal %d: the verdict survives" % how, verdicts,
       daemon.log())
    # a WARNING that was confirmed meanwhile may become a FAILURE
    after = [severity for severity, _ in notices(daemon, leaky_name)][len(before):]
    ok(not set(after) & set(before), "signal %d: and is not told again" % how,
       notices(daemon, leaky_name))


need_root()
try_named()
finish()
