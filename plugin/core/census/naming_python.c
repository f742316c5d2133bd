/*
 * CPython 3.6 to 3.13 with a global lock, 64 bits: struct _typeobject of Include/cpython/object.h.
 * Its first fields have not moved in these versions.
 */
#include "census/naming.h"

#include <stdio.h>
#include <string.h>

enum {
	AT_TYPE = 8,
	AT_NAME = 24,
	AT_BASIC_SIZE = 32,
	AT_ITEM_SIZE = 40,
	AT_FLAGS = 168,
	TYPE_BYTES = 176,
};

#define FLAG_HEAP_TYPE (UINT64_C(1) << 9)
#define FLAG_READY (UINT64_C(1) << 12)
#define FLAG_COLLECTED (UINT64_C(1) << 14)
#define FLAG_TYPE_SUBCLASS (UINT64_C(1) << 31)
#define COLLECTOR_HEAD_BYTES 16
#define BASIC_SIZE_MAX (UINT64_C(1) << 20)
#define META_DEPTH_MAX 4

/*
 * pymalloc (Objects/obmalloc.c, struct pool_header): a pool holds blocks of one size. It is of 4
 * KiB up to 3.9, of 16 KiB since 3.10. As 32-bit words: how many blocks are in use; which size;
 * where the next block that was never used begins, and where the last one may.
 */
enum { POOL_USED = 0, POOL_CLASS = 9, POOL_NEXT = 10, POOL_LAST = 11, POOL_HEADER_BYTES = 48 };
#define BLOCK_ALIGN UINT64_C(16)
#define BLOCK_BYTES_MAX 512

struct type {
	uint64_t type;
	uint64_t name;
	uint64_t basic_size_bytes;
	uint64_t item_size_bytes;
	uint64_t flags;
};

static bool read_type(struct pl_census_target *target, uint64_t address, struct type *out)
{
	uint8_t bytes[TYPE_BYTES];

	if (address % 8 != 0 ||
	    pl_census_target_read(target, address, bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	*out =
		(struct type){ pl_census_word_at(bytes, AT_TYPE), pl_census_word_at(bytes, AT_NAME),
		               pl_census_word_at(bytes, AT_BASIC_SIZE),
		               pl_census_word_at(bytes, AT_ITEM_SIZE), pl_census_word_at(bytes, AT_FLAGS) };
	return (out->flags & FLAG_READY) != 0 && out->basic_size_bytes >= 16 &&
	       out->basic_size_bytes <= BASIC_SIZE_MAX && out->item_size_bytes <= BASIC_SIZE_MAX;
}

/* The type of a type is a type, and so on up to `type`, which is of itself. */
static bool is_type(struct pl_census_target *target, const struct type *type)
{
	struct type meta;
	uint64_t address = type->type;

	for (unsigned depth = 0; depth < META_DEPTH_MAX; depth++) {
		if (!read_type(target, address, &meta) || (meta.flags & FLAG_TYPE_SUBCLASS) == 0)
			return false;
		if (meta.type == address)
			return true;
		address = meta.type;
	}
	return false;
}

static bool read_name(struct pl_census_target *target, uint64_t address, char *out, size_t size)
{
	const size_t n = pl_census_target_read(target, address, out, size - 1);
	size_t len;

	out[n] = '\0';
	len = strlen(out);
	if (len == 0)
		return false;
	/* identifiers may be any letters, in UTF-8 */
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)out[i] <= ' ' || out[i] == 0x7f)
			return false;
	return true;
}

static enum pl_census_class class_of(const struct type *type, const char *name)
{
	/* exceptions hold on to frames by tracebacks, functions to cells: they tell more */
	static const char *const atoms[] = { "int",      "float",   "str",   "bytes",     "bool",
		                                 "NoneType", "complex", "frame", "traceback", "cell" };

	for (size_t i = 0; i < sizeof(atoms) / sizeof(atoms[0]); i++)
		if (strcmp(name, atoms[i]) == 0)
			return PL_CENSUS_CLASS_ATOM;
	/* types of C modules carry the module's name; those of a class statement do not */
	return (type->flags & FLAG_HEAP_TYPE) != 0 && !strchr(name, '.') ? PL_CENSUS_CLASS_TYPE
	                                                                 : PL_CENSUS_CLASS_BUILTIN;
}

/* Whether a pool of so many bytes is at `address`: what its header tells must fit each other. */
static bool is_pool(struct pl_census_target *target, uint64_t address, uint64_t pool_bytes,
                    uint64_t *block_bytes)
{
	uint32_t header[POOL_HEADER_BYTES / 4];
	uint64_t bytes;

	if (pl_census_target_read(target, address, header, sizeof(header)) != sizeof(header))
		return false;
	bytes = (header[POOL_CLASS] + UINT64_C(1)) * BLOCK_ALIGN;
	if (bytes > BLOCK_BYTES_MAX || header[POOL_LAST] != pool_bytes - bytes ||
	    header[POOL_USED] == 0 || header[POOL_USED] > (pool_bytes - POOL_HEADER_BYTES) / bytes ||
	    header[POOL_NEXT] < POOL_HEADER_BYTES + bytes || header[POOL_NEXT] > pool_bytes ||
	    (header[POOL_NEXT] - POOL_HEADER_BYTES) % bytes != 0)
		return false;
	*block_bytes = bytes;
	return true;
}

uint64_t pl_census_python_block_bytes(struct pl_census_target *target, uint64_t address)
{
	static const uint64_t pools[] = { 4096, 16384 };
	uint64_t bytes = 0;

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		if (is_pool(target, address & ~(pools[i] - 1), pools[i], &bytes))
			return bytes;
	return 0;
}

bool pl_census_python_name(struct pl_census_target *target, uint64_t address,
                           struct pl_census_name *out)
{
	char name[PL_CENSUS_NAME_SIZE];
	struct type type;

	if (!read_type(target, address, &type) || !is_type(target, &type) ||
	    !read_name(target, type.name, name, sizeof(name)))
		return false;
	out->class = class_of(&type, name);
	out->is_type = true;
	out->named_by = "tp_name";
	if (type.item_size_bytes == 0)
		out->object_bytes =
			type.basic_size_bytes + ((type.flags & FLAG_COLLECTED) ? COLLECTOR_HEAD_BYTES : 0);
	pl_census_copy_clean(out->name, sizeof(out->name), name);
	snprintf(out->detail, sizeof(out->detail), "Python %s",
	         out->class == PL_CENSUS_CLASS_TYPE ? "class" : "type");
	return true;
}
