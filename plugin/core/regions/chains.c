/*
 * Chains: private anonymous mappings without a name that follow each other without a gap, of which
 * some are written to and some only reserved.
 *
 * A JVM reserves first and commits by mapping over what it reserved, so that a part of its memory
 * is a chain: its heap with the room to grow, a node of its metaspace, the space of its classes.
 * What malloc reserved stays MAP_NORESERVE when it is made writable: an arena is no such chain.
 */
#include "regions/internal.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (MIB << 10)

#define HEAP_FULL_PERCENT 95
#define HEAP_LEAST (8 * MIB)

/* HotSpot, metaspace/settings.hpp since JDK 16: nodes of 64 MiB, aligned to root chunks. */
#define NODE_BYTES (64 * MIB)
#define NODE_ALIGNMENT (4 * MIB)

/* Classes are at the end of the archive of classes, but for alignment; they reserve 1 GiB. */
#define CLASSES_NEAR (16 * MIB)
#define CLASSES_RESERVED (64 * MIB)

/* Of so many bytes it is a heap, whatever its alignment. */
#define NODES_MOST (2 * GIB)

/* Likewise, gc/z/zGlobals.hpp: it reserves so many times the most that the heap may have. */
#define ZGC_RESERVES 16

static void add(struct pl_region_total *sum, const struct pl_region_total *part, bool take_away)
{
	const uint64_t sign = take_away ? UINT64_MAX : 1;

	sum->resident_bytes += sign * part->resident_bytes;
	sum->pss_bytes += sign * part->pss_bytes;
	sum->swap_bytes += sign * part->swap_bytes;
	sum->lazyfree_bytes += sign * part->lazyfree_bytes;
	sum->referenced_bytes += sign * part->referenced_bytes;
	sum->huge_bytes += sign * part->huge_bytes;
	sum->size_bytes += sign * part->size_bytes;
	sum->mapping_count += (uint32_t)sign * part->mapping_count;
}

void pl_chain_extend(struct pl_region_scan *scan, const struct pl_mapping *m,
                     enum pl_anon_kind kind)
{
	struct pl_region_chain *chain = &scan->chain;
	const bool is_arena = m->writable && m->no_reserve;

	/* the tail of an arena is its own; one that is complete has none */
	if (chain->end != m->start || is_arena || (chain->is_arena && m->writable)) {
		pl_chain_end(scan, 0);
		*chain = (struct pl_region_chain){ .start = m->start,
			                               .kind = (uint8_t)kind,
			                               .is_arena = is_arena };
	}
	chain->end = m->end;
	if (m->writable)
		chain->written_bytes += pl_mapping_size_bytes(m);
	else
		chain->reserved_bytes += pl_mapping_size_bytes(m);
}

void pl_chain_count(struct pl_region_scan *scan, const struct pl_mapping *m, enum pl_anon_kind kind,
                    size_t size, const struct pl_region_total *part)
{
	struct pl_region_chain *chain = &scan->chain;

	if (m->start >= chain->start && m->end <= chain->end && chain->kind == kind)
		add(&chain->anon[size], part, false);
}

static uint64_t held_bytes(const struct pl_region_chain *chain)
{
	uint64_t sum = 0;

	for (size_t size = 0; size < PL_ANON_SIZES; size++)
		sum += chain->anon[size].resident_bytes + chain->anon[size].swap_bytes;
	return sum;
}

static void move_to(struct pl_region_scan *scan, const struct pl_region_chain *chain,
                    enum pl_anon_kind kind)
{
	for (size_t size = 0; size < PL_ANON_SIZES; size++) {
		add(&scan->anon[chain->kind][size], &chain->anon[size], true);
		add(&scan->anon[kind][size], &chain->anon[size], false);
	}
	for (uint32_t i = 0; i < scan->sums.place_count; i++) {
		struct pl_region_place *place = &scan->sums.places[i];

		if (place->region == PL_REGION_OF_KIND(chain->kind) && place->start >= chain->start &&
		    place->end <= chain->end)
			place->region = PL_REGION_OF_KIND(kind);
	}
}

/* One is used up before the next one is begun. */
static bool is_nodes(const struct pl_region_chain *chain)
{
	const uint64_t size_bytes = chain->end - chain->start;

	return chain->kind != PL_ANON_LOW && size_bytes < NODES_MOST && size_bytes % NODE_BYTES == 0 &&
	       chain->start % NODE_ALIGNMENT == 0 &&
	       chain->written_bytes >= (size_bytes - NODE_BYTES) / 2;
}

static bool is_class_space(const struct pl_region_scan *scan, const struct pl_region_chain *chain)
{
	return scan->archive_end != 0 && chain->start >= scan->archive_end &&
	       chain->start - scan->archive_end < CLASSES_NEAR &&
	       chain->reserved_bytes >= CLASSES_RESERVED;
}

void pl_chain_end(struct pl_region_scan *scan, uint64_t code_start)
{
	struct pl_region_chain *chain = &scan->chain;
	const bool below_code = chain->end == code_start;
	struct pl_region_chain *best =
		chain->kind == PL_ANON_LOW ? &scan->low_chain : &scan->high_chain;

	if (held_bytes(chain) > 0 && is_class_space(scan, chain)) {
		move_to(scan, chain, PL_ANON_NODE);
	} else if (held_bytes(chain) > 0 && !below_code && is_nodes(chain)) {
		move_to(scan, chain, PL_ANON_NODE);
		chain->kind = PL_ANON_NODE;
		if (held_bytes(chain) > held_bytes(&scan->node_chain))
			scan->node_chain = *chain;
	} else if (held_bytes(chain) > held_bytes(best)) {
		*best = *chain;
	}
	*chain = (struct pl_region_chain){ 0 };
}

void pl_chain_note_file(struct pl_region_scan *scan, const struct pl_mapping *m)
{
	if (memmem(m->name, m->name_len, ".jsa", 4))
		scan->archive_end = m->end;
}

void pl_chain_note_view(struct pl_region_scan *scan, const struct pl_mapping *m, bool is_heap)
{
	if (scan->view_end != m->start && !(is_heap && scan->view_end == 0))
		return;
	scan->view_end = m->end;
	scan->view_bytes += pl_mapping_size_bytes(m);
}

/* What is not below 32 GiB, nor ZGC's, is the chain that holds the most. */
static bool has_high_heap(const struct pl_region_scan *scan)
{
	return scan->low_chain.written_bytes < HEAP_LEAST && scan->view_bytes == 0 &&
	       held_bytes(&scan->high_chain) > 0;
}

void pl_chain_find_heap(struct pl_region_scan *scan)
{
	/* every JVM has a heap: of 64 MiB times something, one in eight is aligned as a node by chance
	 */
	if (scan->high_chain.written_bytes < HEAP_LEAST && scan->node_chain.written_bytes >= HEAP_LEAST)
		scan->high_chain = scan->node_chain;
	if (has_high_heap(scan))
		move_to(scan, &scan->high_chain, PL_ANON_HIGH);
}

static bool is_percent(uint64_t part, uint64_t whole, unsigned percent)
{
	return part >= whole / 100 * percent;
}

bool pl_chain_is_heap_full(const struct pl_region_scan *scan)
{
	const struct pl_region_total *java = &scan->sums.totals[PL_REGION_JAVA];
	const struct pl_region_chain *heap = has_high_heap(scan) ? &scan->high_chain : &scan->low_chain;

	/* mapped at several addresses at once, or page by page at one of them: PSS counts each once */
	if (scan->view_bytes > 0)
		return is_percent(scan->sums.totals[PL_REGION_ZGC].pss_bytes,
		                  scan->view_bytes / ZGC_RESERVES, HEAP_FULL_PERCENT);
	return pl_runtime_has(scan->sums.runtimes, PL_RUNTIME_JVM) && heap->written_bytes > 0 &&
	       is_percent(held_bytes(heap), heap->written_bytes, HEAP_FULL_PERCENT) &&
	       heap->reserved_bytes <= heap->written_bytes / 100 * (100 - HEAP_FULL_PERCENT) &&
	       is_percent(held_bytes(heap), java->resident_bytes + java->swap_bytes, 50);
}

uint64_t pl_chain_heap_most_bytes(const struct pl_region_scan *scan)
{
	const struct pl_region_total *java = &scan->sums.totals[PL_REGION_JAVA];
	const struct pl_region_chain *heap = has_high_heap(scan) ? &scan->high_chain : &scan->low_chain;

	return pl_runtime_has(scan->sums.runtimes, PL_RUNTIME_JVM) && scan->view_bytes == 0 &&
	               is_percent(held_bytes(heap), java->resident_bytes + java->swap_bytes, 50)
	           ? heap->written_bytes + heap->reserved_bytes
	           : 0;
}
