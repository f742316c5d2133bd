#include "identity.h"

#include <stdlib.h>
#include <string.h>

#include "discover/match.h"
#include "sample/sample.h"

/* The end of a path tells more than its beginning. */
static void copy_end(const char *text, char *out, size_t size)
{
	const size_t len = strlen(text);
	const size_t from = len < size ? 0 : len - (size - 1);

	memcpy(out, text + from, len - from + 1);
}

static void copy_unit(const char *cgroup, char out[PL_IDENTITY_UNIT_SIZE])
{
	const char *unit = NULL;
	size_t len = pl_match_unit(cgroup, &unit);

	if (len >= PL_IDENTITY_UNIT_SIZE)
		len = PL_IDENTITY_UNIT_SIZE - 1;
	if (len > 0)
		memcpy(out, unit, len);
	out[len] = '\0';
}

void pl_identity_read(const struct pl_procfs *fs, int32_t pid, uint64_t start_ticks,
                      struct pl_identity *out)
{
	struct pl_facts facts = { .pid = pid, .comm = "" };
	struct pl_facts_store *store = malloc(sizeof(*store)); /* too large for a stack */
	struct pl_stat stat;

	*out = (struct pl_identity){ { 0 }, { 0 } };
	if (!store)
		return;
	pl_facts_read(fs, PL_FACT_EXECUTABLE | PL_FACT_CGROUP, &facts, store);
	/* was that the process that was meant? */
	if (pl_sample_stat(fs, pid, &stat) == 0 &&
	    (start_ticks == 0 || stat.start_ticks == start_ticks)) {
		copy_end(facts.executable, out->exe, sizeof(out->exe));
		copy_unit(facts.cgroup, out->unit);
	}
	free(store);
}
