#include "explain/places.h"

#include <stdio.h>

#define MOST 0.5 /* of the growth, to be called the place of it */

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

void pl_explain_places(const struct pl_ledger *ledger, struct pl_places *out)
{
	*out = (struct pl_places){ .runtimes = ledger->runtimes,
		                       .blind = is_blind(ledger),
		                       .sampled = ledger->window_stride > 0 };
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
	};

	return (unsigned)limit < PL_LIMIT_COUNT ? names[limit] : NULL;
}
