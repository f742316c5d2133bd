/* The first byte of the input is the size of the output. */
#include "fuzz.h"
#include "parse/parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const size_t out_size = data[0];
	char *out = malloc(out_size > 0 ? out_size : 1);
	if (!out)
		return 0;
	const size_t len = pl_parse_cmdline((const char *)data + 1, size - 1, out, out_size);
	fuzz_expect(out_size == 0 ? len == 0 : len < out_size && out[len] == '\0');
	for (size_t i = 0; i < len; i++)
		fuzz_expect((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
	free(out);
	return 0;
}
