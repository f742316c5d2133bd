#!/usr/bin/python3
# What collectd writes of nginx, redis and a program with one of everything, beside what awk, ls, ps
# and ss read of them. Memory may differ by 1 % and 64 KiB, since the kernel counts resident pages in
# batches; shares of shared pages by 5 % and 256 KiB, since others come and go; counts not at all.
from harness import *

MEMORY_KIB, SHARE_KIB = 64, 256


def memory(bytes_):
    return bytes_ / 100 + MEMORY_KIB * 1024


def share(bytes_):
    return bytes_ / 20 + SHARE_KIB * 1024


def expect_counts(pids):
    """Rows that hold for any process or group."""
    rows = [("ps_count", len(pids), 0), (("ps_count", 1), thread_count(pids), 0),
            ("file_handles", fd_count(pids), 0)]
    states = sockets(pids, "-Htanp")
    for ss_name, name in TCP_STATES.items():
        rows.append(("current_connections-" + name, states.get(ss_name, 0), 0))
    return rows


def expect_rollup(pids):
    rows = []
    for series, keys in (("pss", ["Pss"]), ("uss", ["Private_Clean", "Private_Dirty"]),
                         ("private_dirty", ["Private_Dirty"]), ("anonymous", ["Anonymous"]),
                         ("pss_anon", ["Pss_Anon"]), ("swap_pss", ["SwapPss"]),
                         ("lazyfree", ["LazyFree"]), ("anon_huge", ["AnonHugePages"]),
                         ("pss_shmem", ["Pss_Shmem"])):
        want = rollup_bytes(pids, *keys)
        rows.append(("bytes-" + series, want, share(want)))
    return rows


def expect_single(pid):
    """Rows of a match that holds one process, whose own counters need no sharing out."""
    rows = []
    for series, key in (("memory-anon", "RssAnon"), ("memory-file", "RssFile"),
                        ("memory-shmem", "RssShmem"), ("memory-swap", "VmSwap"),
                        ("ps_rss", "VmRSS"), ("ps_vm", "VmSize"), ("ps_data", "VmData")):
        want = status_bytes([pid], key)
        rows.append((series, want, memory(want)))
    return rows + expect_counts([pid]) + expect_rollup([pid])


def expect_kinds(pid):
    unix = sockets([pid], "-Hxap")
    rows = [("file_handles-" + kind, count, 0) for kind, count in fd_kinds(pid).items()]
    rows += [("current_connections-udp", sum(sockets([pid], "-Huanp").values()), 0),
             ("current_connections-unix_listen", unix.get("LISTEN", 0), 0),
             ("current_connections-unix_connected", unix.get("ESTAB", 0), 0),
             ("current_connections-unix_other", unix.get("UNCONN", 0), 0)]
    with open("/proc/meminfo", encoding="ascii") as file:
        words = {line.split(":")[0]: int(line.split()[1]) for line in file}
    rows.append(("bytes-limit_host", (words["MemTotal"] + words["SwapTotal"]) * 1024, 0))
    with open("/proc/%d/limits" % pid, encoding="ascii") as file:
        nofile = [line.split()[3] for line in file if line.startswith("Max open files")][0]
    rows.append(("count-limit_nofile", int(nofile), 0))
    return rows


def start_nginx(directory, port):
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w", encoding="utf-8") as conf:
        conf.write("""
daemon off; user root; worker_processes 2; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port}; return 200 "ok"; }} }}
""".format(dir=directory, port=port))
    out = open(os.path.join(directory, "nginx.out"), "wb")
    master = start([shutil.which("nginx") or "/usr/sbin/nginx", "-c", path, "-e",
                    os.path.join(directory, "nginx.log")], stdout=out, stderr=out)
    return master


def start_redis(directory, port):
    """Debian keeps the server in redis-tools under the name of its checker; the name tells it."""
    redis = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    link = os.path.join(directory, "redis-server")
    os.symlink(os.path.realpath(redis), link)
    out = open(os.path.join(directory, "redis.out"), "wb")
    return start([link, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory, "--save",
                  "", "--appendonly", "no", "--activerehashing", "no", "--hz", "1"],
                 stdout=out, stderr=out)


def fill_redis(connection):
    """8 MiB of values, so that there is something to measure."""
    command = b"".join(b"SET key:%d %s\r\n" % (i, b"v" * 1024) for i in range(8192))
    connection.sendall(command)
    answers = b""
    while answers.count(b"+OK") < 8192:
        answers += connection.recv(65536)


need_root()
need_tool("ss")
directory = work_dir()
port_nginx, port_redis = free_port(), free_port()
nginx = start_nginx(directory, port_nginx)
redis = start_redis(directory, port_redis)
name = "every%d" % os.getpid()
assorted = program("assorted", "--name", name)
open_connections = [connect(port_nginx) for _ in range(3)] + [connect(port_redis) for _ in range(5)]
fill_redis(open_connections[-1])

daemon = collectd("""
  Process "%s"
  ProcessMatch "redis" "^[^ ]*redis-server 127\\\\.0\\\\.0\\\\.1:%d"
  <Match "nginx">
    PidFile "%s/nginx.pid"
    Children true
  </Match>
""" % (name, port_redis, directory), directory).start()
workers = wait_for(lambda: len(children_of(nginx.pid)) == 2 and children_of(nginx.pid))
ok(workers, "nginx has two workers")
nginx_pids = [nginx.pid] + (workers or [])
for match in (name, "redis", "nginx"):
    ok(daemon.wait_rows(match, "bytes-pss", 2), "collectd wrote of " + match, daemon.log())

check_series(daemon, name, expect_single(assorted.pid) + expect_kinds(assorted.pid))
check_series(daemon, "redis", expect_single(redis.pid))
# of a group the resident pages are shared out by PSS, for forked workers share most of them
anon = rollup_bytes(nginx_pids, "Pss_Anon")
check_series(daemon, "nginx", [("memory-anon", anon, share(anon))] + expect_counts(nginx_pids) +
             expect_rollup(nginx_pids))
ok(sockets([assorted.pid], "-Htanp").get("CLOSE-WAIT", 0) > 0, "there were states to tell apart")
check_quiet(daemon)
stop(nginx)
ok(wait_for(lambda: not [pid for pid in nginx_pids if os.path.exists("/proc/%d" % pid)]),
   "nothing of nginx is left")
finish()
