#include "census/entries.h"

#include <math.h>
#include <string.h>

#include "census/large.h"

#define Z_MIN 4.0
#define PAGES_MIN 3
#define CHANCE_MAX 0.01 /* a bound that is seldom reached: see pl_census_chance() */
/* Beside the first entry, smaller ones are its by-products, or noise. */
#define SMALL_SHARE 0.05
/* A type explains a size when it accounts for most of the growth of its chunks. */
#define UNEXPLAINED_SHARE 0.3
#define SIZES_MAX 64
/* Of the heap that a size must gain in the interval. */
#define SIZE_HEAP_SHARE 0.005
/* Of the gain of a size that the heap must have gained too. */
#define SIZE_GROWTH_SHARE 0.25
/* Of the growth of the heap that a size must account for: buffers that become larger and larger
 * pass through many sizes. */
#define SIZE_PART 0.1
/* Losses are set against gains of the same name, and need not be as sure. */
#define LOSS_ERRORS 3.0
#define LOSS_COUNT_MIN 10.0
/* Of a growth that must be left when losses of the same name are set against it. */
#define LEFT_SHARE 0.25
/* Of the growth of a size, in chunks that are larger by what malloc would not split off. */
#define REST_BYTES 16
#define REST_SHARE_MAX 0.4
#define REST_ERRORS 2.0
/* Parts of one object grow alike. */
#define ALIKE_MIN 0.7
#define ALIKE_MAX 1.4

uint64_t pl_census_sized_bytes(const struct pl_census_growth *growth)
{
	if (growth->kind == PL_CENSUS_KEY_GO)
		return pl_census_go_object_bytes(growth->key);
	return growth->kind == PL_CENSUS_KEY_SIZE ? growth->key : 0;
}

double pl_census_size_floor_bytes(const struct pl_census_heap *heap)
{
	return SIZE_HEAP_SHARE * heap->bytes;
}

static bool matters(const struct pl_census_growth *growth, const struct pl_census_heap *heap)
{
	const double bytes = growth->growth_count * (double)pl_census_sized_bytes(growth);

	return pl_census_sized_bytes(growth) == 0 ||
	       (bytes >= pl_census_size_floor_bytes(heap) && bytes >= SIZE_PART * heap->growth_bytes &&
	        bytes >= heap->lost_bytes &&
	        (growth->kind == PL_CENSUS_KEY_GO || heap->growth_bytes >= SIZE_GROWTH_SHARE * bytes));
}

bool pl_census_is_candidate(const struct pl_census_growth *growth, size_t tried,
                            const struct pl_census_heap *heap, double *chance)
{
	if (growth->z < Z_MIN || growth->page_count < PAGES_MIN || !matters(growth, heap))
		return false;
	*chance = pl_census_chance(growth->z, tried);
	return *chance <= CHANCE_MAX;
}

bool pl_census_is_loss(const struct pl_census_growth *growth)
{
	if (growth->kind == PL_CENSUS_KEY_SIZE && (growth->key & PL_CENSUS_LARGE_FLAG) != 0)
		return false;
	return growth->kind != PL_CENSUS_KEY_PYTHON && growth->growth_count < -LOSS_COUNT_MIN &&
	       -growth->growth_count > LOSS_ERRORS * growth->error_count;
}

/* A table of sizes and how often each was seen. */
struct votes {
	uint64_t value[SIZES_MAX];
	uint32_t count[SIZES_MAX];
	size_t used;
	uint32_t total;
};

static void vote(struct votes *votes, uint64_t value)
{
	votes->total++;
	for (size_t i = 0; i < votes->used; i++)
		if (votes->value[i] == value) {
			votes->count[i]++;
			return;
		}
	if (votes->used < SIZES_MAX) {
		votes->value[votes->used] = value;
		votes->count[votes->used++] = 1;
	}
}

/* The most frequent value, if it has at least `share` of the votes. */
static bool winner(const struct votes *votes, double share, uint64_t *out)
{
	size_t best = 0;

	for (size_t i = 1; i < votes->used; i++)
		if (votes->count[i] > votes->count[best])
			best = i;
	if (votes->used == 0 || votes->count[best] < share * votes->total)
		return false;
	*out = votes->value[best];
	return true;
}

static uint64_t chunk_start(const struct pl_census_hit *hit)
{
	return hit->word * UINT64_C(8) - hit->offset_bytes;
}

static bool same_chunk(const struct pl_census_hit *a, const struct pl_census_hit *b)
{
	return a->page == b->page && a->chunk_bytes > 0 && b->chunk_bytes > 0 &&
	       chunk_start(a) == chunk_start(b);
}

void pl_census_entries_measure(const struct pl_census_hit *hits, size_t count,
                               struct pl_census_candidate *out)
{
	struct votes chunks = { 0 };
	struct votes offsets = { 0 };
	struct votes distances = { 0 };
	uint64_t offset = 0;
	size_t neighbours = 0;
	bool placed;

	for (size_t i = 0; i < count; i++) {
		if (hits[i].chunk_bytes > 0) {
			vote(&chunks, hits[i].chunk_bytes);
			vote(&offsets, hits[i].offset_bytes);
		}
		/* allocators without chunks keep objects of one size side by side */
		neighbours += i > 0 && same_chunk(&hits[i - 1], &hits[i]);
		if (i > 0 && hits[i].page == hits[i - 1].page)
			vote(&distances, (hits[i].word - hits[i - 1].word) * UINT64_C(8));
	}
	placed = winner(&offsets, 0.3, &offset);
	/* at any place of a chunk that holds many: elements of an array (std::deque, a table) */
	out->in_chunks = chunks.total * UINT64_C(2) > count && (placed || neighbours * 2 <= count) &&
	                 winner(&chunks, 0.5, &out->object_bytes);
	if (out->in_chunks && placed)
		out->offset_bytes = (uint32_t)offset;
	if (!out->in_chunks && (distances.total < 3 || !winner(&distances, 0.3, &out->object_bytes)))
		out->object_bytes = 0;
}

static double bytes_of(const struct pl_census_candidate *candidate)
{
	return candidate->growth.growth_count * (double)candidate->object_bytes;
}

static void join(struct pl_census_growth *into, const struct pl_census_growth *from)
{
	into->growth_count += from->growth_count;
	into->error_count = hypot(into->error_count, from->error_count);
	into->before_count += from->before_count;
	for (size_t i = 0; i < PL_CENSUS_STEPS; i++)
		into->steps[i] += from->steps[i];
}

static struct pl_census_candidate *find_size(struct pl_census_candidate *candidates, size_t count,
                                             uint64_t key)
{
	for (size_t i = 0; i < count; i++)
		if (candidates[i].growth.kind == PL_CENSUS_KEY_SIZE && candidates[i].growth.key == key)
			return &candidates[i];
	return NULL;
}

void pl_census_entries_add_rest(struct pl_census_candidate *candidates, size_t *count,
                                const struct pl_census_growth *growth)
{
	struct pl_census_candidate *whole;
	struct pl_census_candidate *rest;

	if (growth->kind != PL_CENSUS_KEY_SIZE || (growth->key & PL_CENSUS_LARGE_FLAG) != 0)
		return;
	whole = find_size(candidates, *count, growth->key - REST_BYTES);
	if (!whole || growth->growth_count < REST_ERRORS * growth->error_count ||
	    growth->growth_count > REST_SHARE_MAX * whole->growth.growth_count)
		return;
	join(&whole->growth, growth);
	rest = find_size(candidates, *count, growth->key);
	if (rest)
		*rest = candidates[--*count];
}

static size_t join_names(struct pl_census_candidate *candidates, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct pl_census_name *name = &candidates[i].named.name;
		size_t same = 0;

		if (name->class == PL_CENSUS_CLASS_NONE)
			continue;
		while (same < used && (candidates[same].named.name.class != name->class ||
		                       strcmp(candidates[same].named.name.name, name->name) != 0))
			same++;
		if (same == used) {
			candidates[used++] = candidates[i];
			continue;
		}
		if (name->class == PL_CENSUS_CLASS_STRING)
			continue;
		join(&candidates[same].growth, &candidates[i].growth);
	}
	return used;
}

size_t pl_census_entries_join(struct pl_census_candidate *candidates, size_t count)
{
	size_t joined;
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		candidates[i].gain_count = candidates[i].growth.growth_count;
	joined = join_names(candidates, count);
	for (size_t i = 0; i < joined; i++) {
		const double left = candidates[i].growth.growth_count;

		if (!candidates[i].is_loss && left >= LEFT_SHARE * candidates[i].gain_count &&
		    (left >= candidates[i].gain_count || left > Z_MIN * candidates[i].growth.error_count))
			candidates[used++] = candidates[i];
	}
	return used;
}

static bool alike(double growth_count, double whole_count)
{
	return growth_count > ALIKE_MIN * whole_count && growth_count < ALIKE_MAX * whole_count;
}

void pl_census_entries_count_apart(struct pl_census_candidate *candidates, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct pl_census_name *name = &candidates[i].named.name;
		struct pl_census_growth *growth = &candidates[i].growth;
		const struct pl_census_candidate *size =
			name->apart && name->object_bytes > 0
				? find_size(candidates, count, pl_census_chunk_bytes(name->object_bytes))
				: NULL;

		if (!size || !alike(growth->growth_count, size->growth.growth_count))
			continue;
		growth->growth_count = size->growth.growth_count;
		growth->error_count = size->growth.error_count;
		growth->unseen_count = size->growth.unseen_count;
		memcpy(growth->steps, size->growth.steps, sizeof(growth->steps));
	}
}

/* A part of one of the first `unsteady_count`, and less telling than that. A size is no part: what
 * tells the type of its objects may lie apart from them (Rust). */
static bool is_part_of_any(const struct pl_census_candidate *one,
                           const struct pl_census_candidate *unsteady, size_t unsteady_count)
{
	for (size_t i = 0; i < unsteady_count; i++) {
		const double whole = unsteady[i].growth.growth_count;

		if (unsteady[i].named.name.class < one->named.name.class &&
		    one->named.name.class != PL_CENSUS_CLASS_SIZE && alike(one->growth.growth_count, whole))
			return true;
	}
	return false;
}

size_t pl_census_entries_drop_unsteady(struct pl_census_candidate *candidates, size_t count,
                                       const struct pl_census_panel *panel, bool *unsteady)
{
	size_t unsteady_count = 0;
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct pl_census_candidate moved = candidates[i];

		if (pl_census_steady(&moved.growth, panel))
			continue;
		candidates[i] = candidates[unsteady_count];
		candidates[unsteady_count++] = moved;
	}
	*unsteady = unsteady_count > 0;
	for (size_t i = unsteady_count; i < count; i++)
		if (!is_part_of_any(&candidates[i], candidates, unsteady_count))
			candidates[unsteady_count + used++] = candidates[i];
	memmove(candidates, candidates + unsteady_count, used * sizeof(*candidates));
	return used;
}

/* The part of a size's growth that no type at the begin of such chunks accounts for. */
static double unexplained(const struct pl_census_candidate *candidates, size_t count,
                          const struct pl_census_candidate *size)
{
	double most = 0;

	for (size_t i = 0; i < count; i++) {
		const struct pl_census_candidate *one = &candidates[i];

		if (one->named.name.class != PL_CENSUS_CLASS_SIZE && one->in_chunks &&
		    one->object_bytes == size->object_bytes)
			most = fmax(most, one->growth.growth_count);
	}
	return size->growth.growth_count - most;
}

static size_t drop_explained_sizes(struct pl_census_candidate *candidates, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		/* dropped ones are sizes, and only others explain: those before i are all still there */
		if (candidates[i].named.name.class == PL_CENSUS_CLASS_SIZE &&
		    unexplained(candidates, count, &candidates[i]) <
		        UNEXPLAINED_SHARE * candidates[i].growth.growth_count)
			candidates[i].named.name.class = PL_CENSUS_CLASS_NONE;
	}
	for (size_t i = 0; i < count; i++)
		if (candidates[i].named.name.class != PL_CENSUS_CLASS_NONE)
			candidates[used++] = candidates[i];
	return used;
}

static bool by_count(const struct pl_census_candidate *candidate)
{
	return candidate->named.name.class < PL_CENSUS_CLASS_SIZE;
}

/* By bytes where both are known, within a twentieth by the place in the chunk: the whole is before
 * its parts. */
static bool is_before(const struct pl_census_candidate *a, const struct pl_census_candidate *b)
{
	const double a_bytes = bytes_of(a);
	const double b_bytes = bytes_of(b);

	if (a->named.name.class != b->named.name.class)
		return a->named.name.class < b->named.name.class;
	if (a_bytes <= 0 || b_bytes <= 0)
		return a->growth.growth_count > b->growth.growth_count;
	if (fabs(a_bytes - b_bytes) < SMALL_SHARE * a_bytes && a->offset_bytes != b->offset_bytes)
		return a->offset_bytes < b->offset_bytes;
	return a_bytes > b_bytes;
}

static void sort(struct pl_census_candidate *candidates, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const struct pl_census_candidate moved = candidates[i];
		size_t at = i;

		for (; at > 0 && is_before(&moved, &candidates[at - 1]); at--)
			candidates[at] = candidates[at - 1];
		candidates[at] = moved;
	}
}

static bool is_nameless(const struct pl_census_name *name)
{
	return name->named_by && strcmp(name->named_by, "offset") == 0;
}

/* Whether the second tells by a name what the first one tells by an offset: a string that as many
 * objects of the same size lead to. */
static bool speaks_for(const struct pl_census_candidate *one,
                       const struct pl_census_candidate *other)
{
	return other->named.name.class == PL_CENSUS_CLASS_STRING && !is_nameless(&other->named.name) &&
	       other->object_bytes == one->object_bytes &&
	       alike(other->growth.growth_count, one->growth.growth_count);
}

/* A function of a stripped program tells less than a string in the same objects. */
static void put_names_first(struct pl_census_candidate *candidates, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pl_census_candidate moved;
		size_t at = i + 1;

		if (!is_nameless(&candidates[i].named.name))
			continue;
		while (at < count && !speaks_for(&candidates[i], &candidates[at]))
			at++;
		if (at == count)
			continue;
		moved = candidates[at];
		memmove(&candidates[i + 1], &candidates[i], (at - i) * sizeof(*candidates));
		candidates[i] = moved;
	}
}

/* The growth beside which an entry is small: of counted kinds the fastest, of sizes the heaviest.
 */
static size_t drop_small(struct pl_census_candidate *candidates, size_t count)
{
	double most_count = 0;
	double most_bytes = 0;
	double heaviest_count = 0;
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (by_count(&candidates[i])) {
			most_count = fmax(most_count, candidates[i].growth.growth_count);
		} else if (bytes_of(&candidates[i]) > most_bytes) {
			most_bytes = bytes_of(&candidates[i]);
			heaviest_count = candidates[i].growth.growth_count;
		}
	}
	for (size_t i = 0; i < count; i++) {
		const bool small =
			by_count(&candidates[i])
				? candidates[i].growth.growth_count < SMALL_SHARE * fmax(most_count, heaviest_count)
				: bytes_of(&candidates[i]) < SMALL_SHARE * most_bytes;

		if (!small)
			candidates[used++] = candidates[i];
	}
	return used;
}

size_t pl_census_entries_order(struct pl_census_candidate *candidates, size_t count)
{
	count = join_names(candidates, count);
	count = drop_explained_sizes(candidates, count);
	count = drop_small(candidates, count);
	sort(candidates, count);
	put_names_first(candidates, count);
	return count;
}
