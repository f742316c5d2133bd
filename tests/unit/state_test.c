/* The state file: everything comes back, nothing bad gets in, whatever happens to the file. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/fields.h"
#include "state/state.h"
#include "tap.h"

struct taken {
	unsigned header_count;
	unsigned match_count;
	unsigned process_count;
	struct pl_state_header header;
	struct pl_state_match match;
	struct pl_state_process process;
};

static void take_header(void *ctx, const struct pl_state_header *header)
{
	struct taken *taken = ctx;

	taken->header_count++;
	taken->header = *header;
}

static void take_match(void *ctx, const struct pl_state_match *match)
{
	struct taken *taken = ctx;

	taken->match_count++;
	taken->match = *match;
}

static void take_process(void *ctx, const struct pl_state_process *process)
{
	struct taken *taken = ctx;

	taken->process_count++;
	taken->process = *process;
}

/* Sets every element that a table tells of to a value of its own that its type can hold. */
static void fill(const struct pl_state_field *fields, char *object, unsigned *next)
{
	for (; fields->name; fields++) {
		char *at = object + fields->offset;

		for (size_t i = 0; i < fields->count; i++, at += fields->size) {
			const unsigned n = ++*next;

			switch (fields->type) {
			case PL_FIELD_U8:
				*(uint8_t *)(void *)at = (uint8_t)(n % fields->most + 1);
				break;
			case PL_FIELD_BOOL:
				*(bool *)(void *)at = true;
				break;
			case PL_FIELD_U16:
				*(uint16_t *)(void *)at = (uint16_t)(n | 1);
				break;
			case PL_FIELD_U32:
				*(uint32_t *)(void *)at = n | 0x80000001u;
				break;
			case PL_FIELD_I32:
				*(int32_t *)(void *)at = -(int32_t)n;
				break;
			case PL_FIELD_U64:
				*(uint64_t *)(void *)at = UINT64_MAX - n;
				break;
			case PL_FIELD_F32:
				*(float *)(void *)at = (float)n / 3;
				break;
			case PL_FIELD_F64:
				*(double *)(void *)at = -1e9 / n;
				break;
			case PL_FIELD_TEXT:
				*at = (char)(i + 1 < fields->count ? 'a' + n % 26 : 0);
				break;
			case PL_FIELD_STRUCT:
				fill(fields->fields, at, next);
				break;
			}
		}
	}
}

static char *make_text(size_t *len)
{
	struct pl_state_header header = { .boot_id = "b", .saved_s = 12.5, .time_scale = 1 };
	static struct pl_state_match match;
	static struct pl_state_process process;
	struct pl_state_writer *writer = pl_state_writer_new();
	const char *text;
	char *copy;
	unsigned next = 0;

	fill(pl_state_match_fields, (char *)&match, &next);
	fill(pl_state_process_fields, (char *)&process, &next);
	if (pl_state_write_header(writer, &header) != 0 || pl_state_write_match(writer, &match) != 0 ||
	    pl_state_write_process(writer, &process) != 0 ||
	    pl_state_write_end(writer, &text, len) != 0)
		abort();
	copy = malloc(*len + 1);
	memcpy(copy, text, *len);
	copy[*len] = '\0';
	pl_state_writer_free(writer);
	return copy;
}

static int read_text(const char *text, size_t len, struct taken *taken, char problem[128])
{
	const struct pl_state_reader reader = { taken, take_header, take_match, take_process };

	memset(taken, 0, sizeof(*taken));
	problem[0] = '\0';
	return pl_state_read(text, len, &reader, problem, 128);
}

/*
 * What the tables do not cover is padding, as gdb's `ptype /o` shows it on a 64-bit machine. A new
 * member of a track or family that is not saved adds to it: give it a row in state/fields.c.
 */
#define MATCH_PADDING 45
#define PROCESS_PADDING 228

static void test_coverage(void)
{
	is_num(sizeof(struct pl_state_match) - pl_state_fields_covered(pl_state_match_fields),
	       MATCH_PADDING, "every member of a match is saved");
	is_num(sizeof(struct pl_state_process) - pl_state_fields_covered(pl_state_process_fields),
	       PROCESS_PADDING, "every member of a process is saved");
}

static void test_round_trip(void)
{
	static struct taken taken;
	static struct pl_state_match match;
	static struct pl_state_process process;
	char problem[128];
	unsigned next = 0;
	size_t len;
	char *text = make_text(&len);

	fill(pl_state_match_fields, (char *)&match, &next);
	fill(pl_state_process_fields, (char *)&process, &next);
	is_num(read_text(text, len, &taken, problem), 0, "it can be read");
	is_num(taken.header.saved_s, 12.5, "the header is back");
	is_str(taken.header.boot_id, "b", "with its boot id");
	ok(memcmp(&taken.match, &match, sizeof(match)) == 0, "a match is back, bit by bit");
	ok(memcmp(&taken.process, &process, sizeof(process)) == 0, "a process is back, bit by bit");
	free(text);
}

/* No cut and no flipped byte may crash, or give a value that its type cannot hold. */
static void test_damage(void)
{
	static struct taken taken;
	char problem[128];
	size_t len;
	char *text = make_text(&len);
	unsigned cut_accepted = 0;
	unsigned bad_verdicts = 0;

	for (size_t n = 0; n + 2 < len; n += 7)
		cut_accepted += read_text(text, n, &taken, problem) == 0;
	is_num(cut_accepted, 0, "a text that was cut is refused");
	for (size_t n = 0; n < len; n += 3) {
		const char was = text[n];

		text[n] = (char)(was ^ (1 << (n % 7)));
		if (read_text(text, len, &taken, problem) == 0)
			bad_verdicts += taken.process.track.verdict >= PL_VERDICT_COUNT ||
			                taken.process.track.worst >= PL_TRACKED_COUNT;
		text[n] = was;
	}
	is_num(bad_verdicts, 0, "a flipped bit gives no index past its table");
	free(text);
}

static void test_refusals(void)
{
	static struct taken taken;
	static const struct {
		const char *text;
		int err;
		const char *name;
	} rows[] = {
		{ "", -EBADMSG, "an empty file" },
		{ "{}", -EBADMSG, "another JSON" },
		{ "[1,2]", -EBADMSG, "an array" },
		{ "\"x\"", -EBADMSG, "a text" },
		{ "garbage", -EBADMSG, "no JSON" },
		{ "{\"format\":\"procleak-state\",\"version\":99,\"header\":{},\"processes\":[]}",
		  -EPROTONOSUPPORT, "another version" },
		{ "{\"format\":\"procleak-state\",\"version\":2,\"header\":{},\"processes\":[]} x",
		  -EBADMSG, "something after the end" },
		{ "{\"format\":\"procleak-state\",\"version\":2,\"header\":{\"saved_s\":true},"
		  "\"processes\":[]}",
		  -EBADMSG, "a wrong type" },
		{ "{\"format\":\"procleak-state\",\"version\":2,\"header\":{},\"processes\":"
		  "[{\"track\":{\"verdict\":5}}]}",
		  -EBADMSG, "a verdict that there is not" },
	};
	char problem[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		is_num(read_text(rows[i].text, strlen(rows[i].text), &taken, problem), rows[i].err,
		       rows[i].name);
		ok(problem[0] && taken.header_count + taken.process_count == 0, "said, and nothing taken");
	}
	{
		const char *text = "{\"format\":\"procleak-state\",\"version\":2,\"new\":[{\"a\":[1]}],"
						   "\"header\":{\"later\":{\"x\":[[1]]},\"saved_s\":3},\"processes\":[]}";

		is_num(read_text(text, strlen(text), &taken, problem), 0, "unknown keys are passed over");
		is_num(taken.header.saved_s, 3, "and cost the known ones nothing");
	}
}

static void test_store(void)
{
	char directory[] = "/tmp/procleak-state-test.XXXXXX";
	char path[128];
	char other[160];
	char *text;
	size_t len;
	struct stat info;

	if (!mkdtemp(directory))
		abort();
	snprintf(path, sizeof(path), "%s/state.json", directory);
	is_num(pl_state_load(path, &text, &len), -ENOENT, "no file is no state");
	is_num(pl_state_store(path, "one", 3), 0, "stored");
	is_num(pl_state_store(path, "two!", 4), 0, "stored over it");
	is_num(pl_state_load(path, &text, &len), 0, "loaded");
	is_str(text, "two!", "the newer one");
	free(text);
	stat(path, &info);
	is_num(info.st_mode & 0777, 0600, "for its owner only");
	snprintf(other, sizeof(other), "%s/other", directory);
	snprintf(path, sizeof(path), "%s/state.json.tmp", directory);
	if (symlink(other, path) != 0)
		abort();
	snprintf(path, sizeof(path), "%s/state.json", directory);
	is_num(pl_state_store(path, "three", 5), 0, "a link where the temporary file goes");
	ok(access(other, F_OK) != 0, "is not written through");
	is_num(pl_state_set_aside(path), 0, "a bad file is set aside");
	snprintf(other, sizeof(other), "%s.bad", path);
	ok(access(other, F_OK) == 0, "and kept");
	ok(pl_state_store("/nonexistent/state.json", "x", 1) < 0, "no directory, no file");
	ok(pl_state_store("/dev/full/x", "x", 1) < 0, "no directory either");
	unlink(other);
	rmdir(directory);
}

int main(void)
{
	test_coverage();
	test_round_trip();
	test_damage();
	test_refusals();
	test_store();
	return tap_done();
}
