/*
 * What the objects of one size class have in common: of those that became more, pointers at the
 * same place to the same function, method table or type of the program. Of the objects only such
 * pointers are kept.
 */
#include "census/golang.h"

#include <stdio.h>
#include <string.h>

#define SPANS 64   /* that are looked into */
#define PER_SPAN 8 /* objects of each */
#define WORDS 64   /* of an object, the first ones; of a stack, the last ones */
#define PLACES 256 /* pairs of a place and a pointer that are counted */
#define NAMES 3    /* that are told */
#define OBJECTS_MIN 16
#define COMMON_SHARE 0.6

struct place {
	uint64_t pointer;
	uint32_t word;
	uint32_t count;
};

struct places {
	struct place list[PLACES];
	size_t count;
	uint32_t object_count;
};

/* The program's own code and constants: what it can write tells nothing. */
static bool is_telling(const struct pl_census_target *target, uint64_t pointer)
{
	const struct pl_census_space *space = &target->space;
	const struct pl_census_mapping *mapping;

	if (space->module_count == 0 || pointer < space->modules[0].low ||
	    pointer >= space->modules[0].high)
		return false;
	mapping = pl_census_target_mapping(target, pointer);
	return mapping && mapping->inode != 0;
}

static void add(struct places *places, uint32_t word, uint64_t pointer)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->list[i].pointer == pointer && places->list[i].word == word) {
			places->list[i].count++;
			return;
		}
	if (places->count < PLACES)
		places->list[places->count++] = (struct place){ pointer, word, 1 };
}

static void look_into_object(struct pl_census_target *target, uint64_t address, uint64_t bytes,
                             bool is_stack, struct places *places)
{
	uint64_t words[WORDS];
	const size_t size = bytes < sizeof(words) ? (size_t)bytes : sizeof(words);
	const uint64_t from = is_stack ? address + bytes - size : address;
	const size_t n = pl_census_target_read(target, from, words, size);

	places->object_count += n > 0;
	for (uint32_t i = 0; i < n / 8; i++)
		if (is_telling(target, words[i]))
			add(places, i, words[i]);
	explicit_bzero(words, sizeof(words));
}

static void look_into_span(struct pl_census_go *go, struct pl_census_target *target, uint64_t index,
                           bool is_stack, struct places *places)
{
	struct pl_census_go_objects objects;
	uint64_t left = PER_SPAN;
	uint64_t step;

	if (!pl_census_go_objects_of(go, target, index, &objects))
		return;
	step = objects.count / PER_SPAN > 0 ? objects.count / PER_SPAN : 1;
	for (uint64_t i = 0; i < objects.count && left > 0; i++) {
		/* with strides, but for those that are not alive */
		if (((objects.bits[i / 64] >> (i % 64)) & 1) == 0 || i < (PER_SPAN - left) * step)
			continue;
		left--;
		look_into_object(target, objects.start + i * objects.bytes, objects.bytes, is_stack,
		                 places);
	}
}

/* The cells of a key: the first one, and *count of them. */
static const struct pl_census_cell *cells_of(const struct pl_census_cells *cells, uint64_t key,
                                             size_t *count)
{
	size_t first = 0;
	size_t end;

	while (first < cells->count && cells->cells[first].key != key)
		first++;
	for (end = first; end < cells->count && cells->cells[end].key == key; end++)
		;
	*count = end - first;
	return cells->cells + first;
}

static void look_into_spans(struct pl_census_go *go, struct pl_census_target *target,
                            const uint64_t *indices,
                            const struct pl_census_cells looks[PL_CENSUS_LOOKS], uint64_t key,
                            struct places *places)
{
	size_t before_count;
	size_t after_count;
	const struct pl_census_cell *before = cells_of(&looks[0], key, &before_count);
	const struct pl_census_cell *after = cells_of(&looks[PL_CENSUS_LOOKS - 1], key, &after_count);
	unsigned left = SPANS;
	size_t at = 0;

	/* the newest spans come last, and are the surest */
	for (size_t i = after_count; i-- > 0 && left > 0;) {
		for (at = before_count; at > 0 && before[at - 1].page > after[i].page; at--)
			;
		before_count = at;
		if (at > 0 && before[at - 1].page == after[i].page &&
		    before[at - 1].count >= after[i].count)
			continue;
		left--;
		look_into_span(go, target, indices[after[i].page], pl_census_go_object_bytes(key) == 0,
		               places);
	}
}

/* What every goroutine or object has to do with tells nothing. */
static bool is_of_runtime(const char *name)
{
	static const char *const prefixes[] = { "runtime.", "internal/", "sync.", "*runtime." };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static bool name_of(const struct pl_census_go *go, struct pl_census_target *target,
                    uint64_t pointer, char *out, size_t size)
{
	uint64_t function;

	if (pl_census_go_function(&go->module, target, pointer, out, size) ||
	    pl_census_go_type(&go->module, target, pointer, out, size))
		return !is_of_runtime(out);
	/* a function as a value */
	return pl_census_target_word(target, pointer, &function) &&
	       pl_census_go_function(&go->module, target, function, out, size) && !is_of_runtime(out);
}

void pl_census_go_point(struct pl_census_go *go, struct pl_census_target *target,
                        const uint64_t *indices,
                        const struct pl_census_cells looks[PL_CENSUS_LOOKS], uint64_t key,
                        struct pl_census_name *name)
{
	struct places places = { .count = 0 };
	const char *word = pl_census_go_object_bytes(key) == 0 ? "; in " : "; points to ";
	size_t used = strlen(name->detail);
	unsigned told = 0;
	char found[PL_CENSUS_NAME_SIZE];

	if (go->module.text == 0)
		return;
	look_into_spans(go, target, indices, looks, key, &places);
	if (places.object_count < OBJECTS_MIN)
		return;
	for (size_t i = 0; i < places.count && told < NAMES; i++) {
		if (places.list[i].count < COMMON_SHARE * places.object_count ||
		    !name_of(go, target, places.list[i].pointer, found, sizeof(found)) ||
		    strstr(name->detail, found) ||
		    used + strlen(word) + strlen(found) >= sizeof(name->detail))
			continue;
		used +=
			(size_t)snprintf(name->detail + used, sizeof(name->detail) - used, "%s%s", word, found);
		word = ", ";
		if (told++ == 0 && pl_census_go_object_bytes(key) == 0)
			snprintf(name->name, sizeof(name->name), "goroutine in %.200s", found);
	}
}
