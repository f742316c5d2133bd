#include "requests.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 8

static bool is_blank(char c)
{
	return c != '\0' && strchr(" \t\r\n\f\v", c) != NULL;
}

/* Splits a line in place; a quote counts where a word begins. Returns the number of words. */
static size_t split(char *line, const char *words[WORDS_MAX])
{
	size_t count = 0;

	while (count < WORDS_MAX) {
		char quote = '\0';

		while (is_blank(*line))
			line++;
		if (*line == '\0')
			break;
		if (*line == '"' || *line == '\'')
			quote = *line++;
		words[count++] = line;
		while (*line && (quote ? *line != quote : !is_blank(*line)))
			line++;
		if (*line)
			*line++ = '\0';
	}
	return count;
}

/* FUNCTION TRANSACTION TIMEOUT "NAME ARGUMENTS" ...; the same with FUNCTION_PAYLOAD, whose end is a
 * line of its own. Returns false on QUIT. */
static bool take_line(struct pl_requests *requests, pl_request_call_fn *call, void *ctx)
{
	const char *words[WORDS_MAX];
	const size_t count = split(requests->line, words);
	const bool payload = count > 0 && strcmp(words[0], "FUNCTION_PAYLOAD") == 0;

	if (requests->in_payload) {
		if (count == 0 || strcmp(words[0], "FUNCTION_PAYLOAD_END") != 0)
			return true;
		requests->in_payload = false;
		call(ctx, requests->transaction, requests->function);
		return true;
	}
	if (count > 0 && strcmp(words[0], "QUIT") == 0)
		return false;
	if (count < 4 || (!payload && strcmp(words[0], "FUNCTION") != 0))
		return true;
	snprintf(requests->transaction, sizeof(requests->transaction), "%s", words[1]);
	snprintf(requests->function, sizeof(requests->function), "%s", words[3]);
	requests->in_payload = payload;
	if (!payload)
		call(ctx, requests->transaction, requests->function);
	return true;
}

bool pl_requests_feed(struct pl_requests *requests, const char *bytes, size_t len,
                      pl_request_call_fn *call, void *ctx)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			requests->line[requests->len] = '\0';
			if (!requests->too_long && !take_line(requests, call, ctx))
				return false;
			requests->len = 0;
			requests->too_long = false;
		} else if (requests->len + 1 < sizeof(requests->line)) {
			requests->line[requests->len++] = bytes[i];
		} else {
			requests->too_long = true;
		}
	}
	/* Netdata 2.10 sends QUIT without a newline (pluginsd_process) */
	return requests->in_payload || requests->len != 4 || memcmp(requests->line, "QUIT", 4) != 0;
}
