#!/usr/bin/python3
# conf/graphs/netdata.html on a real Netdata: every chart that it asks for is there, and a browser, where
# there is one, draws them.
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "host"))
from harness import *  # noqa: E402,F403
import private_netdata as netdata  # noqa: E402

PAGE = os.path.join(private.ROOT, "conf", "graphs", "netdata.html")
NAME = "leaky-server"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VERDICT_S = 90  # 15 s where nothing else runs
CONF = "[global]\ntime scale = 2000\nseason = false\nmax lock time = 60000\n[process %s]\npid file = %s/pid\n"


def page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def wanted():
    """{chart after the match's name: the dimension that is asked for, or None}"""
    table = page().partition("const CHARTS = [")[2].partition("];")[0]
    parts = re.findall(r'"([^"]+)"', " ".join(re.findall(r"parts: \[([^\]]*)\]", table)))
    return [(part.partition(":")[0], part.partition(":")[2] or None) for part in parts]


def drawn_by_browser(browser, daemon, directory):
    """The page as it is once its script has run."""
    argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000",
            "--user-data-dir=" + os.path.join(directory, "browser"), "--dump-dom",
            "file://%s?server=%s&after=300" % (PAGE, daemon.url("").rstrip("/"))]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60,
                              check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode(errors="replace")


def test_browser(daemon, directory):
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if not browser:
        skip("a browser draws the page", "there is none")
        return
    dom = drawn_by_browser(browser, daemon, directory)
    section = dom.partition('<section data-match="%s"' % NAME)[2].partition("</section>")[0]
    ok(re.match(r' data-verdict="(leaking|critical)"', section), "a browser sees the verdict",
       dom[-2000:])
    titles = re.findall(r"<h3>(.*?)</h3>", section)
    ok(len(titles) >= 4, "and draws each chart", titles)
    ok(section.count("<path") >= 8 and "NaN" not in section, "with what is in it", section[:2000])
    ok('class="verdict-leaking"' in section, "above the strip of the verdict", section[:2000])


def main():
    if not netdata.installed():
        skip_all("Netdata is not installed")
    need_root()
    directory = work_dir()
    server = program("leaky-server", "--buffer", "128K", "--hold", "--name", NAME)
    program("client", "--port", server.answer.split()[1], "--rate", 10, "--linger", 2000)
    with open(os.path.join(directory, "pid"), "w", encoding="ascii") as file:
        file.write("%d\n" % server.pid)
    os.chmod(directory, 0o755)
    daemon = netdata.Netdata(directory, CONF % (NAME, directory)).start()
    if not ok(daemon.wait_up(), "Netdata is up", daemon.log()):
        finish()
    told = wait_for(lambda: daemon.last(NAME + "_verdict", "leaking", 3) and
                    NAME + "_regions" in daemon.charts(), VERDICT_S, 0.5)
    ok(told, "the leak is told", daemon.log())
    charts = daemon.charts()
    found = wanted()
    ok(len(found) > 6, "the page has charts", found)
    for suffix, dimension in [*found, ("verdict", "leaking")]:
        name = NAME
        if suffix in ("charged", "unexplained"):  # of a cgroup, which not every host lets be read
            name += "-cgroup"
            if name + "_charged" not in charts:
                continue
        dimensions = charts.get(name + "_" + suffix, {}).get("dimensions", {})
        ok(dimensions and (not dimension or dimension in dimensions),
           "Netdata has %s_%s%s" % (name, suffix, ": " + dimension if dimension else ""),
           sorted(charts))
    band = re.search(r'band: \["(\w+)", "(\w+)"\]', page()).groups()
    ok(set(band) <= set(charts[NAME + "_growth"]["dimensions"]), "and the band of the growth", band)
    rungs = re.search(r"const VERDICTS = \{([^}]*)\}", page())[1]
    ok(set(re.findall(r"(\w+):", rungs)) == set(charts[NAME + "_verdict"]["dimensions"]),
       "and the rungs of the verdict", rungs)
    test_browser(daemon, directory)
    daemon.stop()
    finish()


main()
