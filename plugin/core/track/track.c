#include "track/track.h"

#include <math.h>

/* A rollup may be an hour away on a process that is dear to read. */
#define LAZYFREE_KEPT_S (6.0 * 3600)
#define HELD_KEPT_S LAZYFREE_KEPT_S

#define UNMAPPED_SHARE 0.5

/* Increments of counters over a longer gap, in real time, are not spread over it. */
#define COUNTER_GAP_S 7200.0

/* Judging is spread over this time after a block closes, lest a whole host judges in one tick. */
#define JUDGE_SPREAD_S 300.0

static const enum pl_series tracked_series[PL_TRACKED_COUNT] = {
	[PL_TRACKED_U] = PL_SERIES_U,
	[PL_TRACKED_SHMEM] = PL_SERIES_SHMEM,
	[PL_TRACKED_UNTOUCHED] = PL_SERIES_UNTOUCHED,
	[PL_TRACKED_CONNECTIONS] = PL_SERIES_CONNECTIONS,
	[PL_TRACKED_THREADS] = PL_SERIES_THREADS,
	[PL_TRACKED_FDS] = PL_SERIES_FDS,
};

enum pl_series pl_track_series(enum pl_tracked tracked)
{
	return tracked_series[tracked];
}

void pl_track_init(struct pl_track *t, struct pl_ident ident, double time_scale)
{
	*t = (struct pl_track){
		.ident = ident,
		.time_scale = time_scale > 0 ? time_scale : 1,
		.judge_due_s = -1,
		.lazyfree_s = -1,
		.held_s = -1,
	};
	for (size_t i = 0; i < PL_TRACKED_COUNT; i++)
		pl_judge_state_init(&t->judged[i]);
	pl_history_init(&t->history);
}

static void put(struct pl_history_input *in, enum pl_series series, double value)
{
	in->present |= (uint16_t)(1U << series);
	in->value[series] = (float)value;
}

/* The last LazyFree known, for as long as it may still hold. */
static uint64_t lazyfree_now(struct pl_track *t, const struct pl_values *v)
{
	uint64_t lazyfree;

	if (pl_values_get(v, PL_M_LAZYFREE, &lazyfree)) {
		t->lazyfree_bytes = lazyfree;
		t->lazyfree_s = t->history.clock_s;
		return lazyfree;
	}
	const bool fresh = t->lazyfree_s >= 0 && t->history.clock_s - t->lazyfree_s < LAZYFREE_KEPT_S;
	return fresh ? t->lazyfree_bytes : 0;
}

/* U in bytes; false when this sample does not tell it. */
static bool derive_u(struct pl_track *t, const struct pl_values *v, uint64_t *out)
{
	uint64_t resident;
	uint64_t part;
	uint64_t swap = 0;

	if (pl_values_get(v, PL_M_ANON, &resident)) {
		if (t->u_source != PL_U_ANON)
			pl_history_init(&t->history);
		t->u_source = PL_U_ANON;
	} else if (t->u_source != PL_U_ANON && pl_values_get(v, PL_M_RSS, &resident)) {
		t->u_source = PL_U_RSS;
		if (pl_values_get(v, PL_M_FILE, &part))
			resident -= part < resident ? part : resident;
		if (pl_values_get(v, PL_M_SHMEM, &part))
			resident -= part < resident ? part : resident;
	} else {
		return false;
	}
	(void)pl_values_get(v, PL_M_SWAP, &swap);
	const uint64_t lazyfree = lazyfree_now(t, v);
	*out = resident + swap - (lazyfree < resident ? lazyfree : resident);
	return true;
}

/* VmData that was never touched (what was given back was); VmSize less the files stands in where
 * VmData is not known. */
static void derive_untouched(const struct pl_values *v, uint64_t u, struct pl_history_input *in)
{
	uint64_t mapped;
	uint64_t other = 0;

	if (!pl_values_get(v, PL_M_VM_DATA, &mapped)) {
		if (!pl_values_get(v, PL_M_VM_SIZE, &mapped))
			return;
		(void)pl_values_get(v, PL_M_FILE, &other);
	}
	u += other;
	put(in, PL_SERIES_UNTOUCHED, (double)(mapped > u ? mapped - u : 0));
}

static void derive_counter(struct pl_track *t, const struct pl_values *v, unsigned which,
                           enum pl_metric metric, enum pl_series series, bool near,
                           struct pl_history_input *in)
{
	struct pl_counter *counter = &t->counters[which];
	uint64_t value;

	if (!pl_values_get(v, metric, &value))
		return;
	if (counter->known && near && value >= counter->value)
		put(in, series, (double)(value - counter->value));
	counter->known = true;
	counter->value = value;
}

static void derive_gauge(const struct pl_values *v, enum pl_metric metric, enum pl_series series,
                         struct pl_history_input *in)
{
	uint64_t value;

	if (pl_values_get(v, metric, &value))
		put(in, series, (double)value);
}

static double held_now(const struct pl_track *t)
{
	const bool fresh = t->held_s >= 0 && t->history.clock_s - (double)t->held_s < HELD_KEPT_S;

	return fresh ? (double)t->held_bytes : 0;
}

/* RssShmem counts a page in each view that it was touched in: the file has it once. */
static void derive_views(struct pl_track *t, struct pl_history_input *in)
{
	const double held_bytes = held_now(t);

	if (!(held_bytes > 0))
		return;
	t->shmem_bytes = held_bytes;
	put(in, PL_SERIES_SHMEM, held_bytes);
}

/*
 * What descriptors hold may be mapped as well, and nobody tells which part: of the two the greater
 * is known to be there.
 */
static void derive_shmem(struct pl_track *t, const struct pl_values *v, struct pl_history_input *in)
{
	uint64_t value;

	if (pl_values_get(v, PL_M_FD_SHMEM, &value)) {
		t->held_bytes = (float)value;
		t->held_s = (float)t->history.clock_s;
	}
	if (!pl_values_get(v, PL_M_SHMEM, &value))
		return;
	if (t->places.many_views && t->held_bytes > 0) {
		derive_views(t, in);
		return;
	}
	t->shmem_bytes = (double)value;
	put(in, PL_SERIES_SHMEM, fmax((double)value, held_now(t)));
}

bool pl_track_is_unmapped(const struct pl_track *t)
{
	return held_now(t) - t->shmem_bytes > UNMAPPED_SHARE * held_now(t);
}

/* A limit, what counts against it, and its name. */
struct limit_row {
	enum pl_metric limit;
	enum pl_metric used;
	enum pl_limit kind;
};

static const struct limit_row memory_limits[] = {
	{ PL_M_CGROUP_MAX, PL_M_CGROUP_USED, PL_LIMIT_CGROUP_MAX },
	{ PL_M_CGROUP_HIGH, PL_M_CGROUP_HIGH_USED, PL_LIMIT_CGROUP_HIGH },
	{ PL_M_RLIMIT_AS, PL_M_VM_SIZE, PL_LIMIT_RLIMIT_AS },
	{ PL_M_RLIMIT_DATA, PL_M_VM_DATA, PL_LIMIT_RLIMIT_DATA },
	{ PL_M_HOST_MEMORY, PL_M_HOST_USED, PL_LIMIT_HOST },
};

static const struct limit_row thread_limits[] = {
	{ PL_M_PIDS_MAX, PL_M_PIDS_USED, PL_LIMIT_PIDS_MAX },
	{ PL_M_RLIMIT_NPROC, PL_M_THREADS, PL_LIMIT_RLIMIT_NPROC },
};

/* The limit of which the least is left. Unchanged when none is known with what counts against it.
 */
static void derive_room(const struct pl_values *v, const struct limit_row *rows, size_t count,
                        struct pl_room *room)
{
	struct pl_room found = { .kind = PL_LIMIT_NONE };

	for (size_t i = 0; i < count; i++) {
		uint64_t limit;
		uint64_t used;

		if (!pl_values_get(v, rows[i].limit, &limit) || !pl_values_get(v, rows[i].used, &used))
			continue;
		const double left = used < limit ? (double)(limit - used) : 0;

		if (found.kind == PL_LIMIT_NONE || left < found.left)
			found = (struct pl_room){ (uint8_t)rows[i].kind, (double)limit, left };
	}
	if (found.kind != PL_LIMIT_NONE)
		*room = found;
}

static void derive_limits(struct pl_track *t, const struct pl_values *v)
{
	uint64_t value;

	t->anon_bytes = t->u_bytes;
	if (pl_values_get(v, PL_M_LIMIT, &value))
		t->limit_bytes = (double)value;
	if (pl_values_get(v, PL_M_ANON, &value))
		t->anon_bytes = (double)value;
	if (pl_values_get(v, PL_M_FDS, &value))
		t->fds = (double)value;
	if (pl_values_get(v, PL_M_RLIMIT_NOFILE, &value))
		t->fd_limit = (double)value;
	if (pl_values_get(v, PL_M_THREADS, &value))
		t->threads = (double)value;
	derive_room(v, memory_limits, sizeof memory_limits / sizeof memory_limits[0], &t->memory_room);
	derive_room(v, thread_limits, sizeof thread_limits / sizeof thread_limits[0], &t->thread_room);
}

static void derive_maps(struct pl_track *t, const struct pl_values *v)
{
	uint64_t value;

	if (pl_values_get(v, PL_M_MAPS_MAX, &value))
		t->maps_limit = (float)value;
	if (pl_values_get(v, PL_M_MAPS, &value))
		pl_track_count_maps(&t->maps, t->history.clock_s, (double)value);
}

static void derive(struct pl_track *t, const struct pl_sample *sample, struct pl_history_input *in)
{
	const struct pl_values *v = &sample->values;
	const double step_s = sample->time.mono_s - t->now.mono_s;
	const bool near = t->sample_count > 0 && step_s >= 0 && step_s < COUNTER_GAP_S;
	uint64_t u;

	in->present = 0;
	if (derive_u(t, v, &u)) {
		put(in, PL_SERIES_U, (double)u);
		t->u_bytes = (double)u;
		derive_untouched(v, u + lazyfree_now(t, v), in);
	}
	derive_shmem(t, v, in);
	derive_gauge(v, PL_M_THREADS, PL_SERIES_THREADS, in);
	derive_gauge(v, PL_M_FDS, PL_SERIES_FDS, in);
	derive_gauge(v, PL_M_CONNECTIONS, PL_SERIES_CONNECTIONS, in);
	derive_gauge(v, PL_M_HEAP, PL_SERIES_HEAP, in);
	derive_gauge(v, PL_M_ANON_HUGE, PL_SERIES_HUGE, in);
	derive_counter(t, v, PL_COUNTER_CPU, PL_M_CPU, PL_SERIES_CPU, near, in);
	derive_counter(t, v, PL_COUNTER_READ, PL_M_READ, PL_SERIES_READ, near, in);
	derive_counter(t, v, PL_COUNTER_WRITTEN, PL_M_WRITTEN, PL_SERIES_WRITTEN, near, in);
	derive_counter(t, v, PL_COUNTER_OPENED, PL_M_OPENED, PL_SERIES_OPENED, near, in);
	derive_limits(t, v);
	derive_maps(t, v);
}

/* An exiting process can show one reading of zeros that is not marked as a zombie yet. */
static bool is_exiting(const struct pl_track *t, const struct pl_values *v)
{
	uint64_t anon = 1;
	uint64_t rss = 0;

	(void)pl_values_get(v, PL_M_ANON, &anon);
	(void)pl_values_get(v, PL_M_RSS, &rss);
	return anon == 0 && rss == 0 && t->u_bytes > 0;
}

/* The newest U that was known `ago_s` before now; U as it is where that is not kept. */
static double u_before(const struct pl_track *t, double ago_s)
{
	static const enum pl_level levels[] = { PL_LEVEL_1MIN, PL_LEVEL_5MIN };
	struct pl_point p[PL_HISTORY_MAX_POINTS];

	for (size_t l = 0; ago_s > 0 && l < sizeof levels / sizeof levels[0]; l++) {
		size_t n = pl_history_points(&t->history, levels[l], PL_SERIES_U, PL_HISTORY_MAX_POINTS, p);

		while (n > 0 && p[n - 1].t_s > t->history.clock_s - ago_s)
			n--;
		if (n > 0)
			return p[n - 1].y;
	}
	return t->u_bytes;
}

/* What is younger than the window was touched when it was born: it says nothing. */
static void take_idle(struct pl_track *t, const struct pl_values *v,
                      const struct pl_settings *settings)
{
	uint64_t idle_bytes;
	uint64_t window_us = 0;

	if (!settings->idle_memory || !pl_values_get(v, PL_M_IDLE, &idle_bytes))
		return;
	(void)pl_values_get(v, PL_M_IDLE_WINDOW, &window_us);

	const double window_s = (double)window_us * 1e-6 * t->time_scale;
	const struct pl_idle_point point = { .t_s = (float)t->history.clock_s,
		                                 .u = (float)u_before(t, window_s),
		                                 .idle = (float)idle_bytes };

	pl_idle_add(&t->idle, window_s, &point);
}

/* What may be added ends before any limit of memory that is known. */
static bool is_below_room(const struct pl_track *t, double used_bytes, double left_bytes)
{
	if (t->memory_room.kind != PL_LIMIT_NONE)
		return left_bytes < t->memory_room.left;
	return used_bytes + left_bytes < t->limit_bytes;
}

/* Full is what such a heap becomes before it is collected, leak or not: its end is nothing to alarm
 * about, and the limits beyond it are out of its reach. */
bool pl_track_fills_java_heap(const struct pl_track *t)
{
	const struct pl_place *place = pl_places_leader(&t->places, PL_REGIONS_ANONYMOUS);
	const double left_bytes = (double)t->places.heap_left_bytes;

	if (!place || place->region != PL_REGION_JAVA || !(t->places.heap_most_bytes > 0))
		return false;
	return is_below_room(t, t->anon_bytes, left_bytes);
}

/* Whether shared memory grows in what was mapped before, which ends before any limit. */
static bool is_first_touch(const struct pl_track *t)
{
	return t->places.first_touch &&
	       is_below_room(t, t->anon_bytes + t->shmem_bytes, (double)t->places.shared_left_bytes);
}

static bool has_end(const struct pl_track *t, enum pl_tracked tracked)
{
	return tracked == PL_TRACKED_U ? pl_track_fills_java_heap(t) : is_first_touch(t);
}

static struct pl_judge_input judge_input(const struct pl_track *t, enum pl_tracked tracked,
                                         const struct pl_settings *settings)
{
	struct pl_judge_input in = {
		.history = &t->history,
		.series = tracked_series[tracked],
		.settings = settings,
		.work_us =
			t->counters[PL_COUNTER_CPU].known ? (double)t->counters[PL_COUNTER_CPU].value : 0,
		.not_before_s = t->judged[tracked].quiet_from_s,
		.idle = tracked == PL_TRACKED_U && settings->idle_memory ? &t->idle : NULL,
		.in_use = t->judged[tracked].reason == PL_REASON_IN_USE,
	};

	if (tracked == PL_TRACKED_U || tracked == PL_TRACKED_SHMEM) {
		/* Shared memory may be charged to others: it counts only where it is what grows. */
		in.used = tracked == PL_TRACKED_U ? t->anon_bytes
		                                  : t->anon_bytes + fmax(t->shmem_bytes, held_now(t));
		in.limit = in.used < t->limit_bytes ? t->limit_bytes : 0;
		/* where others use the same limit up, what they leave is what counts */
		if (t->memory_room.kind != PL_LIMIT_NONE)
			in.limit = in.used + t->memory_room.left;
		if (has_end(t, tracked))
			in.limit = 0;
	} else if (tracked == PL_TRACKED_FDS || tracked == PL_TRACKED_CONNECTIONS) {
		/* each connection takes a descriptor */
		in.limit = t->fd_limit;
		in.used = t->fds;
	} else if (tracked == PL_TRACKED_THREADS && t->thread_room.kind != PL_LIMIT_NONE) {
		in.used = t->threads;
		in.limit = t->threads + t->thread_room.left;
	}
	return in;
}

static void find_worst(struct pl_track *t)
{
	unsigned worst = PL_TRACKED_U;

	for (unsigned i = 1; i < PL_TRACKED_COUNT; i++)
		if (t->judged[i].verdict > t->judged[worst].verdict &&
		    t->judged[i].verdict >= PL_VERDICT_GROWING)
			worst = i;
	t->worst = (uint8_t)worst;
	t->verdict = t->judged[worst].verdict;
	if (t->verdict >= PL_VERDICT_GROWING)
		pl_explain_attribute(&t->history, tracked_series[worst], t->judged[worst].last.since_s,
		                     &t->attribution);
	t->changed = t->verdict != t->reported_verdict ||
	             (pl_track_is_confirmed(t) && !t->reported_confirmed) ||
	             pl_track_joined(t) < PL_TRACKED_COUNT;
}

/* Memory that comes in mappings of its own may run out of these before it runs out of room. */
static void look_at_maps(const struct pl_track *t, struct pl_evidence *e)
{
	struct pl_forecast forecast;

	if (!e->growing || !(t->maps_limit > 0) ||
	    !pl_track_forecast_maps(&t->maps, (double)t->maps_limit, t->history.clock_s, &forecast) ||
	    (e->to_limit_s >= 0 && e->to_limit_s <= forecast.seconds))
		return;
	e->to_limit_s = forecast.seconds;
	e->by_maps = true;
}

static void judge_all(struct pl_track *t, const struct pl_settings *settings)
{
	for (unsigned i = 0; i < PL_TRACKED_COUNT; i++) {
		const struct pl_judge_input in = judge_input(t, (enum pl_tracked)i, settings);
		struct pl_evidence evidence;
		pl_judge_evidence(&in, &evidence);
		if (i <= PL_TRACKED_UNTOUCHED)
			look_at_maps(t, &evidence);
		if (i == PL_TRACKED_SHMEM && evidence.growing && is_first_touch(t)) {
			evidence.growing = evidence.leaking = false;
			evidence.reason = PL_REASON_FIRST_TOUCH;
		}
		(void)pl_judge_step(&t->judged[i], &in, &evidence);
	}
	find_worst(t);
}

/* A limit is near only when a good part of it is used. */
static void judge_urgency(struct pl_track *t, const struct pl_settings *settings)
{
	if (t->history.age_at_origin_s + t->history.clock_s < settings->settle_s)
		return;
	static const enum pl_tracked limited[] = { PL_TRACKED_U, PL_TRACKED_SHMEM, PL_TRACKED_FDS };

	for (size_t l = 0; l < sizeof limited / sizeof limited[0]; l++) {
		const enum pl_tracked i = limited[l];
		const struct pl_judge_input in = judge_input(t, i, settings);
		struct pl_evidence evidence;
		if (t->judged[i].alarmed || !(in.limit > 0) || in.used < 0.3 * in.limit)
			continue;
		if (!pl_judge_urgent(&in, &evidence))
			continue;
		(void)pl_judge_step(&t->judged[i], &in, &evidence);
		find_worst(t);
	}
}

/* A fraction of 1 that differs from process to process and stays the same for each. */
static double phase_of(struct pl_ident ident)
{
	const uint64_t mix =
		(ident.start_ticks ^ (uint64_t)(uint32_t)ident.pid << 32) * UINT64_C(0x9e3779b97f4a7c15);

	return (double)(mix >> 40) / (double)(1 << 24);
}

void pl_track_add(struct pl_track *t, const struct pl_sample *sample,
                  const struct pl_settings *settings)
{
	struct pl_history_input in;
	unsigned closed;

	if (is_exiting(t, &sample->values))
		return;
	derive(t, sample, &in);
	if (!t->history.started)
		t->history.age_at_origin_s = fmax(0, sample->age_s) * t->time_scale;
	pl_history_add(&t->history, sample->time.mono_s, t->time_scale, &in, &closed);
	take_idle(t, &sample->values, settings);
	t->now = sample->time;
	t->sample_count++;
	if (closed == 0)
		return;
	judge_urgency(t, settings);
	/* What already stands under an alarm need not be looked at so often. */
	const enum pl_level pace = t->judged[t->worst].alarmed ? PL_LEVEL_2H : PL_LEVEL_30MIN;
	/* A date that is set stands: samples may be rarer than blocks. */
	if ((closed & (1U << pace)) && t->judge_due_s < 0)
		t->judge_due_s = t->history.clock_s + phase_of(t->ident) * JUDGE_SPREAD_S;
	if (t->judge_due_s < 0 || t->history.clock_s < t->judge_due_s)
		return;
	t->judge_due_s = -1;
	judge_all(t, settings);
}

bool pl_track_is_idle(const struct pl_track *t, const struct pl_settings *settings)
{
	const struct pl_judge_input in = judge_input(t, PL_TRACKED_U, settings);

	return pl_judge_is_idle(&in);
}

void pl_track_set_places(struct pl_track *t, const struct pl_ledger *ledger)
{
	pl_explain_places(ledger, &t->places);
}
