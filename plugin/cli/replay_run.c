#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parse/trace.h"
#include "replay.h"
#include "say.h"
#include "track/family.h"
#include "track/sum.h"

#define BUFFER_BYTES (1U << 20)
#define LONGEST_LINE (64U << 10)

struct process {
	struct pl_track track;
	double seen_s;
	double interval_s;
	uint64_t seen_tick;
	bool gone;
};

struct replay {
	const struct pl_replay_options *options;
	FILE *out;
	struct pl_trace trace;
	struct pl_family family;
	struct pl_sum members;
	struct pl_track sum_track;
	bool has_sum;
	struct process **processes; /* in order of appearance */
	size_t count;
	size_t capacity;
	uint32_t *slots; /* hash by ident: index + 1, 0 free */
	size_t slot_count;
	size_t latest; /* index of the last row's process: rows of one process come in runs */
	double tick_s;
	uint64_t tick;
	size_t live_count;
	struct pl_summary *summary;
};

static size_t slot_of(const struct replay *r, struct pl_ident ident)
{
	const uint64_t mix =
		(ident.start_ticks * 31 + (uint64_t)(uint32_t)ident.pid) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(mix >> 20) & (r->slot_count - 1);
}

static void insert_slot(struct replay *r, size_t index)
{
	size_t slot = slot_of(r, r->processes[index]->track.ident);

	while (r->slots[slot])
		slot = (slot + 1) & (r->slot_count - 1);
	r->slots[slot] = (uint32_t)index + 1;
}

static int grow(struct replay *r)
{
	const size_t capacity = r->capacity ? 2 * r->capacity : 16;
	struct process **processes = realloc(r->processes, capacity * sizeof *processes);

	if (!processes)
		return -ENOMEM;
	r->processes = processes;
	uint32_t *slots = calloc(4 * capacity, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	free(r->slots);
	r->slots = slots;
	r->slot_count = 4 * capacity;
	r->capacity = capacity;
	for (size_t i = 0; i < r->count; i++)
		insert_slot(r, i);
	return 0;
}

/* A row whose start time is blank is of the process that has this pid now. */
static struct pl_ident find_ident(const struct replay *r, struct pl_ident ident)
{
	if (ident.start_ticks > 0 || !r->trace.has_start)
		return ident;
	for (size_t i = r->count; i-- > 0;)
		if (!r->processes[i]->gone && r->processes[i]->track.ident.pid == ident.pid)
			return r->processes[i]->track.ident;
	return ident;
}

/* The process of a row: known, or new. NULL when out of memory. */
static struct process *find_process(struct replay *r, struct pl_ident ident)
{
	if (r->count > 0 && pl_ident_equal(r->processes[r->latest]->track.ident, ident))
		return r->processes[r->latest];
	if (r->slot_count > 0) {
		for (size_t slot = slot_of(r, ident); r->slots[slot];
		     slot = (slot + 1) & (r->slot_count - 1)) {
			const size_t index = r->slots[slot] - 1;
			if (!pl_ident_equal(r->processes[index]->track.ident, ident))
				continue;
			r->latest = index;
			return r->processes[index];
		}
	}
	if (r->count == r->capacity && grow(r))
		return NULL;
	struct process *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	pl_track_init(&p->track, ident, r->options->time_scale);
	r->processes[r->count] = p;
	insert_slot(r, r->count);
	r->latest = r->count++;
	r->live_count++;
	return p;
}

static void print_gates(const struct pl_judge_state *s, const char *series)
{
	const struct pl_evidence *e = &s->last;

	fprintf(stderr, "  %-11s %s, window %.1f h:", series, pl_reason_name((enum pl_reason)s->reason),
	        (e->end_s - e->begin_s) / 3600);
	for (unsigned g = 0; g < PL_GATE_COUNT; g++)
		if ((e->tested >> g) & 1)
			fprintf(stderr, " %s%s %.4g (needs %.4g)", (e->held >> g) & 1 ? "+" : "FAILED ",
			        pl_gate_name((enum pl_gate)g), (double)e->value[g], (double)e->need[g]);
	fputc('\n', stderr);
}

static void print_verbose(const struct process *p, const struct pl_report *report)
{
	fprintf(stderr, "%.0f %s\n", report->time_s, report->message);
	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++)
		if (i == PL_TRACKED_U || p->track.judged[i].verdict >= PL_VERDICT_GROWING)
			print_gates(&p->track.judged[i],
			            pl_explain_metric(pl_track_series((enum pl_tracked)i)));
}

static int tell(struct replay *r, const struct process *p, const struct pl_report *report)
{
	pl_summary_take(r->summary, report);
	if (r->options->verbose && p)
		print_verbose(p, report);
	return pl_lines_report(r->out, report);
}

static void end_process(struct replay *r, struct process *p)
{
	pl_family_gone(&r->family, &p->track, r->options->settings);
	pl_sum_gone(&r->members, &p->track);
	p->gone = true;
	r->live_count--;
}

/* A process whose rows stopped while those of others went on has ended. */
static void end_vanished(struct replay *r)
{
	if (r->live_count < 2 || r->tick % 16 != 0)
		return;
	for (size_t i = 0; i < r->count; i++) {
		struct process *p = r->processes[i];
		if (p->gone || r->tick - p->seen_tick < 4 * r->live_count + 8)
			continue;
		if (r->tick_s - p->seen_s > 4 * p->interval_s)
			end_process(r, p);
	}
}

static int end_sum(struct replay *r)
{
	struct pl_report report;

	if (!r->has_sum && pl_sum_is_wanted(&r->members)) {
		r->has_sum = true;
		pl_track_init(&r->sum_track, (struct pl_ident){ 0, 0 }, r->options->time_scale);
	}
	if (pl_sum_end(&r->members, r->has_sum ? &r->sum_track : NULL, &r->family, r->options->settings,
	               "trace", &report))
		return tell(r, NULL, &report);
	return 0;
}

static int end_tick(struct replay *r)
{
	struct pl_report report;

	end_vanished(r);
	if (pl_family_end(&r->family, r->options->settings, "trace", "trace", &report))
		return tell(r, NULL, &report);
	return end_sum(r);
}

/* A pid that came back as another process ends the one before. */
static void end_replaced(struct replay *r, const struct process *now)
{
	for (size_t i = 0; i < r->count; i++) {
		struct process *p = r->processes[i];
		if (p != now && !p->gone && p->track.ident.pid == now->track.ident.pid)
			end_process(r, p);
	}
}

static int take_sample(struct replay *r, const struct pl_sample *sample)
{
	struct pl_report report;
	const size_t count = r->count;

	if (r->tick == 0 || sample->time.wall_s < r->tick_s || sample->time.wall_s > r->tick_s) {
		const int err = r->tick ? end_tick(r) : 0;
		if (err)
			return err;
		r->tick++;
		r->tick_s = sample->time.wall_s;
		pl_family_begin(&r->family, sample->time);
		pl_sum_begin(&r->members);
	}
	struct process *p = find_process(r, find_ident(r, sample->ident));
	if (!p)
		return -ENOMEM;
	/* said twice: it would be added to itself in the sum of the trace */
	if (p->seen_tick == r->tick)
		return 0;
	if (r->count > count)
		end_replaced(r, p);
	if (p->gone) {
		p->gone = false;
		r->live_count++;
	}
	if (p->track.sample_count > 0)
		p->interval_s = fabs(sample->time.wall_s - p->seen_s);
	p->seen_s = sample->time.wall_s;
	p->seen_tick = r->tick;
	pl_track_add(&p->track, sample, r->options->settings);
	pl_sum_member(&r->members, &p->track);
	if (pl_family_member(&r->family, &p->track, r->options->settings, "trace", "process", &report))
		return tell(r, p, &report);
	return 0;
}

static int take_line(struct replay *r, const char *name, size_t number, const char *line,
                     size_t len, struct pl_sample *sample)
{
	struct pl_trace_problem problem;
	int err;

	if (len == 0 || (len == 1 && line[0] == '\r'))
		return 0;
	const bool is_header = r->trace.column_count == 0;
	if (is_header)
		err = pl_trace_header(line, len, &r->trace, &problem);
	else
		err = pl_trace_row(&r->trace, line, len, sample, &problem);
	if (err && problem.field > 0)
		pl_cli_say("%s:%zu: field %zu: %s\n", name, number, problem.field, problem.what);
	else if (err)
		pl_cli_say("%s:%zu: %s\n", name, number, problem.what);
	if (err)
		return err;
	return is_header ? 0 : take_sample(r, sample);
}

/* Feeds whole lines out of buffer[0, len); returns how much was used, or -errno. */
static ssize_t take_lines(struct replay *r, const char *name, size_t *number, const char *buffer,
                          size_t len, struct pl_sample *sample)
{
	size_t begin = 0;

	for (;;) {
		const char *newline = memchr(buffer + begin, '\n', len - begin);
		if (!newline)
			return (ssize_t)begin;
		const size_t line_len = (size_t)(newline - buffer) - begin;
		const int err = take_line(r, name, ++*number, buffer + begin, line_len, sample);
		if (err)
			return err;
		begin += line_len + 1;
	}
}

static int read_all(struct replay *r, int fd, const char *name, char *buffer)
{
	struct pl_sample sample = { .age_s = -1 };
	size_t len = 0;
	size_t number = 0;

	for (;;) {
		const ssize_t n = read(fd, buffer + len, BUFFER_BYTES - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		const ssize_t used = take_lines(r, name, &number, buffer, len, &sample);
		if (used < 0)
			return (int)used;
		len -= (size_t)used;
		memmove(buffer, buffer + used, len);
		if (len > LONGEST_LINE) {
			pl_cli_say("%s:%zu: the line is too long\n", name, number + 1);
			return -EBADMSG;
		}
	}
	if (len > 0) {
		const int err = take_line(r, name, number + 1, buffer, len, &sample);
		if (err)
			return err;
	}
	if (r->trace.column_count == 0) {
		pl_cli_say("%s:1: there is no header\n", name);
		return -EBADMSG;
	}
	if (r->tick == 0)
		pl_cli_say("%s: there are no rows: nothing was judged\n", name);
	return r->tick ? end_tick(r) : 0;
}

/* The verdict of the trace: the worst of the processes that ran to its end, and of the match. */
static void conclude(struct replay *r)
{
	struct pl_summary *s = r->summary;

	s->process_count = (unsigned)r->count;
	s->verdict = (enum pl_verdict)r->family.verdict;
	if (r->count > 0)
		s->reason = pl_reason_name((enum pl_reason)r->family.reason);
	for (size_t i = 0; i < r->count; i++) {
		const struct process *p = r->processes[i];
		struct pl_report report;
		if (p->gone)
			continue;
		if (p->track.verdict > s->verdict) {
			s->verdict = (enum pl_verdict)p->track.verdict;
			s->reason = pl_reason_name(pl_track_reason(&p->track));
		}
		if (p->track.verdict < PL_VERDICT_GROWING)
			continue;
		pl_track_describe(&p->track, r->options->settings, "trace", "process", &report);
		pl_summary_take(s, &report);
	}
}

int pl_replay_run(int fd, const char *name, const struct pl_replay_options *options, FILE *out,
                  struct pl_summary *summary)
{
	struct replay r = { .options = options, .out = out, .summary = summary };
	char *buffer = malloc(BUFFER_BYTES);
	int err = -ENOMEM;

	*summary = (struct pl_summary){ .where = "unknown" };
	pl_family_init(&r.family, options->time_scale);
	if (buffer)
		err = read_all(&r, fd, name, buffer);
	if (err == 0)
		conclude(&r);
	for (size_t i = 0; i < r.count; i++)
		free(r.processes[i]);
	free(r.processes);
	free(r.slots);
	free(buffer);
	return err;
}
