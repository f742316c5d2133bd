#include "config/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	double factor;
};

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)
#define TIB (1024.0 * GIB)

static const struct unit size_units[] = {
	{ "K", KIB },   { "M", MIB },   { "G", GIB },   { "T", TIB },  { "B", 1.0 },
	{ "KB", KIB },  { "MB", MIB },  { "GB", GIB },  { "TB", TIB }, { "KiB", KIB },
	{ "MiB", MIB }, { "GiB", GIB }, { "TiB", TIB }, { NULL, 0 },
};

/* The short names come first, the longest unit first: printing walks the list. */
static const struct unit duration_units[] = {
	{ "d", 86400 },   { "h", 3600 },      { "m", 60 },         { "s", 1 },       { "ms", 0.001 },
	{ "w", 604800 },  { "week", 604800 }, { "weeks", 604800 }, { "day", 86400 }, { "days", 86400 },
	{ "hour", 3600 }, { "hours", 3600 },  { "min", 60 },       { "minute", 60 }, { "minutes", 60 },
	{ "sec", 1 },     { "second", 1 },    { "seconds", 1 },    { NULL, 0 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

/*
 * Reads a decimal number without exponent; strtod() would follow the locale and take hexadecimal,
 * "nan" and "inf". Up to 15 digits the one division makes the result exactly rounded.
 * Returns the first character after it, or NULL.
 */
static const char *scan_decimal(const char *at, double *out)
{
	double mantissa = 0;
	double scale = 1;
	int digit_count = 0;
	const bool negative = *at == '-';

	if (*at == '-' || *at == '+')
		at++;
	for (; is_digit(*at); at++, digit_count++)
		mantissa = mantissa * 10 + (*at - '0');
	if (*at == '.') {
		at++;
		for (; is_digit(*at); at++, digit_count++) {
			mantissa = mantissa * 10 + (*at - '0');
			scale *= 10;
		}
	}
	if (digit_count == 0 || digit_count > 40)
		return NULL;
	*out = (negative ? -mantissa : mantissa) / scale;
	return at;
}

/* Reads the letters at `at` as a unit. Returns the first character after them, or NULL. */
static const char *scan_unit(const char *at, const struct unit *units, double *factor)
{
	size_t len = 0;

	while (is_letter(at[len]))
		len++;
	for (; units->name; units++) {
		if (strlen(units->name) != len || strncasecmp(units->name, at, len) != 0)
			continue;
		*factor = units->factor;
		return at + len;
	}
	return NULL;
}

int pl_value_parse_number(const char *text, double *out)
{
	double value;
	const char *at = scan_decimal(skip_blanks(text), &value);

	if (!at || *skip_blanks(at))
		return -EINVAL;
	*out = value;
	return 0;
}

static const char *scan_size(const char *at, double *bytes)
{
	double value;
	double factor = 1;

	at = scan_decimal(skip_blanks(at), &value);
	if (!at)
		return NULL;
	at = skip_blanks(at);
	if (is_letter(*at))
		at = scan_unit(at, size_units, &factor);
	if (!at)
		return NULL;
	*bytes = value * factor;
	return skip_blanks(at);
}

int pl_value_parse_size(const char *text, double *bytes)
{
	double value;
	const char *at = scan_size(text, &value);

	if (!at || *at)
		return -EINVAL;
	*bytes = value;
	return 0;
}

int pl_value_parse_rate(const char *text, double *bytes_per_h)
{
	double value;
	double unit_s = 3600;
	const char *at = scan_size(text, &value);

	if (at && *at == '/') {
		at = scan_unit(skip_blanks(at + 1), duration_units, &unit_s);
		if (at)
			at = skip_blanks(at);
	}
	if (!at || *at)
		return -EINVAL;
	*bytes_per_h = value * 3600 / unit_s;
	return 0;
}

int pl_value_parse_duration(const char *text, double bare_unit_s, double *seconds)
{
	double total = 0;
	const char *at = skip_blanks(text);

	if (!*at)
		return -EINVAL;
	for (bool first = true; *at; first = false) {
		double value;
		double factor = bare_unit_s;

		at = scan_decimal(at, &value);
		if (!at)
			return -EINVAL;
		at = skip_blanks(at);
		/* "1h 30" could mean minutes or seconds: only a lone number goes without a unit */
		if (is_letter(*at))
			at = scan_unit(at, duration_units, &factor);
		else if (!first || *at)
			return -EINVAL;
		if (!at)
			return -EINVAL;
		total += value * factor;
		at = skip_blanks(at);
	}
	*seconds = total;
	return 0;
}

int pl_value_parse_percent(const char *text, double *percent)
{
	double value;
	const char *at = scan_decimal(skip_blanks(text), &value);

	if (!at)
		return -EINVAL;
	at = skip_blanks(at);
	if (*at == '%')
		at = skip_blanks(at + 1);
	if (*at)
		return -EINVAL;
	*percent = value;
	return 0;
}

int pl_value_parse_bool(const char *text, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "true", true },   { "yes", true }, { "on", true },
		{ "false", false }, { "no", false }, { "off", false },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) != 0)
			continue;
		*out = words[i].value;
		return 0;
	}
	return -EINVAL;
}

static bool is_whole(double value)
{
	return fabs(value - nearbyint(value)) < 1e-9;
}

void pl_value_print_size(double bytes, char *out, size_t size)
{
	static const struct unit units[] = {
		{ "T", TIB }, { "G", GIB }, { "M", MIB }, { "K", KIB }, { NULL, 0 }
	};

	for (const struct unit *unit = units; unit->name; unit++) {
		if (bytes < unit->factor || !is_whole(bytes / unit->factor))
			continue;
		snprintf(out, size, "%.0f%s", bytes / unit->factor, unit->name);
		return;
	}
	snprintf(out, size, "%.10g", bytes);
}

void pl_value_print_duration(double seconds, char *out, size_t size)
{
	for (const struct unit *unit = duration_units; unit->factor >= 1; unit++) {
		if (seconds < unit->factor || !is_whole(seconds / unit->factor))
			continue;
		snprintf(out, size, "%.0f%s", seconds / unit->factor, unit->name);
		return;
	}
	snprintf(out, size, "%.10gs", seconds);
}
