/* A program file is whatever a process maps: every offset, size and name in it is hostile. */
#include "fuzz.h"

#include "census/demangle.h"
#include "census/elf.h"

struct bytes {
	const uint8_t *data;
	size_t size;
};

static ssize_t read_bytes(void *ctx, void *buf, size_t size, uint64_t offset)
{
	const struct bytes *bytes = ctx;

	if (offset > INT64_MAX)
		return -EINVAL;
	if (offset >= bytes->size)
		return 0;
	if (size > bytes->size - offset)
		size = bytes->size - (size_t)offset;
	memcpy(buf, bytes->data + offset, size);
	return (ssize_t)size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "PyType_Type", "main" };
	struct bytes bytes = { data, size };
	const struct pl_census_source source = { read_bytes, &bytes };
	struct pl_census_symbol wanted[2] = { { .address = 0x1000 }, { .address = 0x401136 } };
	struct pl_census_elf elf;
	struct pl_census_elf before;
	uint64_t bias = 0;
	char name[256];

	memset(&before, 0x5a, sizeof(before));
	memcpy(&elf, &before, sizeof(elf));
	if (pl_census_elf_open(&source, &elf) < 0) {
		fuzz_expect_same(&elf, &before, sizeof(elf));
		return 0;
	}
	fuzz_expect(elf.load_count <= PL_CENSUS_LOADS_MAX && elf.table_count <= PL_CENSUS_TABLES_MAX);
	fuzz_expect(elf.build_id_len <= PL_CENSUS_BUILD_ID_MAX);
	(void)pl_census_elf_bias(&elf, 0x55d000000000, 0, 4096, &bias);
	(void)pl_census_elf_name(&elf, wanted, 2);
	for (size_t i = 0; i < 2; i++) {
		fuzz_expect(strnlen(wanted[i].name, sizeof(wanted[i].name)) < sizeof(wanted[i].name));
		if (wanted[i].found && pl_census_demangle_symbol(wanted[i].name, name, sizeof(name)))
			fuzz_expect(strnlen(name, sizeof(name)) < sizeof(name));
	}
	(void)pl_census_elf_find(&elf, names, 2);
	return 0;
}
