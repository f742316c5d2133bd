#!/usr/bin/python3
# A process that cannot be read, because whoever would answer never does: the others are read on, the
# log says so once, and the daemon stops within 2 s of SIGTERM. The stuck files are FIFOs in a fake
# proc root, made from live processes.
from harness import *

STUCK, WELL = 4001, 4002


def fake_process(root, pid, comm, like):
    """A process of the fake root: the files of a live one, under another pid and name."""
    place = os.path.join(root, str(pid))
    os.makedirs(os.path.join(place, "fd"))
    for file in ("stat", "status", "cmdline", "smaps_rollup", "io", "limits", "cgroup"):
        with open("/proc/%d/%s" % (like, file), "rb") as source:
            text = source.read()
        if file == "stat":
            text = b"%d (%s)" % (pid, comm.encode()) + text[text.rindex(b")") + 1:]
        if file == "cmdline":
            text = comm.encode() + b"\0"
        with open(os.path.join(place, file), "wb") as target:
            target.write(text)
    return place


def fake_root(directory):
    root = os.path.join(directory, "proc")
    os.makedirs(os.path.join(root, "sys/kernel/random"))
    for file in ("stat", "meminfo", "uptime", "sys/kernel/random/boot_id"):
        shutil.copyfile("/proc/" + file, os.path.join(root, file))
    return root


def make_fifo(place, file):
    os.unlink(os.path.join(place, file))
    os.mkfifo(os.path.join(place, file))


def try_stuck(file):
    directory = work_dir()
    root = fake_root(directory)
    model = program("assorted")
    place = fake_process(root, STUCK, "stuck", model.pid)
    fake_process(root, WELL, "well", model.pid)
    stop(model)
    make_fifo(place, file)
    daemon = collectd("""
  ProcFS "%s"
  ProcessMatch "well" "^well"
  ProcessMatch "stuck" "^stuck"
  Process "stuck2"
  <Match "bycomm">
    Command "stuck"
  </Match>
""" % root, directory).start()
    ok(daemon.wait_rows("well", "bytes-pss", 3), file + ": the other process is read", daemon.log())
    is_near(daemon.value("well", "ps_count"), 1, 0, file + ": and counted")
    # give the stuck read the time that it would need to hold everything up
    rows = len(daemon.rows("well", "memory-anon"))
    ok(daemon.wait_rows("well", "memory-anon", rows + 5), file + ": again and again")
    if file == "smaps_rollup":
        ok(daemon.value("stuck", "memory-anon"), "what does not block is read of the stuck one too")
    times = [row[0] for row in daemon.rows("well", "ps_count")]
    ok(max(b - a for a, b in zip(times, times[1:])) < 10, file + ": no read is late", times)
    took_s = daemon.stop()
    ok(took_s is not None and took_s < STOP_S, file + ": the daemon stops within 2 s", took_s,
       daemon.log())
    told = [line for line in daemon.complaints() if "hang" in line or "stuck" in line]
    ok(len(daemon.complaints()) <= 2, file + ": the log says little about it", daemon.log())
    print("# %s: %d line(s) about it, stopped in %.2f s" % (file, len(told), took_s or -1))


def try_plain():
    """Right after the start, and in the middle of ordinary work."""
    program("forker", "--children", 100)
    for pause_s in (0.0, 0.3, 2.5):
        daemon = collectd('ProcessMatch "crowd" "forker"').start()
        wait_for(lambda: "entering read-loop" in daemon.log())
        time.sleep(pause_s)
        took_s = daemon.stop()
        ok(took_s is not None and took_s < STOP_S and daemon.process.returncode == 0,
           "%.1f s after the start it stops within 2 s" % pause_s, took_s, daemon.log())
        # the daemon itself may remark on values that it had no time to write
        ours = [line for line in daemon.complaints() if "procleak" in line]
        ok(not ours, "and without a word of complaint", daemon.log())


try_plain()
try_stuck("smaps_rollup")
try_stuck("cmdline")
finish()
