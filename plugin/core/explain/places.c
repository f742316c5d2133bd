#include "explain/places.h"

#include <stdio.h>

#define MOST 0.5          /* of the growth, to be called the place of it */
#define LEAST_MAPPED 0.5F /* of the growth of shared memory, for a leak of it */

/* What the heap's owner makes of it does not show outside. */
static bool is_blind(const struct pl_ledger *ledger)
{
	/* ZGC's is shared memory, and may be mapped several times */
	const uint64_t heap_bytes =
		ledger->now.used_bytes[PL_REGION_JAVA] + ledger->pss_bytes[PL_REGION_ZGC];
	uint64_t all_bytes = ledger->pss_bytes[PL_REGION_ZGC];

	for (unsigned i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, PL_REGIONS_ANONYMOUS))
			all_bytes += ledger->now.used_bytes[i];
	return ledger->heap_is_full && (double)heap_bytes >= MOST * (double)all_bytes;
}

static float heap_left_bytes(const struct pl_ledger *ledger)
{
	const float used_bytes = (float)ledger->now.used_bytes[PL_REGION_JAVA];

	return used_bytes < ledger->heap_most_bytes ? ledger->heap_most_bytes - used_bytes : 0;
}

static float shared_left_bytes(const struct pl_ledger *ledger)
{
	float left_bytes = ledger->shared_size_bytes;

	for (unsigned i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, PL_REGIONS_SHARED))
			left_bytes -= (float)ledger->now.used_bytes[i];
	return left_bytes > 0 ? left_bytes : 0;
}

static bool has_many_views(const struct pl_ledger *ledger)
{
	uint64_t shared_bytes = 0;

	for (unsigned i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, PL_REGIONS_SHARED))
			shared_bytes += ledger->now.used_bytes[i];
	return shared_bytes > 0 &&
	       (double)ledger->now.used_bytes[PL_REGION_ZGC] >= MOST * (double)shared_bytes;
}

/* As in a worker that comes to use a buffer cache all of which it inherited. A leak maps what it
 * leaks. */
static bool is_first_touch(const struct pl_ledger *ledger)
{
	float grown_bytes = 0;

	if (ledger->window_stride > 0)
		return false;
	for (unsigned i = 0; i < PL_REGION_COUNT; i++)
		if (pl_region_in_set((enum pl_region)i, PL_REGIONS_SHARED))
			grown_bytes += (float)ledger->now.used_bytes[i] - (float)ledger->base.used_bytes[i];
	return grown_bytes > 0 &&
	       ledger->shared_size_bytes - ledger->base_shared_size_bytes < LEAST_MAPPED * grown_bytes;
}

void pl_explain_places(const struct pl_ledger *ledger, struct pl_places *out)
{
	*out = (struct pl_places){ .runtimes = ledger->runtimes,
		                       .heap_most_bytes = ledger->heap_most_bytes,
		                       .heap_left_bytes = heap_left_bytes(ledger),
		                       .shared_left_bytes = shared_left_bytes(ledger),
		                       .blind = is_blind(ledger),
		                       .first_touch = is_first_touch(ledger),
		                       .sampled = ledger->window_stride > 0,
		                       .many_views = has_many_views(ledger) };
	for (unsigned set = 0; set < 2; set++) {
		struct pl_region_share shares[PL_PLACES_KEPT];
		const size_t count =
			pl_ledger_shares(ledger, (enum pl_region_set)set, shares, PL_PLACES_KEPT);

		out->count[set] = (uint8_t)count;
		for (size_t i = 0; i < count; i++)
			out->places[set * PL_PLACES_KEPT + i] =
				(struct pl_place){ (uint8_t)shares[i].region, (float)shares[i].share,
				                   (float)shares[i].growth_bytes };
	}
}

const struct pl_place *pl_places_leader(const struct pl_places *places, enum pl_region_set set)
{
	const struct pl_place *first = &places->places[(unsigned)set * PL_PLACES_KEPT];

	return places->count[set] > 0 && first->share >= MOST ? first : NULL;
}

/* tcmalloc asks brk for its memory first: the heap is then its own, not glibc's. */
void pl_explain_place(const struct pl_places *places, const struct pl_place *place, char *out,
                      size_t size)
{
	const bool foreign =
		place->region == PL_REGION_HEAP && pl_runtime_has(places->runtimes, PL_RUNTIME_TCMALLOC);

	snprintf(out, size, "%s%s", pl_region_words((enum pl_region)place->region),
	         foreign ? " (tcmalloc)" : "");
}

const char *pl_limit_name(enum pl_limit limit)
{
	static const char *const names[PL_LIMIT_COUNT] = {
		[PL_LIMIT_NONE] = NULL,
		[PL_LIMIT_MEMORY] = "limit",
		[PL_LIMIT_CGROUP_MAX] = "memory.max",
		[PL_LIMIT_CGROUP_HIGH] = "memory.high",
		[PL_LIMIT_RLIMIT_AS] = "RLIMIT_AS",
		[PL_LIMIT_RLIMIT_DATA] = "RLIMIT_DATA",
		[PL_LIMIT_HOST] = "host memory",
		[PL_LIMIT_RLIMIT_NOFILE] = "RLIMIT_NOFILE",
		[PL_LIMIT_RLIMIT_NPROC] = "RLIMIT_NPROC",
		[PL_LIMIT_PIDS_MAX] = "pids.max",
		[PL_LIMIT_MAPS] = "max_map_count",
		[PL_LIMIT_JAVA_HEAP] = "-Xmx",
	};

	return (unsigned)limit < PL_LIMIT_COUNT ? names[limit] : NULL;
}
