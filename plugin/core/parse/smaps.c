#include "parse/smaps.h"

#include <errno.h>
#include <string.h>

#define FLAGS_KEY "VmFlags:"
#define FLAGS_KEY_LEN (sizeof(FLAGS_KEY) - 1)
#define LAYOUT_MAX 4096 /* bytes of a mapping's fixed lines; it is about 700 */

struct key {
	const char *text;
	size_t len;
};
#define KEY(literal)                                                                               \
	{                                                                                              \
		literal ":", sizeof(literal)                                                               \
	}

static const struct key keys[PL_SMAPS_FIELD_COUNT] = {
	[PL_SMAPS_RSS] = KEY("Rss"),
	[PL_SMAPS_PSS] = KEY("Pss"),
	[PL_SMAPS_REFERENCED] = KEY("Referenced"),
	[PL_SMAPS_ANONYMOUS] = KEY("Anonymous"),
	[PL_SMAPS_LAZYFREE] = KEY("LazyFree"),
	[PL_SMAPS_ANON_HUGE] = KEY("AnonHugePages"),
	[PL_SMAPS_SHARED_HUGETLB] = KEY("Shared_Hugetlb"),
	[PL_SMAPS_PRIVATE_HUGETLB] = KEY("Private_Hugetlb"),
	[PL_SMAPS_SWAP] = KEY("Swap"),
};

void pl_parse_smaps_init(struct pl_smaps_parser *parser, pl_smaps_mapping_fn *mapping, void *ctx)
{
	parser->mapping = mapping;
	parser->ctx = ctx;
	parser->mapping_count = 0;
	parser->bad_line_count = 0;
	parser->learned = false;
	parser->open = false;
	parser->carry_len = 0;
	parser->carry_overflow = false;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Takes a number of hexadecimal digits as the kernel writes them; NULL when there is none. */
static const char *take_hex(const char *at, const char *end, uint64_t *out)
{
	const char *first = at;
	uint64_t value = 0;

	for (; at < end && is_hex(*at); at++)
		value = value << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	if (at == first || at - first > 16)
		return NULL;
	*out = value;
	return at;
}

/* Takes a decimal number; NULL when there is none, or more than 18 digits. */
static const char *take_decimal(const char *at, const char *end, uint64_t *out)
{
	const char *first = at;
	uint64_t value = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (at == first || at - first > 18)
		return NULL;
	*out = value;
	return at;
}

static const char *skip_word_and_blank(const char *at, const char *end)
{
	at = memchr(at, ' ', (size_t)(end - at));
	return at ? at + 1 : end;
}

static uint32_t hash_of(const char *text, size_t len)
{
	uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ len;
	uint64_t word;

	for (; len >= sizeof(word); text += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, text, len);
	hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return (uint32_t)(hash >> 32 ^ hash);
}

static const char *take_permissions(const char *at, const char *end, struct pl_mapping *m)
{
	if (end - at < 6 || at[0] != ' ' || at[5] != ' ' || (at[4] != 'p' && at[4] != 's'))
		return NULL;
	m->readable = at[1] == 'r';
	m->writable = at[2] == 'w';
	m->executable = at[3] == 'x';
	m->shared = at[4] == 's';
	return at + 6;
}

/* A file keeps its identity when a package manager replaces it. */
static void take_name(const char *at, const char *end, struct pl_mapping *m)
{
	static const char suffix[] = " (deleted)";
	const size_t suffix_len = sizeof(suffix) - 1;
	size_t len = (size_t)(end - at);

	m->deleted =
		len > suffix_len && end[-1] == ')' && memcmp(end - suffix_len, suffix, suffix_len) == 0;
	if (m->deleted)
		len -= suffix_len;
	m->name = at;
	m->name_hash = len > 0 ? hash_of(at, len) | 1 : 0;
	m->name_len = len < PL_SMAPS_NAME_MAX ? len : PL_SMAPS_NAME_MAX;
}

/* "7f12-7f34 rw-p 00000000 fe:00 247498      /usr/bin/head": everything but the fields. */
static bool parse_header(const char *at, const char *end, struct pl_mapping *m)
{
	m->hugetlb = m->guarded = m->no_reserve = false;
	at = take_hex(at, end, &m->start);
	if (!at || at == end || *at != '-')
		return false;
	at = take_hex(at + 1, end, &m->end);
	if (!at || m->end <= m->start)
		return false;
	at = take_permissions(at, end, m);
	if (!at)
		return false;
	at = skip_word_and_blank(at, end); /* offset */
	at = skip_word_and_blank(at, end); /* device */
	at = take_decimal(at, end, &m->inode);
	if (!at)
		return false;
	while (at < end && *at == ' ')
		at++;
	take_name(at, end, m);
	return true;
}

/* " rd wr mr mw me ac ": two letters a flag. */
static void parse_flags(const char *at, const char *end, struct pl_mapping *m)
{
	for (; end - at >= 3; at += 3) {
		m->hugetlb |= at[1] == 'h' && at[2] == 't';
		m->guarded |= at[1] == 'g' && at[2] == 'u';
		m->no_reserve |= at[1] == 'n' && at[2] == 'r';
	}
}

/* Reads a number by its last digit, leftwards: most have one digit. */
static uint64_t number_ending_at(const char *last, const char *limit)
{
	uint64_t value = 0;
	uint64_t weight = 1;

	for (; last >= limit && *last >= '0' && *last <= '9'; last--, weight *= 10)
		value += weight * (uint64_t)(*last - '0');
	return value;
}

/* A record whose fields stand where they always do. Returns its end, or NULL: read it by lines. */
static const char *parse_record(struct pl_smaps_parser *parser, const char *text, const char *end)
{
	const char *body = memchr(text, '\n', (size_t)(end - text));
	const char *flags;
	const char *flags_end;
	struct pl_mapping m;

	if (!body || end - ++body < (ptrdiff_t)(parser->flags_at + FLAGS_KEY_LEN))
		return NULL;
	flags = body + parser->flags_at;
	if (memcmp(flags, FLAGS_KEY, FLAGS_KEY_LEN) != 0 || flags[-1] != '\n')
		return NULL;
	flags += FLAGS_KEY_LEN;
	flags_end = memchr(flags, '\n', (size_t)(end - flags));
	if (!flags_end || !parse_header(text, body - 1, &m))
		return NULL;
	for (size_t i = 0; i < PL_SMAPS_FIELD_COUNT; i++) {
		const uint16_t at = parser->digit_at[i];

		m.bytes[i] = at == 0 ? 0 : number_ending_at(body + at, body + at - 9) * 1024;
	}
	parse_flags(flags, flags_end, &m);
	parser->mapping_count++;
	parser->mapping(parser->ctx, &m);
	return flags_end + 1;
}

static void emit_open(struct pl_smaps_parser *parser)
{
	if (!parser->open)
		return;
	parser->open = false;
	parser->current.name = parser->name;
	parser->mapping_count++;
	parser->mapping(parser->ctx, &parser->current);
}

static void open_mapping(struct pl_smaps_parser *parser, const char *line, const char *end)
{
	struct pl_mapping m = { 0 };

	if (!parse_header(line, end, &m)) {
		parser->bad_line_count++;
		return;
	}
	emit_open(parser);
	if (m.name_len > 0)
		memcpy(parser->name, m.name, m.name_len);
	parser->current = m;
	parser->open = true;
	parser->body_len = 0;
	memset(parser->current_digit_at, 0, sizeof(parser->current_digit_at));
}

/* VmFlags ends a record: by now its layout is known. */
static void learn(struct pl_smaps_parser *parser)
{
	if (parser->body_len > LAYOUT_MAX)
		return;
	memcpy(parser->digit_at, parser->current_digit_at, sizeof(parser->digit_at));
	parser->flags_at = (uint16_t)parser->body_len;
	parser->learned = true;
}

static void parse_field(struct pl_smaps_parser *parser, const char *line, const char *end)
{
	const size_t len = (size_t)(end - line);

	for (size_t i = 0; i < PL_SMAPS_FIELD_COUNT; i++) {
		const char *at = line + keys[i].len;
		uint64_t kib;

		if (len <= keys[i].len || memcmp(line, keys[i].text, keys[i].len) != 0)
			continue;
		while (at < end && *at == ' ')
			at++;
		at = take_decimal(at, end, &kib);
		if (!at || kib > UINT64_MAX / 1024) {
			parser->bad_line_count++;
			return;
		}
		parser->current.bytes[i] = kib * 1024;
		if (parser->body_len <= LAYOUT_MAX)
			parser->current_digit_at[i] = (uint16_t)(parser->body_len + (size_t)(at - 1 - line));
		return;
	}
}

/* One line without its newline. Headers begin with a small hexadecimal digit, fields with a
 * capital letter, whatever a name may hold. */
static void parse_line(struct pl_smaps_parser *parser, const char *line, const char *end)
{
	if (line == end) {
		parser->bad_line_count++;
		return;
	}
	if (is_hex(*line)) {
		open_mapping(parser, line, end);
		return;
	}
	if (!parser->open || *line < 'A' || *line > 'Z') {
		parser->bad_line_count++;
		return;
	}
	if ((size_t)(end - line) >= FLAGS_KEY_LEN && memcmp(line, FLAGS_KEY, FLAGS_KEY_LEN) == 0) {
		parse_flags(line + FLAGS_KEY_LEN, end, &parser->current);
		learn(parser);
	} else {
		parse_field(parser, line, end);
	}
	parser->body_len += (uint32_t)(end - line) + 1;
}

/* Keeps the beginning of a line that goes on in the next piece. */
static void carry(struct pl_smaps_parser *parser, const char *text, size_t len)
{
	const size_t room = sizeof(parser->carry) - parser->carry_len;

	if (len > room) {
		len = room;
		parser->carry_overflow = true;
	}
	if (len > 0)
		memcpy(parser->carry + parser->carry_len, text, len);
	parser->carry_len += len;
}

void pl_parse_smaps_feed(struct pl_smaps_parser *parser, const char *text, size_t len)
{
	const char *end = len > 0 ? text + len : text;

	while (text < end) {
		const char *next = NULL;
		const char *newline;

		if (parser->learned && parser->carry_len == 0 && is_hex(*text)) {
			emit_open(parser);
			next = parse_record(parser, text, end);
		}
		if (next) {
			text = next;
			continue;
		}
		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline) {
			carry(parser, text, (size_t)(end - text));
			return;
		}
		if (parser->carry_len == 0) {
			parse_line(parser, text, newline);
		} else {
			carry(parser, text, (size_t)(newline - text));
			parse_line(parser, parser->carry, parser->carry + parser->carry_len);
			parser->carry_len = 0;
			parser->carry_overflow = false;
		}
		text = newline + 1;
	}
}

int pl_parse_smaps_finish(struct pl_smaps_parser *parser)
{
	const bool cut = parser->carry_len > 0;

	emit_open(parser);
	return cut ? -EBADMSG : 0;
}
