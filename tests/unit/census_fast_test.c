/*
 * A heap that grows fast by large chunks: one page of many shows that a chunk begins. The process
 * looks at itself, at a heap that is made up in glibc's layout; time is told, not measured.
 */
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "census/census.h"
#include "tap.h"

#define LOOK_S 6.0
#define CHUNK_BYTES 65552u
#define LOOK_CHUNKS 240u /* 40 a second */
#define OLD_CHUNK_BYTES 1040u
#define OLD_BYTES (8u << 20)
#define HEAP_BYTES ((size_t)(PL_CENSUS_STEPS + 1) * LOOK_CHUNKS * CHUNK_BYTES)

static uint8_t *heap;
static size_t used_bytes;

/* Chunks are written to, up to what is left of the heap, which begins like one. */
static void lay(size_t chunk_bytes, size_t count)
{
	const uint64_t header = chunk_bytes | 1;

	for (size_t i = 0; i < count; i++, used_bytes += chunk_bytes) {
		memset(heap + used_bytes, 'x', chunk_bytes);
		memcpy(heap + used_bytes + 8, &header, sizeof(header));
	}
}

static int take_census(uint64_t seed, struct pl_census_report *out)
{
	const struct pl_census_options options = { .page_count = PL_CENSUS_PAGES_DEFAULT,
		                                       .interval_s = PL_CENSUS_STEPS * LOOK_S,
		                                       .seed = seed };
	struct pl_census *census;
	struct pl_procfs fs;
	struct pl_host host;
	double now_s = 100;
	int err = pl_procfs_open(&fs, "/proc", NULL);

	if (err < 0)
		return err;
	(void)madvise(heap, HEAP_BYTES, MADV_DONTNEED);
	used_bytes = 0;
	lay(OLD_CHUNK_BYTES, OLD_BYTES / OLD_CHUNK_BYTES);
	pl_sample_host(&fs, &host);
	err = pl_census_begin(&census, &fs, &host, getpid(), &options, now_s);
	if (err < 0) {
		pl_procfs_close(&fs);
		return err;
	}
	while (err == 0 && pl_census_due_s(census) >= 0) {
		lay(CHUNK_BYTES, LOOK_CHUNKS);
		now_s += LOOK_S;
		err = pl_census_step(census, now_s);
	}
	if (err == 0)
		err = pl_census_finish(census, out);
	pl_census_free(census);
	pl_procfs_close(&fs);
	return err;
}

int main(void)
{
	struct pl_census_report report = { 0 };

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	/* the shadow takes terabytes of address space, of which a census looks at a part */
	ok(true, "# SKIP the sanitizer's memory is larger than any heap");
	return tap_done();
#endif
	heap = mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap == MAP_FAILED)
		return 1;
	(void)madvise(heap, HEAP_BYTES, MADV_NOHUGEPAGE);
	for (uint64_t seed = 1; seed <= 4; seed++) {
		const struct pl_census_entry *first = &report.entries[0];

		is_num(take_census(seed, &report), 0, "a heap that grows by 2.5 MiB/s");
		if (!ok(report.entry_count > 0, "by something that is told"))
			continue;
		is_near(report.floor_bytes_per_s, 0.005 * report.heap_bytes / report.interval_s, 1e-3,
		        "beyond what a size must matter to be told");
		is_str(first->name, "65552-byte chunks", "by large chunks");
		ok(fabs(first->objects_per_s - LOOK_CHUNKS / LOOK_S) < 0.25 * LOOK_CHUNKS / LOOK_S,
		   "as many as there are");
		ok(first->high_per_s - first->low_per_s < 0.45 * first->objects_per_s,
		   "of which enough were seen to tell how many");
	}
	return tap_done();
}
