#include "parse/parse.h"

#include <errno.h>

#include "parse/fields.h"

enum { ROW_COUNT = 20 };

static const struct pl_field rows[] = {
	PL_FIELD("AnonHugePages", KIB, ANON_HUGE),
	PL_FIELD("Anonymous", KIB, ANONYMOUS),
	PL_FIELD("FilePmdMapped", KIB, FILE_HUGE), /* 5.4 */
	PL_FIELD("KSM", KIB, KSM),                 /* 6.6 */
	PL_FIELD("LazyFree", KIB, LAZYFREE),       /* 4.12 */
	PL_FIELD("Locked", KIB, VM_LOCKED),
	PL_FIELD("Pss", KIB, PSS),
	PL_FIELD("Pss_Dirty", KIB, PSS_DIRTY), /* 6.0 */
	PL_FIELD("Pss_Anon", KIB, PSS_ANON),   /* this and the next two: 5.4, in smaps_rollup only */
	PL_FIELD("Pss_File", KIB, PSS_FILE),
	PL_FIELD("Pss_Shmem", KIB, PSS_SHMEM),
	PL_FIELD("Private_Clean", KIB, PRIVATE_CLEAN),
	PL_FIELD("Private_Dirty", KIB, PRIVATE_DIRTY),
	PL_FIELD("Rss", KIB, RSS),
	PL_FIELD("Referenced", KIB, REFERENCED),
	PL_FIELD("Shared_Clean", KIB, SHARED_CLEAN),
	PL_FIELD("Shared_Dirty", KIB, SHARED_DIRTY),
	PL_FIELD("ShmemPmdMapped", KIB, SHMEM_HUGE), /* 4.8 */
	PL_FIELD("SwapPss", KIB, SWAP_PSS),          /* 4.3 */
	PL_FIELD("Swap", KIB, SWAP),
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == ROW_COUNT, "one counter a row");
static const struct pl_field_table table = {
	.rows = rows,
	.row_count = ROW_COUNT,
	.first_row = { ['A'] = 1, ['F'] = 3, ['K'] = 4, ['L'] = 5, ['P'] = 7, ['R'] = 14, ['S'] = 16 },
};

struct sums {
	uint64_t bytes[ROW_COUNT];
	uint32_t seen_count[ROW_COUNT];
	uint32_t mapping_count;
};

/*
 * "55f443da9000-55f443dd8000 r--p 00000000 fe:00 247101   /usr/bin/bash": the addresses have no
 * capital letters, so that no header, whatever the name of its mapping, passes for a field.
 */
static bool is_header(struct pl_scan line)
{
	uint64_t address;

	return pl_scan_hex(&line, &address) && pl_scan_literal(&line, "-", 1) &&
	       pl_scan_hex(&line, &address) && pl_scan_literal(&line, " ", 1);
}

static int add_line(struct pl_scan line, struct sums *sums)
{
	size_t row = 0;
	uint64_t value = 0;

	const int found = pl_fields_read(&table, line, &row, &value);
	if (found < 0)
		return found;
	if (found == 0) {
		sums->mapping_count += is_header(line);
		return 0;
	}
	sums->seen_count[row]++;
	return __builtin_add_overflow(sums->bytes[row], value, &sums->bytes[row]) ? -EBADMSG : 0;
}

/*
 * A kernel prints the same fields for every mapping: one that is rarer than the headers means that
 * the text was cut, one that is more frequent that it was never smaps.
 */
static int check_counts(const struct sums *sums)
{
	bool rss_seen = false;

	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (sums->seen_count[i] == 0)
			continue;
		if (sums->seen_count[i] != sums->mapping_count)
			return -EBADMSG;
		rss_seen = rss_seen || rows[i].metric == PL_M_RSS;
	}
	return rss_seen ? 0 : -EBADMSG;
}

int pl_parse_rollup(const char *text, size_t len, struct pl_values *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	struct sums sums = { 0 };
	uint64_t clean;
	uint64_t dirty;

	while (pl_scan_line(&scan, &line)) {
		const int err = add_line(line, &sums);
		if (err < 0)
			return err;
	}
	if (pl_scan_left(&scan) != 0 || check_counts(&sums) < 0)
		return -EBADMSG;

	*out = (struct pl_values){ 0 };
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (sums.seen_count[i] != 0)
			pl_values_set(out, (enum pl_metric)rows[i].metric, sums.bytes[i]);
	/* The resident set and the swap are the pulse's to tell, at every tick. */
	pl_values_clear(out, PL_M_RSS);
	pl_values_clear(out, PL_M_SWAP);
	if (pl_values_get(out, PL_M_PRIVATE_CLEAN, &clean) &&
	    pl_values_get(out, PL_M_PRIVATE_DIRTY, &dirty))
		pl_values_set(out, PL_M_USS, clean + dirty);
	return 0;
}
