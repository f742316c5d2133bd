#include "sample/cgroup.h"

#include <errno.h>
#include <string.h>

#include "parse/parse.h"
#include "parse/scan.h"

#define LEAST_BYTES (4u << 20) /* less is not worth asking every process for */
#define MOST_PROCESSES 512     /* in a cgroup that are asked */

static const struct {
	const char *name;
	const char *words;
	bool unexplained;
} parts[PL_CGROUP_PART_COUNT] = {
#define PART(id, name, words, unexplained) [PL_CGROUP_##id] = { name, words, unexplained },
	PL_CGROUP_PART_LIST(PART)
#undef PART
};

const char *pl_cgroup_part_name(enum pl_cgroup_part part)
{
	return parts[part].name;
}

const char *pl_cgroup_part_words(enum pl_cgroup_part part)
{
	return parts[part].words;
}

bool pl_cgroup_part_is_unexplained(enum pl_cgroup_part part)
{
	return parts[part].unexplained;
}

uint64_t pl_cgroup_unexplained_bytes(const struct pl_cgroup_parts *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PL_CGROUP_PART_COUNT; i++)
		if (parts[i].unexplained && ((p->known >> i) & 1))
			sum += p->bytes[i];
	return sum;
}

bool pl_cgroup_key_equal(const struct pl_cgroup_key *a, const struct pl_cgroup_key *b)
{
	return a->len == b->len && a->kind == b->kind && memcmp(a->path, b->path, a->len) == 0;
}

/* The root is the host's; "/../x" is outside of our own cgroup namespace. */
static bool may_be_read(const char *path, size_t len)
{
	return len > 1 && len < PL_CGROUP_PATH_SIZE && path[0] == '/' && !memmem(path, len, "/..", 3);
}

void pl_cgroup_key_of(const char *text, size_t len, struct pl_cgroup_key *out)
{
	struct pl_cgroup_paths paths;

	*out = (struct pl_cgroup_key){ 0 };
	if (pl_parse_cgroup(text, len, &paths) < 0)
		return;
	/* on hybrid hosts v1 has the memory controller, and v2 the path alone */
	if (paths.v1_memory_len > 0) {
		out->kind = PL_CGROUP_V1_MEMORY;
		paths.v2 = paths.v1_memory;
		paths.v2_len = paths.v1_memory_len;
	}
	if (!may_be_read(paths.v2, paths.v2_len))
		return;
	out->len = (uint16_t)paths.v2_len;
	memcpy(out->path, paths.v2, paths.v2_len);
}

static int read_number(const struct pl_procfs *fs, const struct pl_cgroup_key *key,
                       const char *file, uint64_t *out)
{
	char text[64];
	const ssize_t n = pl_procfs_read_cgroup(fs, (enum pl_cgroup_kind)key->kind, key->path, key->len,
	                                        file, text, sizeof(text));

	return n < 0 ? (int)n : pl_parse_limit(text, (size_t)n, out);
}

static void add_process(const struct pl_procfs *fs, int32_t pid, struct pl_cgroup_reading *out)
{
	char text[4096];
	struct pl_status status;
	uint64_t bytes = 0;
	const ssize_t len = pl_procfs_read(fs, pid, "status", text, sizeof(text));

	if (len <= 0 || pl_parse_status(text, (size_t)len, &status) < 0)
		return;
	if (pl_values_get(&status.values, PL_M_SHMEM, &bytes))
		out->resident_shmem_bytes += bytes;
	if (pl_values_get(&status.values, PL_M_PAGE_TABLES, &bytes))
		out->page_table_bytes += bytes;
}

/* Processes that are not followed may be those who map it. */
static void ask_processes(const struct pl_procfs *fs, const struct pl_cgroup_key *key,
                          char *scratch, size_t size, struct pl_cgroup_reading *out)
{
	const ssize_t len = pl_procfs_read_cgroup(fs, (enum pl_cgroup_kind)key->kind, key->path,
	                                          key->len, "cgroup.procs", scratch, size);
	struct pl_scan scan = pl_scan_text(scratch, len > 0 ? (size_t)len : 0);
	struct pl_scan line;

	out->processes_known = len >= 0 && (size_t)len < size;
	for (unsigned count = 0; out->processes_known && pl_scan_line(&scan, &line); count++) {
		uint64_t pid = 0;

		if (count == MOST_PROCESSES)
			out->processes_known = false;
		/* 0: of another pid namespace */
		else if (pl_scan_u64(&line, &pid) && pid > 0 && pid <= INT32_MAX)
			add_process(fs, (int32_t)pid, out);
	}
}

int pl_sample_cgroup(const struct pl_procfs *fs, const struct pl_cgroup_key *key, char *scratch,
                     size_t size, struct pl_cgroup_reading *out)
{
	struct pl_cgroup_reading reading = { .v1 = key->kind == PL_CGROUP_V1_MEMORY };
	int err = read_number(fs, key, reading.v1 ? "memory.usage_in_bytes" : "memory.current",
	                      &reading.charged_bytes);
	ssize_t len;

	if (err < 0)
		return err;
	len = pl_procfs_read_cgroup(fs, (enum pl_cgroup_kind)key->kind, key->path, key->len,
	                            "memory.stat", scratch, size);
	err = len < 0 ? (int)len : pl_parse_memory_stat(scratch, (size_t)len, &reading.stat);
	if (err < 0)
		return err;
	if (reading.v1) {
		(void)read_number(fs, key, "memory.kmem.usage_in_bytes", &reading.v1_kernel_bytes);
		(void)read_number(fs, key, "memory.kmem.tcp.usage_in_bytes", &reading.v1_sock_bytes);
	}
	if (reading.stat.bytes[PL_MEMORY_STAT_SHMEM] >= LEAST_BYTES ||
	    reading.v1_kernel_bytes >= LEAST_BYTES)
		ask_processes(fs, key, scratch, size, &reading);
	*out = reading;
	return 0;
}

static void put(struct pl_cgroup_parts *out, enum pl_cgroup_part part, uint64_t bytes)
{
	out->known |= UINT32_C(1) << part;
	out->bytes[part] = bytes;
}

/* Takes up to `bytes` of what is left. */
static uint64_t take(uint64_t *left, uint64_t bytes)
{
	const uint64_t taken = bytes < *left ? bytes : *left;

	*left -= taken;
	return taken;
}

static void split_shmem(const struct pl_cgroup_reading *reading,
                        const struct pl_cgroup_members *members, uint64_t shmem_bytes,
                        struct pl_cgroup_parts *out)
{
	uint64_t mapped_bytes = members->shmem_bytes;
	uint64_t left = shmem_bytes;

	if (reading->processes_known && reading->resident_shmem_bytes > members->resident_shmem_bytes)
		mapped_bytes += reading->resident_shmem_bytes - members->resident_shmem_bytes;
	put(out, PL_CGROUP_SHMEM, take(&left, mapped_bytes));
	put(out, PL_CGROUP_TMPFS, left);
}

/*
 * v1 tells its kernel memory as one number. Page tables are known of the processes; of the rest
 * nobody says how much of it could be given up, so it counts as if all of it could.
 */
static void split_v1_kernel(const struct pl_cgroup_reading *reading, struct pl_cgroup_parts *out)
{
	uint64_t left = reading->v1_kernel_bytes;

	if (reading->processes_known)
		put(out, PL_CGROUP_TABLES, take(&left, reading->page_table_bytes));
	put(out, PL_CGROUP_OTHER, left);
	if (reading->v1_sock_bytes > 0)
		put(out, PL_CGROUP_SOCK, reading->v1_sock_bytes);
}

/* `left` is what the other lines do not tell of what is charged. */
static void split_kernel(const struct pl_memory_stat *stat, uint64_t left,
                         struct pl_cgroup_parts *out)
{
	static const struct {
		enum pl_memory_stat_line line;
		enum pl_cgroup_part part;
	} rows[] = {
		{ PL_MEMORY_STAT_SOCK, PL_CGROUP_SOCK },
		{ PL_MEMORY_STAT_TABLES, PL_CGROUP_TABLES },
		{ PL_MEMORY_STAT_PERCPU, PL_CGROUP_PERCPU },
		{ PL_MEMORY_STAT_STACKS, PL_CGROUP_STACKS },
		{ PL_MEMORY_STAT_SLAB_FIRM, PL_CGROUP_OBJECTS },
	};
	uint64_t bytes = 0;
	uint64_t kernel_bytes = 0;
	uint64_t told_bytes = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (pl_memory_stat_get(stat, rows[i].line, &bytes)) {
			put(out, rows[i].part, bytes);
			(void)take(&left, bytes);
			told_bytes += rows[i].line == PL_MEMORY_STAT_SOCK ? 0 : bytes;
		}
	if (pl_memory_stat_get(stat, PL_MEMORY_STAT_SLAB, &bytes)) {
		const uint64_t firm_bytes = out->bytes[PL_CGROUP_OBJECTS];

		bytes = bytes > firm_bytes ? bytes - firm_bytes : 0;
		put(out, PL_CGROUP_SLAB, bytes);
		(void)take(&left, bytes);
		told_bytes += bytes;
	}
	/* 5.18 and later: all of the kernel's, vmalloc among it */
	if (pl_memory_stat_get(stat, PL_MEMORY_STAT_KERNEL, &kernel_bytes)) {
		kernel_bytes = kernel_bytes > told_bytes ? kernel_bytes - told_bytes : 0;
		put(out, PL_CGROUP_KERNEL, kernel_bytes);
		(void)take(&left, kernel_bytes);
	}
	/* charges are batched, so that a little is always left */
	put(out, PL_CGROUP_OTHER, left);
}

void pl_cgroup_split(const struct pl_cgroup_reading *reading,
                     const struct pl_cgroup_members *members, struct pl_cgroup_parts *out)
{
	const struct pl_memory_stat *stat = &reading->stat;
	uint64_t left = reading->charged_bytes;
	uint64_t shmem_bytes = 0;

	*out = (struct pl_cgroup_parts){ 0 };
	(void)pl_memory_stat_get(stat, PL_MEMORY_STAT_SHMEM, &shmem_bytes);
	const uint64_t cache_bytes = stat->bytes[PL_MEMORY_STAT_FILE];
	const uint64_t anon_bytes = stat->bytes[PL_MEMORY_STAT_ANON];

	put(out, PL_CGROUP_ANON, anon_bytes);
	put(out, PL_CGROUP_FILE, cache_bytes > shmem_bytes ? cache_bytes - shmem_bytes : 0);
	split_shmem(reading, members, shmem_bytes, out);
	(void)take(&left, anon_bytes);
	(void)take(&left, cache_bytes > shmem_bytes ? cache_bytes : shmem_bytes);
	if (reading->v1)
		split_v1_kernel(reading, out);
	else
		split_kernel(stat, left, out);
}
