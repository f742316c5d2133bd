#include "parse/cgroup.h"

#include <errno.h>

#include "parse/scan.h"

static const struct {
	const char *name;
	uint8_t name_len;
	uint8_t line;
} rows[] = {
#define ROW(text, id)                                                                              \
	{                                                                                              \
		.name = (text), .name_len = sizeof(text) - 1, .line = PL_MEMORY_STAT_##id                  \
	}
	ROW("anon ", ANON),
	ROW("rss ", ANON),
	ROW("file ", FILE),
	ROW("cache ", FILE),
	ROW("shmem ", SHMEM),
	ROW("kernel ", KERNEL),
	ROW("kernel_stack ", STACKS),
	ROW("pagetables ", TABLES),
	ROW("percpu ", PERCPU),
	ROW("sock ", SOCK),
	ROW("vmalloc ", VMALLOC),
	ROW("slab ", SLAB),
	ROW("slab_unreclaimable ", SLAB_FIRM),
#undef ROW
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

int pl_parse_memory_stat(const char *text, size_t len, struct pl_memory_stat *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	struct pl_memory_stat stat = { 0 };
	uint32_t totals = 0;

	while (pl_scan_line(&scan, &line)) {
		const bool total = pl_scan_literal(&line, "total_", 6);
		size_t row = 0;
		uint64_t bytes = 0;

		while (row < ROW_COUNT && !pl_scan_literal(&line, rows[row].name, rows[row].name_len))
			row++;
		if (row == ROW_COUNT)
			continue;
		const uint32_t bit = UINT32_C(1) << rows[row].line;

		if (!pl_scan_u64(&line, &bytes) || pl_scan_left(&line) != 0)
			return -EBADMSG;
		if (!total && (totals & bit))
			continue;
		totals |= total ? bit : 0;
		stat.present |= bit;
		stat.bytes[rows[row].line] = bytes;
	}
	if (pl_scan_left(&scan) != 0 || !(stat.present & (1U << PL_MEMORY_STAT_ANON)) ||
	    !(stat.present & (1U << PL_MEMORY_STAT_FILE)))
		return -EBADMSG;
	*out = stat;
	return 0;
}
