#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t pl_text_id(const char *name, char *out, size_t size)
{
	size_t len = 0;

	for (; *name && len + 1 < size; name++) {
		char c = *name;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			c = '_';
		out[len++] = c;
	}
	if (len == 0 && size > 1)
		out[len++] = '_';
	out[len] = '\0';
	return len;
}

/* Length of the UTF-8 sequence that `s` begins with, 0 when it is none (RFC 3629). */
static size_t sequence_length(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	if (len == 1)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	code = s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return len;
}

/* C0, DEL, the C1 controls and the separators of lines of Unicode, as well as what splits words. */
static bool is_harmful(const unsigned char *s, size_t len)
{
	if (len == 1)
		return s[0] < ' ' || s[0] == 0x7f || strchr("\"'\\=`", s[0]) != NULL;
	if (len == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	return len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9);
}

size_t pl_text_free(const char *text, char *out, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = 0;

	while (*s == ' ')
		s++;
	while (*s) {
		const size_t step = sequence_length(s);
		const bool keep = step > 0 && !is_harmful(s, step);
		const size_t room = keep ? step : 1;

		if (len + room >= size)
			break;
		if (keep)
			memcpy(out + len, s, step);
		else
			out[len] = '_';
		len += room;
		s += step > 0 ? step : 1;
	}
	while (len > 0 && out[len - 1] == ' ')
		len--;
	if (len == 0 && size > 1)
		out[len++] = '-';
	out[len] = '\0';
	return len;
}
