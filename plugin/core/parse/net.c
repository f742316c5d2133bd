#include "parse/parse.h"

#include <errno.h>

#include "parse/scan.h"

/* include/net/tcp_states.h; 12 is TCP_NEW_SYN_RECV, which the kernel prints as 3. */
static const uint8_t tcp_metrics[] = {
	[1] = PL_M_TCP_ESTABLISHED, [2] = PL_M_TCP_SYN_SENT,   [3] = PL_M_TCP_SYN_RECV,
	[4] = PL_M_TCP_FIN_WAIT1,   [5] = PL_M_TCP_FIN_WAIT2,  [6] = PL_M_TCP_TIME_WAIT,
	[7] = PL_M_TCP_CLOSE,       [8] = PL_M_TCP_CLOSE_WAIT, [9] = PL_M_TCP_LAST_ACK,
	[10] = PL_M_TCP_LISTEN,     [11] = PL_M_TCP_CLOSING,   [12] = PL_M_TCP_SYN_RECV,
};

#define SO_ACCEPTCON_FLAG 0x10000U /* __SO_ACCEPTCON: a Unix socket that listens */
#define SS_CONNECTED 3U            /* include/uapi/linux/net.h */

/* Where the columns are, counted in words from 0. */
struct columns {
	unsigned flags; /* 0: there is none */
	unsigned state;
	unsigned inode;
};

static const struct columns columns_of[] = {
	[PL_NET_TCP] = { .flags = 0, .state = 3, .inode = 9 },
	[PL_NET_UDP] = { .flags = 0, .state = 3, .inode = 9 },
	[PL_NET_UNIX] = { .flags = 3, .state = 5, .inode = 6 },
};

struct record {
	uint64_t flags;
	uint64_t state;
	uint64_t inode;
};

static bool whole_hex(struct pl_scan word, uint64_t *out)
{
	return pl_scan_hex(&word, out) && pl_scan_left(&word) == 0;
}

/* Every record begins with a number and a colon ("  12:", "ffff8800b5a3c000:"), no header does. */
static bool is_record(struct pl_scan line)
{
	struct pl_scan word;

	return pl_scan_word(&line, &word) && word.end[-1] == ':';
}

/*
 * Exactly as unix_seq_show() prints it: "%pK: %08X %08X %08X %04X %02X %5lu". A name may hold
 * newlines, and what follows one may look like this; of at most 107 bytes only one such line fits.
 */
static bool has_unix_layout(struct pl_scan line)
{
	static const size_t widths[] = { 8, 8, 8, 4, 2 };
	struct pl_scan word;

	if (!pl_scan_word(&line, &word))
		return false;
	if (pl_scan_left(&word) != 17 && pl_scan_left(&word) != 9)
		return false;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		const char *before = line.at;

		if (!pl_scan_word(&line, &word) || word.at != before + 1 ||
		    pl_scan_left(&word) != widths[i])
			return false;
	}
	return true;
}

static bool read_record(struct pl_scan line, const struct columns *columns, struct record *out)
{
	struct pl_scan word;

	for (unsigned i = 0; i <= columns->inode; i++) {
		if (!pl_scan_word(&line, &word))
			return false;
		if (i == 0 && word.end[-1] != ':')
			return false;
		if (i > 0 && i == columns->flags && !whole_hex(word, &out->flags))
			return false;
		if (i == columns->state && !whole_hex(word, &out->state))
			return false;
	}
	return pl_scan_u64(&word, &out->inode) && pl_scan_left(&word) == 0;
}

bool pl_parse_net_state(enum pl_net_file file, uint64_t state, bool listens, enum pl_metric *metric)
{
	switch (file) {
	case PL_NET_TCP:
		if (state == 0 || state >= sizeof(tcp_metrics))
			return false;
		*metric = (enum pl_metric)tcp_metrics[state];
		return true;
	case PL_NET_UDP:
		*metric = PL_M_UDP;
		return true;
	case PL_NET_UNIX:
		if (listens)
			*metric = PL_M_UNIX_LISTEN;
		else
			*metric = state == SS_CONNECTED ? PL_M_UNIX_CONNECTED : PL_M_UNIX_OTHER;
		return true;
	}
	return false;
}

static void take_line(struct pl_net_parser *parser, const char *text, size_t len,
                      pl_net_socket_fn *socket, void *ctx)
{
	const struct pl_scan line = pl_scan_text(text, len);
	const bool first = !parser->header_seen;
	struct record record = { 0 };
	enum pl_metric metric;

	parser->header_seen = true;
	if (first && !is_record(line))
		return;
	if ((parser->file == PL_NET_UNIX && !has_unix_layout(line)) ||
	    !read_record(line, &columns_of[parser->file], &record) ||
	    !pl_parse_net_state(parser->file, record.state, (record.flags & SO_ACCEPTCON_FLAG) != 0,
	                        &metric)) {
		parser->bad_lines++;
		return;
	}
	if (record.inode != 0)
		socket(ctx, record.inode, metric);
}

/* Adds a piece of a line to what is carried over; a line that does not fit is dropped whole. */
static void carry(struct pl_net_parser *parser, const char *text, size_t len)
{
	if (len > sizeof(parser->carry) - parser->carry_len) {
		parser->line_too_long = true;
		return;
	}
	memcpy(parser->carry + parser->carry_len, text, len);
	parser->carry_len += len;
}

/* The line carried over is complete. */
static void take_carried(struct pl_net_parser *parser, pl_net_socket_fn *socket, void *ctx)
{
	if (parser->line_too_long) {
		parser->header_seen = true;
		parser->bad_lines++;
	} else {
		take_line(parser, parser->carry, parser->carry_len, socket, ctx);
	}
	parser->line_too_long = false;
	parser->carry_len = 0;
}

void pl_parse_net_init(struct pl_net_parser *parser, enum pl_net_file file)
{
	*parser = (struct pl_net_parser){ .file = file };
}

void pl_parse_net_feed(struct pl_net_parser *parser, const char *text, size_t len,
                       pl_net_socket_fn *socket, void *ctx)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;

	while (pl_scan_line(&scan, &line)) {
		const size_t line_len = pl_scan_left(&line);
		if (parser->carry_len == 0 && !parser->line_too_long) {
			take_line(parser, line.at, line_len, socket, ctx);
			continue;
		}
		carry(parser, line.at, line_len);
		take_carried(parser, socket, ctx);
	}
	if (pl_scan_left(&scan) > 0)
		carry(parser, scan.at, pl_scan_left(&scan));
}

/* The n-th word of a line, from 0. */
static bool nth_word(struct pl_scan line, size_t n, struct pl_scan *word)
{
	for (size_t i = 0; i <= n; i++)
		if (!pl_scan_word(&line, word))
			return false;
	return true;
}

/* Where among the words of a line of names one is; -1 when it is not. */
static int index_of_word(struct pl_scan line, const char *name)
{
	const size_t len = strlen(name);
	struct pl_scan word;

	for (int i = 0; pl_scan_word(&line, &word); i++)
		if (pl_scan_left(&word) == len && memcmp(word.at, name, len) == 0)
			return i;
	return -1;
}

static bool read_column(struct pl_scan names, struct pl_scan numbers, const char *name,
                        uint64_t *out)
{
	const int at = index_of_word(names, name);
	struct pl_scan word;

	return at > 0 && nth_word(numbers, (size_t)at, &word) && pl_scan_u64(&word, out) &&
	       pl_scan_left(&word) == 0;
}

/* A line of names, then one of numbers, both beginning with "Tcp:". */
int pl_parse_tcp_opens(const char *text, size_t len, struct pl_tcp_opens *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan names;
	struct pl_scan numbers;
	struct pl_tcp_opens opens;

	while (pl_scan_line(&scan, &names)) {
		struct pl_scan rest = names;

		if (!pl_scan_literal(&rest, "Tcp: ", 5))
			continue;
		if (!pl_scan_line(&scan, &numbers) ||
		    !read_column(names, numbers, "ActiveOpens", &opens.active) ||
		    !read_column(names, numbers, "PassiveOpens", &opens.passive))
			return -EBADMSG;
		*out = opens;
		return 0;
	}
	return -EBADMSG;
}
