#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define MODULE "procleak"
#define PLUGIN_FILE "procleak.plugin"
#define SIZE_FIRST 65536u
#define SIZE_MAX_BYTES (64u << 20)
#define TRANSACTION_MAX 64
#define ACCESS "any" /* what it shows is in the charts and their labels as well */
#define FUNCTION_PRIORITY 100

static bool reserve(struct pl_wire *wire, size_t more)
{
	size_t size = wire->size ? wire->size : SIZE_FIRST;
	char *grown;

	if (wire->failed)
		return false;
	if (more <= wire->size - wire->len)
		return true;
	while (size - wire->len < more && size <= SIZE_MAX_BYTES)
		size *= 2;
	grown = size <= SIZE_MAX_BYTES ? realloc(wire->data, size) : NULL;
	if (!grown) {
		wire->failed = true;
		return false;
	}
	wire->data = grown;
	wire->size = size;
	return true;
}

static void append(struct pl_wire *wire, const char *bytes, size_t len)
{
	if (!reserve(wire, len))
		return;
	memcpy(wire->data + wire->len, bytes, len);
	wire->len += len;
}

__attribute__((format(printf, 2, 3))) static void print(struct pl_wire *wire, const char *format,
                                                        ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len > 0 && (size_t)len < sizeof(line))
		append(wire, line, (size_t)len);
	else
		wire->failed = true;
}

/* A quoted word of free text. */
static void print_text(struct pl_wire *wire, const char *text)
{
	char clean[PL_TEXT_SIZE];

	pl_text_free(text, clean, sizeof(clean));
	print(wire, " '%s'", clean);
}

static void print_id(struct pl_wire *wire, const char *prefix, const char *id)
{
	char clean[PL_WIRE_ID_SIZE - sizeof(MODULE)];

	pl_text_id(id, clean, sizeof(clean));
	print(wire, " '%s%s'", prefix, clean);
}

void pl_wire_free(struct pl_wire *wire)
{
	free(wire->data);
	*wire = (struct pl_wire){ 0 };
}

void pl_wire_chart(struct pl_wire *wire, const struct pl_wire_chart *chart)
{
	static const char *const types[] = {
		[PL_CHART_LINE] = "line",
		[PL_CHART_AREA] = "area",
		[PL_CHART_STACKED] = "stacked",
	};

	print(wire, "CHART");
	print_id(wire, MODULE ".", chart->id);
	print(wire, " ''");
	print_text(wire, chart->title);
	print_text(wire, chart->units);
	print_text(wire, chart->family);
	print_id(wire, MODULE ".", chart->context);
	/* any option but "obsolete" brings back a chart that was obsolete; "visible" means no more */
	print(wire, " %s %d %d '%s' '" PLUGIN_FILE "' '" MODULE "'\n", types[chart->type],
	      chart->priority, chart->update_every_s, chart->obsolete ? "obsolete" : "visible");
}

void pl_wire_label(struct pl_wire *wire, const char *name, const char *value)
{
	print(wire, "CLABEL");
	print_id(wire, "", name);
	print_text(wire, value);
	print(wire, " 1\n"); /* source: automatic */
}

void pl_wire_label_commit(struct pl_wire *wire)
{
	print(wire, "CLABEL_COMMIT\n");
}

void pl_wire_dimension(struct pl_wire *wire, const struct pl_wire_dimension *dimension)
{
	print(wire, "DIMENSION");
	print_id(wire, "", dimension->id);
	print_text(wire, dimension->name);
	print(wire, " %s %" PRIu32 " %" PRIu32 "\n",
	      dimension->incremental ? "incremental" : "absolute", dimension->multiplier,
	      dimension->divisor);
}

void pl_wire_begin(struct pl_wire *wire, const char *chart_id)
{
	print(wire, "BEGIN");
	print_id(wire, MODULE ".", chart_id);
	print(wire, "\n");
}

void pl_wire_set(struct pl_wire *wire, const char *dimension_id, int64_t value)
{
	print(wire, "SET");
	print_id(wire, "", dimension_id);
	print(wire, " = %" PRId64 "\n", value);
}

void pl_wire_gap(struct pl_wire *wire, const char *dimension_id)
{
	print(wire, "SET");
	print_id(wire, "", dimension_id);
	print(wire, " =\n");
}

void pl_wire_end(struct pl_wire *wire)
{
	print(wire, "END\n");
}

void pl_wire_function(struct pl_wire *wire, const char *name, int timeout_s, const char *help,
                      const char *tags)
{
	print(wire, "FUNCTION GLOBAL");
	print_id(wire, "", name);
	print(wire, " %d", timeout_s);
	print_text(wire, help);
	/* 1.37 takes no more than this, and does not mind the rest */
	print_text(wire, tags);
	print(wire, " '" ACCESS "' %d\n", FUNCTION_PRIORITY);
}

bool pl_wire_result_begin(struct pl_wire *wire, const char *transaction, int status,
                          double expires_s)
{
	const size_t len = strlen(transaction);

	if (len == 0 || len > TRANSACTION_MAX || strspn(transaction, "0123456789abcdefABCDEF-") != len)
		return false;
	print(wire, "FUNCTION_RESULT_BEGIN %s %d application/json %.0f\n", transaction, status,
	      expires_s);
	return true;
}

void pl_wire_result_body(struct pl_wire *wire, const char *bytes, size_t len)
{
	append(wire, bytes, len);
}

void pl_wire_result_end(struct pl_wire *wire)
{
	print(wire, "\nFUNCTION_RESULT_END\n");
}

void pl_wire_disable(struct pl_wire *wire)
{
	print(wire, "DISABLE\n");
}

void pl_wire_alive(struct pl_wire *wire)
{
	print(wire, "\n");
}

int pl_wire_flush(struct pl_wire *wire, int fd)
{
	size_t done = 0;
	int error = wire->failed ? -ENOMEM : 0;

	while (error == 0 && done < wire->len) {
		const ssize_t wrote = write(fd, wire->data + done, wire->len - done);

		if (wrote > 0)
			done += (size_t)wrote;
		else if (wrote < 0 && errno != EINTR)
			error = -errno;
	}
	wire->len = 0;
	wire->failed = false;
	return error;
}
