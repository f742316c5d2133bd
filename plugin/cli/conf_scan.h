/*
 * Words of collectd's configuration syntax, cut as collectd's own scanner cuts them.
 *
 * Knows characters; knows no grammar. Works on text in memory, allocates nothing.
 */
#ifndef PL_CLI_CONF_SCAN_H
#define PL_CLI_CONF_SCAN_H

#include <stddef.h>

enum pl_conf_token_kind {
	PL_CONF_END,
	PL_CONF_EOL,
	PL_CONF_SLASH,
	PL_CONF_OPEN,  /* < */
	PL_CONF_CLOSE, /* > */
	PL_CONF_TRUE,
	PL_CONF_FALSE,
	PL_CONF_NUMBER,
	PL_CONF_WORD,
	PL_CONF_QUOTED,   /* with its quotes */
	PL_CONF_STRAY,    /* a character that collectd prints and then forgets */
	PL_CONF_UNCLOSED, /* a quote without its end */
};

struct pl_conf_token {
	enum pl_conf_token_kind kind;
	const char *text; /* in the scanned text, or a constant for a word of what is missing */
	size_t len;
	unsigned line;
};

struct pl_conf_scan {
	const char *at;
	const char *end;
	unsigned line;
};

/* `text` outlives the scan. */
void pl_conf_scan_init(struct pl_conf_scan *scan, const char *text, size_t len);

struct pl_conf_token pl_conf_scan_next(struct pl_conf_scan *scan);

/*
 * Writes what a quoted token means, with a NUL, into `out` of at least token->len bytes: a
 * backslash makes the next character plain, and one at the end of a line joins the next one, less
 * its blanks.
 */
void pl_conf_unquote(const struct pl_conf_token *token, char *out);

#endif
