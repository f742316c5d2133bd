/*
 * Makes names and texts harmless for Netdata's line protocol.
 *
 * Netdata splits a line at blanks and '=', opens a quote only where a word begins, and never
 * removes a backslash; so a text that holds none of these, nor a quote, is one word inside of
 * quotes. Names of processes are chosen by the processes: nothing reaches the protocol but through
 * here.
 */
#ifndef PL_NETDATA_TEXT_H
#define PL_NETDATA_TEXT_H

#include <stddef.h>

#define PL_TEXT_SIZE 200 /* of any text on the wire, with its NUL */

/*
 * For an id of a chart or dimension: [a-z0-9_-] in lower case, anything else a '_', cut to fit.
 * Never empty when size is 2 or more. Returns its length. Different names may have one id.
 */
size_t pl_text_id(const char *name, char *out, size_t size);

/*
 * For free text (titles, families, labels): quotes, '\', '=', control characters and what is not
 * UTF-8 become '_', blanks at the ends go, cut between characters. "-" when nothing is left.
 * Returns its length.
 */
size_t pl_text_free(const char *text, char *out, size_t size);

#endif
