/*
 * Itanium C++ ABI, 2.5.2 and 2.9: in front of the place that an object's first word points to lie
 * the distance to the whole object's begin and the type's record, whose second word is the name.
 */
#include "census/naming.h"

#include <string.h>

#include "census/demangle.h"

#define MANGLED_MAX 1024
#define TOP_DISTANCE_MAX (INT64_C(1) << 30)

static bool in_module(const struct pl_census_target *target, uint64_t address)
{
	return pl_census_maps_find(target->modules, target->space.module_count, address) != NULL;
}

static bool read_type_name(struct pl_census_target *target, uint64_t address, char *out,
                           size_t size)
{
	const size_t n = pl_census_target_read(target, address, out, size - 1);
	size_t len;

	out[n] = '\0';
	len = strlen(out);
	if (len == 0 || len == n)
		return false;
	for (size_t i = 0; i < len; i++)
		if (out[i] <= ' ' || out[i] > '~')
			return false;
	return true;
}

static bool is_library(const char *name)
{
	static const char *const prefixes[] = { "std::", "__gnu_cxx::", "__cxxabiv1::", "boost::" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

bool pl_census_rtti_name(struct pl_census_target *target, uint64_t vtable,
                         struct pl_census_name *out)
{
	uint64_t head[2];
	uint64_t record[2];
	char mangled[MANGLED_MAX];
	char name[MANGLED_MAX];
	const char *type = mangled;
	int64_t top;

	if (vtable % 8 != 0 ||
	    pl_census_target_read(target, vtable - sizeof(head), head, sizeof(head)) != sizeof(head))
		return false;
	memcpy(&top, &head[0], sizeof(top));
	if (top > 0 || top < -TOP_DISTANCE_MAX || !in_module(target, head[1]) || head[1] % 8 != 0 ||
	    pl_census_target_read(target, head[1], record, sizeof(record)) != sizeof(record))
		return false;
	if (!in_module(target, record[0]) || !in_module(target, record[1]) ||
	    !read_type_name(target, record[1], mangled, sizeof(mangled)))
		return false;
	/* a star: the name is of this file alone, compare by address */
	if (*type == '*')
		type++;
	if (!pl_census_demangle_type(type, name, sizeof(name)))
		return false;
	out->class = top != 0           ? PL_CENSUS_CLASS_NONE
	             : is_library(name) ? PL_CENSUS_CLASS_LIBRARY
	                                : PL_CENSUS_CLASS_TYPE;
	out->is_type = true;
	out->named_by = "rtti";
	pl_census_copy_clean(out->name, sizeof(out->name), name);
	return true;
}
