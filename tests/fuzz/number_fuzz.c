/* The files of which one number counts: memory.max, pidfiles, /proc/stat, /proc/vmstat. */
#include "fuzz.h"
#include "parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t untouched = 77;
	uint64_t value = untouched;
	int err = pl_parse_limit((const char *)data, size, &value);

	fuzz_expect(err == 0 || err == -EBADMSG || err == -ERANGE);
	fuzz_expect(err == 0 ? value < UINT64_C(1) << 62 : value == untouched);
	value = untouched;
	err = pl_parse_btime((const char *)data, size, &value);
	fuzz_expect(err == 0 || (err == -EBADMSG && value == untouched));
	value = untouched;
	err = pl_parse_swapping((const char *)data, size, &value);
	fuzz_expect(err == 0 || (err == -EBADMSG && value == untouched));
	return 0;
}
