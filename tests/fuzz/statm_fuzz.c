#include "fuzz.h"
#include "parse/parse.h"

static int parse_4k(const char *text, size_t len, struct pl_values *out)
{
	return pl_parse_statm(text, len, 4096, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl_values values = fuzz_values(parse_4k, data, size);

	fuzz_expect(values.value[PL_M_ANON] <= values.value[PL_M_RSS]);
	return 0;
}
