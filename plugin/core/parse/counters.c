/* The files of plain counters and limits: io, limits, meminfo, stat, memory.max. */
#include "parse/parse.h"

#include <errno.h>

#include "parse/fields.h"

static const struct pl_field io_rows[] = {
	PL_FIELD("rchar", PLAIN, READ),       PL_FIELD("read_bytes", PLAIN, STORAGE_READ),
	PL_FIELD("syscr", PLAIN, READ_CALLS), PL_FIELD("syscw", PLAIN, WRITE_CALLS),
	PL_FIELD("wchar", PLAIN, WRITTEN),    PL_FIELD("write_bytes", PLAIN, STORAGE_WRITE),
};
static const struct pl_field_table io_table = {
	.rows = io_rows,
	.row_count = sizeof(io_rows) / sizeof(io_rows[0]),
	.first_row = { ['r'] = 1, ['s'] = 3, ['w'] = 5 },
};

int pl_parse_io(const char *text, size_t len, struct pl_values *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	struct pl_values values = { 0 };
	size_t found_count = 0;

	while (pl_scan_line(&scan, &line)) {
		size_t row = 0;
		uint64_t value = 0;
		const int found = pl_fields_read(&io_table, line, &row, &value);
		if (found < 0)
			return found;
		if (found == 0)
			continue;
		const enum pl_metric metric = (enum pl_metric)io_rows[row].metric;
		if (pl_values_has(&values, metric))
			return -EBADMSG;
		pl_values_set(&values, metric, value);
		found_count++;
	}
	if (pl_scan_left(&scan) != 0 || found_count == 0)
		return -EBADMSG;
	*out = values;
	return 0;
}

enum { MEMINFO_AVAILABLE, MEMINFO_TOTAL, MEMINFO_SWAP_FREE, MEMINFO_SWAP, MEMINFO_COUNT };

static const struct pl_field meminfo_rows[] = {
	[MEMINFO_AVAILABLE] = PL_FIELD("MemAvailable", KIB, HOST_USED), /* 3.14 */
	[MEMINFO_TOTAL] = PL_FIELD("MemTotal", KIB, HOST_MEMORY),
	[MEMINFO_SWAP_FREE] = PL_FIELD("SwapFree", KIB, HOST_USED),
	[MEMINFO_SWAP] = PL_FIELD("SwapTotal", KIB, HOST_MEMORY),
};
static const struct pl_field_table meminfo_table = {
	.rows = meminfo_rows,
	.row_count = MEMINFO_COUNT,
	.first_row = { ['M'] = 1, ['S'] = 3 },
};

int pl_parse_meminfo(const char *text, size_t len, struct pl_values *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	uint64_t bytes[MEMINFO_COUNT] = { 0 };
	uint64_t total_bytes;
	uint64_t free_bytes;
	unsigned seen = 0;

	while (pl_scan_line(&scan, &line)) {
		size_t row = 0;
		uint64_t value = 0;
		const int found = pl_fields_read(&meminfo_table, line, &row, &value);
		if (found < 0)
			return found;
		if (found == 0)
			continue;
		if ((seen & 1U << row) != 0)
			return -EBADMSG;
		bytes[row] = value;
		seen |= 1U << row;
	}
	/* The totals are printed by every kernel, also by one without swap. */
	if (pl_scan_left(&scan) != 0 || !(seen & 1U << MEMINFO_TOTAL) || !(seen & 1U << MEMINFO_SWAP) ||
	    __builtin_add_overflow(bytes[MEMINFO_TOTAL], bytes[MEMINFO_SWAP], &total_bytes) ||
	    __builtin_add_overflow(bytes[MEMINFO_AVAILABLE], bytes[MEMINFO_SWAP_FREE], &free_bytes))
		return -EBADMSG;
	*out = (struct pl_values){ 0 };
	pl_values_set(out, PL_M_HOST_MEMORY, total_bytes);
	if ((seen & 1U << MEMINFO_AVAILABLE) && free_bytes <= total_bytes)
		pl_values_set(out, PL_M_HOST_USED, total_bytes - free_bytes);
	return 0;
}

/* "Max open files            1024                 4096                 files     " */
static const struct {
	const char *name;
	uint8_t name_len;
	uint8_t metric;
} limit_rows[] = {
#define LIMIT_ROW(text, id)                                                                        \
	{                                                                                              \
		.name = (text), .name_len = sizeof(text) - 1, .metric = PL_M_##id                          \
	}
	LIMIT_ROW("Max address space ", RLIMIT_AS),
	LIMIT_ROW("Max data size ", RLIMIT_DATA),
	LIMIT_ROW("Max open files ", RLIMIT_NOFILE),
	LIMIT_ROW("Max processes ", RLIMIT_NPROC),
#undef LIMIT_ROW
};
#define LIMIT_ROW_COUNT (sizeof(limit_rows) / sizeof(limit_rows[0]))

/* Returns 1 when the line is one of those sought (an unlimited one sets nothing), 0 when not. */
static int read_limit(struct pl_scan line, struct pl_values *values)
{
	size_t row = 0;
	uint64_t value;

	while (row < LIMIT_ROW_COUNT &&
	       !pl_scan_literal(&line, limit_rows[row].name, limit_rows[row].name_len))
		row++;
	if (row == LIMIT_ROW_COUNT)
		return 0;
	pl_scan_blanks(&line);
	const bool unlimited = pl_scan_literal(&line, "unlimited", 9);
	if (!unlimited && !pl_scan_u64(&line, &value))
		return -EBADMSG;
	if (pl_scan_left(&line) == 0 || *line.at != ' ')
		return -EBADMSG;
	if (!unlimited)
		pl_values_set(values, (enum pl_metric)limit_rows[row].metric, value);
	return 1;
}

int pl_parse_limits(const char *text, size_t len, struct pl_values *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	struct pl_values values = { 0 };
	int found_count = 0;

	while (pl_scan_line(&scan, &line)) {
		const int found = read_limit(line, &values);
		if (found < 0)
			return found;
		found_count += found;
	}
	if (pl_scan_left(&scan) != 0 || found_count == 0)
		return -EBADMSG;
	*out = values;
	return 0;
}

int pl_parse_btime(const char *text, size_t len, uint64_t *btime_s)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	uint64_t value;

	while (pl_scan_line(&scan, &line)) {
		if (!pl_scan_literal(&line, "btime ", 6))
			continue;
		if (!pl_scan_u64(&line, &value) || pl_scan_left(&line) != 0)
			return -EBADMSG;
		*btime_s = value;
		return 0;
	}
	return -EBADMSG;
}

int pl_parse_swapping(const char *text, size_t len, uint64_t *out)
{
	static const struct {
		const char *key;
		size_t len;
	} rows[] = { { "pswpin ", 7 }, { "pswpout ", 8 }, { "pgscan_anon ", 12 } };
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	uint64_t sum = 0;
	unsigned seen = 0;

	while (pl_scan_line(&scan, &line)) {
		uint64_t value;
		size_t row = 0;

		while (row < 3 && !pl_scan_literal(&line, rows[row].key, rows[row].len))
			row++;
		if (row == 3)
			continue;
		if ((seen & 1U << row) != 0 || !pl_scan_u64(&line, &value) || pl_scan_left(&line) != 0)
			return -EBADMSG;
		seen |= 1U << row;
		sum += value;
	}
	if ((seen & 3) != 3)
		return -EBADMSG;
	*out = sum;
	return 0;
}

/* cgroup v1 says "no limit" as the highest multiple of the page size below 2^63. */
#define NO_LIMIT_BYTES (UINT64_C(1) << 62)

static bool only_blanks_left(struct pl_scan line)
{
	pl_scan_blanks(&line);
	(void)pl_scan_literal(&line, "\r", 1);
	return pl_scan_left(&line) == 0;
}

int pl_parse_limit(const char *text, size_t len, uint64_t *out)
{
	struct pl_scan line = pl_scan_text(text, len);
	uint64_t value = NO_LIMIT_BYTES;

	/* PostgreSQL's pidfile goes on after its first line, others have no newline at all. */
	const char *newline = len == 0 ? NULL : memchr(text, '\n', len);
	if (newline != NULL)
		line.end = newline;
	pl_scan_blanks(&line);
	if (!pl_scan_literal(&line, "max", 3) && !pl_scan_u64(&line, &value))
		return -EBADMSG;
	if (!only_blanks_left(line))
		return -EBADMSG;
	if (value >= NO_LIMIT_BYTES)
		return -ERANGE;
	*out = value;
	return 0;
}

int pl_parse_inactive_file(const char *text, size_t len, uint64_t *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	bool found = false;
	uint64_t bytes = 0;

	while (pl_scan_line(&scan, &line)) {
		const bool total = pl_scan_literal(&line, "total_inactive_file ", 20);

		if (!total && (found || !pl_scan_literal(&line, "inactive_file ", 14)))
			continue;
		if (!pl_scan_u64(&line, &bytes) || pl_scan_left(&line) != 0)
			return -EBADMSG;
		found = true;
	}
	if (!found)
		return -EBADMSG;
	*out = bytes;
	return 0;
}
