/*
 * To be preloaded: counts every allocation of a program, whoever makes it, and passes it on to
 * glibc. Knows nothing else.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

/* glibc's own names for what is interposed here; it declares them nowhere. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

EXPORT unsigned long count_allocations(void);
EXPORT void *malloc(size_t size);
EXPORT void *calloc(size_t count, size_t size);
EXPORT void *realloc(void *block, size_t size);
EXPORT void *aligned_alloc(size_t alignment, size_t size);
EXPORT int posix_memalign(void **block, size_t alignment, size_t size);

static atomic_ulong counted;

unsigned long count_allocations(void)
{
	return atomic_load(&counted);
}

void *malloc(size_t size)
{
	atomic_fetch_add(&counted, 1);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	atomic_fetch_add(&counted, 1);
	return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	atomic_fetch_add(&counted, 1);
	return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	atomic_fetch_add(&counted, 1);
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
	void *got;

	atomic_fetch_add(&counted, 1);
	got = __libc_memalign(alignment, size);
	if (!got)
		return ENOMEM;
	*block = got;
	return 0;
}
