/*
 * Netdata's line protocol, both ways: names that processes choose stay words of one line, whatever
 * they are, and what the daemon says is survived.
 *
 * The input is names, separated by NUL; all of it also stands for what comes in.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "../../plugin/netdata/requests.h"
#include "../../plugin/netdata/text.h"
#include "../../plugin/netdata/wire.h"

#define NAME_SIZE 512

/* Within quotes nothing but the quote's end counts; out of them, only words of our own stand. */
static void expect_line(const char *line, size_t len)
{
	size_t quotes = 0;
	size_t words = 1;

	for (size_t i = 0; i < len; i++) {
		const char c = line[i];

		fuzz_expect((unsigned char)c >= ' ' && c != '"' && c != '\\' && c != 0x7f);
		quotes += c == '\'';
		words += quotes % 2 == 0 && c == ' ';
		fuzz_expect(c != '=' || strncmp(line, "SET ", 4) == 0);
	}
	fuzz_expect(quotes % 2 == 0 && len < 8192);
	fuzz_expect(strncmp(line, "CHART ", 6) != 0 || (quotes == 18 && words == 13));
}

static void expect_lines(const struct pl_wire *wire, size_t count)
{
	size_t at = 0;
	size_t found = 0;

	while (at < wire->len) {
		const char *end = memchr(wire->data + at, '\n', wire->len - at);

		fuzz_expect(end != NULL);
		expect_line(wire->data + at, (size_t)(end - wire->data) - at);
		at = (size_t)(end - wire->data) + 1;
		found++;
	}
	fuzz_expect(found == count);
}

static void write_all(struct pl_wire *wire, const char *name)
{
	const struct pl_wire_chart chart = { name,          name,  name, name, name,
		                                 PL_CHART_LINE, 20300, 1,    false };
	const struct pl_wire_dimension dimension = { name, name, false, 1, 1 };

	pl_wire_chart(wire, &chart);
	pl_wire_label(wire, name, name);
	pl_wire_label_commit(wire);
	pl_wire_dimension(wire, &dimension);
	pl_wire_begin(wire, name);
	pl_wire_set(wire, name, -1);
	pl_wire_gap(wire, name);
	pl_wire_end(wire);
	pl_wire_function(wire, name, 1, name, name);
}

static void take_call(void *ctx, const char *transaction, const char *function)
{
	struct pl_wire *wire = ctx;

	fuzz_expect(strlen(transaction) < PL_REQUEST_WORD_SIZE);
	fuzz_expect(strlen(function) < PL_REQUEST_WORD_SIZE);
	if (pl_wire_result_begin(wire, transaction, 200, 1)) {
		expect_lines(wire, 1);
		fuzz_expect(strncmp(wire->data, "FUNCTION_RESULT_BEGIN ", 22) == 0);
	}
	wire->len = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_requests *requests = calloc(1, sizeof(*requests));
	struct pl_wire wire = { 0 };
	size_t at = 0;

	while (at < size) {
		char name[NAME_SIZE];
		const size_t len = strnlen((const char *)data + at, size - at);
		const size_t kept = len < sizeof(name) ? len : sizeof(name) - 1;

		memcpy(name, data + at, kept);
		name[kept] = '\0';
		write_all(&wire, name);
		expect_lines(&wire, 9);
		wire.len = 0;
		at += len + 1;
	}
	if (requests)
		pl_requests_feed(requests, (const char *)data, size, take_call, &wire);
	free(requests);
	pl_wire_free(&wire);
	return 0;
}
