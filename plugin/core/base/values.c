#include "base/values.h"

bool pl_values_u_bytes(const struct pl_values *v, uint64_t *out)
{
	uint64_t anon;
	uint64_t swap = 0;
	uint64_t lazyfree = 0;

	if (!pl_values_get(v, PL_M_ANON, &anon))
		return false;
	(void)pl_values_get(v, PL_M_SWAP, &swap);
	(void)pl_values_get(v, PL_M_LAZYFREE, &lazyfree);
	*out = anon + swap - (lazyfree < anon ? lazyfree : anon);
	return true;
}

void pl_values_merge(struct pl_values *into, const struct pl_values *from)
{
	for (size_t i = 0; i < PL_METRIC_COUNT; i++)
		if (pl_values_has(from, (enum pl_metric)i))
			pl_values_set(into, (enum pl_metric)i, from->value[i]);
}
