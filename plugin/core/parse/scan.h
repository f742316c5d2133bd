/*
 * A cursor over text that has no terminating NUL: lines, words and numbers, for the parsers only.
 *
 * Knows no file of the kernel. No locale, no errno, no backtracking: a scan that fails leaves its
 * cursor anywhere, since the caller gives up on the text. Blanks are the space and the tab.
 */
#ifndef PL_PARSE_SCAN_H
#define PL_PARSE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pl_scan {
	const char *at;
	const char *end;
};

static inline struct pl_scan pl_scan_text(const char *text, size_t len)
{
	return (struct pl_scan){ .at = text, .end = len == 0 ? text : text + len };
}

static inline size_t pl_scan_left(const struct pl_scan *scan)
{
	return (size_t)(scan->end - scan->at);
}

/* Takes the next line, without its newline. False when no complete line is left. */
static inline bool pl_scan_line(struct pl_scan *scan, struct pl_scan *line)
{
	const size_t left = pl_scan_left(scan);
	const char *newline = left == 0 ? NULL : memchr(scan->at, '\n', left);

	if (newline == NULL)
		return false;
	*line = (struct pl_scan){ .at = scan->at, .end = newline };
	scan->at = newline + 1;
	return true;
}

static inline void pl_scan_blanks(struct pl_scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
		scan->at++;
}

/* Passes over `prefix` when the text begins with it. */
static inline bool pl_scan_literal(struct pl_scan *scan, const char *prefix, size_t prefix_len)
{
	if (pl_scan_left(scan) < prefix_len || memcmp(scan->at, prefix, prefix_len) != 0)
		return false;
	scan->at += prefix_len;
	return true;
}

/* Takes the next run of non-blanks, passing over the blanks before it. False when none is left. */
static inline bool pl_scan_word(struct pl_scan *scan, struct pl_scan *word)
{
	pl_scan_blanks(scan);
	word->at = scan->at;
	while (scan->at < scan->end && *scan->at != ' ' && *scan->at != '\t')
		scan->at++;
	word->end = scan->at;
	return word->at < word->end;
}

/* Takes decimal digits. False when there are none or they exceed 64 bits. */
static inline bool pl_scan_u64(struct pl_scan *scan, uint64_t *out)
{
	const char *first = scan->at;
	uint64_t value = 0;

	for (; scan->at < scan->end; scan->at++) {
		const unsigned digit = (unsigned)(unsigned char)*scan->at - '0';
		if (digit > 9)
			break;
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*out = value;
	return scan->at > first;
}

/* Takes hexadecimal digits, at most 16. False when there are none or more. */
static inline bool pl_scan_hex(struct pl_scan *scan, uint64_t *out)
{
	const char *first = scan->at;
	uint64_t value = 0;

	for (; scan->at < scan->end; scan->at++) {
		const unsigned char c = (unsigned char)*scan->at;
		const unsigned char lower = c | 0x20;
		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			value = value << 4 | (uint64_t)(lower - 'a' + 10);
		else
			break;
	}
	*out = value;
	return scan->at > first && scan->at - first <= 16;
}

#endif
