#include "subjects.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

#define VANISHED_S 10.0 /* without a reading for so long: its charts are obsolete */
#define NONE "none"

_Static_assert(PL_NAME_SIZE + 32 + 16 < PL_WIRE_ID_SIZE, "ids of charts would be cut");

void pl_subjects_init(struct pl_subjects *subjects, struct pl_wire *wire,
                      const struct pl_procfs *fs, int update_every_s)
{
	*subjects = (struct pl_subjects){ .wire = wire, .fs = fs, .update_every_s = update_every_s };
}

void pl_subjects_free(struct pl_subjects *subjects)
{
	free(subjects->entries);
	*subjects = (struct pl_subjects){ 0 };
}

void pl_subjects_begin(struct pl_subjects *subjects)
{
	subjects->cursor = 0;
	subjects->dropped_count = 0;
}

static bool is_entry_of(const struct pl_subject_entry *entry, const struct pl_subject *subject)
{
	return entry->used && entry->kind == subject->kind &&
	       (subject->kind != PL_SUBJECT_PROCESS || entry->pid == subject->pid) &&
	       strcmp(entry->match, subject->match) == 0;
}

/* Readings come in the same order at each tick, so the search mostly ends where it begins. */
static struct pl_subject_entry *find(struct pl_subjects *subjects, const struct pl_subject *subject)
{
	for (size_t i = 0; i < subjects->count; i++) {
		const size_t at = (subjects->cursor + i) % subjects->count;

		if (!is_entry_of(&subjects->entries[at], subject))
			continue;
		subjects->cursor = at + 1;
		return &subjects->entries[at];
	}
	return NULL;
}

static struct pl_subject_entry *free_place(struct pl_subjects *subjects)
{
	struct pl_subject_entry *grown;
	size_t capacity;

	for (size_t i = 0; i < subjects->count; i++)
		if (!subjects->entries[i].used)
			return &subjects->entries[i];
	if (subjects->count >= PL_SUBJECT_MAX)
		return NULL;
	if (subjects->count == subjects->capacity) {
		capacity = subjects->capacity ? subjects->capacity * 2 : 16;
		grown = realloc(subjects->entries, capacity * sizeof(*grown));
		if (!grown)
			return NULL;
		subjects->entries = grown;
		subjects->capacity = capacity;
	}
	return &subjects->entries[subjects->count++];
}

static bool is_id_taken(const struct pl_subjects *subjects, const char *id)
{
	if (strcmp(id, "self") == 0)
		return true;
	for (size_t i = 0; i < subjects->count; i++)
		if (subjects->entries[i].used && strcmp(subjects->entries[i].id, id) == 0)
			return true;
	return false;
}

/* FNV-1a: tells names apart that are cleaned into one id. */
static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

/* NAME, NAME-PID, NAME-other or NAME-cgroup; with a hash of the name behind it if that is taken. */
static void make_id(const struct pl_subjects *subjects, struct pl_subject_entry *entry)
{
	static const char *const suffixes[] = { [PL_SUBJECT_MATCH] = "",
		                                    [PL_SUBJECT_PROCESS] = "",
		                                    [PL_SUBJECT_OTHER] = "-other",
		                                    [PL_SUBJECT_CGROUP] = "-cgroup" };
	char name[PL_NAME_SIZE];
	char id[sizeof(entry->id)];

	pl_text_id(entry->match, name, sizeof(name));
	if (entry->kind == PL_SUBJECT_PROCESS)
		snprintf(id, sizeof(id), "%s-%d", name, (int)entry->pid);
	else
		snprintf(id, sizeof(id), "%s%s", name, suffixes[entry->kind]);
	if (is_id_taken(subjects, id))
		snprintf(id + strlen(id), sizeof(id) - strlen(id), "-%08x",
		         (unsigned)(hash(entry->match) ^ (uint32_t)entry->kind));
	memcpy(entry->id, id, sizeof(id));
}

static void copy_word(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

static struct pl_subject_entry *obtain(struct pl_subjects *subjects,
                                       const struct pl_subject *subject)
{
	struct pl_subject_entry *entry = find(subjects, subject);

	if (entry)
		return entry;
	entry = free_place(subjects);
	if (!entry)
		return NULL;
	memset(entry, 0, sizeof(*entry));
	entry->kind = subject->kind;
	entry->pid = subject->kind == PL_SUBJECT_PROCESS ? subject->pid : 0;
	copy_word(entry->match, sizeof(entry->match), subject->match);
	make_id(subjects, entry);
	entry->used = true;
	subjects->cursor = (size_t)(entry - subjects->entries) + 1;
	return entry;
}

static void label_process(struct pl_wire *wire, int32_t pid, const struct pl_identity *identity)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	pl_wire_label(wire, "pid", text);
	if (identity->exe[0])
		pl_wire_label(wire, "exe", identity->exe);
	if (identity->unit[0])
		pl_wire_label(wire, "unit", identity->unit);
}

static void print_labels(struct pl_wire *wire, const struct pl_subject_entry *entry,
                         const struct pl_chart *chart)
{
	static const char *const scopes[] = {
		[PL_SUBJECT_MATCH] = "match",
		[PL_SUBJECT_PROCESS] = "process",
		[PL_SUBJECT_OTHER] = "other",
		[PL_SUBJECT_CGROUP] = "cgroup",
	};
	const struct pl_subject_story *story = &entry->story;

	pl_wire_label(wire, "match", entry->match);
	pl_wire_label(wire, "scope", scopes[entry->kind]);
	if (entry->kind == PL_SUBJECT_PROCESS) {
		pl_wire_label(wire, "process", entry->comm);
		label_process(wire, entry->pid, &entry->identity);
	} else if (chart->kind == PL_CHART_OF_VERDICT && story->known && story->pid > 0) {
		label_process(wire, story->pid, &story->identity);
	}
	if (chart->kind == PL_CHART_OF_VERDICT) {
		pl_wire_label(wire, "cause", story->known ? pl_cause_name(story->cause) : NONE);
		pl_wire_label(wire, "place", story->known && story->where[0] ? story->where : NONE);
		pl_wire_label(wire, "grows", story->known && story->metric[0] ? story->metric : NONE);
	}
	pl_wire_label_commit(wire);
}

static void print_chart(const struct pl_subjects *subjects, const char *id, const char *family,
                        const struct pl_chart *chart, int priority, bool obsolete)
{
	const struct pl_wire_chart line = {
		.id = id,
		.title = chart->title,
		.units = chart->units,
		.family = family,
		.context = chart->context,
		.type = chart->type,
		.priority = priority,
		.update_every_s = subjects->update_every_s,
		.obsolete = obsolete,
	};

	pl_wire_chart(subjects->wire, &line);
}

static void chart_id(const char *subject_id, const struct pl_chart *chart,
                     char out[PL_WIRE_ID_SIZE])
{
	snprintf(out, PL_WIRE_ID_SIZE, "%s_%s", subject_id, chart->suffix);
}

/* CHART and its labels, without dimensions: these stay. */
static void print_head(const struct pl_subjects *subjects, const struct pl_subject_entry *entry,
                       size_t row, bool obsolete)
{
	const struct pl_chart *chart = &pl_charts[row];
	char id[PL_WIRE_ID_SIZE];

	chart_id(entry->id, chart, id);
	print_chart(subjects, id, entry->match, chart, PL_CHART_PRIORITY + (int)row, obsolete);
	if (!obsolete)
		print_labels(subjects->wire, entry, chart);
}

static void print_dimensions(struct pl_wire *wire, const struct pl_chart *chart)
{
	for (const struct pl_chart_dimension *d = chart->dimensions; d->id; d++) {
		const struct pl_wire_dimension line = {
			.id = d->id,
			.name = d->name,
			.incremental = chart->kind == PL_CHART_COUNTERS,
			.multiplier = 1,
			.divisor = chart->divisor,
		};

		pl_wire_dimension(wire, &line);
	}
}

static bool has_value(const struct pl_chart *chart, const struct pl_reading *reading)
{
	int64_t value;

	for (const struct pl_chart_dimension *d = chart->dimensions; d->id; d++)
		if (pl_chart_value(d, reading, NULL, &value))
			return true;
	return false;
}

static void feed(struct pl_wire *wire, const char *id, const struct pl_chart *chart,
                 const struct pl_reading *reading, const struct pl_plugin_self *self)
{
	pl_wire_begin(wire, id);
	for (const struct pl_chart_dimension *d = chart->dimensions; d->id; d++) {
		int64_t value;

		if (pl_chart_value(d, reading, self, &value))
			pl_wire_set(wire, d->id, value);
		else
			pl_wire_gap(wire, d->id);
	}
	pl_wire_end(wire);
}

/* A chart begins with its first value. Once there it is fed at every tick, be it with gaps: Netdata
 * leaves the alerts of a chart that is not fed as they are, for ever. */
static void show(struct pl_subjects *subjects, struct pl_subject_entry *entry, size_t row,
                 const struct pl_reading *reading)
{
	const struct pl_chart *chart = &pl_charts[row];
	const uint64_t bit = UINT64_C(1) << row;
	char id[PL_WIRE_ID_SIZE];

	if (!pl_chart_is_wanted(chart, reading->collect))
		return;
	if (!(entry->defined & bit)) {
		if (reading->process_count == 0 && chart->collect != PL_CHART_ALWAYS)
			return;
		if (!has_value(chart, reading))
			return;
		print_head(subjects, entry, row, false);
		print_dimensions(subjects->wire, chart);
		entry->defined |= bit;
	} else if (entry->relabel) {
		print_head(subjects, entry, row, false);
	}
	chart_id(entry->id, chart, id);
	feed(subjects->wire, id, chart, reading, NULL);
}

static void identify(const struct pl_subjects *subjects, const struct pl_subject *subject,
                     struct pl_identity *out)
{
	if (subjects->fs && subject->pid > 0)
		pl_identity_read(subjects->fs, subject->pid, subject->start_ticks, out);
	else
		*out = (struct pl_identity){ { 0 }, { 0 } };
}

void pl_subjects_reading(struct pl_subjects *subjects, const struct pl_reading *reading)
{
	struct pl_subject_entry *entry = obtain(subjects, &reading->subject);
	const char *comm = reading->subject.comm ? reading->subject.comm : "";

	if (!entry) {
		subjects->dropped_count++;
		return;
	}
	entry->seen_s = reading->time.mono_s;
	entry->process_count = reading->process_count;
	entry->values = reading->values;
	entry->findings = reading->findings;
	entry->reason = reading->reason;
	if (entry->start_ticks != reading->subject.start_ticks ||
	    strncmp(entry->comm, comm, sizeof(entry->comm) - 1) != 0) {
		copy_word(entry->comm, sizeof(entry->comm), comm);
		entry->start_ticks = reading->subject.start_ticks;
		identify(subjects, &reading->subject, &entry->identity);
		entry->relabel = true;
	}
	for (size_t row = 0; row < pl_chart_count; row++)
		show(subjects, entry, row, reading);
	entry->relabel = false;
}

/* Reports on processes without charts of their own are told on those of their match. */
static struct pl_subject_entry *find_reported(struct pl_subjects *subjects,
                                              const struct pl_report *report)
{
	struct pl_subject subject = report->subject;
	struct pl_subject_entry *entry =
		subject.kind == PL_SUBJECT_PROCESS ? find(subjects, &subject) : NULL;

	if (entry)
		return entry;
	if (subject.kind == PL_SUBJECT_CGROUP)
		return obtain(subjects, &subject);
	subject.kind = PL_SUBJECT_MATCH;
	return obtain(subjects, &subject);
}

/* Of several processes of a match, the one that is worst off is told of. */
static bool is_news(const struct pl_subject_story *story, const struct pl_report *report)
{
	return !story->known || story->pid == report->subject.pid || report->verdict >= story->verdict;
}

void pl_subjects_report(struct pl_subjects *subjects, const struct pl_report *report)
{
	struct pl_subject_entry *entry = find_reported(subjects, report);
	struct pl_subject_story *story;

	if (!entry || !is_news(&entry->story, report))
		return;
	story = &entry->story;
	/* below growing there is no cause: the labels of an old leak would lie */
	story->known = report->verdict >= PL_VERDICT_GROWING;
	if (story->pid != report->subject.pid || !story->identity.exe[0])
		identify(subjects, &report->subject, &story->identity);
	story->pid = report->subject.pid;
	story->verdict = report->verdict;
	story->cause = report->cause;
	copy_word(story->reason, sizeof(story->reason), report->reason);
	copy_word(story->metric, sizeof(story->metric), report->metric);
	copy_word(story->where, sizeof(story->where), report->where);
	copy_word(story->message, sizeof(story->message), report->message);
	copy_word(story->census, sizeof(story->census), report->census);
	entry->relabel = true;
}

static void forget(struct pl_subjects *subjects, struct pl_subject_entry *entry)
{
	for (size_t row = 0; row < pl_chart_count; row++)
		if ((entry->defined >> row) & 1)
			print_head(subjects, entry, row, true);
	entry->used = false;
}

void pl_subjects_end(struct pl_subjects *subjects, double now_s)
{
	const double patience_s = VANISHED_S + 2.0 * subjects->update_every_s;

	for (size_t i = 0; i < subjects->count; i++) {
		struct pl_subject_entry *entry = &subjects->entries[i];

		if (entry->used && now_s - entry->seen_s > patience_s)
			forget(subjects, entry);
	}
}

void pl_subjects_self(struct pl_subjects *subjects, const struct pl_plugin_self *self)
{
	for (size_t row = 0; row < pl_self_chart_count; row++) {
		const struct pl_chart *chart = &pl_self_charts[row];
		char id[PL_WIRE_ID_SIZE];

		chart_id("self", chart, id);
		if (!subjects->self_defined) {
			print_chart(subjects, id, "self", chart,
			            PL_CHART_PRIORITY + (int)(pl_chart_count + row), false);
			print_dimensions(subjects->wire, chart);
		}
		feed(subjects->wire, id, chart, NULL, self);
	}
	subjects->self_defined = true;
}
