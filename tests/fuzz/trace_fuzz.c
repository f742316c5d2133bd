/* A header and the rows after it, as `procleak replay` feeds them. */
#include "fuzz.h"
#include "parse/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	const char *end = at + size;
	struct pl_trace_problem problem = { 0 };
	struct pl_trace trace;
	bool header = true;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const size_t len = (size_t)((newline ? newline : end) - at);
		struct pl_sample sample = { 0 };
		const int err = header ? pl_trace_header(at, len, &trace, &problem)
		                       : pl_trace_row(&trace, at, len, &sample, &problem);
		fuzz_expect(err == 0 || (err == -EBADMSG && problem.what != NULL));
		if (header && err != 0)
			return 0;
		fuzz_expect(header || err != 0 || sample.ident.pid >= 0);
		header = false;
		at += len + 1;
	}
	return 0;
}
