#include "fuzz.h"
#include "parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl_values values = fuzz_values(pl_parse_rollup, data, size);

	/* The pulse tells these; a rollup must not write over them. */
	fuzz_expect(!pl_values_has(&values, PL_M_RSS) && !pl_values_has(&values, PL_M_SWAP));
	fuzz_expect(!pl_values_has(&values, PL_M_USS) || pl_values_has(&values, PL_M_PRIVATE_DIRTY));
	return 0;
}
