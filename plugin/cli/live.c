#include "live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/sampled.h"
#include "parse/parse.h"

#define MOST_LOCK_US 20000.0 /* MaxLockTime, by default */
/* On a busy machine we are mostly kept waiting: so many windows hold it no longer for that. */
#define MOST_WALL_US (50 * MOST_LOCK_US)
#define TRIES 3
#define FIRST_US 500.0
#define WALK_US_PER_MIB 65.0 /* until windows have told, rather too much */
#define WALK_OVER_WINDOW 4.0 /* smaps looks at each page more closely than pagemap */
#define MAPPING_US 2.5       /* of smaps, whatever is in it */
#define WINDOW_US 20.0       /* of one, at the most */
#define MIB 1048576.0

struct reading {
	struct pl_region_scan scan;
	struct pl_region_snapshot snapshot;
	struct pl_sampled_result sampled;
	char buf[65536];
};

static void feed(void *ctx, const char *text, size_t len)
{
	pl_regions_feed(ctx, text, len);
}

static int read_whole(const struct pl_procfs *fs, int32_t pid, uint64_t thread_count,
                      struct reading *reading)
{
	int err;

	pl_regions_begin(&reading->scan);
	err = pl_procfs_stream(fs, pid, "smaps", reading->buf, sizeof(reading->buf), feed,
	                       &reading->scan);
	return err < 0 ? err : pl_regions_end(&reading->scan, thread_count, &reading->snapshot);
}

static int read_stat(const struct pl_procfs *fs, int32_t pid, struct pl_stat *out)
{
	char text[1024];
	const ssize_t len = pl_procfs_read(fs, pid, "stat", text, sizeof(text));

	return len < 0 ? (int)len : pl_parse_stat(text, (size_t)len, out);
}

/*
 * How many mappings there are, up to `most` and some more: to list one takes a small part of what
 * it takes to look into it, and the lock is held for a piece of the list at a time.
 */
static int count_mappings(const struct pl_procfs *fs, int32_t pid, double most,
                          struct reading *reading, double *out)
{
	const int fd = pl_procfs_open_file(fs, pid, "maps");
	uint64_t offset = 0;
	double count = 0;
	ssize_t len = 0;

	if (fd < 0)
		return fd;
	while (count <= most &&
	       (len = pl_procfs_read_at(fd, reading->buf, sizeof(reading->buf), offset)) > 0) {
		const char *end = reading->buf + len;

		for (const char *at = reading->buf; (at = memchr(at, '\n', (size_t)(end - at))); at++)
			count++;
		offset += (uint64_t)len;
	}
	close(fd);
	*out = count;
	return len < 0 ? (int)len : 0;
}

/* Whether a walk may be tried at once. */
static int is_small(const struct pl_procfs *fs, int32_t pid, double rss_mib,
                    struct reading *reading, bool *out)
{
	const double most = (MOST_LOCK_US - FIRST_US - WALK_US_PER_MIB * rss_mib) / MAPPING_US;
	double count = 0;
	const int err = most > 0 ? count_mappings(fs, pid, most, reading, &count) : 0;

	*out = count <= most;
	return err;
}

/* What the windows took tells what a walk would: it may be little enough after all. */
static int read_carefully(const struct pl_procfs *fs, int32_t pid, const struct pl_stat *stat,
                          double rss_mib, struct reading *reading)
{
	const struct pl_sampled_request request = {
		.pid = pid,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
		.thread_count = stat->thread_count,
		.windows_most = (size_t)(MOST_LOCK_US / 2 / WINDOW_US),
		.most_us = MOST_WALL_US,
	};
	int err = -ETIME;

	for (int i = 0; i < TRIES && err == -ETIME; i++)
		err = pl_sampled_read(fs, &request, &reading->scan, &reading->sampled);
	const double window_mib = (double)request.page_bytes * PL_WINDOW_PAGES / MIB;
	const double walk_us = FIRST_US + MAPPING_US * (double)reading->sampled.snapshot.mapping_count +
	                       WALK_OVER_WINDOW * reading->sampled.window_us / window_mib * rss_mib;

	if (err == 0 && reading->sampled.window_us > 0 && walk_us <= MOST_LOCK_US)
		return read_whole(fs, pid, stat->thread_count, reading);
	if (err == 0)
		reading->snapshot = reading->sampled.snapshot;
	return err;
}

int pl_cli_read_regions(const struct pl_procfs *fs, int32_t pid, bool deep,
                        struct pl_ledger *ledger)
{
	struct reading *reading = malloc(sizeof(*reading));
	bool whole = deep;
	double rss_mib = 0;
	struct pl_stat stat;
	int err = reading ? read_stat(fs, pid, &stat) : -ENOMEM;

	if (err == 0) {
		rss_mib = (double)stat.rss_pages * (double)sysconf(_SC_PAGESIZE) / MIB;
		err = deep ? 0 : is_small(fs, pid, rss_mib, reading, &whole);
	}
	if (err == 0) {
		err = whole ? read_whole(fs, pid, stat.thread_count, reading)
		            : read_carefully(fs, pid, &stat, rss_mib, reading);
	}
	if (err == 0)
		pl_ledger_update(ledger, &reading->snapshot, 0, 0);
	free(reading);
	return err;
}
