/*
 * Lines of the form "Key:   123 kB", by which status, smaps, io and meminfo say most things.
 *
 * A table names the keys that matter and the metric of each; other lines are nobody's business,
 * whatever they hold. A key that matters with a value that is not a number is malformed.
 */
#ifndef PL_PARSE_FIELDS_H
#define PL_PARSE_FIELDS_H

#include "base/metric.h"
#include "parse/scan.h"

enum pl_field_unit { PL_FIELD_PLAIN, PL_FIELD_KIB };

struct pl_field {
	const char *key;
	uint8_t key_len;
	uint8_t unit;   /* enum pl_field_unit */
	uint8_t metric; /* enum pl_metric */
};
#define PL_FIELD(text, unit_, id)                                                                  \
	{                                                                                              \
		.key = (text), .key_len = sizeof(text) - 1, .unit = PL_FIELD_##unit_, .metric = PL_M_##id  \
	}
_Static_assert(PL_METRIC_COUNT <= UINT8_MAX, "struct pl_field keeps the metric in a byte");

/*
 * Rows with the same first letter stand together; first_row[letter] is the index of the first of
 * them plus one, or 0: most lines of status are passed over by that one look.
 */
struct pl_field_table {
	const struct pl_field *rows;
	size_t row_count;
	uint8_t first_row[128];
};

/*
 * Reads one line. Returns 1 and sets *row (index in the table) and *value (kB made bytes) when the
 * table has its key, 0 when not, -EBADMSG when its value is malformed or exceeds 64 bits.
 */
int pl_fields_read(const struct pl_field_table *table, struct pl_scan line, size_t *row,
                   uint64_t *value);

#endif
