#include "parse/fields.h"

#include <errno.h>

/* Index of the row whose key begins the line and is followed by a colon, or row_count. */
static size_t find_row(const struct pl_field_table *table, const struct pl_scan *line)
{
	const size_t len = pl_scan_left(line);
	const unsigned char letter = len > 0 ? (unsigned char)*line->at : 0;

	if (letter >= sizeof(table->first_row) || table->first_row[letter] == 0)
		return table->row_count;
	for (size_t i = table->first_row[letter] - 1U; i < table->row_count; i++) {
		const struct pl_field *row = &table->rows[i];
		if ((unsigned char)row->key[0] != letter)
			break;
		if (len > row->key_len && line->at[row->key_len] == ':' &&
		    memcmp(line->at, row->key, row->key_len) == 0)
			return i;
	}
	return table->row_count;
}

int pl_fields_read(const struct pl_field_table *table, struct pl_scan line, size_t *row,
                   uint64_t *value)
{
	const size_t found = find_row(table, &line);
	uint64_t number;

	if (found == table->row_count)
		return 0;
	line.at += table->rows[found].key_len + 1U;
	pl_scan_blanks(&line);
	if (!pl_scan_u64(&line, &number))
		return -EBADMSG;
	pl_scan_blanks(&line);
	if (table->rows[found].unit == PL_FIELD_KIB) {
		if (!pl_scan_literal(&line, "kB", 2))
			return -EBADMSG;
		if (__builtin_mul_overflow(number, 1024U, &number))
			return -EBADMSG;
		pl_scan_blanks(&line);
	}
	if (pl_scan_left(&line) != 0)
		return -EBADMSG;
	*row = found;
	*value = number;
	return 1;
}
