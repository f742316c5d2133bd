#include "conf_scan.h"

#include <stdbool.h>
#include <string.h>

void pl_conf_scan_init(struct pl_conf_scan *scan, const char *text, size_t len)
{
	*scan = (struct pl_conf_scan){ .at = text, .end = text + len, .line = 1 };
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\b';
}

/* Length of the line end at `at`, or 0. */
static size_t eol_length(const char *at, const char *end)
{
	if (at < end && *at == '\n')
		return 1;
	return at + 1 < end && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

static void skip_blanks(struct pl_conf_scan *scan)
{
	while (scan->at < scan->end) {
		const size_t joined = *scan->at == '\\' ? eol_length(scan->at + 1, scan->end) : 0;

		if (joined > 0) {
			scan->at += 1 + joined;
			scan->line++;
		} else if (*scan->at == '#') {
			while (scan->at < scan->end && *scan->at != '\n')
				scan->at++;
		} else if (is_blank(*scan->at)) {
			scan->at++;
		} else {
			return;
		}
	}
}

static size_t count_digits(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && is_digit(*at))
		at++;
	return (size_t)(at - start);
}

/* Length of a decimal number, whole or with a fraction, at `at`, or 0. Hexadecimal and octal ones
 * are as long as the word they are part of, and told apart there. */
static size_t number_length(const char *at, const char *end)
{
	const char *start = at;
	size_t whole;
	size_t fraction;

	if (at < end && (*at == '+' || *at == '-'))
		at++;
	whole = count_digits(at, end);
	at += whole;
	fraction = at < end && *at == '.' ? count_digits(at + 1, end) : 0;
	if (fraction == 0)
		return whole > 0 ? (size_t)(at - start) : 0;
	at += 1 + fraction;
	/* the exponent wants a sign */
	if (end - at > 2 && (*at == 'e' || *at == 'E') && (at[1] == '+' || at[1] == '-') &&
	    is_digit(at[2]))
		at += 2 + count_digits(at + 2, end);
	return (size_t)(at - start);
}

static bool is_hex(const char *text, size_t len)
{
	if (len < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
		return false;
	for (size_t i = 2; i < len; i++) {
		if (!is_digit(text[i]) && !strchr("abcdefABCDEF", text[i]))
			return false;
	}
	return true;
}

static enum pl_conf_token_kind word_kind(const char *text, size_t len)
{
	static const struct {
		const char *word;
		enum pl_conf_token_kind kind;
	} words[] = {
		{ "true", PL_CONF_TRUE },   { "yes", PL_CONF_TRUE }, { "on", PL_CONF_TRUE },
		{ "false", PL_CONF_FALSE }, { "no", PL_CONF_FALSE }, { "off", PL_CONF_FALSE },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) == len && memcmp(words[i].word, text, len) == 0)
			return words[i].kind;
	}
	return is_hex(text, len) ? PL_CONF_NUMBER : PL_CONF_WORD;
}

/* The longest of a word and a number; a stray character where there is neither. */
static void scan_word(struct pl_conf_scan *scan, struct pl_conf_token *token)
{
	const size_t number = number_length(scan->at, scan->end);
	size_t word = 0;

	while (scan->at + word < scan->end && is_word(scan->at[word]))
		word++;
	if (number >= word && number > 0) {
		token->kind = PL_CONF_NUMBER;
		token->len = number;
	} else if (word > 0) {
		token->kind = word_kind(scan->at, word);
		token->len = word;
	} else {
		token->kind = PL_CONF_STRAY;
		token->len = 1;
	}
	scan->at += token->len;
}

static void scan_quoted(struct pl_conf_scan *scan, struct pl_conf_token *token)
{
	const char *at = scan->at + 1;

	token->kind = PL_CONF_UNCLOSED;
	for (; at < scan->end; at++) {
		if (*at == '\n')
			scan->line++;
		if (*at == '"') {
			token->kind = PL_CONF_QUOTED;
			at++;
			break;
		}
		if (*at == '\\' && at + 1 < scan->end) {
			at++;
			scan->line += *at == '\n';
		}
	}
	token->len = (size_t)(at - scan->at);
	scan->at = at;
}

struct pl_conf_token pl_conf_scan_next(struct pl_conf_scan *scan)
{
	static const char marks[] = "/<>";
	static const enum pl_conf_token_kind mark_kinds[] = { PL_CONF_SLASH, PL_CONF_OPEN,
		                                                  PL_CONF_CLOSE };
	struct pl_conf_token token = { .kind = PL_CONF_END };
	const char *mark;

	skip_blanks(scan);
	token.text = scan->at;
	token.line = scan->line;
	if (scan->at >= scan->end)
		return token;
	token.len = eol_length(scan->at, scan->end);
	if (token.len > 0) {
		token.kind = PL_CONF_EOL;
		scan->at += token.len;
		scan->line++;
		return token;
	}
	mark = *scan->at ? strchr(marks, *scan->at) : NULL;
	if (mark) {
		token.kind = mark_kinds[mark - marks];
		token.len = 1;
		scan->at++;
	} else if (*scan->at == '"') {
		scan_quoted(scan, &token);
	} else {
		scan_word(scan, &token);
	}
	return token;
}

void pl_conf_unquote(const struct pl_conf_token *token, char *out)
{
	const char *at = token->text + 1;
	const char *end = token->text + token->len - 1;

	while (at < end) {
		size_t joined;

		if (*at != '\\') {
			*out++ = *at++;
			continue;
		}
		at++;
		joined = eol_length(at, end);
		if (joined == 0) {
			/* what follows is plain, be it a backslash or a quote */
			if (at < end)
				*out++ = *at++;
			continue;
		}
		at += joined;
		while (at < end && is_blank(*at))
			at++;
	}
	*out = '\0';
}
