#include "fuzz.h"
#include "parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_stat before;
	struct pl_stat out;

	memset(&before, 0x5a, sizeof(before));
	memcpy(&out, &before, sizeof(out));
	const int err = pl_parse_stat((const char *)data, size, &out);
	fuzz_expect(err == 0 || err == -EBADMSG);
	if (err != 0)
		fuzz_expect_same(&out, &before, sizeof(out));
	else
		fuzz_expect(memchr(out.comm, '\0', sizeof(out.comm)) != NULL && out.pid >= 0);
	return 0;
}
