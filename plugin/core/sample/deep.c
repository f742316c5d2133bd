#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sample/sample.h"

#define BUFFER_SIZE 65536
#define SMAPS_SIZE (8u << 20) /* a whole smaps, on kernels without smaps_rollup */

struct pl_deep_reader {
	const struct pl_procfs *fs;
	const struct pl_host *host;
	struct pl_sockets sockets;
	char buf[BUFFER_SIZE];
};

struct pl_deep_reader *pl_deep_reader_new(const struct pl_procfs *fs, const struct pl_host *host)
{
	struct pl_deep_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->fs = fs;
	reader->host = host;
	return reader;
}

void pl_deep_reader_free(struct pl_deep_reader *reader)
{
	if (!reader)
		return;
	pl_sockets_free(&reader->sockets);
	free(reader);
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Counts a failure; a file that this kernel or this tree does not have is none. */
static void count_failure(struct pl_deep_result *out, ssize_t err)
{
	if (err == -EACCES)
		out->denied_count++;
	else if (err != -ESRCH)
		out->failed_count++;
}

/* Adds what a file yielded, or counts its failure. */
static void settle(int err, const struct pl_values *values, struct pl_deep_result *out)
{
	if (err < 0)
		count_failure(out, err);
	else
		pl_values_merge(&out->values, values);
}

/* Before Linux 4.14 there is no smaps_rollup: sum the whole smaps. */
static int read_smaps_sum(struct pl_deep_reader *reader, int32_t pid, struct pl_values *out)
{
	char *text = malloc(SMAPS_SIZE);
	ssize_t len;
	int err;

	if (!text)
		return -ENOMEM;
	len = pl_procfs_read_whole(reader->fs, pid, "smaps", text, SMAPS_SIZE);
	err = len < 0 ? (int)len : 0;
	if (err == 0 && (size_t)len == SMAPS_SIZE)
		err = -E2BIG;
	if (err == 0 && len > 0)
		err = pl_parse_rollup(text, (size_t)len, out);
	free(text);
	return err;
}

static void read_rollup(struct pl_deep_reader *reader, int32_t pid, struct pl_deep_result *out)
{
	const uint64_t begin_us = clock_us(CLOCK_MONOTONIC);
	ssize_t len = pl_procfs_read(reader->fs, pid, "smaps_rollup", reader->buf, BUFFER_SIZE);
	struct pl_values values = { 0 };
	int err = (int)(len < 0 ? len : 0);

	if (err == -ESRCH && pl_procfs_read(reader->fs, pid, "stat", reader->buf, BUFFER_SIZE) > 0)
		err = read_smaps_sum(reader, pid, &values);
	else if (len > 0)
		err = pl_parse_rollup(reader->buf, (size_t)len, &values);
	out->lock_us += clock_us(CLOCK_MONOTONIC) - begin_us;
	settle(err, &values, out);
}

static void read_io(struct pl_deep_reader *reader, int32_t pid, struct pl_deep_result *out)
{
	const ssize_t len = pl_procfs_read(reader->fs, pid, "io", reader->buf, BUFFER_SIZE);
	struct pl_values values = { 0 };
	int err = (int)(len < 0 ? len : 0);

	if (len >= 0)
		err = pl_parse_io(reader->buf, (size_t)len, &values);
	settle(err, &values, out);
}

#define INODE_SLOTS 512

struct fd_count {
	struct pl_deep_reader *reader;
	int32_t pid;
	double now_s;
	double max_age_s;
	const struct pl_sockets_table *sockets;
	bool sockets_tried;
	uint64_t kinds[PL_FD_OTHER + 1];
	uint64_t by_metric[PL_METRIC_COUNT];
	uint64_t memory_bytes;
	uint64_t inodes[INODE_SLOTS]; /* of what was counted: several descriptors may share it */
};

/* What it takes although nobody maps it. */
static void count_memory(struct fd_count *count, const struct pl_procfs_fd *fd)
{
	uint64_t bytes;
	uint64_t inode;

	if (pl_procfs_fd_bytes(fd, &bytes, &inode) < 0 || count->inodes[inode % INODE_SLOTS] == inode)
		return;
	count->inodes[inode % INODE_SLOTS] = inode;
	count->memory_bytes += bytes;
}

static void count_socket(struct fd_count *count, uint64_t inode)
{
	enum pl_metric metric;

	/* a process without sockets never costs a look at its network namespace */
	if (!count->sockets_tried) {
		count->sockets_tried = true;
		count->sockets =
			pl_sockets_of(&count->reader->sockets, count->reader->fs, count->pid, count->now_s,
		                  count->max_age_s, count->reader->buf, BUFFER_SIZE);
	}
	if (count->sockets && pl_sockets_find(count->sockets, inode, &metric))
		count->by_metric[metric]++;
}

static void count_fd(void *ctx, const struct pl_procfs_fd *fd, const char *target, size_t len)
{
	struct fd_count *count = ctx;
	uint64_t inode;
	const enum pl_fd_kind kind = pl_parse_fd_target(target, len, &inode);

	count->kinds[kind]++;
	if (kind == PL_FD_SOCKET)
		count_socket(count, inode);
	else if (pl_parse_is_fd_memory(kind, target, len))
		count_memory(count, fd);
}

/* A connection is a TCP socket in any state but listening, or a connected Unix one. */
static void set_connections(const struct fd_count *count, struct pl_values *values)
{
	uint64_t connections = count->by_metric[PL_M_UNIX_CONNECTED];

	for (unsigned m = PL_M_TCP_ESTABLISHED; m <= PL_M_TCP_CLOSING; m++)
		if (m != PL_M_TCP_LISTEN)
			connections += count->by_metric[m];
	for (unsigned m = PL_M_TCP_ESTABLISHED; m <= PL_M_UNIX_OTHER; m++)
		pl_values_set(values, (enum pl_metric)m, count->by_metric[m]);
	pl_values_set(values, PL_M_CONNECTIONS, connections);
}

/*
 * How many connections were opened is counted by network namespace alone: those that a server
 * accepted, or those that a client made. Where several processes share one, it is theirs together,
 * which the regression on it then finds out.
 */
static void read_opened(struct pl_deep_reader *reader, int32_t pid, const struct fd_count *count,
                        struct pl_values *values)
{
	struct pl_tcp_opens opens;
	uint64_t tcp_count = 0;
	ssize_t len;

	for (unsigned m = PL_M_TCP_ESTABLISHED; m <= PL_M_TCP_CLOSING; m++)
		tcp_count += count->by_metric[m];
	if (tcp_count == 0)
		return;
	len = pl_procfs_read(reader->fs, pid, "net/snmp", reader->buf, BUFFER_SIZE);
	if (len > 0 && pl_parse_tcp_opens(reader->buf, (size_t)len, &opens) == 0)
		pl_values_set(values, PL_M_OPENED,
		              count->by_metric[PL_M_TCP_LISTEN] > 0 ? opens.passive : opens.active);
}

static void read_fds(struct pl_deep_reader *reader, int32_t pid, double now_s, double max_age_s,
                     struct pl_deep_result *out)
{
	static const enum pl_metric metric_of_kind[] = {
		[PL_FD_FILE] = PL_M_FDS_FILE,   [PL_FD_SOCKET] = PL_M_FDS_SOCKET,
		[PL_FD_PIPE] = PL_M_FDS_PIPE,   [PL_FD_EVENT] = PL_M_FDS_EVENT,
		[PL_FD_MEMFD] = PL_M_FDS_MEMFD, [PL_FD_OTHER] = PL_M_FDS_OTHER,
	};
	struct fd_count count = {
		.reader = reader, .pid = pid, .now_s = now_s, .max_age_s = max_age_s
	};
	const uint64_t begin_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
	const ssize_t total = pl_procfs_fds(reader->fs, pid, count_fd, &count);

	out->fds_us = clock_us(CLOCK_THREAD_CPUTIME_ID) - begin_us;
	if (total < 0) {
		count_failure(out, total);
		return;
	}
	pl_values_set(&out->values, PL_M_FDS, (uint64_t)total);
	for (size_t k = 0; k <= PL_FD_OTHER; k++)
		pl_values_set(&out->values, metric_of_kind[k], count.kinds[k]);
	pl_values_set(&out->values, PL_M_FD_SHMEM, count.memory_bytes);
	if (count.sockets || !count.sockets_tried)
		set_connections(&count, &out->values);
	if (count.sockets)
		read_opened(reader, pid, &count, &out->values);
}

/* Keeps the lowest; absent counts as none. */
static void set_lower(struct pl_values *values, enum pl_metric metric, uint64_t value)
{
	uint64_t known;

	if (!pl_values_get(values, metric, &known) || value < known)
		pl_values_set(values, metric, value);
}

struct cgroup {
	struct pl_deep_reader *reader;
	enum pl_cgroup_kind kind;
	const char *path;
	size_t len;
};

static bool read_cgroup_number(const struct cgroup *cgroup, const char *file, uint64_t *out)
{
	char text[64];
	const ssize_t n = pl_procfs_read_cgroup(cgroup->reader->fs, cgroup->kind, cgroup->path,
	                                        cgroup->len, file, text, sizeof(text));

	return n > 0 && pl_parse_limit(text, (size_t)n, out) == 0;
}

/* What cannot be had back by dropping the pages of files. */
static bool read_cgroup_used(const struct cgroup *cgroup, uint64_t *out)
{
	const bool v2 = cgroup->kind == PL_CGROUP_V2;
	struct pl_deep_reader *reader = cgroup->reader;
	uint64_t inactive_bytes = 0;
	ssize_t n;

	if (!read_cgroup_number(cgroup, v2 ? "memory.current" : "memory.usage_in_bytes", out))
		return false;
	n = pl_procfs_read_cgroup(reader->fs, cgroup->kind, cgroup->path, cgroup->len, "memory.stat",
	                          reader->buf, BUFFER_SIZE);
	if (n > 0 && pl_parse_inactive_file(reader->buf, (size_t)n, &inactive_bytes) == 0)
		*out -= inactive_bytes < *out ? inactive_bytes : *out;
	return true;
}

/*
 * The lowest limit of the ancestors, and what counts against it: where a higher one leaves less
 * room, because others use it up, as much as leaves that room.
 */
static void set_limit(struct pl_values *values, enum pl_metric limit_metric,
                      enum pl_metric used_metric, uint64_t limit, const uint64_t *used)
{
	uint64_t before = 0;
	uint64_t used_before = 0;
	const bool known = pl_values_get(values, limit_metric, &before) &&
	                   pl_values_get(values, used_metric, &used_before);
	uint64_t room = UINT64_MAX;

	set_lower(values, limit_metric, limit);
	if (known)
		room = used_before < before ? before - used_before : 0;
	if (used && (*used < limit ? limit - *used : 0) < room)
		room = *used < limit ? limit - *used : 0;
	if (room == UINT64_MAX)
		return;
	const uint64_t lowest = values->value[limit_metric];

	pl_values_set(values, used_metric, room < lowest ? lowest - room : 0);
}

static void read_memory_limits(const struct cgroup *cgroup, struct pl_values *values)
{
	const bool v2 = cgroup->kind == PL_CGROUP_V2;
	uint64_t max;
	uint64_t high;
	uint64_t used = 0;
	const bool has_max =
		read_cgroup_number(cgroup, v2 ? "memory.max" : "memory.limit_in_bytes", &max);
	const bool has_high = v2 && read_cgroup_number(cgroup, "memory.high", &high);
	const bool has_used = (has_max || has_high) && read_cgroup_used(cgroup, &used);

	if (has_max)
		set_limit(values, PL_M_CGROUP_MAX, PL_M_CGROUP_USED, max, has_used ? &used : NULL);
	if (has_high)
		set_limit(values, PL_M_CGROUP_HIGH, PL_M_CGROUP_HIGH_USED, high, has_used ? &used : NULL);
}

static void read_pids_limit(const struct cgroup *cgroup, struct pl_values *values)
{
	uint64_t max;
	uint64_t used;

	if (cgroup->kind == PL_CGROUP_V2 && read_cgroup_number(cgroup, "pids.max", &max) &&
	    read_cgroup_number(cgroup, "pids.current", &used))
		set_limit(values, PL_M_PIDS_MAX, PL_M_PIDS_USED, max, &used);
}

/* Walks from the process' own cgroup up to the root of what we can see. */
static void read_cgroup_limits(struct cgroup cgroup, struct pl_values *values)
{
	/* "/../x": a cgroup outside of our own cgroup namespace */
	if (cgroup.len == 0 || cgroup.path[0] != '/' || memmem(cgroup.path, cgroup.len, "/..", 3))
		return;
	for (;;) {
		read_memory_limits(&cgroup, values);
		read_pids_limit(&cgroup, values);
		if (cgroup.len <= 1)
			return;
		while (cgroup.len > 1 && cgroup.path[cgroup.len - 1] != '/')
			cgroup.len--;
		if (cgroup.len > 1)
			cgroup.len--;
	}
}

static void read_host_limits(struct pl_deep_reader *reader, struct pl_values *values)
{
	struct pl_values host;
	uint64_t number;
	ssize_t len = pl_procfs_read(reader->fs, 0, "meminfo", reader->buf, BUFFER_SIZE);

	if (len > 0 && pl_parse_meminfo(reader->buf, (size_t)len, &host) == 0)
		pl_values_merge(values, &host);
	else if (reader->host->memory_bytes > 0)
		pl_values_set(values, PL_M_HOST_MEMORY, reader->host->memory_bytes);
	len = pl_procfs_read(reader->fs, 0, "sys/vm/max_map_count", reader->buf, BUFFER_SIZE);
	if (len > 0 && pl_parse_limit(reader->buf, (size_t)len, &number) == 0)
		pl_values_set(values, PL_M_MAPS_MAX, number);
}

static void read_limits(struct pl_deep_reader *reader, int32_t pid, struct pl_deep_result *out)
{
	static const enum pl_metric memory_limits[] = { PL_M_CGROUP_MAX, PL_M_RLIMIT_AS,
		                                            PL_M_RLIMIT_DATA, PL_M_HOST_MEMORY };
	struct pl_cgroup_paths paths;
	uint64_t limit;
	char cgroup[8192];
	struct pl_values values = { 0 };
	ssize_t len = pl_procfs_read(reader->fs, pid, "limits", reader->buf, BUFFER_SIZE);
	int err = (int)(len < 0 ? len : 0);

	if (len >= 0)
		err = pl_parse_limits(reader->buf, (size_t)len, &values);
	settle(err, &values, out);
	len = pl_procfs_read(reader->fs, pid, "cgroup", cgroup, sizeof(cgroup));
	if (len > 0)
		pl_cgroup_key_of(cgroup, (size_t)len, &out->cgroup);
	if (len > 0 && pl_parse_cgroup(cgroup, (size_t)len, &paths) == 0) {
		read_cgroup_limits((struct cgroup){ reader, PL_CGROUP_V2, paths.v2, paths.v2_len },
		                   &out->values);
		read_cgroup_limits(
			(struct cgroup){ reader, PL_CGROUP_V1_MEMORY, paths.v1_memory, paths.v1_memory_len },
			&out->values);
	}
	read_host_limits(reader, &out->values);
	for (size_t i = 0; i < sizeof(memory_limits) / sizeof(memory_limits[0]); i++)
		if (pl_values_get(&out->values, memory_limits[i], &limit))
			set_lower(&out->values, PL_M_LIMIT, limit);
}

int pl_sample_deep(struct pl_deep_reader *reader, int32_t pid, unsigned want, double now_s,
                   double sockets_max_age_s, struct pl_deep_result *out)
{
	const uint64_t begin_us = clock_us(CLOCK_THREAD_CPUTIME_ID);

	memset(out, 0, sizeof(*out));
	if (want & PL_DEEP_ROLLUP)
		read_rollup(reader, pid, out);
	if (want & PL_DEEP_IO)
		read_io(reader, pid, out);
	if (want & PL_DEEP_FDS)
		read_fds(reader, pid, now_s, sockets_max_age_s, out);
	if (want & PL_DEEP_LIMITS)
		read_limits(reader, pid, out);
	out->cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID) - begin_us;
	for (size_t i = 0; i < PL_VALUES_WORDS; i++)
		if (out->values.present[i] != 0)
			return 0;
	return out->denied_count + out->failed_count > 0 ? 0 : -ESRCH;
}
