#include "census/large.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int compare(const void *a_pointer, const void *b_pointer)
{
	const struct pl_census_large *a = a_pointer;
	const struct pl_census_large *b = b_pointer;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? -1 : 1;
	return (a->address > b->address) - (a->address < b->address);
}

/* The header at the begin of a mapping: what precedes it is 0, and the flag is the only one. */
static bool read_large(struct pl_census_target *target, uint64_t address, uint64_t end,
                       uint64_t *bytes)
{
	uint64_t header[2];

	if (pl_census_target_read(target, address, header, sizeof(header)) != sizeof(header) ||
	    header[0] != 0 || (header[1] & 0xf) != PL_CENSUS_LARGE_FLAG)
		return false;
	*bytes = header[1] - PL_CENSUS_LARGE_FLAG;
	return *bytes % target->page_bytes == 0 && *bytes > 0 && *bytes <= end - address;
}

/* Neighbouring mappings are one to the kernel; the newest is the lowest. */
static void walk(struct pl_census_target *target, uint64_t address, uint64_t end,
                 struct pl_census_larges *out)
{
	uint64_t bytes;

	while (address < end && out->count < PL_CENSUS_LARGES_MAX &&
	       read_large(target, address, end, &bytes)) {
		out->chunks[out->count++] = (struct pl_census_large){ bytes, address };
		address += bytes;
	}
}

int pl_census_large_find(struct pl_census_target *target, struct pl_census_larges *out)
{
	struct pl_census_larges found = { calloc(PL_CENSUS_LARGES_MAX, sizeof(*found.chunks)), 0 };
	void *shrunk;

	if (!found.chunks)
		return -ENOMEM;
	for (size_t i = 0; i < target->space.mapping_count; i++) {
		const struct pl_census_mapping *mapping = &target->mappings[i];
		uint64_t start;

		if (mapping->name_len == 0 && pl_census_maps_heap(mapping, NULL, 0, &start))
			walk(target, mapping->start, mapping->end, &found);
	}
	shrunk = realloc(found.chunks, (found.count + 1) * sizeof(*found.chunks));
	if (shrunk)
		found.chunks = shrunk;
	if (found.count > 1)
		qsort(found.chunks, found.count, sizeof(*found.chunks), compare);
	*out = found;
	return 0;
}

void pl_census_large_free(struct pl_census_larges *larges)
{
	free(larges->chunks);
	*larges = (struct pl_census_larges){ 0 };
}

static size_t end_of_size(const struct pl_census_larges *larges, size_t at, uint64_t bytes)
{
	while (at < larges->count && larges->chunks[at].bytes == bytes)
		at++;
	return at;
}

/* How many of the first list are not in the second one. */
static double missing(const struct pl_census_large *a, size_t a_count,
                      const struct pl_census_large *b, size_t b_count)
{
	size_t at = 0;
	double count = 0;

	for (size_t i = 0; i < a_count; i++) {
		while (at < b_count && b[at].address < a[i].address)
			at++;
		count += at == b_count || b[at].address != a[i].address;
	}
	return count;
}

/* The chunks of one size in each look. */
struct group {
	const struct pl_census_large *chunks[PL_CENSUS_LOOKS];
	size_t count[PL_CENSUS_LOOKS];
};

/* Takes the lowest size that is left. Returns it, or 0 when none is. */
static uint64_t next_group(const struct pl_census_larges *looks, size_t *at, struct group *out)
{
	uint64_t bytes = UINT64_MAX;

	for (size_t i = 0; i < PL_CENSUS_LOOKS; i++)
		if (at[i] < looks[i].count && looks[i].chunks[at[i]].bytes < bytes)
			bytes = looks[i].chunks[at[i]].bytes;
	if (bytes == UINT64_MAX)
		return 0;
	for (size_t i = 0; i < PL_CENSUS_LOOKS; i++) {
		const size_t end = end_of_size(&looks[i], at[i], bytes);

		out->chunks[i] = looks[i].chunks + at[i];
		out->count[i] = end - at[i];
		at[i] = end;
	}
	return bytes;
}

void pl_census_large_tally(const struct pl_census_larges looks[PL_CENSUS_LOOKS],
                           pl_census_growth_fn *each, void *ctx)
{
	const size_t last = PL_CENSUS_LOOKS - 1;
	size_t at[PL_CENSUS_LOOKS] = { 0 };
	struct group group;
	uint64_t bytes;

	while ((bytes = next_group(looks, at, &group)) > 0) {
		const double gained =
			missing(group.chunks[last], group.count[last], group.chunks[0], group.count[0]);
		const double lost =
			missing(group.chunks[0], group.count[0], group.chunks[last], group.count[last]);
		struct pl_census_growth growth = { .key = bytes | PL_CENSUS_LARGE_FLAG,
			                               .kind = PL_CENSUS_KEY_SIZE,
			                               .before_count = (double)group.count[0],
			                               .growth_count = gained - lost,
			                               .page_count = (uint32_t)gained };

		if (gained > lost)
			growth.z = (gained - lost) / sqrt(gained + lost);
		for (size_t i = 0; i < last; i++)
			growth.steps[i] = (double)group.count[i + 1] - (double)group.count[i];
		each(ctx, &growth);
	}
}
