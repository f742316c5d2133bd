/*
 * What the Netdata plugin prints, read as the daemons read it: a model of the line grammar of 1.37
 * and of 2.x that, unlike a daemon, objects to everything that is not exactly right.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#include "tap.h"

#include "../../plugin/netdata/function.h"
#include "../../plugin/netdata/requests.h"
#include "../../plugin/netdata/subjects.h"
#include "../../plugin/netdata/text.h"
#include "../../plugin/netdata/wire.h"

/* --- the grammar -------------------------------------------------------------------------------
 */

#define WORDS_MAX 30
#define LINE_MAX_137 15000 /* a longer line is cut there, and its rest read as another one */
#define ID_MAX_137 200

struct grammar {
	const char *name;
	const char *blanks;
	size_t words_max;
};

static const struct grammar grammars[] = {
	{ "1.37", " \t\r\n=", 20 },
	{ "2.10", " \t\r\n\f\v=", 30 },
};

/*
 * Splits as pluginsd does: a quote opens only where a word begins, a backslash hides the next
 * character but stays, the closing quote becomes a blank. Returns how many words there are.
 */
static size_t split(const struct grammar *g, char *line, char *words[WORDS_MAX])
{
	size_t count = 0;
	char *s = line;

	while (count < g->words_max) {
		char quote = '\0';

		while (*s && strchr(g->blanks, *s))
			s++;
		if (!*s)
			break;
		if (*s == '\'' || *s == '"')
			quote = *s++;
		words[count++] = s;
		while (*s) {
			if (*s == '\\' && s[1]) {
				s += 2;
			} else if (quote && *s == quote) {
				quote = '\0';
				*s = ' ';
			} else if (!quote && strchr(g->blanks, *s)) {
				break;
			} else {
				s++;
			}
		}
		if (*s)
			*s++ = '\0';
	}
	return count;
}

/* --- a daemon that objects ----------------------------------------------------------------------
 */

#define CHARTS_MAX 8192
#define MODEL_DIMENSIONS_MAX 32

struct model_chart {
	char id[ID_MAX_137 + 1];
	char dimensions[MODEL_DIMENSIONS_MAX][ID_MAX_137 + 1];
	size_t dimension_count;
	size_t feed_count;
	bool obsolete;
	bool has_pid_label;
	char cause[64];
};

struct model {
	const struct grammar *grammar;
	struct model_chart *charts;
	size_t chart_count;
	struct model_chart *chart; /* defined, or begun */
	bool begun;
	bool in_labels;
	bool in_result;
	size_t result_count;
	size_t function_count;
	char error[512];
};

static void model_init(struct model *m, const struct grammar *g)
{
	*m = (struct model){ .grammar = g, .charts = calloc(CHARTS_MAX, sizeof(struct model_chart)) };
	if (!m->charts)
		abort();
}

static void model_free(struct model *m)
{
	free(m->charts);
}

static bool object(struct model *m, const char *what, const char *word)
{
	if (!m->error[0])
		snprintf(m->error, sizeof(m->error), "%s: %s: %.300s", m->grammar->name, what,
		         word ? word : "");
	return false;
}

static struct model_chart *model_find(struct model *m, const char *id)
{
	for (size_t i = 0; i < m->chart_count; i++)
		if (strcmp(m->charts[i].id, id) == 0)
			return &m->charts[i];
	return NULL;
}

static bool is_of(const char *word, const char *set)
{
	return *word && strspn(word, set) == strlen(word);
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool is_id(const char *word)
{
	return is_of(word, LOWER DIGITS "_-") && strlen(word) <= ID_MAX_137;
}

/* Decimal, without a leading zero, which 1.37 would read as octal. */
static bool is_integer(const char *word)
{
	const char *digits = *word == '-' ? word + 1 : word;

	return is_of(digits, DIGITS) && (digits[0] != '0' || digits[1] == '\0') && strlen(digits) <= 19;
}

static bool take_chart(struct model *m, char **words, size_t count)
{
	struct model_chart *chart;

	if (count != 13)
		return object(m, "CHART does not have 12 arguments", words[1]);
	if (strncmp(words[1], "procleak.", 9) != 0 || !is_id(words[1] + 9) || words[2][0])
		return object(m, "bad id of a chart", words[1]);
	if (strncmp(words[6], "procleak.", 9) != 0 || !is_id(words[6] + 9))
		return object(m, "bad context", words[6]);
	if (!words[3][0] || !words[4][0] || !words[5][0])
		return object(m, "a chart without title, units or family", words[1]);
	if (strcmp(words[7], "line") != 0 && strcmp(words[7], "area") != 0 &&
	    strcmp(words[7], "stacked") != 0)
		return object(m, "bad type of chart", words[7]);
	if (!is_integer(words[8]) || atoi(words[8]) < 20300 || !is_integer(words[9]))
		return object(m, "bad priority or update_every", words[8]);
	if (strcmp(words[11], "procleak.plugin") != 0 || strcmp(words[12], "procleak") != 0)
		return object(m, "bad plugin or module", words[11]);
	chart = model_find(m, words[1]);
	if (!chart) {
		if (m->chart_count == CHARTS_MAX)
			return object(m, "too many charts", NULL);
		chart = &m->charts[m->chart_count++];
		snprintf(chart->id, sizeof(chart->id), "%s", words[1]);
	}
	if (strcmp(words[10], "obsolete") != 0 && strcmp(words[10], "visible") != 0)
		return object(m, "unknown option", words[10]);
	chart->obsolete = words[10][0] == 'o';
	chart->has_pid_label = false;
	m->chart = chart;
	return true;
}

static bool take_label(struct model *m, char **words, size_t count)
{
	if (count != 4 || !is_id(words[1]) || !words[2][0] || strcmp(words[3], "1") != 0)
		return object(m, "malformed CLABEL", words[1]);
	if (!m->chart)
		return object(m, "CLABEL without a chart", words[1]);
	m->in_labels = true;
	if (strcmp(words[1], "pid") == 0)
		m->chart->has_pid_label = true;
	if (strcmp(words[1], "cause") == 0)
		snprintf(m->chart->cause, sizeof(m->chart->cause), "%s", words[2]);
	return true;
}

static bool has_dimension(const struct model_chart *chart, const char *id)
{
	for (size_t i = 0; i < chart->dimension_count; i++)
		if (strcmp(chart->dimensions[i], id) == 0)
			return true;
	return false;
}

static bool take_dimension(struct model *m, char **words, size_t count)
{
	if (count != 6 || !is_id(words[1]) || !words[2][0] || !is_integer(words[4]) ||
	    !is_integer(words[5]) || atol(words[5]) < 1)
		return object(m, "malformed DIMENSION", words[1]);
	if (strcmp(words[3], "absolute") != 0 && strcmp(words[3], "incremental") != 0)
		return object(m, "bad algorithm", words[3]);
	if (!m->chart || m->begun)
		return object(m, "DIMENSION without a chart", words[1]);
	if (has_dimension(m->chart, words[1]))
		return true;
	if (m->chart->dimension_count == MODEL_DIMENSIONS_MAX)
		return object(m, "too many dimensions", words[1]);
	snprintf(m->chart->dimensions[m->chart->dimension_count++], ID_MAX_137 + 1, "%s", words[1]);
	return true;
}

static bool take_begin(struct model *m, char **words, size_t count)
{
	if (count != 2)
		return object(m, "malformed BEGIN", words[1]);
	m->chart = model_find(m, words[1]);
	if (!m->chart || m->chart->obsolete)
		return object(m, "BEGIN of a chart that is not there", words[1]);
	m->begun = true;
	return true;
}

static bool take_set(struct model *m, char **words, size_t count)
{
	if (count < 2 || count > 3 || (count == 3 && !is_integer(words[2])))
		return object(m, "malformed SET", count > 2 ? words[2] : NULL);
	if (!m->begun || !has_dimension(m->chart, words[1]))
		return object(m, "SET of a dimension that is not there", words[1]);
	return true;
}

static bool take_end(struct model *m, size_t count)
{
	if (count != 1 || !m->begun)
		return object(m, "END without BEGIN", NULL);
	m->chart->feed_count++;
	m->chart = NULL;
	m->begun = false;
	return true;
}

static bool take_function(struct model *m, char **words, size_t count)
{
	m->function_count++;
	if (count != 8 || strcmp(words[1], "GLOBAL") != 0 || !is_integer(words[3]) || !words[4][0] ||
	    !is_integer(words[7]))
		return object(m, "malformed FUNCTION", words[1]);
	return true;
}

static bool take_result(struct model *m, char **words, size_t count)
{
	if (count != 5 || !is_of(words[1], DIGITS "abcdef-") || !is_integer(words[2]) ||
	    strcmp(words[3], "application/json") != 0 || !is_integer(words[4]))
		return object(m, "malformed FUNCTION_RESULT_BEGIN", words[1]);
	m->in_result = true;
	return true;
}

/* One line, without its newline. Only the words that 1.37 knows are accepted. */
static bool model_line(struct model *m, char *line)
{
	char *words[WORDS_MAX];
	const size_t len = strlen(line);
	const size_t count = split(m->grammar, line, words);

	if (m->in_result) {
		if (count > 0 && strcmp(words[0], "FUNCTION_RESULT_END") == 0) {
			m->in_result = false;
			m->result_count++;
		}
		return true;
	}
	if (count == 0)
		return true;
	if (len > LINE_MAX_137)
		return object(m, "a line that is cut", words[0]);
	if (m->in_labels && strncmp(words[0], "CLABEL", 6) != 0)
		return object(m, "labels that are not committed", words[0]);
	if (m->begun && strcmp(words[0], "SET") != 0 && strcmp(words[0], "END") != 0)
		return object(m, "a word between BEGIN and END", words[0]);
	if (strcmp(words[0], "CHART") == 0)
		return take_chart(m, words, count);
	if (strcmp(words[0], "CLABEL") == 0)
		return take_label(m, words, count);
	if (strcmp(words[0], "CLABEL_COMMIT") == 0) {
		const bool fine = m->in_labels && count == 1;

		m->in_labels = false;
		return fine || object(m, "CLABEL_COMMIT without CLABEL", NULL);
	}
	if (strcmp(words[0], "DIMENSION") == 0)
		return take_dimension(m, words, count);
	if (strcmp(words[0], "BEGIN") == 0)
		return take_begin(m, words, count);
	if (strcmp(words[0], "SET") == 0)
		return take_set(m, words, count);
	if (strcmp(words[0], "END") == 0)
		return take_end(m, count);
	if (strcmp(words[0], "FUNCTION") == 0)
		return take_function(m, words, count);
	if (strcmp(words[0], "FUNCTION_RESULT_BEGIN") == 0)
		return take_result(m, words, count);
	if (strcmp(words[0], "DISABLE") == 0)
		return true;
	return object(m, "a word that ends the plugin", words[0]);
}

/* Reads all that is in the wire, and leaves it there. */
static bool model_read(struct model *m, const struct pl_wire *wire)
{
	char *copy = malloc(wire->len + 1);
	bool fine = copy != NULL;
	size_t at = 0;

	if (!copy)
		abort();
	memcpy(copy, wire->data, wire->len);
	copy[wire->len] = '\0';
	if (strlen(copy) != wire->len)
		fine = object(m, "a NUL", NULL);
	while (fine && at < wire->len) {
		char *end = strchr(copy + at, '\n');

		if (!end) {
			fine = object(m, "a line without an end", copy + at);
			break;
		}
		*end = '\0';
		fine = model_line(m, copy + at);
		at = (size_t)(end - copy) + 1;
	}
	free(copy);
	return fine && (!m->begun || object(m, "BEGIN without END", NULL));
}

static bool is_accepted(struct model *m, struct pl_wire *wire, const char *name)
{
	const bool fine = !wire->failed && model_read(m, wire);

	ok(fine, name);
	if (!fine)
		printf("# %s\n", m->error);
	wire->len = 0;
	return fine;
}

/* --- names ---------------------------------------------------------------------------------------
 */

static const char *const hostile[] = {
	"",
	" ",
	"'",
	"\"",
	"\\",
	"\\'",
	"a'\nDISABLE\n'",
	"x\nDISABLE",
	"x\r\nBEGIN a.b",
	"x' 'y",
	"x\" \"y",
	"=",
	"a=b",
	"a b c d e f g h i j k l m n o p q r s t u v w x y z",
	"\t\v\f",
	"\x01\x02\x7f",
	"\xff\xfe",
	"\xc3\x28",
	"\xed\xa0\x80",
	"\xe2\x80\xa8x",
	"\xc2\x85x",
	"caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac",
	"../../etc/passwd",
	"<script>alert(1)</script>",
	"$(reboot)",
	"%s%n%s%n",
	"{{label}}",
	"${label:match}",
	"FUNCTION_RESULT_END",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

#define HOSTILE_COUNT (sizeof(hostile) / sizeof(hostile[0]))

static void test_text(void)
{
	char out[32];
	char tiny[4];

	pl_text_id("My App.v2", out, sizeof(out));
	is_str(out, "my_app_v2", "an id is in lower case, and a dot is none of it");
	pl_text_id("", out, sizeof(out));
	is_str(out, "_", "an id is never empty");
	is_num(pl_text_id("abcdef", tiny, sizeof(tiny)), 3, "an id is cut to fit");
	is_str(tiny, "abc", "and ends with a NUL");
	pl_text_free(" a'b\"c\\d=e\nf ", out, sizeof(out));
	is_str(out, "a_b_c_d_e_f", "free text loses what splits or quotes");
	pl_text_free("", out, sizeof(out));
	is_str(out, "-", "empty text is a dash: an empty label would be malformed");
	pl_text_free("caf\xc3\xa9", out, sizeof(out));
	is_str(out, "caf\xc3\xa9", "UTF-8 stays");
	pl_text_free("a\xff\xc3(", out, sizeof(out));
	is_str(out, "a__(", "what is not UTF-8 goes");
	pl_text_free("ab\xc3\xa9", tiny, sizeof(tiny));
	is_str(tiny, "ab", "a character is not cut in half");
	pl_text_free("\xc2\x9bx\xe2\x80\xa8y", out, sizeof(out));
	is_str(out, "_x_y", "controls and line separators beyond ASCII go");
}

/* --- the writer, word for word ------------------------------------------------------------------
 */

static const struct pl_wire_chart plain_chart = {
	.id = "web_memory",
	.title = "Memory by kind",
	.units = "MiB",
	.family = "web server",
	.context = "memory",
	.type = PL_CHART_STACKED,
	.priority = 20300,
	.update_every_s = 5,
};

/* Checks the one line in the wire against its words, by both grammars, and empties the wire. */
static void is_words(struct pl_wire *wire, const char *const *want, const char *name)
{
	bool same = true;

	for (size_t g = 0; g < 2; g++) {
		char line[2048];
		char *words[WORDS_MAX];
		size_t count;
		size_t i;

		snprintf(line, sizeof(line), "%.*s", (int)wire->len, wire->data);
		same = same && wire->len > 0 && strchr(line, '\n') == line + wire->len - 1;
		count = split(&grammars[g], line, words);
		for (i = 0; want[i]; i++)
			same = same && i < count && strcmp(words[i], want[i]) == 0;
		same = same && i == count;
	}
	ok(same, name);
	if (!same)
		printf("# %.*s", (int)wire->len, wire->data);
	wire->len = 0;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_definitions(void)
{
	const struct pl_wire_dimension dimension = { "anon", "anon", false, 1, 1048576 };
	const struct pl_wire_dimension counter = { "minor", "minor faults", true, 1, 1 };
	struct pl_wire_chart gone = plain_chart;
	struct pl_wire wire = { 0 };

	pl_wire_chart(&wire, &plain_chart);
	is_words(&wire,
	         WORDS("CHART", "procleak.web_memory", "", "Memory by kind", "MiB", "web server",
	               "procleak.memory", "stacked", "20300", "5", "visible", "procleak.plugin",
	               "procleak"),
	         "CHART");
	gone.obsolete = true;
	pl_wire_chart(&wire, &gone);
	is_words(&wire,
	         WORDS("CHART", "procleak.web_memory", "", "Memory by kind", "MiB", "web server",
	               "procleak.memory", "stacked", "20300", "5", "obsolete", "procleak.plugin",
	               "procleak"),
	         "CHART, obsolete");
	pl_wire_label(&wire, "match", "it's \"web\"\nDISABLE");
	is_words(&wire, WORDS("CLABEL", "match", "it_s _web__DISABLE", "1"), "CLABEL");
	pl_wire_label(&wire, "place", "");
	is_words(&wire, WORDS("CLABEL", "place", "-", "1"), "CLABEL of nothing is not malformed");
	pl_wire_label_commit(&wire);
	is_words(&wire, WORDS("CLABEL_COMMIT"), "CLABEL_COMMIT");
	pl_wire_dimension(&wire, &dimension);
	is_words(&wire, WORDS("DIMENSION", "anon", "anon", "absolute", "1", "1048576"), "DIMENSION");
	pl_wire_dimension(&wire, &counter);
	is_words(&wire, WORDS("DIMENSION", "minor", "minor faults", "incremental", "1", "1"),
	         "DIMENSION, counter");
	pl_wire_function(&wire, "procleak", 10, "What leaks.", "processes");
	is_words(
		&wire,
		WORDS("FUNCTION", "GLOBAL", "procleak", "10", "What leaks.", "processes", "any", "100"),
		"FUNCTION");
	pl_wire_free(&wire);
}

static void test_values(void)
{
	struct pl_wire wire = { 0 };

	pl_wire_begin(&wire, "web_memory");
	is_words(&wire, WORDS("BEGIN", "procleak.web_memory"), "BEGIN");
	pl_wire_set(&wire, "anon", 8);
	is_words(&wire, WORDS("SET", "anon", "8"), "SET");
	pl_wire_set(&wire, "anon", INT64_MIN);
	is_words(&wire, WORDS("SET", "anon", "-9223372036854775808"), "SET of the lowest integer");
	pl_wire_gap(&wire, "anon");
	is_words(&wire, WORDS("SET", "anon"), "SET of a gap");
	pl_wire_end(&wire);
	is_words(&wire, WORDS("END"), "END");
	pl_wire_disable(&wire);
	is_words(&wire, WORDS("DISABLE"), "DISABLE");
	pl_wire_alive(&wire);
	is_num(wire.len, 1, "a sign of life is an empty line");
	wire.len = 0;
	ok(!pl_wire_result_begin(&wire, "x\nDISABLE", 200, 1) && wire.len == 0,
	   "a transaction that is none is not answered");
	ok(!pl_wire_result_begin(&wire, "", 200, 1), "nor an empty one");
	ok(pl_wire_result_begin(&wire, "ab-12", 200, 17), "a result");
	pl_wire_result_body(&wire, "{}", 2);
	pl_wire_result_end(&wire);
	ok(strncmp(wire.data,
	           "FUNCTION_RESULT_BEGIN ab-12 200 application/json 17\n{}\nFUNCTION_RESULT_END\n",
	           wire.len) == 0,
	   "stands between its two words");
	pl_wire_free(&wire);
}

static void test_hostile_words(void)
{
	bool fine = true;
	struct pl_wire wire = { 0 };
	struct model models[2];

	for (size_t g = 0; g < 2; g++)
		model_init(&models[g], &grammars[g]);
	for (size_t i = 0; i < HOSTILE_COUNT; i++) {
		const char *name = hostile[i];
		const struct pl_wire_chart chart = { name,          name,  name, name, name,
			                                 PL_CHART_LINE, 20300, 1,    false };
		const struct pl_wire_dimension dimension = { name, name, false, 1, 1 };

		pl_wire_chart(&wire, &chart);
		pl_wire_label(&wire, name, name);
		pl_wire_label_commit(&wire);
		pl_wire_dimension(&wire, &dimension);
		pl_wire_begin(&wire, name);
		pl_wire_set(&wire, name, -5);
		pl_wire_gap(&wire, name);
		pl_wire_end(&wire);
	}
	for (size_t g = 0; g < 2; g++) {
		if (!model_read(&models[g], &wire)) {
			fine = false;
			printf("# %s\n", models[g].error);
		}
		model_free(&models[g]);
	}
	ok(fine, "every hostile name stays a word, in every place of every command");
	pl_wire_free(&wire);
}

static void test_flush(void)
{
	struct pl_wire wire = { 0 };
	char back[16] = "";
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	if (pipe(ends) != 0)
		abort();
	pl_wire_end(&wire);
	is_num(pl_wire_flush(&wire, ends[1]), 0, "a flush writes");
	ok(read(ends[0], back, sizeof(back)) == 4 && memcmp(back, "END\n", 4) == 0, "all of it");
	is_num(wire.len, 0, "and empties the buffer");
	close(ends[0]);
	pl_wire_end(&wire);
	is_num(pl_wire_flush(&wire, ends[1]), -EPIPE, "nobody reads: EPIPE");
	close(ends[1]);
	wire.failed = true;
	is_num(pl_wire_flush(&wire, ends[1]), -ENOMEM, "what was lost is told");
	pl_wire_free(&wire);
}

/* --- matches and processes with charts ----------------------------------------------------------
 */

static const struct pl_collect everything = { true, true, true, true, true, true,
	                                          true, true, true, true, true };

static struct pl_reading make_reading(const char *match, double now_s)
{
	struct pl_reading reading = {
		.subject = { .kind = PL_SUBJECT_MATCH, .match = match },
		.time = { now_s, 1e9 + now_s },
		.collect = &everything,
		.process_count = 1,
		.deep_age_s = -1,
	};

	pl_values_set(&reading.values, PL_M_ANON, 100 << 20);
	pl_values_set(&reading.values, PL_M_FILE, 10 << 20);
	pl_values_set(&reading.values, PL_M_FDS, 250);
	pl_values_set(&reading.values, PL_M_RLIMIT_NOFILE, 1000);
	reading.fds_of_limit = 0.25;
	pl_findings_set(&reading.findings, PL_FINDING_VERDICT, PL_VERDICT_LEAKING);
	pl_findings_set(&reading.findings, PL_FINDING_RATE, -1234567.8);
	return reading;
}

struct world {
	struct pl_wire wire;
	struct pl_subjects subjects;
	struct model model;
};

static void world_init(struct world *w)
{
	*w = (struct world){ 0 };
	pl_subjects_init(&w->subjects, &w->wire, NULL, 1);
	model_init(&w->model, &grammars[0]);
}

static void world_free(struct world *w)
{
	pl_subjects_free(&w->subjects);
	pl_wire_free(&w->wire);
	model_free(&w->model);
}

/* One tick with these readings. */
static void tick(struct world *w, double now_s, const struct pl_reading *readings, size_t count)
{
	pl_subjects_begin(&w->subjects);
	for (size_t i = 0; i < count; i++)
		pl_subjects_reading(&w->subjects, &readings[i]);
	pl_subjects_end(&w->subjects, now_s);
}

static bool said(const struct world *w, const char *text)
{
	return memmem(w->wire.data, w->wire.len, text, strlen(text)) != NULL;
}

static void test_life(void)
{
	struct pl_region_bytes regions = { .seen = 1u << PL_REGION_HEAP | 1u << PL_REGION_STACK };
	struct pl_reading reading = make_reading("web", 1);
	struct world w;

	regions.bytes[PL_REGION_HEAP] = 7 << 20;
	reading.regions = &regions;
	world_init(&w);
	tick(&w, 1, &reading, 1);

	ok(said(&w, "BEGIN 'procleak.web_regions'\nSET 'heap' = 7340032\nSET 'arena' =\n"),
	   "a region is what it holds, or a gap while it never held anything");
	ok(said(&w, "SET 'stack' = 0\n"), "and 0 when it holds nothing any more");
	ok(said(&w, "SET 'leaking' = 1") && said(&w, "SET 'steady' = 0"), "one rung is 1");
	ok(said(&w, "SET 'growth' = -1234568\n"), "a rate is rounded, and may be negative");
	ok(said(&w, "SET 'anon' = 104857600\nSET 'file' = 10485760\nSET 'shmem' =\nSET 'swap' =\n"),
	   "what was not read is a gap");
	ok(said(&w, "SET 'used' = 2500\n"), "a quarter of the descriptors");
	ok(!said(&w, "web_pss"), "a chart of nothing is not made");
	is_accepted(&w.model, &w.wire, "the first tick");
	reading.time.mono_s = 2;
	tick(&w, 2, &reading, 1);
	ok(!said(&w, "CHART") && !said(&w, "DIMENSION"), "nothing is defined twice");
	is_accepted(&w.model, &w.wire, "the second tick");
	pl_findings_set(&reading.findings, PL_FINDING_LIMIT_SECONDS, 3600);
	tick(&w, 2, &reading, 1);
	ok(said(&w, "SET 'growth' = 3600\nSET 'leak' = 3600\n"), "a leak has a forecast");
	is_accepted(&w.model, &w.wire, "a forecast");
	pl_findings_set(&reading.findings, PL_FINDING_WITH_CONNECTIONS, 97.4);
	pl_findings_set(&reading.findings, PL_FINDING_PER_CONNECTION, 131072);
	tick(&w, 2, &reading, 1);
	ok(said(&w, "BEGIN 'procleak.web_share'\nSET 'connections' = 97\nSET 'threads' =\n") &&
	       said(&w, "BEGIN 'procleak.web_each'\nSET 'connection' = 131072\n"),
	   "and is told by what it comes with, and how much for each");
	is_accepted(&w.model, &w.wire, "an attribution");
	pl_findings_set(&reading.findings, PL_FINDING_VERDICT, PL_VERDICT_GROWING);
	tick(&w, 2, &reading, 1);
	ok(said(&w, "SET 'growth' = 3600\nSET 'leak' =\n"), "mere growth has none that alerts are on");
	is_accepted(&w.model, &w.wire, "mere growth");

	reading =
		(struct pl_reading){ .subject = reading.subject, .time = { 3, 3 }, .collect = &everything };
	tick(&w, 3, &reading, 1);
	ok(said(&w, "BEGIN 'procleak.web_memory'\nSET 'anon' =\n"),
	   "while nothing runs, its charts have gaps, not zeros");
	ok(said(&w, "SET 'leaking' = 0\n"), "but no rung holds: an alert ends with its process");
	ok(said(&w, "SET 'processes' = 0\n"), "and there are no processes");
	is_accepted(&w.model, &w.wire, "the third tick");

	tick(&w, 60, NULL, 0);
	ok(said(&w, "'procleak.verdict' stacked 20300 1 'obsolete'"), "what vanished is obsolete");
	is_accepted(&w.model, &w.wire, "the end");
	tick(&w, 61, NULL, 0);
	is_num(w.wire.len, 0, "once");
	reading = make_reading("web", 62);
	tick(&w, 62, &reading, 1);
	ok(said(&w, "CHART 'procleak.web_verdict'") && said(&w, "'visible'"), "it may come back");
	is_accepted(&w.model, &w.wire, "the return");
	world_free(&w);
}

static void test_ids(void)
{
	struct pl_reading readings[] = {
		make_reading("a b", 1),   make_reading("a-b", 1), make_reading("A.B", 1),
		make_reading("a-b-7", 1), make_reading("a-b", 1), make_reading("a-b", 1),
	};
	struct world w;
	size_t verdicts = 0;

	readings[4].subject.kind = PL_SUBJECT_PROCESS;
	readings[4].subject.pid = 7;
	readings[4].subject.comm = "worker";
	readings[5].subject.kind = PL_SUBJECT_OTHER;
	world_init(&w);
	tick(&w, 1, readings, 6);
	is_accepted(&w.model, &w.wire, "names that are one when cleaned");
	for (size_t i = 0; i < w.model.chart_count; i++)
		verdicts += strstr(w.model.charts[i].id, "_verdict") != NULL;
	is_num(verdicts, 6, "have charts of their own");
	ok(model_find(&w.model, "procleak.a-b-other_verdict") != NULL, "the rest is NAME-other");
	for (size_t i = 0; i < 6; i++)
		readings[i].time.mono_s = 2;
	tick(&w, 2, readings, 6);
	ok(!said(&w, "CHART"), "and keep them");
	is_accepted(&w.model, &w.wire, "at the next tick");
	world_free(&w);
}

static void test_stories(void)
{
	struct pl_reading reading = make_reading("web", 1);
	struct pl_report report = {
		.subject = { .kind = PL_SUBJECT_PROCESS, .match = "web", .pid = 42 },
		.verdict = PL_VERDICT_LEAKING,
		.metric = "anon",
		.cause = PL_CAUSE_CONNECTIONS,
		.where = "heap",
		.reason = "drift",
	};
	const struct model_chart *chart;
	struct world w;

	world_init(&w);
	pl_subjects_begin(&w.subjects);
	pl_subjects_report(&w.subjects, &report);
	is_num(w.wire.len, 0, "a report prints nothing by itself");
	pl_subjects_reading(&w.subjects, &reading);
	pl_subjects_end(&w.subjects, 1);
	is_accepted(&w.model, &w.wire, "a report, then a reading");
	chart = model_find(&w.model, "procleak.web_verdict");
	ok(chart && chart->has_pid_label && strcmp(chart->cause, "connections") == 0,
	   "the verdict's labels name the process to blame and the cause");
	chart = model_find(&w.model, "procleak.web_memory");
	ok(chart && !chart->has_pid_label && !chart->cause[0], "those of the memory do not");

	report.subject.pid = 43;
	report.verdict = PL_VERDICT_STEADY;
	pl_subjects_report(&w.subjects, &report);
	tick(&w, 2, &reading, 1);
	ok(!said(&w, "CLABEL"), "another process of the match that is well changes nothing");
	w.wire.len = 0;
	report.subject.pid = 42;
	pl_subjects_report(&w.subjects, &report);
	tick(&w, 3, &reading, 1);
	is_accepted(&w.model, &w.wire, "a recovery");
	chart = model_find(&w.model, "procleak.web_verdict");
	ok(chart && !chart->has_pid_label && strcmp(chart->cause, "none") == 0,
	   "after which nobody is to blame");
	world_free(&w);
}

static void test_cap(void)
{
	struct world w;
	size_t count;

	world_init(&w);
	pl_subjects_begin(&w.subjects);
	for (int i = 0; i < PL_SUBJECT_MAX + 5; i++) {
		struct pl_reading reading = { .subject = { PL_SUBJECT_PROCESS, "many", "x", i + 1, 0, 0,
			                                       NULL },
			                          .time = { 1, 1 },
			                          .collect = &everything };

		pl_subjects_reading(&w.subjects, &reading);
	}
	is_num(w.subjects.dropped_count, 5, "what is past the cap has no charts, and is counted");
	is_accepted(&w.model, &w.wire, "as many as there may be");
	count = w.model.chart_count;
	is_num(count, PL_SUBJECT_MAX, "the others have theirs");
	world_free(&w);
}

/* What reading a subject costs, and how it is read. */
static void test_cost(void)
{
	struct pl_reading reading = make_reading("web", 1);
	struct world w;

	reading.cost = (struct pl_read_cost){ .cpu_us_total = 5000,
		                                  .lock_us_total = 4000,
		                                  .longest_us = 2500,
		                                  .deferred_count = 3,
		                                  .degraded_count = 2,
		                                  .error_share = 0.031F,
		                                  .method = PL_METHOD_SAMPLED };
	world_init(&w);
	tick(&w, 1, &reading, 1);
	ok(said(&w, "BEGIN 'procleak.web_reading'\nSET 'cpu' = 5000\nSET 'lock_held' = 4000\n"),
	   "what reading takes of CPU and lock");
	ok(said(&w, "SET 'longest' = 2500\n") && said(&w, "SET 'deferred' = 3\nSET 'degraded' = 2\n"),
	   "the longest hold, and what was put off");
	ok(said(&w, "SET 'pulse' = 0\nSET 'sampled' = 1\nSET 'rollup' = 0\n"), "how it is read");
	ok(said(&w, "BEGIN 'procleak.web_sampling'\nSET 'error' = 310\n"), "and how sure that is");
	is_accepted(&w.model, &w.wire, "the charts of cost");
	reading.cost.method = PL_METHOD_ROLLUP;
	reading.time.mono_s = 2;
	tick(&w, 2, &reading, 1);
	ok(said(&w, "BEGIN 'procleak.web_sampling'\nSET 'error' =\n"),
	   "what is read whole has no error");
	is_accepted(&w.model, &w.wire, "and go on");
	world_free(&w);
}

static void test_self(void)
{
	struct pl_plugin_self self = { .engine = { .longest_hold_ms = 1.5,
		                                       .stuck_count = 3,
		                                       .lock_us_total = 77000,
		                                       .degraded_total = 8,
		                                       .degraded_count = 4,
		                                       .own_state = PL_OWN_STARVED },
		                           .config_faults = 2,
		                           .missing_capabilities = 1 };
	struct world w;

	world_init(&w);
	pl_subjects_self(&w.subjects, &self);
	ok(said(&w, "SET 'longest' = 1500\n"), "the longest hold, in thousandths");
	ok(said(&w, "SET 'stuck_reads' = 3\nSET 'config_faults' = 2\n"
	            "SET 'missing_capabilities' = 1\nSET 'dropped' = 0\n"
	            "SET 'degraded_processes' = 4\nSET 'run_poorly' = 2\n"),
	   "the trouble");
	ok(said(&w, "SET 'held' = 77000\n") && said(&w, "SET 'degraded' = 8\n"),
	   "for how long locks were held, and what was made smaller for their sake");
	is_accepted(&w.model, &w.wire, "the plugin's own charts");
	pl_subjects_self(&w.subjects, &self);
	ok(!said(&w, "CHART"), "are defined once");
	is_accepted(&w.model, &w.wire, "and fed again");
	world_free(&w);
}

/* --- random worlds ------------------------------------------------------------------------------
 */

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % limit;
}

/* Bytes that are likely to hurt. */
static void random_name(char *out, size_t size)
{
	static const char nasty[] = "'\"\\=\n\r\t\v\f \x01\x7f\x80\xc3\xa9\xe2\x80\xa8$`aB0.-_/";
	const size_t len = random_below((uint32_t)size);

	for (size_t i = 0; i < len; i++)
		out[i] = nasty[random_below(sizeof(nasty) - 1)];
	out[len] = '\0';
	if (random_below(4) == 0)
		snprintf(out, size, "%s", hostile[random_below(HOSTILE_COUNT)]);
}

static struct pl_reading random_reading(const char *match, const char *comm, double now_s)
{
	struct pl_reading reading = {
		.subject = { .kind = (enum pl_subject_kind)random_below(3),
		             .match = match,
		             .comm = random_below(2) ? comm : NULL,
		             .pid = (int32_t)random_below(5) },
		.time = { now_s, now_s },
		.collect = &everything,
		.process_count = random_below(3),
	};

	for (int i = 0; i < PL_METRIC_COUNT && reading.process_count > 0; i++)
		if (random_below(3))
			pl_values_set(&reading.values, (enum pl_metric)i,
			              random_below(20) ? random_below(UINT32_MAX) : UINT64_MAX);
	for (int i = 0; i < PL_FINDING_COUNT && reading.process_count > 0; i++)
		if (random_below(3)) {
			static const double odd[] = { 0, -1, 1e300, -1e300, 0.5, 9.3e18 };
			const double nan = 0.0 / (random_below(2) ? 0.0 : 1.0);

			pl_findings_set(&reading.findings, (enum pl_finding)i,
			                random_below(6) ? odd[random_below(6)] : nan);
		}
	return reading;
}

#define POOL 30

static void random_tick(struct world *w, double now_s, char names[POOL][PL_NAME_SIZE])
{
	pl_subjects_begin(&w->subjects);
	for (uint32_t i = random_below(8); i > 0; i--) {
		const char *match = names[random_below(POOL)];
		char comm[64];
		struct pl_reading reading;
		struct pl_report report = { .verdict = (enum pl_verdict)random_below(PL_VERDICT_COUNT),
			                        .cause = (enum pl_cause)random_below(PL_CAUSE_COUNT),
			                        .metric = comm,
			                        .where = comm };

		random_name(comm, sizeof(comm));
		random_name(report.message, sizeof(report.message));
		reading = random_reading(match, comm, now_s);
		report.subject = reading.subject;
		if (random_below(2))
			pl_subjects_report(&w->subjects, &report);
		pl_subjects_reading(&w->subjects, &reading);
	}
	pl_subjects_end(&w->subjects, now_s);
	pl_function_answer(&w->subjects, &w->wire, "0123abcd", "procleak", now_s);
	pl_wire_alive(&w->wire);
}

static void test_random(const struct grammar *grammar)
{
	struct world w;
	size_t fine = 0;
	char names[POOL][PL_NAME_SIZE];
	char name[64];

	world_init(&w);
	w.model.grammar = grammar;
	for (size_t i = 0; i < POOL; i++)
		random_name(names[i], sizeof(names[i]));
	for (unsigned i = 0; i < 300; i++) {
		random_tick(&w, i, names);
		if (!w.wire.failed && model_read(&w.model, &w.wire))
			fine++;
		w.wire.len = 0;
	}
	snprintf(name, sizeof(name), "300 random ticks are accepted by %s", grammar->name);
	if (!is_num(fine, 300, name))
		printf("# %s\n", w.model.error);
	is_num(w.model.result_count, 300, "and every answer has an end");
	world_free(&w);
}

/* --- what the daemon says ------------------------------------------------------------------------
 */

struct calls {
	int count;
	char transaction[PL_REQUEST_WORD_SIZE];
	char function[PL_REQUEST_WORD_SIZE];
};

static void take_call(void *ctx, const char *transaction, const char *function)
{
	struct calls *calls = ctx;

	calls->count++;
	snprintf(calls->transaction, sizeof(calls->transaction), "%s", transaction);
	snprintf(calls->function, sizeof(calls->function), "%s", function);
}

static bool feed(struct pl_requests *requests, struct calls *calls, const char *text)
{
	return pl_requests_feed(requests, text, strlen(text), take_call, calls);
}

static void test_requests(void)
{
	static const char call_2x[] =
		"FUNCTION 0f 10 \"procleak info\" \"0xFFFF\" \"method=api,role=none\"\n";
	struct pl_requests requests = { 0 };
	struct calls calls = { 0 };
	char *longer = malloc(20001);
	bool on = true;

	ok(feed(&requests, &calls, "FUNCTION ab-cd 10 \"procleak\"\n"), "a call of 1.37");
	is_str(calls.transaction, "ab-cd", "has its transaction");
	is_str(calls.function, "procleak", "and its name");
	for (const char *c = call_2x; *c; c++)
		on = on && pl_requests_feed(&requests, c, 1, take_call, &calls);
	ok(on && calls.count == 2, "a call of 2.x, byte for byte");
	is_str(calls.function, "procleak info", "has its arguments");
	ok(feed(&requests, &calls,
	        "FUNCTION_PAYLOAD 1a 10 'procleak x' '0x1' 's' 'application/json'\n"
	        "{\"QUIT\":\nQUIT\nFUNCTION 2b 10 other\n") &&
	       calls.count == 2,
	   "a payload is no command");
	ok(feed(&requests, &calls, "FUNCTION_PAYLOAD_END\n") && calls.count == 3,
	   "it ends with its word");
	is_str(calls.transaction, "1a", "and then the call is made");
	ok(feed(&requests, &calls,
	        "FUNCTION_CANCEL 1a\nFUNCTION_PROGRESS 1a\nCONFIG x\n\n\x01\xff\n") &&
	       calls.count == 3,
	   "what is not known is skipped");
	ok(feed(&requests, &calls, "FUNCTION 1a\nFUNCTION\n") && calls.count == 3, "so is half a call");
	if (!longer)
		abort();
	memset(longer, 'x', 20000);
	longer[20000] = '\0';
	ok(feed(&requests, &calls, "FUNCTION 1a 10 ") && feed(&requests, &calls, longer) &&
	       feed(&requests, &calls, "\n") && calls.count == 3,
	   "a line without end is dropped");
	free(longer);
	ok(feed(&requests, &calls, "FUNCTION 1a 10 procleak\n") && calls.count == 4,
	   "the next one is not");
	ok(feed(&requests, &calls, "QUI") && !feed(&requests, &calls, "T"), "QUIT needs no newline");
	requests = (struct pl_requests){ 0 };
	ok(!feed(&requests, &calls, "QUIT\n"), "and may have one");
	requests = (struct pl_requests){ 0 };
	ok(feed(&requests, &calls, "QUITE\n"), "QUITE is not QUIT");
}

static void test_random_requests(void)
{
	static const char nasty[] = "FUNCTION_PAYLOAD_END \"'\n\t0aQUITprocleak\x00\xff";
	struct pl_requests requests = { 0 };
	struct calls calls = { 0 };
	char bytes[512];

	for (unsigned i = 0; i < 20000; i++) {
		const size_t len = random_below(sizeof(bytes));

		for (size_t j = 0; j < len; j++)
			bytes[j] = nasty[random_below(sizeof(nasty) - 1)];
		if (!pl_requests_feed(&requests, bytes, len, take_call, &calls))
			requests = (struct pl_requests){ 0 };
	}
	ok(requests.len < sizeof(requests.line), "random input is survived");
}

/* --- the table
 * ------------------------------------------------------------------------------------ */

/* Parses the body of the one result in the wire as JSON. Returns false with a message. */
static bool is_json(const struct pl_wire *wire)
{
	const char *begin = memchr(wire->data, '\n', wire->len);
	const char *end = memmem(wire->data, wire->len, "\nFUNCTION_RESULT_END\n", 21);
	yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
	bool fine = begin && end && end > begin;

	fine = fine && yajl_parse(parser, (const unsigned char *)begin, (size_t)(end - begin)) ==
	                   yajl_status_ok;
	fine = fine && yajl_complete_parse(parser) == yajl_status_ok;
	yajl_free(parser);
	return fine;
}

static void test_table(void)
{
	struct pl_report report = {
		.subject = { .kind = PL_SUBJECT_MATCH, .match = "web" },
		.verdict = PL_VERDICT_LEAKING,
		.metric = "anon",
		.cause = PL_CAUSE_CONNECTIONS,
		.where = "heap",
		.reason = "growth",
		.message = "web leaks \"much\"\xff",
	};
	struct pl_reading reading = make_reading("web", 1);
	struct world w;

	world_init(&w);
	pl_subjects_begin(&w.subjects);
	pl_subjects_reading(&w.subjects, &reading);
	pl_subjects_report(&w.subjects, &report);
	w.wire.len = 0;
	ok(pl_function_answer(&w.subjects, &w.wire, "12ab", "procleak", 1000), "the table");
	ok(is_json(&w.wire), "is JSON");
	ok(said(&w, "\"leaking\"") && said(&w, "\"connections\"") && said(&w, "\"heap\""),
	   "it tells verdict, cause and place");
	ok(said(&w, "-1.1774"), "and the rate");
	ok(said(&w, "\"growth\""), "and the reason that was reported");
	ok(said(&w, "\"severity\":\"warning\""), "a leak is coloured");
	ok(said(&w, "12ab 200 application/json 1001\n"), "it is fresh until the next tick");
	w.wire.len = 0;
	ok(pl_function_answer(&w.subjects, &w.wire, "12ab", "procleak info", 1000) && is_json(&w.wire),
	   "what it takes");
	ok(said(&w, "\"accepted_params\":[") && !said(&w, "\"data\""), "is told without data");
	w.wire.len = 0;
	reading.reason = "huge-pages";
	pl_subjects_reading(&w.subjects, &reading);
	(void)pl_function_answer(&w.subjects, &w.wire, "12ab", "procleak", 1000);
	ok(said(&w, "\"huge-pages\"") && !said(&w, "\"growth\""), "a reason may change by itself");
	w.wire.len = 0;
	ok(pl_function_answer(&w.subjects, &w.wire, "12ab", "procleaks", 1000) && is_json(&w.wire),
	   "another function");
	ok(said(&w, "12ab 404 "), "is not found");
	world_free(&w);
}

static void test_hostile_table(void)
{
	const char *end;
	struct world w;
	bool fine = true;

	world_init(&w);
	pl_subjects_begin(&w.subjects);
	for (size_t i = 0; i < HOSTILE_COUNT; i++) {
		struct pl_reading reading = make_reading(hostile[i], 1);

		reading.subject.comm = hostile[i];
		pl_subjects_reading(&w.subjects, &reading);
	}
	is_accepted(&w.model, &w.wire, "charts of every hostile name");
	pl_function_answer(&w.subjects, &w.wire, "12ab", "procleak", 1000);
	ok(is_json(&w.wire), "and a table of them");
	end = memmem(w.wire.data, w.wire.len, "\nFUNCTION_RESULT_END", 20);
	for (const char *line = memchr(w.wire.data, '\n', w.wire.len); line && line < end;) {
		const char *next = memchr(line + 1, '\n', (size_t)(end - line));

		fine = fine && strchr("{}[],", line[1]) && next && next - line < 8192;
		line = next;
	}
	ok(fine, "whose lines cannot be read as a word of the protocol");
	world_free(&w);
}

int main(void)
{
	test_text();
	test_definitions();
	test_values();
	test_hostile_words();
	test_flush();
	test_life();
	test_ids();
	test_stories();
	test_cap();
	test_cost();
	test_self();
	test_random(&grammars[0]);
	test_random(&grammars[1]);
	test_requests();
	test_random_requests();
	test_table();
	test_hostile_table();
	return tap_done();
}
