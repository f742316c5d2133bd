/*
 * The parsers on whole proc trees: what each kernel prints must be read to the byte, and what it
 * does not print must be absent.
 */
#include "tap.h"

#include <errno.h>

#include "fixture.h"
#include "parse/parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIB UINT64_C(1024)

enum { PAGE_BYTES = 4096 };

/* A kernel as bits, so that a row can say where its field exists. */
enum {
	L3_10 = 1,
	L4_19 = 2,
	L5_10 = 4,
	L6_1 = 8,
	SINCE_4_19 = L4_19 | L5_10 | L6_1,
	SINCE_5_10 = L5_10 | L6_1,
	ALL = L3_10 | SINCE_4_19
};

static const struct {
	const char *tree;
	unsigned bit;
} kernels[] = {
	{ "linux-3.10", L3_10 },
	{ "linux-4.19", L4_19 },
	{ "linux-5.10", L5_10 },
	{ "linux-6.1", L6_1 },
};

struct expected {
	enum pl_metric metric;
	unsigned kernels;
	uint64_t value;
};

/* Whether `values` holds exactly the rows whose kernels include `bit`, and nothing else. */
static bool same_values(const struct pl_values *values, const struct expected *rows, size_t count,
                        unsigned bit)
{
	bool same = true;

	for (size_t id = 0; id < PL_METRIC_COUNT; id++) {
		const struct expected *row = NULL;
		uint64_t got = 0;
		for (size_t i = 0; i < count; i++)
			if (rows[i].metric == (enum pl_metric)id && (rows[i].kernels & bit) != 0)
				row = &rows[i];
		const bool has = pl_values_get(values, (enum pl_metric)id, &got);
		if (has == (row != NULL) && (!row || row->value == got))
			continue;
		printf("# %s: got %s %llu, want %s %llu\n", pl_metric_info((enum pl_metric)id)->column,
		       has ? "value" : "nothing", (unsigned long long)got, row ? "value" : "nothing",
		       row ? (unsigned long long)row->value : 0);
		same = false;
	}
	return same;
}

static char *read_of(const char *tree, int pid, const char *name, size_t *len)
{
	char path[256];

	if (pid > 0)
		(void)snprintf(path, sizeof(path), "%s/%d/%s", tree, pid, name);
	else
		(void)snprintf(path, sizeof(path), "%s/%s", tree, name);
	char *text = fixture_read(path, len);
	if (!text) {
		*len = 0;
		printf("# cannot read %s\n", path);
	}
	return text;
}

static const struct expected redis_status[] = {
	{ PL_M_RSS, ALL, 42124 * KIB },        { PL_M_ANON, SINCE_4_19, 40024 * KIB },
	{ PL_M_FILE, SINCE_4_19, 2100 * KIB }, { PL_M_SHMEM, SINCE_4_19, 0 },
	{ PL_M_SWAP, ALL, 512 * KIB },         { PL_M_VM_SIZE, ALL, 68640 * KIB },
	{ PL_M_VM_DATA, ALL, 66000 * KIB },    { PL_M_VM_LOCKED, ALL, 0 },
	{ PL_M_PAGE_TABLES, ALL, 148 * KIB },  { PL_M_HUGETLB, SINCE_4_19, 0 },
	{ PL_M_RSS_PEAK, ALL, 45000 * KIB },   { PL_M_THREADS, ALL, 4 },
	{ PL_M_CTX_VOLUNTARY, ALL, 260441 },   { PL_M_CTX_FORCED, ALL, 118 },
};
static const struct expected nginx_status[] = {
	{ PL_M_RSS, ALL, 3040 * KIB },
	{ PL_M_ANON, SINCE_4_19, 1600 * KIB },
	{ PL_M_FILE, SINCE_4_19, 800 * KIB },
	{ PL_M_SHMEM, SINCE_4_19, 640 * KIB },
	{ PL_M_SWAP, ALL, 0 },
	{ PL_M_VM_SIZE, ALL, 13312 * KIB },
	{ PL_M_VM_DATA, ALL, 2200 * KIB },
	{ PL_M_VM_LOCKED, ALL, 64 * KIB },
	{ PL_M_PAGE_TABLES, ALL, 60 * KIB },
	{ PL_M_HUGETLB, SINCE_4_19, 0 },
	{ PL_M_RSS_PEAK, ALL, 3040 * KIB },
	{ PL_M_THREADS, ALL, 1 },
	{ PL_M_CTX_VOLUNTARY, ALL, 8001 },
	{ PL_M_CTX_FORCED, ALL, 9 },
};
/* Its comm is ") R 1\nVmRSS: 9". */
static const struct expected hostile_status[] = {
	{ PL_M_RSS, ALL, 108 * KIB },
	{ PL_M_ANON, SINCE_4_19, 104 * KIB },
	{ PL_M_FILE, SINCE_4_19, 4 * KIB },
	{ PL_M_SHMEM, SINCE_4_19, 0 },
	{ PL_M_SWAP, ALL, 0 },
	{ PL_M_VM_SIZE, ALL, 1032 * KIB },
	{ PL_M_VM_DATA, ALL, 1028 * KIB },
	{ PL_M_VM_LOCKED, ALL, 0 },
	{ PL_M_PAGE_TABLES, ALL, 12 * KIB },
	{ PL_M_HUGETLB, SINCE_4_19, 2048 * KIB },
	{ PL_M_RSS_PEAK, ALL, 108 * KIB },
	{ PL_M_THREADS, ALL, 3 },
	{ PL_M_CTX_VOLUNTARY, ALL, 31 },
	{ PL_M_CTX_FORCED, ALL, 77 },
};
static const struct expected kthreadd_status[] = {
	{ PL_M_THREADS, ALL, 1 },
	{ PL_M_CTX_VOLUNTARY, ALL, 120 },
	{ PL_M_CTX_FORCED, ALL, 0 },
};
static const struct expected zombie_status[] = {
	{ PL_M_THREADS, ALL, 1 },
	{ PL_M_CTX_VOLUNTARY, ALL, 2 },
	{ PL_M_CTX_FORCED, ALL, 0 },
};

static void test_status(void)
{
	static const struct {
		int pid;
		uint32_t uid;
		bool has_memory;
		const struct expected *rows;
		size_t row_count;
	} cases[] = {
		{ 2, 0, false, kthreadd_status, COUNT(kthreadd_status) },
		{ 1310, 108, true, redis_status, COUNT(redis_status) },
		{ 1403, 33, true, nginx_status, COUNT(nginx_status) },
		{ 1601, 1000, false, zombie_status, COUNT(zombie_status) },
		{ 1777, 4294967294, true, hostile_status, COUNT(hostile_status) },
	};

	for (size_t k = 0; k < COUNT(kernels); k++) {
		for (size_t i = 0; i < COUNT(cases); i++) {
			char name[64];
			size_t len;
			struct pl_status status = { 0 };
			char *text = read_of(kernels[k].tree, cases[i].pid, "status", &len);
			const int err = text ? pl_parse_status(text, len, &status) : -ENOENT;
			free(text);
			(void)snprintf(name, sizeof(name), "%s: status of %d", kernels[k].tree, cases[i].pid);
			ok(err == 0 && status.uid == cases[i].uid && status.has_memory == cases[i].has_memory &&
			       same_values(&status.values, cases[i].rows, cases[i].row_count, kernels[k].bit),
			   name);
		}
	}
}

static const struct pl_stat stats[] = {
	{ .pid = 2,
	  .ppid = 0,
	  .comm = "kthreadd",
	  .state = 'S',
	  .kernel_thread = true,
	  .start_ticks = 2,
	  .system_ticks = 5,
	  .thread_count = 1 },
	{ .pid = 1310,
	  .ppid = 1,
	  .comm = "redis-server",
	  .state = 'S',
	  .start_ticks = 171290,
	  .minor_faults = 10947,
	  .major_faults = 12,
	  .user_ticks = 4521,
	  .system_ticks = 1203,
	  .thread_count = 4,
	  .vm_size_bytes = 68640 * KIB,
	  .start_code = 94394742104064 },
	{ .pid = 1601,
	  .ppid = 1310,
	  .comm = "python3",
	  .state = 'Z',
	  .start_ticks = 171601,
	  .minor_faults = 319,
	  .thread_count = 1 },
	{ .pid = 1777,
	  .ppid = 1,
	  .comm = ") R 1\nVmRSS: 9",
	  .state = 'R',
	  .start_ticks = 171777,
	  .minor_faults = 44,
	  .major_faults = 1,
	  .user_ticks = 7,
	  .system_ticks = 8,
	  .thread_count = 3,
	  .vm_size_bytes = 1032 * KIB,
	  .start_code = 94394742104064 },
};

static bool same_stat(const struct pl_stat *got, const struct pl_stat *want)
{
	return got->pid == want->pid && got->ppid == want->ppid && strcmp(got->comm, want->comm) == 0 &&
	       got->state == want->state && got->kernel_thread == want->kernel_thread &&
	       got->start_ticks == want->start_ticks && got->minor_faults == want->minor_faults &&
	       got->major_faults == want->major_faults && got->user_ticks == want->user_ticks &&
	       got->system_ticks == want->system_ticks && got->thread_count == want->thread_count &&
	       got->vm_size_bytes == want->vm_size_bytes && got->start_code == want->start_code;
}

static void test_stat(void)
{
	for (size_t k = 0; k < COUNT(kernels); k++) {
		for (size_t i = 0; i < COUNT(stats); i++) {
			char name[64];
			size_t len;
			struct pl_stat got = { 0 };
			char *text = read_of(kernels[k].tree, stats[i].pid, "stat", &len);
			const int err = text ? pl_parse_stat(text, len, &got) : -ENOENT;
			free(text);
			(void)snprintf(name, sizeof(name), "%s: stat of %d", kernels[k].tree, stats[i].pid);
			ok(err == 0 && same_stat(&got, &stats[i]), name);
		}
	}
}

/* 3.10 has no smaps_rollup: there the whole smaps is summed. */
static const struct expected redis_rollup[] = {
	{ PL_M_PSS, ALL, 40964 * KIB },
	{ PL_M_PSS_DIRTY, L6_1, 39000 * KIB },
	{ PL_M_PSS_ANON, SINCE_5_10, 40024 * KIB },
	{ PL_M_PSS_FILE, SINCE_5_10, 940 * KIB },
	{ PL_M_PSS_SHMEM, SINCE_5_10, 0 },
	{ PL_M_USS, ALL, 40924 * KIB },
	{ PL_M_PRIVATE_CLEAN, ALL, 924 * KIB },
	{ PL_M_PRIVATE_DIRTY, ALL, 40000 * KIB },
	{ PL_M_SHARED_CLEAN, ALL, 1200 * KIB },
	{ PL_M_SHARED_DIRTY, ALL, 0 },
	{ PL_M_REFERENCED, ALL, 32124 * KIB },
	{ PL_M_ANONYMOUS, ALL, 40024 * KIB },
	{ PL_M_LAZYFREE, SINCE_4_19, 1024 * KIB },
	{ PL_M_ANON_HUGE, ALL, 4096 * KIB },
	{ PL_M_SHMEM_HUGE, SINCE_4_19, 0 },
	{ PL_M_FILE_HUGE, SINCE_5_10, 0 },
	{ PL_M_SWAP_PSS, SINCE_4_19, 256 * KIB },
	{ PL_M_VM_LOCKED, ALL, 0 },
};
static const struct expected hostile_rollup[] = {
	{ PL_M_PSS, ALL, 108 * KIB },
	{ PL_M_PSS_DIRTY, L6_1, 104 * KIB },
	{ PL_M_PSS_ANON, SINCE_5_10, 104 * KIB },
	{ PL_M_PSS_FILE, SINCE_5_10, 4 * KIB },
	{ PL_M_PSS_SHMEM, SINCE_5_10, 0 },
	{ PL_M_USS, ALL, 108 * KIB },
	{ PL_M_PRIVATE_CLEAN, ALL, 4 * KIB },
	{ PL_M_PRIVATE_DIRTY, ALL, 104 * KIB },
	{ PL_M_SHARED_CLEAN, ALL, 0 },
	{ PL_M_SHARED_DIRTY, ALL, 0 },
	{ PL_M_REFERENCED, ALL, 108 * KIB },
	{ PL_M_ANONYMOUS, ALL, 104 * KIB },
	{ PL_M_LAZYFREE, SINCE_4_19, 0 },
	{ PL_M_ANON_HUGE, ALL, 0 },
	{ PL_M_SHMEM_HUGE, SINCE_4_19, 0 },
	{ PL_M_FILE_HUGE, SINCE_5_10, 0 },
	{ PL_M_SWAP_PSS, SINCE_4_19, 0 },
	{ PL_M_VM_LOCKED, ALL, 0 },
};

static void check_rollup(size_t kernel, int pid, const char *file, const struct expected *rows,
                         size_t count)
{
	char name[80];
	size_t len;
	struct pl_values values = { 0 };
	char *text = read_of(kernels[kernel].tree, pid, file, &len);
	const int err = text ? pl_parse_rollup(text, len, &values) : -ENOENT;

	(void)snprintf(name, sizeof(name), "%s: %s of %d", kernels[kernel].tree, file, pid);
	ok(err == 0 && same_values(&values, rows, count, kernels[kernel].bit), name);
	free(text);
}

static void test_rollup(void)
{
	struct expected smaps[COUNT(hostile_rollup)];

	/* The parts of PSS are told by smaps_rollup only. */
	memcpy(smaps, hostile_rollup, sizeof(smaps));
	for (size_t i = 0; i < COUNT(smaps); i++)
		if (smaps[i].kernels == SINCE_5_10 && smaps[i].metric != PL_M_FILE_HUGE)
			smaps[i].kernels = 0;
	for (size_t k = 0; k < COUNT(kernels); k++) {
		const char *file = kernels[k].bit == L3_10 ? "smaps" : "smaps_rollup";
		check_rollup(k, 1310, file, redis_rollup, COUNT(redis_rollup));
		check_rollup(k, 1777, file, hostile_rollup, COUNT(hostile_rollup));
		check_rollup(k, 1777, "smaps", smaps, COUNT(smaps));
	}
}

static void test_small_files(void)
{
	static const struct expected statm[] = { { PL_M_RSS, ALL, 42124 * KIB },
		                                     { PL_M_ANON, ALL, 40024 * KIB } };
	static const struct expected io[] = {
		{ PL_M_READ, ALL, 1310000 },         { PL_M_WRITTEN, ALL, 1310001 },
		{ PL_M_READ_CALLS, ALL, 1310002 },   { PL_M_WRITE_CALLS, ALL, 1310003 },
		{ PL_M_STORAGE_READ, ALL, 1310004 }, { PL_M_STORAGE_WRITE, ALL, 1310005 },
	};
	static const struct expected limits[] = { { PL_M_RLIMIT_NOFILE, ALL, 65535 },
		                                      { PL_M_RLIMIT_NPROC, ALL, 15431 } };
	static const struct expected meminfo[] = { { PL_M_HOST_MEMORY, ALL, 5090288 * KIB } };

	for (size_t k = 0; k < COUNT(kernels); k++) {
		const char *tree = kernels[k].tree;
		const unsigned bit = kernels[k].bit;
		struct pl_values values = { 0 };
		uint64_t btime_s = 0;
		size_t len;

		printf("# %s\n", tree);
		char *text = read_of(tree, 1310, "statm", &len);
		ok(text && pl_parse_statm(text, len, PAGE_BYTES, &values) == 0 &&
		       same_values(&values, statm, COUNT(statm), bit),
		   "statm");
		free(text);
		text = read_of(tree, 1310, "io", &len);
		ok(text && pl_parse_io(text, len, &values) == 0 && same_values(&values, io, COUNT(io), bit),
		   "io");
		free(text);
		text = read_of(tree, 1310, "limits", &len);
		ok(text && pl_parse_limits(text, len, &values) == 0 &&
		       same_values(&values, limits, COUNT(limits), bit),
		   "limits");
		free(text);
		text = read_of(tree, 0, "meminfo", &len);
		ok(text && pl_parse_meminfo(text, len, &values) == 0 &&
		       same_values(&values, meminfo, COUNT(meminfo), bit),
		   "meminfo");
		free(text);
		text = read_of(tree, 0, "stat", &len);
		ok(text && pl_parse_btime(text, len, &btime_s) == 0 && btime_s == 1700000000, "btime");
		free(text);
	}
}

static bool path_is(const char *path, size_t len, const char *want)
{
	return len == strlen(want) && (len == 0 || memcmp(path, want, len) == 0);
}

static void test_cgroup(void)
{
	static const char *const redis = "/system.slice/redis-server.service";
	static const char *const hostile = "/system.slice/evil:memory:x.service";

	for (size_t k = 0; k < COUNT(kernels); k++) {
		const bool v1 = (kernels[k].bit & (L3_10 | L4_19)) != 0;
		const bool v2 = kernels[k].bit != L3_10;
		for (size_t i = 0; i < 2; i++) {
			const char *want = i == 0 ? redis : hostile;
			struct pl_cgroup_paths paths = { 0 };
			size_t len;
			char *text = read_of(kernels[k].tree, i == 0 ? 1310 : 1777, "cgroup", &len);
			ok(text && pl_parse_cgroup(text, len, &paths) == 0 &&
			       path_is(paths.v2, paths.v2_len, v2 ? want : "") &&
			       path_is(paths.v1_memory, paths.v1_memory_len, v1 ? want : "") &&
			       path_is(paths.v1_systemd, paths.v1_systemd_len, v1 ? want : ""),
			   kernels[k].tree);
			free(text);
		}
	}
}

struct sockets {
	size_t count;
	uint64_t inode_sum_of[PL_METRIC_COUNT];
};

static void count_socket(void *ctx, uint64_t inode, enum pl_metric metric)
{
	struct sockets *sockets = ctx;

	sockets->count++;
	sockets->inode_sum_of[metric] += inode;
}

static void feed_net(const char *tree, int pid, struct sockets *sockets, uint32_t *bad_lines)
{
	static const struct {
		const char *name;
		enum pl_net_file file;
	} files[] = { { "net/tcp", PL_NET_TCP },
		          { "net/tcp6", PL_NET_TCP },
		          { "net/udp", PL_NET_UDP },
		          { "net/udp6", PL_NET_UDP },
		          { "net/unix", PL_NET_UNIX } };

	for (size_t i = 0; i < COUNT(files); i++) {
		struct pl_net_parser parser;
		size_t len;
		char *text = read_of(tree, pid, files[i].name, &len);
		if (!text)
			continue;
		pl_parse_net_init(&parser, files[i].file);
		pl_parse_net_feed(&parser, text, len, count_socket, sockets);
		*bad_lines += parser.bad_lines;
		free(text);
	}
}

static void test_net(void)
{
	for (size_t k = 0; k < COUNT(kernels); k++) {
		struct sockets got = { 0 };
		uint32_t bad_lines = 0;
		feed_net(kernels[k].tree, 1310, &got, &bad_lines);
		printf("# %s\n", kernels[k].tree);
		is_num(bad_lines, 0, "no broken line");
		is_num(got.count, 9, "sockets that have an inode");
		is_num(got.inode_sum_of[PL_M_TCP_LISTEN], 20001 + 20010, "listening");
		is_num(got.inode_sum_of[PL_M_TCP_ESTABLISHED], 20002 + 20011, "established");
		is_num(got.inode_sum_of[PL_M_TCP_CLOSE_WAIT], 20003, "close-wait");
		is_num(got.inode_sum_of[PL_M_UDP], 20012, "udp");
		is_num(got.inode_sum_of[PL_M_UNIX_LISTEN], 20013, "unix, listening");
		is_num(got.inode_sum_of[PL_M_UNIX_CONNECTED], 20014, "unix, connected");
		is_num(got.inode_sum_of[PL_M_UNIX_OTHER], 20015, "unix, other");
	}
}

/* linux-6.18 was captured; the numbers were read off its files by eye. */
static const struct expected captured_redis[] = {
	{ PL_M_PSS, ALL, 8760 * KIB },
	{ PL_M_PSS_DIRTY, ALL, 2728 * KIB },
	{ PL_M_PSS_ANON, ALL, 2728 * KIB },
	{ PL_M_PSS_FILE, ALL, 6032 * KIB },
	{ PL_M_PSS_SHMEM, ALL, 0 },
	{ PL_M_USS, ALL, 7008 * KIB },
	{ PL_M_PRIVATE_CLEAN, ALL, 4280 * KIB },
	{ PL_M_PRIVATE_DIRTY, ALL, 2728 * KIB },
	{ PL_M_SHARED_CLEAN, ALL, 5200 * KIB },
	{ PL_M_SHARED_DIRTY, ALL, 0 },
	{ PL_M_REFERENCED, ALL, 12208 * KIB },
	{ PL_M_ANONYMOUS, ALL, 2728 * KIB },
	{ PL_M_KSM, ALL, 0 },
	{ PL_M_LAZYFREE, ALL, 0 },
	{ PL_M_ANON_HUGE, ALL, 0 },
	{ PL_M_SHMEM_HUGE, ALL, 0 },
	{ PL_M_FILE_HUGE, ALL, 0 },
	{ PL_M_SWAP_PSS, ALL, 0 },
	{ PL_M_VM_LOCKED, ALL, 0 },
};
static const struct expected captured_threads[] = {
	{ PL_M_RSS, ALL, 15220 * KIB },
	{ PL_M_ANON, ALL, 9052 * KIB },
	{ PL_M_FILE, ALL, 6168 * KIB },
	{ PL_M_SHMEM, ALL, 0 },
	{ PL_M_SWAP, ALL, 0 },
	{ PL_M_VM_SIZE, ALL, 388656 * KIB },
	{ PL_M_VM_DATA, ALL, 52260 * KIB },
	{ PL_M_VM_LOCKED, ALL, 0 },
	{ PL_M_PAGE_TABLES, ALL, 120 * KIB },
	{ PL_M_HUGETLB, ALL, 0 },
	{ PL_M_RSS_PEAK, ALL, 15220 * KIB },
	{ PL_M_THREADS, ALL, 6 },
	{ PL_M_CTX_VOLUNTARY, ALL, 12 },
	{ PL_M_CTX_FORCED, ALL, 4 },
};

static void test_captured(void)
{
	struct pl_values values = { 0 };
	struct pl_status status = { 0 };
	struct pl_stat stat = { 0 };
	size_t len;

	printf("# linux-6.18\n");
	char *text = read_of("linux-6.18", 3, "smaps_rollup", &len);
	ok(text && pl_parse_rollup(text, len, &values) == 0 &&
	       same_values(&values, captured_redis, COUNT(captured_redis), ALL),
	   "smaps_rollup of redis");
	free(text);
	text = read_of("linux-6.18", 13, "status", &len);
	ok(text && pl_parse_status(text, len, &status) == 0 &&
	       same_values(&status.values, captured_threads, COUNT(captured_threads), ALL),
	   "status of a threaded program");
	free(text);
	text = read_of("linux-6.18", 12, "stat", &len);
	ok(text && pl_parse_stat(text, len, &stat) == 0, "stat of a hostile comm");
	is_str(stat.comm, ") R 1\nVmRSS: 9", "its comm");
	free(text);
	text = read_of("linux-6.18", 12, "status", &len);
	ok(text && pl_parse_status(text, len, &status) == 0 && status.has_memory,
	   "status of a hostile comm");
	free(text);
	text = read_of("linux-6.18", 21, "stat", &len);
	ok(text && pl_parse_stat(text, len, &stat) == 0 && stat.state == 'Z' && stat.ppid == 13,
	   "stat of a zombie");
	free(text);
}

/* A whole smaps sums to the rollup, but for roundings of PSS, of which each mapping has its own. */
static void test_captured_smaps(void)
{
	static const enum pl_metric exact[] = { PL_M_USS, PL_M_ANONYMOUS, PL_M_REFERENCED,
		                                    PL_M_SHARED_CLEAN };
	struct pl_values values = { 0 };
	struct pl_values sums = { 0 };
	size_t len;

	char *text = read_of("linux-6.18", 11, "smaps_rollup", &len);
	ok(text && pl_parse_rollup(text, len, &values) == 0, "smaps_rollup of a shell");
	free(text);
	text = read_of("linux-6.18", 11, "smaps", &len);
	ok(text && pl_parse_rollup(text, len, &sums) == 0, "smaps of a shell");
	free(text);
	for (size_t i = 0; i < COUNT(exact); i++)
		is_num(sums.value[exact[i]], values.value[exact[i]], pl_metric_info(exact[i])->column);
	is_near(sums.value[PL_M_PSS], values.value[PL_M_PSS], 40 * KIB, "PSS, but for roundings");
}

static void test_captured_sockets(void)
{
	struct sockets got = { 0 };
	uint32_t bad_lines = 0;

	feed_net("linux-6.18", 13, &got, &bad_lines);
	printf("# %zu sockets\n", got.count);
	is_num(bad_lines, 0, "no broken line in the captured net files");
	is_num(got.count, 15, "sockets of the captured namespace");
	ok(got.inode_sum_of[PL_M_TCP_LISTEN] > 0 && got.inode_sum_of[PL_M_TCP_ESTABLISHED] > 0 &&
	       got.inode_sum_of[PL_M_UDP] > 0 && got.inode_sum_of[PL_M_UNIX_LISTEN] > 0 &&
	       got.inode_sum_of[PL_M_UNIX_CONNECTED] > 0,
	   "of every kind");
}

static int parse_any(const char *name, const char *text, size_t len)
{
	struct pl_stat stat;
	struct pl_status status;
	struct pl_values values;
	struct pl_cgroup_paths paths;

	if (strcmp(name, "stat") == 0)
		return pl_parse_stat(text, len, &stat);
	if (strcmp(name, "status") == 0)
		return pl_parse_status(text, len, &status);
	if (strcmp(name, "smaps_rollup") == 0)
		return pl_parse_rollup(text, len, &values);
	if (strcmp(name, "io") == 0)
		return pl_parse_io(text, len, &values);
	if (strcmp(name, "limits") == 0)
		return pl_parse_limits(text, len, &values);
	return pl_parse_cgroup(text, len, &paths);
}

static void test_broken(void)
{
	static const struct {
		int pid;
		const char *name;
		int want;
	} cases[] = {
		{ 12, "stat", -EBADMSG },   { 13, "status", -EBADMSG }, { 14, "stat", -EBADMSG },
		{ 15, "status", 0 },        { 16, "status", -EBADMSG }, { 17, "smaps_rollup", -EBADMSG },
		{ 18, "stat", -EBADMSG },   { 19, "status", -EBADMSG }, { 20, "io", -EBADMSG },
		{ 21, "cgroup", -EBADMSG }, { 22, "limits", -EBADMSG }, { 22, "stat", 0 },
		{ 12, "status", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[64];
		size_t len;
		char *text = read_of("broken", cases[i].pid, cases[i].name, &len);
		(void)snprintf(name, sizeof(name), "broken: %s of %d", cases[i].name, cases[i].pid);
		is_num(text ? parse_any(cases[i].name, text, len) : -ENOENT, cases[i].want, name);
		free(text);
	}
}

int main(void)
{
	test_status();
	test_stat();
	test_rollup();
	test_small_files();
	test_cgroup();
	test_net();
	test_captured();
	test_captured_smaps();
	test_captured_sockets();
	test_broken();
	return tap_done();
}
