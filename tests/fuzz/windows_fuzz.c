/*
 * The first byte says how many windows there may be. Whatever the mappings, windows lie within
 * them, are no more than planned but for the ends of mappings, and make no more of a mapping than
 * it has room for.
 */
#include "fuzz.h"
#include "parse/schedule.h"
#include "regions/windows.h"

#define MAPPINGS 64
#define PAGE 4096

static size_t read_all(struct pl_windows *windows)
{
	struct pl_window_cursor cursor = { 0 };
	uint64_t entries[PL_WINDOW_PAGES];
	size_t count = 0;

	for (size_t i = 0; i < PL_WINDOW_PAGES; i++)
		entries[i] = (i % 2 ? UINT64_C(1) << 63 : UINT64_C(1) << 62) | (uint64_t)(i % 3) << 60;
	for (; pl_windows_next(windows, &cursor); count++) {
		const struct pl_window_mapping *m = &windows->mappings[cursor.mapping];

		fuzz_expect(cursor.page_count <= PL_WINDOW_PAGES);
		fuzz_expect(cursor.address >= m->start && cursor.address < m->end);
		fuzz_expect(cursor.address + cursor.page_count * PAGE <= m->end);
		pl_windows_count(windows, &cursor, entries);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pl_window_mapping mappings[MAPPINGS];
	static struct pl_region_scan scan;
	static struct pl_region_snapshot snapshot;
	static struct pl_windows windows;
	struct pl_throttling throttling;
	struct pl_priority priority;
	double room_bytes = 0;

	if (size < 1)
		return 0;
	const char *text = (const char *)data + 1;
	const size_t most = data[0];

	(void)pl_parse_cpu_stat(text, size - 1, &throttling);
	(void)pl_parse_priority(text, size - 1, &priority);
	pl_windows_init(&windows, PAGE, mappings, MAPPINGS);
	if (pl_windows_take(&windows, &scan, text, size - 1) < 0) {
		fuzz_expect(windows.count <= MAPPINGS);
		return 0;
	}
	if (pl_windows_plan(&windows, most, data[0]) > most)
		return 0;
	fuzz_expect(read_all(&windows) <= most + 2 * windows.count);
	pl_windows_estimate(&windows);
	for (size_t i = 0; i < windows.count; i++)
		room_bytes += (double)(mappings[i].end - mappings[i].start);
	fuzz_expect(windows.used_bytes >= 0 && windows.half_bytes >= 0);
	fuzz_expect(windows.used_bytes <= room_bytes * 1.000001);
	(void)pl_windows_end(&windows, &scan, text, size - 1, 1, &snapshot);
	return 0;
}
