#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <yajl/yajl_gen.h>

#include "state/fields.h"
#include "state/json_memory.h"

#define FIRST_CAPACITY 65536 /* whole pages */

enum section { SECTION_NONE, SECTION_MATCHES, SECTION_PROCESSES, SECTION_OTHERS };

struct pl_state_writer {
	struct pl_json_memory memory; /* of a generator that allocates at its start alone */
	yajl_gen gen;
	enum section section;
	char *text;
	size_t len;
	size_t capacity;
	bool out_of_memory;
};

/* From the kernel, and back to it: a block of this size that comes and goes at every save would
 * leave the daemon's allocator with its peak for good, and with another idea of what is large. */
static void *resize(void *text, size_t size, size_t wanted)
{
	void *at = text
	               ? mremap(text, size, wanted, MREMAP_MAYMOVE)
	               : mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void append(void *ctx, const char *text, size_t len)
{
	struct pl_state_writer *writer = ctx;
	size_t capacity = writer->capacity ? writer->capacity : FIRST_CAPACITY;
	char *grown;

	if (writer->len + len > writer->capacity) {
		while (capacity < writer->len + len)
			capacity *= 2;
		grown = resize(writer->text, writer->capacity, capacity);
		if (!grown) {
			writer->out_of_memory = true;
			return;
		}
		writer->text = grown;
		writer->capacity = capacity;
	}
	memcpy(writer->text + writer->len, text, len);
	writer->len += len;
}

struct pl_state_writer *pl_state_writer_new(void)
{
	struct pl_state_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->gen = pl_json_memory_gen(&writer->memory);
	if (!writer->gen) {
		free(writer);
		return NULL;
	}
	yajl_gen_config(writer->gen, yajl_gen_print_callback, append, writer);
	return writer;
}

void pl_state_writer_free(struct pl_state_writer *writer)
{
	if (!writer)
		return;
	yajl_gen_free(writer->gen);
	pl_json_memory_end(&writer->memory);
	if (writer->text)
		munmap(writer->text, writer->capacity);
	free(writer);
}

static void write_key(struct pl_state_writer *writer, const char *key)
{
	yajl_gen_string(writer->gen, (const unsigned char *)key, strlen(key));
}

/* Names may hold any byte but NUL: what is not ASCII is written as '?', for JSON is UTF-8. */
static void write_text(struct pl_state_writer *writer, const char *text, size_t size)
{
	char copy[PL_MESSAGE_SIZE];
	size_t len = 0;

	for (; len < size && len < sizeof(copy) && text[len]; len++)
		copy[len] = (unsigned char)text[len] < 0x80 ? text[len] : '?';
	yajl_gen_string(writer->gen, (const unsigned char *)copy, len);
}

/* Nine and seventeen digits bring every float and double back as it was. */
static void write_double(struct pl_state_writer *writer, double value, int digits)
{
	char number[40];
	int len;

	if (isnan(value)) {
		yajl_gen_null(writer->gen);
		return;
	}
	if (isinf(value))
		len = snprintf(number, sizeof(number), "%s1e999", value < 0 ? "-" : "");
	else
		len = snprintf(number, sizeof(number), "%.*g", digits, value);
	yajl_gen_number(writer->gen, number, (size_t)len);
}

static void write_integer(struct pl_state_writer *writer, uint64_t value)
{
	char number[24];
	const int len = snprintf(number, sizeof(number), "%" PRIu64, value);

	yajl_gen_number(writer->gen, number, (size_t)len);
}

static void write_fields(struct pl_state_writer *writer, const struct pl_state_field *fields,
                         const void *object);

/* `at` is aligned for its type: it is the address of a member. */
static void write_element(struct pl_state_writer *writer, const struct pl_state_field *field,
                          const void *at)
{
	switch (field->type) {
	case PL_FIELD_U8:
		write_integer(writer, *(const uint8_t *)at);
		break;
	case PL_FIELD_BOOL:
		yajl_gen_bool(writer->gen, *(const bool *)at);
		break;
	case PL_FIELD_U16:
		write_integer(writer, *(const uint16_t *)at);
		break;
	case PL_FIELD_U32:
		write_integer(writer, *(const uint32_t *)at);
		break;
	case PL_FIELD_I32:
		yajl_gen_integer(writer->gen, *(const int32_t *)at);
		break;
	case PL_FIELD_U64:
		write_integer(writer, *(const uint64_t *)at);
		break;
	case PL_FIELD_F32:
		write_double(writer, (double)*(const float *)at, 9);
		break;
	case PL_FIELD_F64:
		write_double(writer, *(const double *)at, 17);
		break;
	case PL_FIELD_TEXT:
		write_text(writer, at, field->count);
		break;
	case PL_FIELD_STRUCT:
		write_fields(writer, field->fields, at);
		break;
	}
}

static void write_fields(struct pl_state_writer *writer, const struct pl_state_field *fields,
                         const void *object)
{
	yajl_gen_map_open(writer->gen);
	for (; fields->name; fields++) {
		const char *at = (const char *)object + fields->offset;

		write_key(writer, fields->name);
		if (fields->count == 1 || fields->type == PL_FIELD_TEXT) {
			write_element(writer, fields, at);
			continue;
		}
		yajl_gen_array_open(writer->gen);
		for (size_t i = 0; i < fields->count; i++)
			write_element(writer, fields, at + i * fields->size);
		yajl_gen_array_close(writer->gen);
	}
	yajl_gen_map_close(writer->gen);
}

static int result_of(const struct pl_state_writer *writer)
{
	return writer->out_of_memory ? -ENOMEM : 0;
}

int pl_state_write_header(struct pl_state_writer *writer, const struct pl_state_header *header)
{
	yajl_gen_map_open(writer->gen);
	write_key(writer, "format");
	write_text(writer, PL_STATE_FORMAT, sizeof(PL_STATE_FORMAT));
	write_key(writer, "version");
	yajl_gen_integer(writer->gen, PL_STATE_VERSION);
	write_key(writer, "header");
	write_fields(writer, pl_state_header_fields, header);
	return result_of(writer);
}

/* White space between tokens is free: an element a line is kinder to eyes and tools. */
static void enter(struct pl_state_writer *writer, enum section section)
{
	static const char *const keys[] = { NULL, "matches", "processes", "others" };

	while (writer->section < section) {
		if (writer->section != SECTION_NONE)
			yajl_gen_array_close(writer->gen);
		writer->section++;
		append(writer, "\n", 1);
		write_key(writer, keys[writer->section]);
		yajl_gen_array_open(writer->gen);
	}
}

int pl_state_write_match(struct pl_state_writer *writer, const struct pl_state_match *match)
{
	enter(writer, SECTION_MATCHES);
	append(writer, "\n", 1);
	write_fields(writer, pl_state_match_fields, match);
	return result_of(writer);
}

int pl_state_write_process(struct pl_state_writer *writer, const struct pl_state_process *process)
{
	enter(writer, SECTION_PROCESSES);
	append(writer, "\n", 1);
	write_fields(writer, pl_state_process_fields, process);
	return result_of(writer);
}

int pl_state_write_other(struct pl_state_writer *writer, const struct pl_state_other *other)
{
	enter(writer, SECTION_OTHERS);
	append(writer, "\n", 1);
	write_fields(writer, pl_state_other_fields, other);
	return result_of(writer);
}

int pl_state_write_end(struct pl_state_writer *writer, const char **text, size_t *len)
{
	enter(writer, SECTION_OTHERS);
	yajl_gen_array_close(writer->gen);
	yajl_gen_map_close(writer->gen);
	append(writer, "\n", 1);
	if (writer->out_of_memory)
		return -ENOMEM;
	*text = writer->text;
	*len = writer->len;
	return 0;
}
