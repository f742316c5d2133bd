/*
 * Every file of every fixture, damaged in a few hundred ways: a parser must say 0 or -EBADMSG and,
 * under a sanitizer, touch nothing but its text. What it refuses leaves the output as it was.
 */
#include "tap.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fixture.h"
#include "parse/parse.h"

enum { MUTATIONS = 60, MUTATION_BYTES = 4096 };

/* xorshift64: the damage is the same on every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

union output {
	struct pl_stat stat;
	struct pl_status status;
	struct pl_values values;
	struct pl_cgroup_paths paths;
	uint64_t number;
	char line[256];
};

typedef int parse_fn(const char *text, size_t len, union output *out);

static int parse_stat(const char *text, size_t len, union output *out)
{
	return pl_parse_stat(text, len, &out->stat);
}

static int parse_status(const char *text, size_t len, union output *out)
{
	return pl_parse_status(text, len, &out->status);
}

static int parse_statm(const char *text, size_t len, union output *out)
{
	return pl_parse_statm(text, len, 4096, &out->values);
}

static int parse_rollup(const char *text, size_t len, union output *out)
{
	return pl_parse_rollup(text, len, &out->values);
}

static int parse_io(const char *text, size_t len, union output *out)
{
	return pl_parse_io(text, len, &out->values);
}

static int parse_limits(const char *text, size_t len, union output *out)
{
	return pl_parse_limits(text, len, &out->values);
}

static int parse_meminfo(const char *text, size_t len, union output *out)
{
	return pl_parse_meminfo(text, len, &out->values);
}

static int parse_btime(const char *text, size_t len, union output *out)
{
	return pl_parse_btime(text, len, &out->number);
}

static int parse_cgroup(const char *text, size_t len, union output *out)
{
	return pl_parse_cgroup(text, len, &out->paths);
}

static int parse_limit(const char *text, size_t len, union output *out)
{
	const int err = pl_parse_limit(text, len, &out->number);

	return err == -ERANGE ? 0 : err;
}

static int parse_cmdline(const char *text, size_t len, union output *out)
{
	const size_t written = pl_parse_cmdline(text, len, out->line, sizeof(out->line));

	return written < sizeof(out->line) && out->line[written] == '\0' ? 0 : -EIO;
}

static void ignore_socket(void *ctx, uint64_t inode, enum pl_metric metric)
{
	uint64_t *sum = ctx;

	*sum += inode + (uint64_t)metric;
}

static int feed_pieces(const char *text, size_t len, union output *out, enum pl_net_file file)
{
	const size_t half = len / 2;
	struct pl_net_parser parser;

	pl_parse_net_init(&parser, file);
	pl_parse_net_feed(&parser, text, half, ignore_socket, &out->number);
	pl_parse_net_feed(&parser, text + half, len - half, ignore_socket, &out->number);
	return 0;
}

static int parse_tcp(const char *text, size_t len, union output *out)
{
	return feed_pieces(text, len, out, PL_NET_TCP);
}

static int parse_unix(const char *text, size_t len, union output *out)
{
	return feed_pieces(text, len, out, PL_NET_UNIX);
}

static const struct {
	const char *suffix; /* of the path in a tree */
	parse_fn *parse;
	size_t output_size; /* that a refusal must leave alone */
} parsers[] = {
	{ "/stat", parse_stat, sizeof(struct pl_stat) },
	{ "/stat", parse_btime, sizeof(uint64_t) },
	{ "/status", parse_status, sizeof(struct pl_status) },
	{ "/statm", parse_statm, sizeof(struct pl_values) },
	{ "/smaps_rollup", parse_rollup, sizeof(struct pl_values) },
	{ "/smaps", parse_rollup, sizeof(struct pl_values) },
	{ "/io", parse_io, sizeof(struct pl_values) },
	{ "/limits", parse_limits, sizeof(struct pl_values) },
	{ "/meminfo", parse_meminfo, sizeof(struct pl_values) },
	{ "/cgroup", parse_cgroup, sizeof(struct pl_cgroup_paths) },
	{ "/memory.max", parse_limit, sizeof(uint64_t) },
	{ "/cmdline", parse_cmdline, 0 },
	{ "/net/tcp", parse_tcp, 0 },
	{ "/net/tcp6", parse_tcp, 0 },
	{ "/net/unix", parse_unix, 0 },
};
#define PARSER_COUNT (sizeof(parsers) / sizeof(parsers[0]))

static size_t run_count[PARSER_COUNT];
static size_t refused_count[PARSER_COUNT];
static size_t fault_count;

static void run(size_t parser, const char *text, size_t len, const char *path)
{
	union output out;
	union output before;

	memset(&out, 0x5a, sizeof(out));
	memcpy(&before, &out, sizeof(out));
	const int err = parsers[parser].parse(text, len, &out);
	run_count[parser]++;
	refused_count[parser] += err != 0;
	if (err == 0)
		return;
	if (err != -EBADMSG || memcmp(&out, &before, parsers[parser].output_size) != 0) {
		printf("# %s: %d on %zu bytes\n", path, err, len);
		fault_count++;
	}
}

/* Damages a text in place and returns its new length. */
static size_t damage(char *text, size_t len, uint64_t *random)
{
	const size_t at = next_random(random) % len;

	switch (next_random(random) % 6) {
	case 0: /* cut */
		return at;
	case 1: /* flip a bit */
		text[at] = (char)(text[at] ^ (1 << (next_random(random) % 8)));
		return len;
	case 2: /* any byte */
		text[at] = (char)next_random(random);
		return len;
	case 3: /* a byte that means something */
		text[at] = "\n:0)9 \t-k"[next_random(random) % 9];
		return len;
	case 4: /* take bytes out */
		memmove(text + at, text + at + (len - at) / 4, len - at - (len - at) / 4);
		return len - (len - at) / 4;
	default: /* repeat what is there */
		memmove(text + at, text, len - at);
		return len;
	}
}

static void run_damaged(size_t parser, const char *text, size_t len, const char *path)
{
	uint64_t random = 0x9e3779b97f4a7c15U + len;

	run(parser, text, len, path);
	if (len > MUTATION_BYTES)
		len = MUTATION_BYTES;
	for (size_t i = 0; i < MUTATIONS && len > 0; i++) {
		char *copy = malloc(len);
		memcpy(copy, text, len);
		size_t left = len;
		for (uint64_t times = next_random(&random) % 3 + 1; times > 0 && left > 0; times--)
			left = damage(copy, left, &random);
		/* exactly as long as the text: a sanitizer sees the first byte read past it */
		char *exact = malloc(left > 0 ? left : 1);
		memcpy(exact, copy, left);
		run(parser, exact, left, path);
		free(exact);
		free(copy);
	}
}

static void run_file(const char *path)
{
	size_t len;
	char *text = NULL;

	for (size_t i = 0; i < PARSER_COUNT; i++) {
		const size_t suffix_len = strlen(parsers[i].suffix);
		if (strlen(path) < suffix_len ||
		    strcmp(path + strlen(path) - suffix_len, parsers[i].suffix) != 0)
			continue;
		if (!text)
			text = fixture_read(path, &len);
		if (text)
			run_damaged(i, text, len, path);
	}
	free(text);
}

static void walk(const char *under, int depth)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture_root(), under);
	DIR *dir = opendir(path);
	if (!dir || depth > 8)
		return;
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s%s%s", under, *under ? "/" : "", entry->d_name);
		if (entry->d_type == DT_DIR)
			walk(path, depth + 1);
		else if (entry->d_type == DT_REG)
			run_file(path);
	}
	(void)closedir(dir);
}

int main(void)
{
	walk("", 0);
	for (size_t i = 0; i < PARSER_COUNT; i++) {
		char name[80];
		(void)snprintf(name, sizeof(name), "%s: %zu texts, %zu refused", parsers[i].suffix,
		               run_count[i], refused_count[i]);
		/* No damage shows in what is never refused; the others must have refused some. */
		ok(run_count[i] > 50 && (parsers[i].output_size == 0 || refused_count[i] > 20), name);
	}
	is_num(fault_count, 0, "0 or -EBADMSG, and a refusal leaves the output alone");
	return tap_done();
}
