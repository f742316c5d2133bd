#include "say.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE (PATH_MAX + 512)

void pl_cli_mend_utf8(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		const unsigned char c = (unsigned char)text[i];
		const size_t want = c < 0x7f ? 1 : c >> 5 == 6 && c >= 0xc2 ? 2 : c >> 4 == 14 ? 3 : 0;
		bool good = want > 0 && i + want <= len;

		for (size_t k = 1; good && k < want; k++)
			good = ((unsigned char)text[i + k] & 0xc0) == 0x80;
		if (good && c == 0xc2)
			good = (unsigned char)text[i + 1] >= 0xa0;
		if (good)
			i += want;
		else
			text[i++] = '?';
	}
}

void pl_cli_clean_line(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '?';
	pl_cli_mend_utf8(line, len);
}

void pl_cli_say(const char *format, ...)
{
	char line[LINE_SIZE];
	size_t len;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	len = strlen(line);
	pl_cli_clean_line(line, len > 0 && line[len - 1] == '\n' ? len - 1 : len);
	fputs(line, stderr);
}
