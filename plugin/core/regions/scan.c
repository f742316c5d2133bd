/* One pass over the mappings: what each is for. */
#include "regions/internal.h"

#include <errno.h>
#include <string.h>

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

/* glibc, malloc/arena.c: HEAP_MAX_SIZE on 64 bits; each heap begins at a multiple of it, the part
 * not yet used is inaccessible. */
#define ARENA_BYTES (64 * MIB)

#define STACK_LEAST (16 * KIB) /* PTHREAD_STACK_MIN */
#define STACK_MOST GIB
#define GUARD_MOST (64 * KIB)
#define STACK_USED_PERCENT 95

/* A JVM places a heap that 32-bit references can reach here. */
#define LOW_END (32 * GIB)

/* That of libjvm.so is the largest of a JVM's, of half a MiB. */
#define JVM_BSS_MOST (2 * MIB)

/* V8 asks for random addresses of 46 bits; other mappings are in the upper half of 47. */
#define V8_END (UINT64_C(1) << 46)
#define V8_PAGE (256 * KIB)

/* Go, runtime/malloc.go: where its first heap arena goes on amd64 and on arm64. */
#define GO_FIRST_AMD64 UINT64_C(0xc000000000)
#define GO_FIRST_ARM64 UINT64_C(0x4000000000)
#define GO_SPAN (UINT64_C(1) << 40)

_Static_assert(PL_REGION_COUNT + PL_ANON_KINDS <= UINT8_MAX, "a place keeps its region in a byte");
_Static_assert(PL_RUNTIME_COUNT <= 32, "runtimes are kept as bits of 32");

struct name {
	const char *text;
	size_t len;
	uint32_t hash; /* 0: none */
};

static const struct name no_name;

static struct pl_region_total total_of(const struct pl_mapping *m)
{
	const uint64_t hugetlb_bytes =
		m->bytes[PL_SMAPS_SHARED_HUGETLB] + m->bytes[PL_SMAPS_PRIVATE_HUGETLB];

	return (struct pl_region_total){
		.resident_bytes = m->bytes[PL_SMAPS_RSS] + hugetlb_bytes,
		.pss_bytes = m->bytes[PL_SMAPS_PSS] + hugetlb_bytes,
		.swap_bytes = m->bytes[PL_SMAPS_SWAP],
		.lazyfree_bytes = m->bytes[PL_SMAPS_LAZYFREE],
		.referenced_bytes = m->bytes[PL_SMAPS_REFERENCED],
		.huge_bytes = m->bytes[PL_SMAPS_ANON_HUGE],
		.size_bytes = pl_mapping_size_bytes(m),
		.mapping_count = 1,
	};
}

static void add(struct pl_region_total *sum, const struct pl_region_total *part)
{
	sum->resident_bytes += part->resident_bytes;
	sum->pss_bytes += part->pss_bytes;
	sum->swap_bytes += part->swap_bytes;
	sum->lazyfree_bytes += part->lazyfree_bytes;
	sum->referenced_bytes += part->referenced_bytes;
	sum->huge_bytes += part->huge_bytes;
	sum->size_bytes += part->size_bytes;
	sum->mapping_count += part->mapping_count;
}

static void find_least_place(struct pl_region_scan *scan)
{
	const struct pl_region_place *places = scan->sums.places;
	uint32_t least = 0;

	for (uint32_t i = 1; i < PL_SNAPSHOT_PLACES; i++)
		if (places[i].used_bytes < places[least].used_bytes)
			least = i;
	scan->least_place = least;
	scan->least_used_bytes = places[least].used_bytes;
}

/* A file or name has one place, however many mappings. */
static bool add_to_named_place(struct pl_region_scan *scan, uint8_t region, uint32_t hash,
                               const struct pl_mapping *m, uint64_t used_bytes)
{
	for (uint32_t i = 0; i < scan->sums.place_count; i++) {
		struct pl_region_place *place = &scan->sums.places[i];

		if (place->name_hash != hash || place->region != region)
			continue;
		place->used_bytes += used_bytes;
		place->end = m->end;
		if (scan->sums.place_count == PL_SNAPSHOT_PLACES && i == scan->least_place)
			find_least_place(scan);
		return true;
	}
	return false;
}

static void add_place(struct pl_region_scan *scan, uint8_t region, const struct name *name,
                      const struct pl_mapping *m, uint64_t used_bytes)
{
	const bool full = scan->sums.place_count == PL_SNAPSHOT_PLACES;
	struct pl_region_place *place;

	if (used_bytes == 0)
		return;
	if (name->hash != 0 && add_to_named_place(scan, region, name->hash, m, used_bytes))
		return;
	if (full && used_bytes <= scan->least_used_bytes)
		return;
	place = &scan->sums.places[full ? scan->least_place : scan->sums.place_count++];
	place->start = m->start;
	place->end = m->end;
	place->used_bytes = used_bytes;
	place->name_hash = name->hash;
	place->region = region;
	pl_region_copy_name(place->name, name->text, name->len);
	if (scan->sums.place_count == PL_SNAPSHOT_PLACES)
		find_least_place(scan);
}

static void add_to_region(struct pl_region_scan *scan, enum pl_region region,
                          const struct name *name, const struct pl_mapping *m,
                          const struct pl_region_total *part)
{
	add(&scan->sums.totals[region], part);
	add_place(scan, (uint8_t)region, name, m, pl_region_used_bytes(part));
}

static void add_whole(struct pl_region_scan *scan, enum pl_region region, const struct name *name,
                      const struct pl_mapping *m)
{
	const struct pl_region_total whole = total_of(m);

	add_to_region(scan, region, name, m, &whole);
}

static size_t size_bucket(uint64_t size_bytes)
{
	return size_bytes < MIB ? 0 : size_bytes < 16 * MIB ? 1 : size_bytes < 128 * MIB ? 2 : 3;
}

static enum pl_anon_kind kind_of(const struct pl_mapping *m)
{
	if (m->start < LOW_END)
		return PL_ANON_LOW;
	return m->start < V8_END && m->start % V8_PAGE == 0 ? PL_ANON_ALIGNED : PL_ANON_PLAIN;
}

static void add_anonymous(struct pl_region_scan *scan, const struct pl_mapping *m,
                          const struct pl_region_total *part)
{
	const enum pl_anon_kind kind = kind_of(m);
	const size_t size = size_bucket(part->size_bytes);

	add(&scan->anon[kind][size], part);
	pl_chain_count(scan, m, kind, size, part);
	add_place(scan, PL_REGION_OF_KIND(kind), &no_name, m, pl_region_used_bytes(part));
}

static void add_stack(struct pl_region_scan *scan, const struct pl_mapping *m, uint64_t guard_bytes)
{
	const struct pl_region_total part = total_of(m);
	struct pl_stack_size *stack = scan->stacks;
	const struct pl_stack_size *end = stack + scan->stack_size_count;

	while (stack < end &&
	       (stack->size_bytes != part.size_bytes || stack->guard_bytes != guard_bytes))
		stack++;
	if (stack == end && scan->stack_size_count == PL_STACK_SIZES) {
		add_anonymous(scan, m, &part);
		return;
	}
	if (stack == end) {
		scan->stack_size_count++;
		*stack = (struct pl_stack_size){ part.size_bytes, guard_bytes, { 0 } };
	}
	add(&stack->total, &part);
	add_place(scan, PL_REGION_STACK, &no_name, m, pl_region_used_bytes(&part));
}

/*
 * Where the arena in an anonymous mapping begins, if what is inaccessible above it ends at
 * `tail_end` (0: nothing is). Heaps that are used up leave no tail and merge with the next one;
 * other mappings may merge with them below.
 */
static bool find_arena(const struct pl_mapping *m, uint64_t tail_end, uint64_t *start)
{
	const bool is_aligned = m->start % ARENA_BYTES == 0;

	if (tail_end == 0) {
		*start = m->start;
		return is_aligned && m->no_reserve && m->end % ARENA_BYTES == 0;
	}
	if (tail_end % ARENA_BYTES != 0 || tail_end - m->end >= ARENA_BYTES)
		return false;
	*start = is_aligned ? m->start : tail_end - ARENA_BYTES;
	return *start >= m->start && *start < m->end;
}

/* An arena's pages are used from the bottom up, so all of it may be resident. */
static void add_arena(struct pl_region_scan *scan, const struct pl_mapping *m, uint64_t start)
{
	struct pl_region_total arena = total_of(m);
	struct pl_region_total rest = { .mapping_count = 1 };
	const uint64_t arena_bytes = m->end - start;

	scan->sums.arena_count++;
	rest.size_bytes = arena.size_bytes - arena_bytes;
	arena.size_bytes = arena_bytes;
	if (arena.resident_bytes > arena_bytes) {
		rest.resident_bytes = arena.resident_bytes - arena_bytes;
		rest.pss_bytes = arena.pss_bytes > arena_bytes ? arena.pss_bytes - arena_bytes : 0;
		arena.resident_bytes = arena_bytes;
		arena.pss_bytes -= rest.pss_bytes;
	}
	add_to_region(scan, PL_REGION_ARENA, &no_name, m, &arena);
	if (rest.size_bytes > 0)
		add_anonymous(scan, m, &rest);
}

static bool is_go_heap(struct pl_region_scan *scan, const struct pl_mapping *m)
{
	if (m->start == GO_FIRST_AMD64 || m->start == GO_FIRST_ARM64) {
		scan->is_go = true;
		scan->sums.runtimes |= 1u << PL_RUNTIME_GO;
	}
	if (!scan->is_go)
		return false;
	return (m->start >= GO_FIRST_AMD64 && m->start < GO_FIRST_AMD64 + GO_SPAN) ||
	       (m->start >= GO_FIRST_ARM64 && m->start < GO_FIRST_ARM64 + GO_SPAN);
}

/* Returns true when the inaccessible mapping above it was the tail of an arena. */
static bool settle_pending(struct pl_region_scan *scan, uint64_t tail_end)
{
	const struct pl_mapping *m = &scan->pending;
	const struct pl_region_total whole = total_of(m);
	uint64_t arena_start;

	if (!scan->has_pending)
		return false;
	scan->has_pending = false;
	if (is_go_heap(scan, m)) {
		add_to_region(scan, PL_REGION_GO, &no_name, m, &whole);
		return false;
	}
	if (m->start >= LOW_END && find_arena(m, tail_end, &arena_start)) {
		add_arena(scan, m, arena_start);
		return tail_end != 0;
	}
	if (m->guarded)
		add_to_region(scan, PL_REGION_STACK, &no_name, m, &whole);
	else if (scan->pending_guard_bytes > 0 && scan->pending_guard_bytes <= GUARD_MOST &&
	         whole.size_bytes >= STACK_LEAST && whole.size_bytes <= STACK_MOST)
		add_stack(scan, m, scan->pending_guard_bytes);
	else
		add_anonymous(scan, m, &whole);
	return false;
}

static void on_inaccessible(struct pl_region_scan *scan, const struct pl_mapping *m)
{
	const struct pl_region_total whole = total_of(m);
	const bool follows = scan->has_pending && scan->pending.end == m->start;

	if (whole.resident_bytes + whole.swap_bytes > 0)
		add_anonymous(scan, m, &whole);
	pl_chain_note_view(scan, m, false);
	/* mapped over what was reserved, not made writable within it: malloc does not */
	const bool is_committed = m->no_reserve && !scan->pending.no_reserve;
	const bool was_tail = settle_pending(scan, follows && !is_committed ? m->end : 0);

	pl_chain_extend(scan, m, kind_of(m));
	if (was_tail)
		return;
	scan->guard_start = m->start;
	scan->guard_end = m->end;
}

/* What is known so far: libjvm.so comes late, its launcher and its archive of classes early. */
static bool is_jvm_so_far(const struct pl_region_scan *scan)
{
	return scan->archive_end != 0 || pl_runtime_has(scan->sums.runtimes, PL_RUNTIME_JVM);
}

/*
 * A library that a JVM loads late comes to lie right below its heap, or below what merges with
 * that: the data of libnio.so or libjsvml.so, which have no bss, then ends where the heap begins.
 */
static bool is_bss(const struct pl_region_scan *scan, const struct pl_mapping *m)
{
	if (m->start != scan->data_end || !m->writable)
		return false;
	return scan->data_region != PL_REGION_LIBRARY || !is_jvm_so_far(scan) ||
	       pl_mapping_size_bytes(m) < JVM_BSS_MOST;
}

/* Private, anonymous, without a name. */
static void on_anonymous(struct pl_region_scan *scan, const struct pl_mapping *m)
{
	if (!m->readable && !m->writable && !m->executable) {
		on_inaccessible(scan, m);
		return;
	}
	settle_pending(scan, 0);
	if (m->executable)
		pl_chain_end(scan, m->start);
	else
		pl_chain_extend(scan, m, kind_of(m));
	if (is_bss(scan, m)) {
		const struct name bss = { scan->data_name, strlen(scan->data_name), scan->data_hash };

		add_whole(scan, scan->data_region, &bss, m);
		return;
	}
	if (m->executable) {
		add_whole(scan, PL_REGION_JIT, &no_name, m);
		return;
	}
	scan->pending = *m;
	scan->has_pending = true;
	scan->pending_guard_bytes = scan->guard_end == m->start ? m->start - scan->guard_start : 0;
}

static void note_code(struct pl_region_scan *scan, const struct pl_mapping *m,
                      const struct name *name)
{
	if (!m->executable || name->hash == scan->code_hash)
		return;
	scan->code_hash = name->hash;
	scan->sums.runtimes |= pl_region_runtime_of(name->text, name->len);
	if (scan->program_hash == 0 && !pl_region_is_library_name(name->text, name->len))
		scan->program_hash = name->hash;
}

static enum pl_region written_region(const struct pl_region_scan *scan, const struct name *name)
{
	if (name->hash == scan->program_hash)
		return PL_REGION_PROGRAM;
	if (name->hash == scan->code_hash || pl_region_is_library_name(name->text, name->len))
		return PL_REGION_LIBRARY;
	return PL_REGION_ANON;
}

/* Pages of the file itself, and those that were written to, which are anonymous. */
static void on_private_file(struct pl_region_scan *scan, const struct pl_mapping *m,
                            const struct name *name)
{
	struct pl_region_total file = total_of(m);
	struct pl_region_total written = { .swap_bytes = file.swap_bytes,
		                               .lazyfree_bytes = file.lazyfree_bytes,
		                               .huge_bytes = file.huge_bytes,
		                               .mapping_count = 1 };
	const uint64_t anonymous_bytes = m->bytes[PL_SMAPS_ANONYMOUS];
	enum pl_region region;

	note_code(scan, m, name);
	region = written_region(scan, name);
	written.resident_bytes =
		anonymous_bytes < file.resident_bytes ? anonymous_bytes : file.resident_bytes;
	written.pss_bytes =
		written.resident_bytes < file.pss_bytes ? written.resident_bytes : file.pss_bytes;
	written.referenced_bytes = written.resident_bytes < file.referenced_bytes
	                               ? written.resident_bytes
	                               : file.referenced_bytes;
	file.resident_bytes -= written.resident_bytes;
	file.pss_bytes -= written.pss_bytes;
	file.referenced_bytes -= written.referenced_bytes;
	file.swap_bytes = file.lazyfree_bytes = file.huge_bytes = 0;
	add_to_region(scan, PL_REGION_FILE, name, m, &file);
	if (region != PL_REGION_ANON || pl_region_used_bytes(&written) > 0)
		add_to_region(scan, region, name, m, &written);
	if (!m->writable || region == PL_REGION_ANON)
		return;
	scan->data_end = m->end;
	scan->data_hash = name->hash;
	scan->data_region = region;
	pl_region_copy_name(scan->data_name, name->text, name->len);
}

static void on_named(struct pl_region_scan *scan, const struct pl_mapping *m)
{
	const struct name name = { m->name, m->name_len, m->name_hash };
	enum pl_region region;

	settle_pending(scan, 0);
	pl_chain_end(scan, 0);
	pl_chain_note_file(scan, m);
	if (name.len > 6 && memcmp(name.text, "[anon:", 6) == 0) {
		region = pl_region_of_anonymous_name(name.text, name.len);
		if (region == PL_REGION_GO)
			scan->sums.runtimes |= 1u << PL_RUNTIME_GO;
		if (region == PL_REGION_ARENA)
			scan->sums.arena_count++;
		add_whole(scan, m->executable ? PL_REGION_JIT : region, &name, m);
		return;
	}
	region = pl_region_of_name(name.text, name.len);
	if (region == PL_REGION_ZGC)
		pl_chain_note_view(scan, m, true);
	if (region == PL_REGION_FILE && !m->shared)
		on_private_file(scan, m, &name);
	else
		add_whole(scan, region, &name, m);
}

static void on_mapping(void *ctx, const struct pl_mapping *m)
{
	struct pl_region_scan *scan = ctx;

	if (m->hugetlb) {
		const struct name name = { m->name, m->name_len, m->name_hash };

		settle_pending(scan, 0);
		pl_chain_end(scan, 0);
		add_whole(scan, PL_REGION_HUGETLB, &name, m);
	} else if (m->name_len == 0 && !m->shared) {
		on_anonymous(scan, m);
	} else {
		on_named(scan, m);
	}
}

void pl_regions_add(struct pl_region_scan *scan, const struct pl_mapping *mapping)
{
	on_mapping(scan, mapping);
}

void pl_regions_begin(struct pl_region_scan *scan)
{
	struct pl_smaps_parser *parser = &scan->parser;

	memset((char *)scan + sizeof(*parser), 0, sizeof(*scan) - sizeof(*parser));
	pl_parse_smaps_init(parser, on_mapping, scan);
}

void pl_regions_feed(struct pl_region_scan *scan, const char *text, size_t len)
{
	pl_parse_smaps_feed(&scan->parser, text, len);
}

/*
 * Stacks that threads left behind are kept for reuse, or never joined: many is no objection to a
 * size that stacks have. Buffers with guards have odd sizes, or are used up to their last page,
 * where few stacks ever get.
 */
static bool is_stack(const struct pl_stack_size *stack, uint64_t thread_count)
{
	const uint64_t used_bytes = pl_region_used_bytes(&stack->total);

	if (stack->total.mapping_count <= (thread_count > 0 ? thread_count : 16))
		return true;
	if (used_bytes > stack->total.size_bytes / 100 * STACK_USED_PERCENT)
		return false;
	return stack->size_bytes % (64 * KIB) == 0 ||
	       (stack->size_bytes + stack->guard_bytes) % (64 * KIB) == 0;
}

static void end_stacks(struct pl_region_scan *scan, uint64_t thread_count)
{
	struct pl_region_snapshot *sums = &scan->sums;

	for (uint32_t i = 0; i < scan->stack_size_count; i++) {
		const struct pl_stack_size *stack = &scan->stacks[i];

		if (is_stack(stack, thread_count)) {
			sums->stack_count += stack->total.mapping_count;
			add(&sums->totals[PL_REGION_STACK], &stack->total);
			continue;
		}
		add(&scan->anon[PL_ANON_PLAIN][size_bucket(stack->size_bytes)], &stack->total);
		for (uint32_t p = 0; p < sums->place_count; p++)
			if (sums->places[p].region == PL_REGION_STACK &&
			    sums->places[p].end - sums->places[p].start == stack->size_bytes)
				sums->places[p].region = PL_REGION_OF_KIND(PL_ANON_PLAIN);
	}
}

static enum pl_region plain_region(uint32_t runtimes)
{
	if (pl_runtime_has(runtimes, PL_RUNTIME_JEMALLOC))
		return PL_REGION_JEMALLOC;
	if (pl_runtime_has(runtimes, PL_RUNTIME_TCMALLOC))
		return PL_REGION_TCMALLOC;
	if (pl_runtime_has(runtimes, PL_RUNTIME_MIMALLOC))
		return PL_REGION_MIMALLOC;
	return PL_REGION_ANON;
}

static void end_anonymous(struct pl_region_scan *scan)
{
	struct pl_region_snapshot *sums = &scan->sums;
	const bool is_jvm = pl_runtime_has(sums->runtimes, PL_RUNTIME_JVM);
	const bool is_node = pl_runtime_has(sums->runtimes, PL_RUNTIME_NODE);
	const enum pl_region plain = plain_region(sums->runtimes);

	if (is_jvm)
		pl_chain_find_heap(scan);
	const enum pl_region region_of[PL_ANON_KINDS] = {
		[PL_ANON_PLAIN] = plain,
		[PL_ANON_LOW] = is_jvm    ? PL_REGION_JAVA
		                : is_node ? PL_REGION_V8
		                          : plain,
		[PL_ANON_ALIGNED] = is_node ? PL_REGION_V8 : plain,
		[PL_ANON_NODE] = is_jvm ? PL_REGION_METASPACE : plain,
		[PL_ANON_HIGH] = PL_REGION_JAVA,
	};

	for (size_t kind = 0; kind < PL_ANON_KINDS; kind++)
		for (size_t size = 0; size < PL_ANON_SIZES; size++) {
			add(&sums->totals[region_of[kind]], &scan->anon[kind][size]);
			if (region_of[kind] == plain)
				add(&sums->anon_by_size[size], &scan->anon[kind][size]);
		}
	for (uint32_t p = 0; p < sums->place_count; p++)
		if (sums->places[p].region >= PL_REGION_COUNT)
			sums->places[p].region = (uint8_t)region_of[sums->places[p].region - PL_REGION_COUNT];
}

int pl_regions_end(struct pl_region_scan *scan, uint64_t thread_count,
                   struct pl_region_snapshot *out)
{
	const int err = pl_parse_smaps_finish(&scan->parser);

	if (err < 0 || scan->parser.mapping_count == 0)
		return -EBADMSG;
	settle_pending(scan, 0);
	pl_chain_end(scan, 0);
	scan->sums.mapping_count = scan->parser.mapping_count;
	end_stacks(scan, thread_count);
	end_anonymous(scan);
	scan->sums.heap_is_full = pl_chain_is_heap_full(scan);
	scan->sums.heap_most_bytes = pl_chain_heap_most_bytes(scan);
	*out = scan->sums;
	return 0;
}
