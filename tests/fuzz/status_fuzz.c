#include "fuzz.h"
#include "parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_status before;
	struct pl_status out;

	memset(&before, 0x5a, sizeof(before));
	memcpy(&out, &before, sizeof(out));
	const int err = pl_parse_status((const char *)data, size, &out);
	fuzz_expect(err == 0 || err == -EBADMSG);
	if (err != 0)
		fuzz_expect_same(&out, &before, sizeof(out));
	else
		fuzz_expect(pl_values_has(&out.values, PL_M_THREADS));
	return 0;
}
