/*
 * What the daemon says on the plugin's standard input: calls of functions, and that it is time to
 * quit.
 *
 * Fed with bytes as they come; does no I/O. What it does not know is skipped: newer daemons say
 * more.
 */
#ifndef PL_NETDATA_REQUESTS_H
#define PL_NETDATA_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>

#define PL_REQUEST_LINE_SIZE 4096
#define PL_REQUEST_WORD_SIZE 128

struct pl_requests {
	char line[PL_REQUEST_LINE_SIZE]; /* begun, not ended yet */
	size_t len;
	bool too_long;   /* the rest of the line is dropped, and then all of it */
	bool in_payload; /* of the call below */
	char transaction[PL_REQUEST_WORD_SIZE];
	char function[PL_REQUEST_WORD_SIZE];
};

/* A call; both texts are valid during it. `function` is its name and arguments. */
typedef void pl_request_call_fn(void *ctx, const char *transaction, const char *function);

/* Zero-initialise. Returns false once the daemon said QUIT. */
bool pl_requests_feed(struct pl_requests *requests, const char *bytes, size_t len,
                      pl_request_call_fn *call, void *ctx);

#endif
