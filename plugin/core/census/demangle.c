#include "census/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

#define MANGLED_MAX 2048
#define OUTPUT_MAX 16384 /* a name that grows beyond is not written to its end */

struct output {
	char *text;
	size_t size;
	size_t used;
	size_t seen;
	jmp_buf too_long;
};

/* The demanglers hold no memory while they write, so that a jump out of them loses nothing. */
static void take(const char *text, size_t len, void *ctx)
{
	struct output *output = ctx;
	const size_t room = output->size - 1 - output->used;
	const size_t taken = len < room ? len : room;

	/* libiberty hands a null pointer over for an empty piece of a broken name */
	if (taken > 0)
		memcpy(output->text + output->used, text, taken);
	output->used += taken;
	output->seen += len;
	if (output->seen > OUTPUT_MAX)
		longjmp(output->too_long, 1);
}

typedef int demangle_fn(const char *mangled, int options, demangle_callbackref take, void *ctx);

static bool run(demangle_fn *demangle, const char *mangled, int options, char *out, size_t size)
{
	struct output output = { .text = out, .size = size };

	if (size == 0 || strlen(mangled) > MANGLED_MAX)
		return false;
	if (setjmp(output.too_long) == 0 && !demangle(mangled, options, take, &output))
		return false;
	out[output.used] = '\0';
	return output.used > 0;
}

bool pl_census_demangle_symbol(const char *mangled, char *out, size_t size)
{
	/* Rust's older names look like those of C++ with a hash at the end: ask for Rust first */
	if (strncmp(mangled, "_R", 2) == 0 || strncmp(mangled, "_ZN", 3) == 0)
		if (run(rust_demangle_callback, mangled, 0, out, size))
			return true;
	return strncmp(mangled, "_Z", 2) == 0 &&
	       run(cplus_demangle_v3_callback, mangled, DMGL_PARAMS | DMGL_ANSI, out, size);
}

bool pl_census_demangle_type(const char *mangled, char *out, size_t size)
{
	return run(cplus_demangle_v3_callback, mangled, DMGL_PARAMS | DMGL_ANSI | DMGL_TYPES, out,
	           size);
}
