/* The state file: everything comes back, nothing bad gets in, whatever happens to the file. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/fields.h"
#include "state/state.h"
#include "tap.h"

#define TEXT_OF(number) #number
#define NUMBER_OF(macro) TEXT_OF(macro)
#define VERSION NUMBER_OF(PL_STATE_VERSION)

struct taken {
	unsigned header_count;
	unsigned match_count;
	unsigned process_count;
	unsigned other_count;
	struct pl_state_header header;
	struct pl_state_match match;
	struct pl_state_process process;
	struct pl_state_other other;
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

static void take_other(void *ctx, const struct pl_state_other *other)
{
	struct taken *taken = ctx;

	taken->other_count++;
	taken->other = *other;
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
	static struct pl_state_other other;
	struct pl_state_writer *writer = pl_state_writer_new();
	const char *text;
	char *copy;
	unsigned next = 0;

	fill(pl_state_match_fields, (char *)&match, &next);
	fill(pl_state_process_fields, (char *)&process, &next);
	fill(pl_state_other_fields, (char *)&other, &next);
	if (pl_state_write_header(writer, &header) != 0 || pl_state_write_match(writer, &match) != 0 ||
	    pl_state_write_process(writer, &process) != 0 ||
	    pl_state_write_other(writer, &other) != 0 || pl_state_write_end(writer, &text, len) != 0)
		abort();
	copy = malloc(*len + 1);
	memcpy(copy, text, *len);
	copy[*len] = '\0';
	pl_state_writer_free(writer);
	return copy;
}

static int read_text(const char *text, size_t len, struct taken *taken, char problem[128])
{
	const struct pl_state_reader reader = { taken, take_header, take_match, take_process,
		                                    take_other };

	memset(taken, 0, sizeof(*taken));
	problem[0] = '\0';
	return pl_state_read(text, len, &reader, problem, 128);
}

static size_t allocated_bytes(void)
{
	const struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* The daemon's allocator keeps for good the peak of what it once gave. */
static void test_memory(void)
{
	const struct pl_state_header header = { .time_scale = 1 };
	static struct pl_state_process process;
	const size_t before_bytes = allocated_bytes();
	struct pl_state_writer *writer = pl_state_writer_new();
	const char *text;
	size_t len = 0;
	unsigned next = 0;
	int err = pl_state_write_header(writer, &header);

	fill(pl_state_process_fields, (char *)&process, &next);
	for (int i = 0; err == 0 && i < 100; i++)
		err = pl_state_write_process(writer, &process);
	if (err == 0)
		err = pl_state_write_end(writer, &text, &len);
	ok(err == 0 && len > 1 << 20, "a text of more than a MiB");
	ok(allocated_bytes() - before_bytes < 32768, "is none of the allocator's memory");
	pl_state_writer_free(writer);
}

/*
 * What the tables do not cover is padding, as gdb's `ptype /o` shows it on a 64-bit machine. A new
 * member of a track or family that is not saved adds to it: give it a row in state/fields.c.
 */
#define MATCH_PADDING 58
#define PROCESS_PADDING 216
#define OTHER_PADDING 137

static void test_coverage(void)
{
	is_num(sizeof(struct pl_state_match) - pl_state_fields_covered(pl_state_match_fields),
	       MATCH_PADDING, "every member of a match is saved");
	is_num(sizeof(struct pl_state_process) - pl_state_fields_covered(pl_state_process_fields),
	       PROCESS_PADDING, "every member of a process is saved");
	is_num(sizeof(struct pl_state_other) - pl_state_fields_covered(pl_state_other_fields),
	       OTHER_PADDING, "every member of what else has a history is saved");
}

static void test_round_trip(void)
{
	static struct taken taken;
	static struct pl_state_match match;
	static struct pl_state_process process;
	static struct pl_state_other other;
	char problem[128];
	unsigned next = 0;
	size_t len;
	char *text = make_text(&len);

	fill(pl_state_match_fields, (char *)&match, &next);
	fill(pl_state_process_fields, (char *)&process, &next);
	fill(pl_state_other_fields, (char *)&other, &next);
	is_num(read_text(text, len, &taken, problem), 0, "it can be read");
	is_num(taken.header.saved_s, 12.5, "the header is back");
	is_str(taken.header.boot_id, "b", "with its boot id");
	ok(memcmp(&taken.match, &match, sizeof(match)) == 0, "a match is back, bit by bit");
	ok(memcmp(&taken.process, &process, sizeof(process)) == 0, "a process is back, bit by bit");
	ok(memcmp(&taken.other, &other, sizeof(other)) == 0, "and what else has a history");
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

	for (size_t n = 0; n + 2 < len; n += 29)
		cut_accepted += read_text(text, n, &taken, problem) == 0;
	is_num(cut_accepted, 0, "a text that was cut is refused");
	for (size_t n = 0; n < len; n += 11) {
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
		{ "{\"format\":\"procleak-state\",\"version\":" VERSION ",\"header\":{}}", -EBADMSG,
		  "a text without its processes" },
		{ "{\"format\":\"procleak-state\",\"version\":" VERSION ",\"processes\":[]}", -EBADMSG,
		  "a text without its header" },
		{ "{\"version\":" VERSION ",\"header\":{},\"processes\":[]}", -EBADMSG,
		  "a text of another kind" },
		{ "{\"format\":\"procleak-state\",\"version\":99,\"header\":{},\"processes\":[]}",
		  -EPROTONOSUPPORT, "another version" },
		{ "{\"format\":\"procleak-state\",\"version\":" VERSION
		  ",\"header\":{},\"processes\":[]} x",
		  -EBADMSG, "something after the end" },
		{ "{\"format\":\"procleak-state\",\"version\":" VERSION ",\"header\":{\"saved_s\":true},"
		  "\"processes\":[]}",
		  -EBADMSG, "a wrong type" },
		{ "{\"format\":\"procleak-state\",\"version\":" VERSION ",\"header\":{},\"processes\":"
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
		const char *text =
			"{\"format\":\"procleak-state\",\"version\":" VERSION ",\"new\":[{\"a\":[1]}],"
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
	is_num(pl_state_set_aside("/dev/null"), -EINVAL, "a device stays where it is");
	is_num(pl_state_set_aside(directory), -EINVAL, "and so does a directory");
	ok(pl_state_store("/nonexistent/state.json", "x", 1) < 0, "no directory, no file");
	ok(pl_state_store("/dev/full/x", "x", 1) < 0, "no directory either");
	unlink(other);
	rmdir(directory);
}

struct place {
	char directory[64];
	char path[96];
	char temporary[128];
	char precious[96];
};

static void make_place(struct place *place)
{
	FILE *file;

	snprintf(place->directory, sizeof(place->directory), "/tmp/procleak-state-test.XXXXXX");
	if (!mkdtemp(place->directory))
		abort();
	snprintf(place->path, sizeof(place->path), "%s/state.json", place->directory);
	snprintf(place->temporary, sizeof(place->temporary), "%s.tmp", place->path);
	snprintf(place->precious, sizeof(place->precious), "%s/precious", place->directory);
	file = fopen(place->precious, "w");
	if (!file || fputs("precious", file) < 0 || fclose(file) != 0)
		abort();
}

static void remove_place(const struct place *place)
{
	unlink(place->path);
	unlink(place->temporary);
	unlink(place->precious);
	if (rmdir(place->directory) != 0)
		ok(false, "nothing else is left in the directory");
}

static bool is_precious(const struct place *place)
{
	char *text = NULL;
	size_t len = 0;
	const bool good = pl_state_load(place->precious, &text, &len) == 0 && len == 8 &&
	                  memcmp(text, "precious", 8) == 0;

	free(text);
	return good;
}

/* What somebody may have put where the state, or its temporary file, goes. */
static void test_attacks(void)
{
	static const char *const names[] = { "a symbolic link", "a hard link", "a FIFO" };

	for (int kind = 0; kind < 3; kind++)
		for (int temporary = 0; temporary < 2; temporary++) {
			struct place place = { .path = "" };
			const char *at;
			char *text = NULL;
			size_t len = 0;
			char name[128];
			int made;

			make_place(&place);
			at = temporary ? place.temporary : place.path;
			made = kind == 0   ? symlink(place.precious, at)
			       : kind == 1 ? link(place.precious, at)
			                   : mkfifo(at, 0600);
			snprintf(name, sizeof(name), "%s for the %s", names[kind],
			         temporary ? "temporary file" : "state");
			ok(made == 0 && pl_state_store(place.path, "{}", 2) == 0, name);
			ok(is_precious(&place), "is not written through");
			is_num(pl_state_load_own(place.path, &text, &len), 0,
			       "and the state is a file of ours");
			is_num(len, 2, "with what was stored");
			free(text);
			remove_place(&place);
		}
}

static void test_attacks_on_reading(void)
{
	struct place place = { .path = "" };
	char *text = NULL;
	size_t len = 0;

	make_place(&place);
	if (symlink(place.precious, place.path) != 0)
		abort();
	is_num(pl_state_load_own(place.path, &text, &len), -ELOOP, "a link is not read");
	is_num(pl_state_load(place.path, &text, &len), -ELOOP, "not even for a person");
	unlink(place.path);
	if (mkfifo(place.path, 0600) != 0)
		abort();
	is_num(pl_state_load_own(place.path, &text, &len), -EINVAL, "a FIFO does not hang us");
	unlink(place.path);
	if (mkdir(place.path, 0700) != 0)
		abort();
	is_num(pl_state_load_own(place.path, &text, &len), -EINVAL, "nor a directory");
	ok(pl_state_store(place.path, "{}", 2) < 0 && access(place.temporary, F_OK) != 0,
	   "which stays, and leaves no temporary file");
	rmdir(place.path);
	if (pl_state_store(place.path, "{}", 2) != 0 || chmod(place.path, 0620) != 0)
		abort();
	is_num(pl_state_load_own(place.path, &text, &len), -EPERM, "what others may write is not read");
	is_num(pl_state_load(place.path, &text, &len), 0, "but shown to a person");
	free(text);
	remove_place(&place);
}

/* Who may write to the directory could replace what is in it. */
static void test_directories(void)
{
	static const struct {
		mode_t mode;
		uid_t owner;
		int want;
		const char *name;
	} cases[] = {
		{ 0700, 0, 0, "a directory of ours" },
		{ 0775, 0, 0, "one that a group writes to" },
		{ 0777, 0, -EPERM, "one that all write to" },
		{ 01777, 0, 0, "one like /tmp, where nobody replaces the files of others" },
		{ 0700, 65534, -EPERM, "one of somebody else" },
		{ 01777, 65534, -EPERM, "whatever its mode" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place place = { .path = "" };

		make_place(&place);
		if (chmod(place.directory, cases[i].mode) != 0 ||
		    (cases[i].owner != 0 && chown(place.directory, cases[i].owner, (gid_t)-1) != 0))
			printf("ok %d # SKIP %s: needs root\n", ++tap_count, cases[i].name);
		else
			is_num(pl_state_store(place.path, "{}", 2), cases[i].want, cases[i].name);
		remove_place(&place);
	}
}

static void test_linked_directory(void)
{
	struct place place = { .path = "" };
	char link_path[96];
	char path[128];
	int fd;

	make_place(&place);
	snprintf(link_path, sizeof(link_path), "%s-link", place.directory);
	snprintf(path, sizeof(path), "%s/state.json", link_path);
	if (symlink(place.directory, link_path) != 0)
		abort();
	is_num(pl_state_store(path, "{}", 2), 0, "an administrator's link to a directory is followed");
	if (lchown(link_path, 65534, (gid_t)-1) == 0)
		is_num(pl_state_store(path, "{}", 2), -ENOTDIR, "somebody else's is not");
	else
		printf("ok %d # SKIP somebody else's link: needs root\n", ++tap_count);
	unlink(link_path);
	fd = pl_state_open_directory("/");
	ok(fd >= 0, "the root directory can be opened");
	close(fd);
	is_num(pl_state_open_directory(place.precious), -ENOTDIR, "a file is no directory");
	ok(strstr(pl_state_error(-EPERM), "somebody else") && strstr(pl_state_error(-ELOOP), "link") &&
	       strstr(pl_state_error(-EINVAL), "regular") &&
	       strcmp(pl_state_error(-ENOSPC), strerror(ENOSPC)) == 0,
	   "errors are told in words");
	remove_place(&place);
}

int main(void)
{
	test_coverage();
	test_round_trip();
	test_memory();
	test_damage();
	test_refusals();
	test_store();
	test_attacks();
	test_attacks_on_reading();
	test_directories();
	test_linked_directory();
	return tap_done();
}
