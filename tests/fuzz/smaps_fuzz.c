/*
 * The first byte says how long the pieces are. Whatever the text, mappings have an extent and a
 * name inside the parser's bounds, and all tables stay inside theirs.
 */
#include "fuzz.h"
#include "regions/ledger.h"

static void check_mapping(void *ctx, const struct pl_mapping *m)
{
	uint64_t *count = ctx;

	fuzz_expect(m->end > m->start && m->name_len <= PL_SMAPS_NAME_MAX);
	fuzz_expect((m->name_len == 0) == (m->name_hash == 0));
	(*count)++;
}

static void feed_regions(const char *text, size_t len, size_t piece)
{
	static struct pl_region_scan scan;
	static struct pl_region_snapshot snapshot;
	struct pl_ledger ledger = { 0 };
	uint64_t mapping_count = 0;

	pl_regions_begin(&scan);
	for (size_t at = 0; at < len; at += piece)
		pl_regions_feed(&scan, text + at, len - at < piece ? len - at : piece);
	if (pl_regions_end(&scan, piece, &snapshot) < 0)
		return;
	for (size_t i = 0; i < PL_REGION_COUNT; i++)
		mapping_count += snapshot.totals[i].mapping_count;
	fuzz_expect(snapshot.place_count <= PL_SNAPSHOT_PLACES);
	/* one that is split counts twice; one that is inaccessible and empty not at all */
	fuzz_expect(mapping_count <= 2 * (uint64_t)snapshot.mapping_count);
	for (int i = 0; i < 3; i++)
		pl_ledger_update(&ledger, &snapshot, i, (uint64_t)i);
	fuzz_expect(ledger.place_count <= PL_LEDGER_PLACES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pl_smaps_parser parser;
	uint64_t count = 0;

	if (size < 1)
		return 0;
	const size_t piece = data[0] + 1U;
	const char *text = (const char *)data + 1;
	const size_t len = size - 1;
	pl_parse_smaps_init(&parser, check_mapping, &count);
	for (size_t at = 0; at < len; at += piece)
		pl_parse_smaps_feed(&parser, text + at, len - at < piece ? len - at : piece);
	(void)pl_parse_smaps_finish(&parser);
	fuzz_expect(count == parser.mapping_count);
	feed_regions(text, len, piece);
	feed_regions(text, len, len > 0 ? len : 1);
	return 0;
}
