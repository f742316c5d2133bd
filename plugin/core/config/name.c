#include "config/config.h"

#include <string.h>

/*
 * Length of the well-formed UTF-8 sequence of `text` (RFC 3629: no overlong forms, no surrogates,
 * nothing past U+10FFFF), or 0.
 */
static size_t utf8_sequence(const unsigned char *text)
{
	const unsigned char lead = text[0];
	unsigned char least = 0x80;
	unsigned char most = 0xbf;
	size_t len;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		least = 0xa0;
	if (lead == 0xed)
		most = 0x9f;
	if (lead == 0xf0)
		least = 0x90;
	if (lead == 0xf4)
		most = 0x8f;
	/* the terminating NUL is no continuation byte, so this stops at the end of the text */
	if (text[1] < least || text[1] > most)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

size_t pl_config_clean_name(const char *name, char *out, size_t size)
{
	const unsigned char *at = (const unsigned char *)name;
	size_t used = 0;

	while (*at == ' ' || *at == '\t')
		at++;
	while (*at) {
		const size_t len = utf8_sequence(at);
		const bool usable = len > 1 || (len == 1 && *at >= ' ' && *at != '/' && *at != 0x7f);

		if (used + (usable ? len : 1) >= size)
			break;
		if (usable)
			memcpy(out + used, at, len);
		else
			out[used] = '_';
		used += usable ? len : 1;
		at += usable ? len : 1;
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
	return used;
}
