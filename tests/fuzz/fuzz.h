/*
 * What the fuzz targets share. Each target is a file X_fuzz.c; `make fuzz` builds and runs them all
 * on seeds taken from the fixtures.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_expect_that(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	__builtin_trap();
}

/* libFuzzer keeps the input that made a trap. */
#define fuzz_expect(holds) fuzz_expect_that((holds), #holds, __FILE__, __LINE__)

/* Byte by byte, padding included: what was not written is as it was. */
static inline void fuzz_expect_same(const void *now, const void *before, size_t size)
{
	fuzz_expect(memcmp(now, before, size) == 0);
}

typedef int fuzz_parse_fn(const char *text, size_t len, struct pl_values *out);

/* A parser says 0 or -EBADMSG, sets no bit past the metrics, and a refusal leaves *out alone. */
static inline struct pl_values fuzz_values(fuzz_parse_fn *parse, const uint8_t *data, size_t size)
{
	struct pl_values before;
	struct pl_values out;

	memset(&before, 0x5a, sizeof(before));
	memcpy(&out, &before, sizeof(out));
	const int err = parse((const char *)data, size, &out);
	fuzz_expect(err == 0 || err == -EBADMSG);
	if (err != 0) {
		fuzz_expect_same(&out, &before, sizeof(out));
		return (struct pl_values){ 0 };
	}
	for (size_t i = PL_METRIC_COUNT; i < PL_VALUES_WORDS * (size_t)64; i++)
		fuzz_expect((out.present[i / 64] >> i % 64 & 1) == 0);
	return out;
}

#endif
