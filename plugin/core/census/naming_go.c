/*
 * Names of Go's functions and types by the tables that each Go program carries, stripped or not:
 * runtime/symtab.go (moduledata, pcHeader, functab, _func), internal/abi/type.go (Type, Name) and
 * iface.go (ITab) of Go 1.19 to 1.27. All of it is the target's memory or file: checked, bounded.
 */
#include "census/golang.h"

#include <stdio.h>
#include <string.h>

#define MAGIC_118 UINT32_C(0xfffffff0)
#define MAGIC_120 UINT32_C(0xfffffff1)
#define FUNCTIONS_MAX (UINT64_C(1) << 24)
#define TABLE_BYTES_MAX (UINT64_C(1) << 32)
#define NAME_LEN_MAX 200

/* Words of moduledata. */
enum {
	AT_NAMES = 1,
	AT_TABLE = 13,
	AT_FUNCTIONS = 16,
	AT_TEXT = 22,
	AT_TEXT_END = 23,
	AT_TYPES_119 = 35,
	AT_TYPES_120 = 37, /* covctrs, ecovctrs */
	MODULE_WORDS = 38,
};

/* Of a type, and of an itab. */
enum {
	TYPE_HASH = 16,
	TYPE_FLAGS = 20,
	TYPE_ALIGN = 21,
	TYPE_KIND = 23,
	TYPE_NAME = 40,
	TYPE_BYTES = 48,
	ITAB_INTERFACE = 0,
	ITAB_TYPE = 8,
	ITAB_HASH = 16,
	ITAB_BYTES = 24,
};
#define FLAG_EXTRA_STAR 2u
#define KIND_MASK 31u
#define KIND_MAX 26u

bool pl_census_go_is_module(struct pl_census_target *target, uint64_t address,
                            const uint64_t words[4], struct pl_census_go_module *out)
{
	uint64_t module[MODULE_WORDS];
	uint32_t magic;
	const struct pl_census_mapping *code;

	/* pcHeader, and the slice of names that lies behind it */
	if (words[0] == 0 || words[0] % 8 != 0 || words[1] <= words[0] ||
	    words[1] - words[0] > TABLE_BYTES_MAX || words[2] == 0 || words[2] != words[3] ||
	    words[2] > TABLE_BYTES_MAX || !pl_census_target_mapping(target, words[0]) ||
	    pl_census_target_read(target, words[0], &magic, sizeof(magic)) != sizeof(magic) ||
	    (magic != MAGIC_118 && magic != MAGIC_120) ||
	    pl_census_target_read(target, address, module, sizeof(module)) != sizeof(module))
		return false;
	code = pl_census_target_mapping(target, module[AT_TEXT]);
	if (!code || !code->executable || module[AT_TEXT_END] <= module[AT_TEXT] ||
	    module[AT_FUNCTIONS + 1] < 2 || module[AT_FUNCTIONS + 1] > FUNCTIONS_MAX)
		return false;
	*out = (struct pl_census_go_module){
		.text = module[AT_TEXT],
		.text_end = module[AT_TEXT_END],
		.names = module[AT_NAMES],
		.names_bytes = module[AT_NAMES + 1],
		.functions = module[AT_FUNCTIONS],
		.function_count = module[AT_FUNCTIONS + 1] - 1, /* the last one ends the table */
		.table = module[AT_TABLE],
		.types = magic == MAGIC_118 ? module[AT_TYPES_119] : module[AT_TYPES_120],
	};
	return true;
}

/* Text of at most NAME_LEN_MAX bytes; false for what is no name. */
static bool take_name(const char *text, size_t len, char *out, size_t size)
{
	char cut[NAME_LEN_MAX + 1];

	if (len == 0)
		return false;
	if (len > NAME_LEN_MAX)
		len = NAME_LEN_MAX;
	memcpy(cut, text, len);
	cut[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)cut[i] < ' ' || cut[i] == 0x7f)
			return false;
	pl_census_copy_clean(out, size, cut);
	return true;
}

/* The entry of the function table that holds `address`: its place in the table of functions. */
static bool find_function(const struct pl_census_go_module *module, struct pl_census_target *target,
                          uint64_t address, uint32_t *begin, uint32_t *at)
{
	uint32_t entry[2];
	uint64_t low = 0;
	uint64_t high = module->function_count;

	if (address < module->text || address >= module->text_end)
		return false;
	while (high - low > 1) {
		const uint64_t middle = low + (high - low) / 2;

		if (pl_census_target_read(target, module->functions + middle * sizeof(entry), entry,
		                          sizeof(entry)) != sizeof(entry))
			return false;
		if (entry[0] <= address - module->text)
			low = middle;
		else
			high = middle;
	}
	if (pl_census_target_read(target, module->functions + low * sizeof(entry), entry,
	                          sizeof(entry)) != sizeof(entry))
		return false;
	*begin = entry[0];
	*at = entry[1];
	return *begin <= address - module->text;
}

bool pl_census_go_function(const struct pl_census_go_module *module,
                           struct pl_census_target *target, uint64_t address, char *out,
                           size_t size)
{
	char text[NAME_LEN_MAX + 1];
	uint32_t begin;
	uint32_t at;
	uint32_t record[2]; /* where it begins, where its name is */
	size_t n;

	if (!find_function(module, target, address, &begin, &at) ||
	    pl_census_target_read(target, module->table + at, record, sizeof(record)) !=
	        sizeof(record) ||
	    record[0] != begin || record[1] >= module->names_bytes)
		return false;
	n = pl_census_target_read(target, module->names + record[1], text, NAME_LEN_MAX);
	text[n] = '\0';
	return take_name(text, strlen(text), out, size);
}

/* A name has a byte of flags and its length, seven bits a byte. */
static bool type_name(const struct pl_census_go_module *module, struct pl_census_target *target,
                      const uint8_t *type, char *out, size_t size)
{
	uint8_t text[NAME_LEN_MAX + 4];
	int32_t name;
	size_t at = 1;
	size_t len = 0;
	size_t n;

	memcpy(&name, type + TYPE_NAME, sizeof(name));
	if (name <= 0)
		return false;
	n = pl_census_target_read(target, module->types + (uint32_t)name, text, sizeof(text));
	for (unsigned shift = 0; at < 3 && at < n; shift += 7) {
		len |= (size_t)(text[at] & 0x7f) << shift;
		if ((text[at++] & 0x80) == 0)
			break;
	}
	if (at >= n)
		return false;
	if (type[TYPE_FLAGS] & FLAG_EXTRA_STAR) {
		at++; /* the name is that of a pointer to it */
		len -= len > 0;
	}
	return at < n && take_name((const char *)text + at, len < n - at ? len : n - at, out, size);
}

static bool read_type(struct pl_census_target *target, uint64_t address, uint8_t *out)
{
	return address != 0 && address % 8 == 0 && pl_census_target_mapping(target, address) &&
	       pl_census_target_read(target, address, out, TYPE_BYTES) == TYPE_BYTES &&
	       (out[TYPE_KIND] & KIND_MASK) > 0 && (out[TYPE_KIND] & KIND_MASK) <= KIND_MAX &&
	       out[TYPE_ALIGN] > 0 && out[TYPE_ALIGN] <= 16;
}

bool pl_census_go_type(const struct pl_census_go_module *module, struct pl_census_target *target,
                       uint64_t address, char *out, size_t size)
{
	uint8_t itab[ITAB_BYTES];
	uint8_t interface[TYPE_BYTES];
	uint8_t type[TYPE_BYTES];
	uint64_t words[2];
	char name[PL_CENSUS_NAME_SIZE];
	char of[PL_CENSUS_NAME_SIZE];

	if (address % 8 != 0 ||
	    pl_census_target_read(target, address, itab, sizeof(itab)) != sizeof(itab))
		return false;
	memcpy(words, itab, sizeof(words));
	if (read_type(target, words[ITAB_TYPE / 8], type) &&
	    read_type(target, words[ITAB_INTERFACE / 8], interface) &&
	    memcmp(itab + ITAB_HASH, type + TYPE_HASH, 4) == 0 &&
	    type_name(module, target, type, name, sizeof(name)) &&
	    type_name(module, target, interface, of, sizeof(of))) {
		snprintf(out, size, "%.100s as %.60s", name, of);
		return true;
	}
	return read_type(target, address, type) && type_name(module, target, type, out, size);
}
