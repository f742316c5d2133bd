/*
 * The first byte says which file it is, the second how long the pieces are. Cut into pieces or
 * whole, the same sockets must come out.
 */
#include "fuzz.h"
#include "parse/parse.h"

struct sockets {
	uint64_t count;
	uint64_t digest;
};

static void add_socket(void *ctx, uint64_t inode, enum pl_metric metric)
{
	struct sockets *sockets = ctx;

	fuzz_expect(inode != 0 && metric >= PL_M_TCP_ESTABLISHED && metric <= PL_M_UNIX_OTHER);
	sockets->count++;
	sockets->digest = sockets->digest * 31 + inode * 7 + (uint64_t)metric;
}

static bool has_long_line(const char *text, size_t len)
{
	size_t line_len = 0;

	for (size_t i = 0; i < len; i++) {
		line_len = text[i] == '\n' ? 0 : line_len + 1;
		if (line_len >= 512)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_net_parser parser;
	struct sockets whole = { 0 };
	struct sockets pieces = { 0 };

	if (size < 2)
		return 0;
	const enum pl_net_file file = (enum pl_net_file)(data[0] % 3);
	const size_t piece = data[1] + 1U;
	const char *text = (const char *)data + 2;
	const size_t len = size - 2;
	pl_parse_net_init(&parser, file);
	pl_parse_net_feed(&parser, text, len, add_socket, &whole);
	const uint32_t bad_lines = parser.bad_lines;
	pl_parse_net_init(&parser, file);
	for (size_t at = 0; at < len; at += piece)
		pl_parse_net_feed(&parser, text + at, len - at < piece ? len - at : piece, add_socket,
		                  &pieces);
	/* A line too long to be carried over counts as broken only when it was cut. */
	if (!has_long_line(text, len))
		fuzz_expect(whole.count == pieces.count && whole.digest == pieces.digest &&
		            bad_lines == parser.bad_lines);
	return 0;
}
