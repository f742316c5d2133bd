/* The fields that are saved, in tables that drive the writer and the reader alike. */
#ifndef PL_STATE_FIELDS_H
#define PL_STATE_FIELDS_H

#include <stddef.h>

#include "state/state.h"

enum pl_field_type {
	PL_FIELD_U8, /* `most` bounds it: many are indices into tables */
	PL_FIELD_BOOL,
	PL_FIELD_U16,
	PL_FIELD_U32,
	PL_FIELD_I32,
	PL_FIELD_U64,
	PL_FIELD_F32,
	PL_FIELD_F64,
	PL_FIELD_TEXT,   /* count: size of the buffer */
	PL_FIELD_STRUCT, /* of which `fields` tells */
};

struct pl_state_field {
	const char *name; /* NULL ends a table */
	enum pl_field_type type;
	size_t offset;
	size_t size;  /* of one element */
	size_t count; /* 1: a value, else an array of so many */
	const struct pl_state_field *fields;
	uint8_t most;
};

extern const struct pl_state_field pl_state_header_fields[];
extern const struct pl_state_field pl_state_match_fields[];
extern const struct pl_state_field pl_state_process_fields[];
extern const struct pl_state_field pl_state_other_fields[];

/* Bytes of the struct that the table covers: what is not is padding. */
size_t pl_state_fields_covered(const struct pl_state_field *fields);

#endif
