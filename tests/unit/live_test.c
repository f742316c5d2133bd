/* The regions that the command reads by hand, on a fake tree: when all of smaps, when a sample. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../plugin/cli/live.h"
#include "engine/sampled.h"

#include "tap.h"
#include "tree.h"

#define MIB ((uint64_t)1048576)
#define LARGE_MIB 1024
#define WHOLE_BYTES (5 * MIB)   /* as the fake smaps says */
#define SAMPLED_BYTES (7 * MIB) /* as the fake sample does */

static struct pl_procfs fs;

/* What the sample answers: the linker puts it before the library's (--wrap). */
static struct {
	int errors[8]; /* of one call after the other */
	double window_us;
	size_t mapping_count;
	unsigned calls;
	struct pl_sampled_request request;
} sample;

int __wrap_pl_sampled_read(const struct pl_procfs *proc, const struct pl_sampled_request *request,
                           struct pl_region_scan *scan, struct pl_sampled_result *out);

int __wrap_pl_sampled_read(const struct pl_procfs *proc, const struct pl_sampled_request *request,
                           struct pl_region_scan *scan, struct pl_sampled_result *out)
{
	const int err = sample.errors[sample.calls++ % 8];

	(void)proc;
	(void)scan;
	sample.request = *request;
	out->window_us = sample.window_us;
	out->read_us = 100;
	if (err < 0)
		return err;
	out->snapshot = (struct pl_region_snapshot){ .mapping_count = (uint32_t)sample.mapping_count,
		                                         .window_stride = 4 };
	out->snapshot.totals[PL_REGION_ANON].resident_bytes = SAMPLED_BYTES;
	out->snapshot.totals[PL_REGION_ANON].mapping_count = 1;
	return 0;
}

static size_t mapping_count = 1; /* that maps lists */

static void put_maps(void)
{
	FILE *file = fopen(tree_path("proc/10/maps"), "w");

	if (!file)
		abort();
	for (size_t i = 0; i < mapping_count; i++)
		fprintf(file, "7f%010zx-7f%010zx rw-p 00000000 00:00 0 \n", 8192 * i, 8192 * i + 4096);
	if (fclose(file) != 0)
		abort();
}

static void put_process(uint64_t rss_mib)
{
	char text[512];

	put_maps();

	snprintf(text, sizeof(text),
	         "10 (api) S 1 1 1 0 -1 0 1 0 0 0 7 3 0 0 20 0 3 0 500 104857600 %llu "
	         "18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	         (unsigned long long)(rss_mib * MIB / (uint64_t)sysconf(_SC_PAGESIZE)));
	tree_file("proc/10/stat", text);
	tree_file("proc/10/smaps",
	          "7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \nSize: 8192 kB\nRss: 5120 kB\n"
	          "Pss: 5120 kB\nAnonymous: 5120 kB\nVmFlags: rd wr mr mw me ac \n");
}

/* Bytes that were told, after a reading with such windows; below 0 when it failed. */
static double read_with(uint64_t rss_mib, bool deep, double window_us, const int errors[8])
{
	static struct pl_ledger ledger;
	int err;

	put_process(rss_mib);
	memset(&sample, 0, sizeof(sample));
	memset(&ledger, 0, sizeof(ledger));
	memcpy(sample.errors, errors, sizeof(sample.errors));
	sample.window_us = window_us;
	sample.mapping_count = mapping_count;
	err = pl_cli_read_regions(&fs, 10, deep, &ledger);
	if (err < 0) {
		ok(ledger.reading_count == 0, "a reading that failed is none");
		return err;
	}
	return (double)ledger.now.used_bytes[PL_REGION_ANON];
}

int main(void)
{
	static const int fine[8] = { 0 };
	static const int slow_once[8] = { -ETIME, 0 };
	static const int slow_thrice[8] = { -ETIME, -ETIME, -ETIME, 0 };
	static const int denied[8] = { -EACCES, 0 };
	struct pl_ledger ledger = { .reading_count = 0 };

	tree_begin();
	(void)tree_path("proc/10/");
	if (pl_procfs_open(&fs, tree_path("proc"), NULL) != 0)
		return 1;
	is_num(read_with(299, false, 99, fine), WHOLE_BYTES, "a small process is read whole");
	is_num(sample.calls, 0, "without a sample");
	is_num(read_with(301, false, 99, fine), SAMPLED_BYTES,
	       "a large one whose pages are dear is not");
	is_num(sample.calls, 1, "its sample is one reading");
	is_num(sample.request.thread_count, 3, "that knows its threads");
	ok((double)sample.request.windows_most * 20 <= 20000 && sample.request.most_us <= 1000000,
	   "and holds the lock for no longer than MaxLockTime, or is kept waiting fifty times that");
	is_num(read_with(LARGE_MIB, false, 10, fine), SAMPLED_BYTES,
	       "one a bit too dear is not either");
	is_num(read_with(LARGE_MIB, false, 9, fine), WHOLE_BYTES,
	       "one that turns out to be cheap is read whole after all");
	is_num(read_with(LARGE_MIB, false, 0, fine), SAMPLED_BYTES,
	       "but not where nothing was measured");
	mapping_count = 7700;
	is_num(read_with(1, false, 0, fine), WHOLE_BYTES, "as many mappings as a walk has time for");
	mapping_count = 7900;
	is_num(read_with(1, false, 0, fine), SAMPLED_BYTES, "more of them are sampled, however small");
	mapping_count = 60000;
	is_num(read_with(1, false, 1, fine), SAMPLED_BYTES, "also where a page costs next to nothing");
	is_num(read_with(1, true, 1, fine), WHOLE_BYTES, "but not when all is asked for");
	mapping_count = 4000;
	is_num(read_with(100, false, 9, fine), WHOLE_BYTES, "a few thousand go with some pages");
	is_num(read_with(160, false, 99, fine), SAMPLED_BYTES, "and not with more of them");
	mapping_count = 1;
	is_num(read_with(LARGE_MIB, true, 99, fine), WHOLE_BYTES, "all of it when that is asked for");
	is_num(sample.calls, 0, "at once");
	is_num(read_with(LARGE_MIB, false, 99, slow_once), SAMPLED_BYTES, "a busy moment is sat out");
	is_num(sample.calls, 2, "by another try");
	is_num(read_with(LARGE_MIB, false, 1, slow_thrice), -ETIME, "three of them are told");
	is_num(sample.calls, 3, "and no more is tried");
	is_num(read_with(LARGE_MIB, false, 1, denied), -EACCES, "no permission is told");
	is_num(sample.calls, 1, "at once");
	ok(pl_cli_read_regions(&fs, 11, false, &ledger) < 0 && ledger.reading_count == 0,
	   "nobody has that pid");
	tree_file("proc/10/smaps", "");
	ok(pl_cli_read_regions(&fs, 10, true, &ledger) == -EBADMSG && ledger.reading_count == 0,
	   "a process without memory has no regions");
	pl_procfs_close(&fs);
	tree_end();
	return tap_done();
}
