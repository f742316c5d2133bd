/* Whatever the text: mappings ascend, modules lie in them, paths fit, heaps are inside mappings. */
#include "fuzz.h"

#include "census/maps.h"

#define CAPACITY 64

static void check_mappings(const struct pl_census_mapping *mappings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char path[40];
		uint64_t start = 0;

		fuzz_expect(mappings[i].end > mappings[i].start);
		fuzz_expect(i == 0 || mappings[i].start >= mappings[i - 1].end);
		fuzz_expect(pl_census_mapping_find(mappings, count, mappings[i].start) == &mappings[i]);
		if (pl_census_maps_heap(&mappings[i], i > 0 ? &mappings[i - 1] : NULL, 1 << 23, &start))
			fuzz_expect(start >= mappings[i].start && start < mappings[i].end);
		if (pl_census_maps_path(&mappings[i], path, sizeof(path)) >= 0)
			fuzz_expect(memchr(path, '\0', sizeof(path)) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_census_mapping mappings[CAPACITY];
	struct pl_census_module modules[4];
	const ssize_t count = pl_census_maps_parse((const char *)data, size, mappings, CAPACITY);
	size_t module_count;

	fuzz_expect(count >= 0 || count == -EBADMSG || count == -E2BIG);
	if (count < 0)
		return 0;
	check_mappings(mappings, (size_t)count);
	module_count = pl_census_maps_modules(mappings, (size_t)count, modules, 4);
	fuzz_expect(module_count <= 4);
	for (size_t i = 0; i < module_count; i++) {
		fuzz_expect(modules[i].first_mapping + modules[i].mapping_count <= (size_t)count);
		fuzz_expect(pl_census_maps_find(modules, module_count, modules[i].low) == &modules[i]);
	}
	return 0;
}
