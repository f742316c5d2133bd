/* The dear read on a fake tree: limits of every ancestor, what is absent, what makes no sense. */
#include <errno.h>
#include <sys/mman.h>

#include "sample/sample.h"

#include "tap.h"
#include "tree.h"

#define MIB ((uint64_t)1048576)

static struct pl_procfs fs;
static struct pl_deep_reader *reader;

static struct pl_deep_result read_deep(int pid, unsigned want)
{
	struct pl_deep_result result = { 0 };

	(void)pl_sample_deep(reader, pid, want, 1, 0, &result);
	return result;
}

static void is_value(const struct pl_deep_result *result, enum pl_metric metric, uint64_t want,
                     const char *name)
{
	uint64_t got = 0;

	ok(pl_values_get(&result->values, metric, &got), name);
	is_num(got, want, name);
}

static void is_absent(const struct pl_deep_result *result, enum pl_metric metric, const char *name)
{
	ok(!pl_values_has(&result->values, metric), name);
}

static void make_process(const char *pid, const char *cgroup)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%s/stat", pid);
	tree_file(path, "1 (x) S 1 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 10 1048576 16 0\n");
	snprintf(path, sizeof(path), "proc/%s/limits", pid);
	tree_file(path,
	          "Limit                     Soft Limit           Hard Limit           Units     \n"
	          "Max open files            1024                 4096                 files     \n"
	          "Max address space         unlimited            unlimited            bytes     \n");
	snprintf(path, sizeof(path), "proc/%s/cgroup", pid);
	tree_file(path, cgroup);
}

static void make_tree(void)
{
	tree_begin();
	tree_file("proc/meminfo",
	          "MemTotal: 1024 kB\nMemAvailable: 512 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
	tree_file("proc/sys/vm/max_map_count", "65530\n");
	make_process("10", "0::/system.slice/b.service\n");
	make_process("11", "0::/\n");
	make_process("12", "0::/../elsewhere\n");
	make_process("13", "");
	tree_file("cg/cgroup.controllers", "memory pids\n");
	tree_file("cg/system.slice/memory.max", "1048576000\n"); /* 1000 MiB, of which 950 are used */
	tree_file("cg/system.slice/memory.current", "1048576000\n");
	tree_file("cg/system.slice/memory.stat", "anon 1\ninactive_file 52428800\n");
	tree_file("cg/system.slice/pids.max", "100\n");
	tree_file("cg/system.slice/pids.current", "99\n");
	tree_file("cg/system.slice/b.service/memory.max",
	          "524288000\n"); /* 500 MiB, 100 of them used */
	tree_file("cg/system.slice/b.service/memory.high", "419430400\n");
	tree_file("cg/system.slice/b.service/memory.current", "104857600\n");
	tree_file("cg/system.slice/b.service/pids.max", "50\n");
	tree_file("cg/system.slice/b.service/pids.current", "10\n");
	if (pl_procfs_open(&fs, tree_path("proc"), NULL) != 0)
		abort();
	pl_procfs_close(&fs);
}

static void open_tree(const char *cgroups)
{
	char proc[256];

	snprintf(proc, sizeof(proc), "%s", tree_path("proc"));
	if (pl_procfs_open(&fs, proc, cgroups ? tree_path(cgroups) : NULL) != 0)
		abort();
}

/* The unit may use 500 MiB, its slice leaves 50: what counts is the room, not the lowest number. */
static void test_ancestors(void)
{
	const struct pl_deep_result r = read_deep(10, PL_DEEP_LIMITS);

	is_value(&r, PL_M_CGROUP_MAX, 500 * MIB, "the lowest limit of all ancestors");
	is_value(&r, PL_M_CGROUP_USED, 450 * MIB, "used up as far as a higher one leaves no room");
	is_value(&r, PL_M_CGROUP_HIGH, 400 * MIB, "memory.high is another limit");
	is_value(&r, PL_M_CGROUP_HIGH_USED, 100 * MIB, "with what counts against it");
	is_value(&r, PL_M_PIDS_MAX, 50, "so it is for tasks");
	is_value(&r, PL_M_PIDS_USED, 49, "of which a slice leaves one");
	is_value(&r, PL_M_RLIMIT_NOFILE, 1024, "limits of its own");
	is_absent(&r, PL_M_RLIMIT_AS, "one that is unlimited is none");
	is_value(&r, PL_M_HOST_MEMORY, MIB, "the host's memory");
	is_value(&r, PL_M_HOST_USED, MIB / 2, "and what is used of it");
	is_value(&r, PL_M_MAPS_MAX, 65530, "the most mappings");
}

static void test_no_cgroup(void)
{
	static const char *const names[] = { "the root has no limit",
		                                 "one outside of our namespace is not ours",
		                                 "nothing is known of none" };

	for (int i = 0; i < 3; i++) {
		const struct pl_deep_result r = read_deep(11 + i, PL_DEEP_LIMITS);

		is_absent(&r, PL_M_CGROUP_MAX, names[i]);
		is_absent(&r, PL_M_CGROUP_USED, names[i]);
		is_value(&r, PL_M_RLIMIT_NOFILE, 1024, "the others are read all the same");
	}
}

/* A limit whose use is not known, one that is used up, and numbers that make no sense. */
static void test_odd_numbers(void)
{
	struct pl_deep_result r;

	tree_file("cg/system.slice/b.service/memory.current", "no number\n");
	tree_file("cg/system.slice/memory.current", "2097152000\n");
	tree_file("cg/system.slice/b.service/pids.max", "max\n");
	r = read_deep(10, PL_DEEP_LIMITS);
	is_value(&r, PL_M_CGROUP_USED, 500 * MIB, "a slice that is over its limit leaves nothing");
	is_absent(&r, PL_M_CGROUP_HIGH_USED, "what is used is not known");
	is_value(&r, PL_M_PIDS_MAX, 100, "max is no limit");
	tree_file("cg/system.slice/memory.stat", "inactive_file 99999999999\n");
	r = read_deep(10, PL_DEEP_LIMITS);
	is_value(&r, PL_M_CGROUP_USED, 0, "no more can be dropped than there is");
}

static void test_v1(void)
{
	struct pl_deep_result r;

	tree_file("proc/10/cgroup", "4:memory:/m\n1:name=systemd:/m\n");
	tree_file("cg1/memory/m/memory.limit_in_bytes", "104857600\n");
	tree_file("cg1/memory/m/memory.usage_in_bytes", "94371840\n");
	tree_file("cg1/memory/m/memory.stat", "inactive_file 1\ntotal_inactive_file 10485760\n");
	pl_procfs_close(&fs);
	open_tree("cg1");
	r = read_deep(10, PL_DEEP_LIMITS);
	is_value(&r, PL_M_CGROUP_MAX, 100 * MIB, "version 1: the limit");
	is_value(&r, PL_M_CGROUP_USED, 80 * MIB, "and what counts against it");
	is_absent(&r, PL_M_CGROUP_HIGH, "it has no other");
}

static void test_rollup(void)
{
	static const char rollup[] = "1000-2000 rw-p 00000000 00:00 0 \nRss: 8 kB\nPss: 4 kB\n";
	struct pl_deep_result r;

	r = read_deep(10, PL_DEEP_ROLLUP);
	is_num(r.denied_count + r.failed_count, 0, "a file that there is not is no failure");
	tree_file("proc/10/smaps", rollup);
	r = read_deep(10, PL_DEEP_ROLLUP);
	is_value(&r, PL_M_PSS, 4096, "before Linux 4.14 smaps is summed");
	tree_file("proc/10/smaps", "1000-2000 rw-p 00000000 00:00 0 \nRss: 8 kB\nPss: x kB\n");
	r = read_deep(10, PL_DEEP_ROLLUP);
	is_absent(&r, PL_M_PSS, "what makes no sense is not believed");
	is_num(r.failed_count, 1, "but counted");
	tree_file("proc/10/smaps_rollup", rollup);
	r = read_deep(10, PL_DEEP_ROLLUP);
	is_value(&r, PL_M_PSS, 4096, "a rollup is read instead");
	r = read_deep(99, PL_DEEP_ROLLUP | PL_DEEP_IO | PL_DEEP_FDS | PL_DEEP_LIMITS);
	is_absent(&r, PL_M_PSS, "a process that is gone");
	is_num(pl_sample_deep(reader, 99, PL_DEEP_ROLLUP, 1, 0, &r), -ESRCH, "is told");
}

static void test_io(void)
{
	struct pl_deep_result r;

	tree_file("proc/10/io",
	          "rchar: 5\nwchar: 6\nsyscr: 7\nsyscw: 8\nread_bytes: 9\nwrite_bytes: 10\n"
	          "cancelled_write_bytes: 11\n");
	r = read_deep(10, PL_DEEP_IO);
	is_value(&r, PL_M_READ, 5, "bytes that it read");
	is_value(&r, PL_M_STORAGE_WRITE, 10, "and those that went to storage");
	tree_file("proc/10/io", "rchar: x\n");
	r = read_deep(10, PL_DEEP_IO);
	is_num(r.failed_count, 1, "nonsense is counted");
}

/* A server of its own network namespace, told by text: what it accepted is counted. */
static void test_fds(void)
{
	static const char *const targets[] = { "socket:[101]",         "socket:[102]",
		                                   "socket:[103]",         "pipe:[7]",
		                                   "anon_inode:[eventfd]", "/memfd:x (deleted)",
		                                   "/var/log/x",           "odd" };
	struct pl_deep_result r;

	r = read_deep(10, PL_DEEP_FDS);
	is_absent(&r, PL_M_FDS, "no directory, no descriptors");
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "proc/10/fd/%zu", i);
		tree_link(path, targets[i]);
	}
	r = read_deep(10, PL_DEEP_FDS);
	is_value(&r, PL_M_FDS, 8, "descriptors");
	is_value(&r, PL_M_FDS_SOCKET, 3, "sockets");
	is_value(&r, PL_M_FD_SHMEM, 0, "what a name alone says takes no memory");
	is_absent(&r, PL_M_TCP_LISTEN, "whose state is not known where nothing tells");
	tree_file(
		"proc/10/net/tcp",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 101 1\n"
		"   1: 0100007F:1F90 0100007F:0001 08 00000000:00000000 00:00000000 00000000 0 0 102 1\n");
	tree_file("proc/10/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"
	                              "0000000000000000: 00000003 00000000 00000000 0001 03   103\n");
	tree_file("proc/10/net/snmp", "Tcp: ActiveOpens PassiveOpens\nTcp: 5 77\n");
	tree_link("proc/10/ns/net", "net:[4026531840]");
	r = read_deep(10, PL_DEEP_FDS);
	is_value(&r, PL_M_TCP_LISTEN, 1, "one listens");
	is_value(&r, PL_M_TCP_CLOSE_WAIT, 1, "one is half closed");
	is_value(&r, PL_M_UNIX_CONNECTED, 1, "one is a Unix socket");
	is_value(&r, PL_M_OPENED, 77, "a server has accepted so many");
}

/* Its own memory, by the real /proc: a fake tree has no file behind its links. */
static void test_fd_memory(void)
{
	const struct pl_host host = { 0 };
	static char piece[MIB];
	struct pl_procfs real;
	struct pl_deep_reader *own;
	struct pl_deep_result r = { 0 };
	const int first = memfd_create("first", MFD_CLOEXEC);
	const int second = memfd_create("second", MFD_CLOEXEC);
	FILE *disk = tmpfile();

	/* twice the same, one that is longer than what was written, and one that is no memory */
	if (first < 0 || second < 0 || dup(first) < 0 || !disk ||
	    write(first, piece, MIB) != (ssize_t)MIB || ftruncate(second, (off_t)(9 * MIB)) < 0 ||
	    write(second, piece, MIB) != (ssize_t)MIB || fwrite(piece, 1, MIB, disk) != MIB ||
	    pl_procfs_open(&real, "/proc", NULL) < 0)
		abort();
	own = pl_deep_reader_new(&real, &host);
	if (!own)
		abort();
	is_num(pl_sample_deep(own, getpid(), PL_DEEP_FDS, 1, 0, &r), 0, "it is read");
	is_value(&r, PL_M_FD_SHMEM, 2 * MIB, "memory that descriptors hold is counted once each");
	pl_deep_reader_free(own);
	pl_procfs_close(&real);
	fclose(disk);
}

int main(void)
{
	const struct pl_host host = { 0 };

	make_tree();
	open_tree("cg");
	reader = pl_deep_reader_new(&fs, &host);
	if (!reader)
		abort();
	test_ancestors();
	test_no_cgroup();
	test_odd_numbers();
	test_v1();
	test_rollup();
	test_io();
	test_fds();
	test_fd_memory();
	pl_deep_reader_free(reader);
	pl_deep_reader_free(NULL);
	pl_procfs_close(&fs);
	tree_end();
	return tap_done();
}
