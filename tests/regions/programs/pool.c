/* A library that hands out memory of its own: a pool in its bss. */
#include <stddef.h>

#define POOL_BYTES (256u << 20)

__attribute__((visibility("default"))) void *pool_take(size_t bytes);

static char pool[POOL_BYTES];
static size_t used;

void *pool_take(size_t bytes)
{
	void *memory = pool + used;

	if (bytes > POOL_BYTES - used)
		return NULL;
	used += bytes;
	return memory;
}
