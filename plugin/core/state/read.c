#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "state/fields.h"
#include "state/json_memory.h"

#define MAX_DEPTH 8
#define NUMBER_SIZE 64

/* Where the parser stands: in an object of `fields`, or in an array of one of them. */
struct frame {
	const struct pl_state_field *fields; /* of the object that is open */
	void *object;
	const struct pl_state_field
		*field; /* the key that was read last; NULL: one that we do not know */
	bool in_array;
	size_t index; /* in the array */
};

enum place {
	PLACE_OUTSIDE,
	PLACE_TOP, /* in the object that is the file */
	PLACE_FORMAT,
	PLACE_VERSION,
	PLACE_HEADER,
	PLACE_MATCHES,
	PLACE_PROCESSES,
	PLACE_OTHERS,
	PLACE_UNKNOWN,
};

struct parse {
	struct pl_json_memory memory;
	const struct pl_state_reader *reader; /* NULL: only check */
	enum place place;
	bool in_list;
	unsigned skip_depth; /* objects and arrays of keys that we do not know */
	size_t depth;
	struct frame frames[MAX_DEPTH];
	bool format_seen;
	bool header_seen;
	bool processes_seen;
	int64_t version;
	const char *problem;
	struct pl_state_header header;
	struct pl_state_match match;
	struct pl_state_process process;
	struct pl_state_other other;
};

static int fail(struct parse *parse, const char *problem)
{
	if (!parse->problem)
		parse->problem = problem;
	return 0;
}

static struct frame *top_of(struct parse *parse)
{
	return parse->depth > 0 ? &parse->frames[parse->depth - 1] : NULL;
}

/* Where the next value goes, or NULL when nowhere. Moves on in an array. */
static void *target_of(struct parse *parse, const struct pl_state_field **field)
{
	struct frame *frame = top_of(parse);
	char *at;

	if (!frame || !frame->field)
		return NULL;
	*field = frame->field;
	at = (char *)frame->object + frame->field->offset;
	if (!frame->in_array)
		return at;
	if (frame->index >= frame->field->count)
		return NULL; /* an array that was longer: of another build */
	return at + frame->field->size * frame->index++;
}

static bool is_whole(double value, double least, double most)
{
	return value >= least && value <= most && floor(value) >= value;
}

static int store_number(struct parse *parse, const struct pl_state_field *field, void *at,
                        const char *number)
{
	const double value = strtod(number, NULL);

	if (field->type == PL_FIELD_F64)
		*(double *)at = value;
	else if (field->type == PL_FIELD_F32)
		*(float *)at = (float)value;
	else if (field->type == PL_FIELD_U8 && is_whole(value, 0, field->most))
		*(uint8_t *)at = (uint8_t)value;
	else if (field->type == PL_FIELD_U16 && is_whole(value, 0, UINT16_MAX))
		*(uint16_t *)at = (uint16_t)value;
	else if (field->type == PL_FIELD_U32 && is_whole(value, 0, UINT32_MAX))
		*(uint32_t *)at = (uint32_t)value;
	else if (field->type == PL_FIELD_I32 && is_whole(value, INT32_MIN, INT32_MAX))
		*(int32_t *)at = (int32_t)value;
	else if (field->type == PL_FIELD_U64 && is_whole(value, 0, 1.8446744073709552e19))
		*(uint64_t *)at = strtoull(number, NULL, 10);
	else
		return fail(parse, "a number out of its range");
	return 1;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct parse *parse = ctx;
	const struct pl_state_field *field;
	char number[NUMBER_SIZE];
	void *at;

	if (parse->skip_depth > 0)
		return 1;
	if (len >= sizeof(number))
		return fail(parse, "a number that is too long");
	memcpy(number, text, len);
	number[len] = '\0';
	if (parse->depth == 0) {
		if (parse->place == PLACE_VERSION)
			parse->version = strtoll(number, NULL, 10);
		return 1;
	}
	at = target_of(parse, &field);
	return at ? store_number(parse, field, at, number) : 1;
}

static int on_null(void *ctx)
{
	struct parse *parse = ctx;
	const struct pl_state_field *field;
	void *at = parse->skip_depth > 0 ? NULL : target_of(parse, &field);

	if (at && field->type == PL_FIELD_F64)
		*(double *)at = NAN;
	else if (at && field->type == PL_FIELD_F32)
		*(float *)at = NAN;
	return 1;
}

static int on_bool(void *ctx, int value)
{
	struct parse *parse = ctx;
	const struct pl_state_field *field;
	void *at = parse->skip_depth > 0 ? NULL : target_of(parse, &field);

	if (!at)
		return 1;
	if (field->type != PL_FIELD_BOOL)
		return fail(parse, "true or false where something else belongs");
	*(bool *)at = value != 0;
	return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct parse *parse = ctx;
	const struct pl_state_field *field;
	void *at;

	if (parse->skip_depth > 0)
		return 1;
	if (parse->depth == 0) {
		if (parse->place == PLACE_FORMAT)
			parse->format_seen =
				len == sizeof(PL_STATE_FORMAT) - 1 && memcmp(text, PL_STATE_FORMAT, len) == 0;
		return 1;
	}
	at = target_of(parse, &field);
	if (!at)
		return 1;
	if (field->type != PL_FIELD_TEXT)
		return fail(parse, "a text where something else belongs");
	if (len >= field->count)
		len = field->count - 1;
	memcpy(at, text, len);
	((char *)at)[len] = '\0';
	return 1;
}

static enum place place_of(const unsigned char *key, size_t len)
{
	static const char *const names[] = {
		[PLACE_FORMAT] = "format",   [PLACE_VERSION] = "version",     [PLACE_HEADER] = "header",
		[PLACE_MATCHES] = "matches", [PLACE_PROCESSES] = "processes", [PLACE_OTHERS] = "others",
	};

	for (int i = PLACE_FORMAT; i <= PLACE_OTHERS; i++)
		if (strlen(names[i]) == len && memcmp(names[i], key, len) == 0)
			return (enum place)i;
	return PLACE_UNKNOWN;
}

static int on_key(void *ctx, const unsigned char *key, size_t len)
{
	struct parse *parse = ctx;
	struct frame *frame = top_of(parse);

	if (parse->skip_depth > 0)
		return 1;
	if (!frame) {
		parse->place = place_of(key, len);
		return 1;
	}
	frame->field = NULL;
	for (const struct pl_state_field *f = frame->fields; f->name; f++)
		if (strlen(f->name) == len && memcmp(f->name, key, len) == 0)
			frame->field = f;
	return 1;
}

static int push(struct parse *parse, const struct pl_state_field *fields, void *object)
{
	if (parse->depth == MAX_DEPTH)
		return fail(parse, "objects nested too deep");
	parse->frames[parse->depth++] = (struct frame){ .fields = fields, .object = object };
	return 1;
}

/* An object in the file's own one: the header, a match or a process. */
static int start_element(struct parse *parse)
{
	if (parse->place == PLACE_HEADER) {
		memset(&parse->header, 0, sizeof(parse->header));
		return push(parse, pl_state_header_fields, &parse->header);
	}
	if (parse->place == PLACE_MATCHES && parse->in_list) {
		memset(&parse->match, 0, sizeof(parse->match));
		return push(parse, pl_state_match_fields, &parse->match);
	}
	if (parse->place == PLACE_PROCESSES && parse->in_list) {
		memset(&parse->process, 0, sizeof(parse->process));
		return push(parse, pl_state_process_fields, &parse->process);
	}
	if (parse->place == PLACE_OTHERS && parse->in_list) {
		memset(&parse->other, 0, sizeof(parse->other));
		return push(parse, pl_state_other_fields, &parse->other);
	}
	parse->skip_depth++;
	return 1;
}

static int on_start_map(void *ctx)
{
	struct parse *parse = ctx;
	const struct pl_state_field *field;
	void *at;

	if (parse->skip_depth > 0) {
		parse->skip_depth++;
		return 1;
	}
	if (parse->place == PLACE_OUTSIDE) {
		parse->place = PLACE_TOP;
		return 1;
	}
	if (parse->depth == 0)
		return start_element(parse);
	at = target_of(parse, &field);
	if (!at) {
		parse->skip_depth++;
		return 1;
	}
	if (field->type != PL_FIELD_STRUCT)
		return fail(parse, "an object where something else belongs");
	return push(parse, field->fields, at);
}

static void finish_element(struct parse *parse)
{
	const struct pl_state_reader *reader = parse->reader;

	if (parse->place == PLACE_HEADER)
		parse->header_seen = true;
	if (!reader)
		return;
	if (parse->place == PLACE_HEADER && reader->header)
		reader->header(reader->ctx, &parse->header);
	else if (parse->place == PLACE_MATCHES && reader->match)
		reader->match(reader->ctx, &parse->match);
	else if (parse->place == PLACE_PROCESSES && reader->process)
		reader->process(reader->ctx, &parse->process);
	else if (parse->place == PLACE_OTHERS && reader->other)
		reader->other(reader->ctx, &parse->other);
}

static int on_end_map(void *ctx)
{
	struct parse *parse = ctx;

	if (parse->skip_depth > 0) {
		parse->skip_depth--;
		return 1;
	}
	if (parse->depth == 0)
		return 1;
	parse->depth--;
	if (parse->depth == 0)
		finish_element(parse);
	return 1;
}

static int on_start_array(void *ctx)
{
	struct parse *parse = ctx;
	struct frame *frame = top_of(parse);

	if (parse->skip_depth == 0 && !frame && !parse->in_list && parse->place >= PLACE_MATCHES &&
	    parse->place <= PLACE_OTHERS) {
		parse->in_list = true;
		return 1;
	}
	if (parse->skip_depth == 0 && frame && frame->field && frame->field->count > 1 &&
	    frame->field->type != PL_FIELD_TEXT && !frame->in_array) {
		frame->in_array = true;
		frame->index = 0;
		return 1;
	}
	parse->skip_depth++;
	return 1;
}

static int on_end_array(void *ctx)
{
	struct parse *parse = ctx;
	struct frame *frame = top_of(parse);

	if (parse->skip_depth > 0) {
		parse->skip_depth--;
		return 1;
	}
	if (frame) {
		frame->in_array = false;
		return 1;
	}
	parse->processes_seen |= parse->place == PLACE_PROCESSES;
	parse->in_list = false;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* Says what is wrong, with the place in the text. */
static int explain(const struct parse *parse, yajl_handle handle, char *problem, size_t size)
{
	if (parse->problem)
		snprintf(problem, size, "byte %zu: %s", yajl_get_bytes_consumed(handle), parse->problem);
	else
		snprintf(problem, size, "byte %zu: not complete JSON", yajl_get_bytes_consumed(handle));
	return -EBADMSG;
}

static int check(const struct parse *parse, char *problem, size_t size)
{
	if (!parse->format_seen || !parse->header_seen || !parse->processes_seen) {
		snprintf(problem, size, "not a state file of procleak");
		return -EBADMSG;
	}
	if (parse->version != PL_STATE_VERSION) {
		snprintf(problem, size, "version %lld, where this procleak reads version %d",
		         (long long)parse->version, PL_STATE_VERSION);
		return -EPROTONOSUPPORT;
	}
	return 0;
}

static int parse_text(struct parse *parse, const char *text, size_t len, char *problem, size_t size)
{
	const yajl_handle handle = yajl_alloc(&callbacks, &parse->memory.functions, parse);
	int err;

	if (yajl_parse(handle, (const unsigned char *)text, len) != yajl_status_ok ||
	    yajl_complete_parse(handle) != yajl_status_ok)
		err = explain(parse, handle, problem, size);
	else
		err = check(parse, problem, size);
	yajl_free(handle);
	return err;
}

static int lack_memory(char *problem, size_t size)
{
	snprintf(problem, size, "out of memory");
	return -ENOMEM;
}

static int run(const char *text, size_t len, const struct pl_state_reader *reader, char *problem,
               size_t size)
{
	struct parse *const parse = calloc(1, sizeof(*parse));
	int err;

	if (!parse)
		return lack_memory(problem, size);
	parse->reader = reader;
	pl_json_memory_begin(&parse->memory);
	if (setjmp(parse->memory.none_left) == 0)
		err = parse_text(parse, text, len, problem, size);
	else
		err = lack_memory(problem, size);
	pl_json_memory_end(&parse->memory);
	free(parse);
	return err;
}

int pl_state_read(const char *text, size_t len, const struct pl_state_reader *reader, char *problem,
                  size_t size)
{
	const int err = run(text, len, NULL, problem, size);

	return err < 0 ? err : run(text, len, reader, problem, size);
}
