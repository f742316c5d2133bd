#include "judge/judge.h"

#include <math.h>

#include "judge/internal.h"
#include "trend/trend.h"

/*
 * An urgent growth alarms when the limit is nearer than so many times its own length so far. A
 * start may climb straight for a quarter of an hour and stop, so that less is believed of it; over
 * hours there is time to see more, and first teeth of a saw and first batches to mistake.
 */
static const struct {
	double max_span_s;
	double reach;
} reaches[] = {
	{ 1000, 0.95 },
	{ 2 * PL_HOUR_S, 1.6 },
	{ HUGE_VAL, 1.3 },
};

/* Descriptors come and go with the clients of a day: no more is believed of them, and of no longer
 * stretch than the finer blocks reach back. */
#define REACH_OF_FDS 0.6 /* of the other reach */

#define URGENT_LEAST_POINTS 8

/* A cache in use may stop just below the limit: only what is left beside the growth so far. */
#define IN_USE_ROOM 0.1

/* Growth over a stretch below this share of what the leak would have added: it has stopped. */
#define STOPPED_SHARE 0.25

/*
 * How long every gate must hold before an alarm: a random walk passes them for a moment at a time,
 * a leak ever more clearly.
 */
static const struct {
	double drift;
	double hold_s;
	double hold_share; /* of the window */
} holds[] = {
	{ 7.0, 0.4 * PL_HOUR_S, 0 },
	{ 5.0, 1.5 * PL_HOUR_S, 0.02 },
	{ 0, 3.2 * PL_HOUR_S, 0.055 },
};

static const char *const reason_names[PL_REASON_COUNT] = {
	[PL_REASON_LEARNING] = "learning",
	[PL_REASON_FLAT] = "flat",
	[PL_REASON_WARMING_UP] = "warming-up",
	[PL_REASON_NOISE] = "noise",
	[PL_REASON_SAWTOOTH] = "sawtooth",
	[PL_REASON_STEP] = "step",
	[PL_REASON_DECELERATING] = "decelerating",
	[PL_REASON_LOAD_FOLLOWING] = "load-following",
	[PL_REASON_SEASON] = "season",
	[PL_REASON_GROWTH] = "growth",
	[PL_REASON_DRIFT] = "drift",
	[PL_REASON_URGENT] = "urgent",
	[PL_REASON_RUNS] = "runs",
	[PL_REASON_STOPPED] = "stopped",
	[PL_REASON_IN_USE] = "in-use",
	[PL_REASON_HUGE_PAGES] = "huge-pages",
	[PL_REASON_LAZYFREE] = "lazyfree",
	[PL_REASON_RETENTION] = "arena-retention",
	[PL_REASON_BLIND] = "blind",
	[PL_REASON_FIRST_TOUCH] = "first-touch",
};

static const char *const gate_names[PL_GATE_COUNT] = {
	[PL_GATE_HISTORY] = "history",     [PL_GATE_EFFECT] = "effect",
	[PL_GATE_TERRITORY] = "territory", [PL_GATE_DRIFT] = "drift",
	[PL_GATE_NOISE] = "noise",         [PL_GATE_RATE] = "rate",
	[PL_GATE_SATURATION] = "straight", [PL_GATE_STEP] = "stepless",
	[PL_GATE_LOAD] = "load",           [PL_GATE_IDLE] = "idle",
	[PL_GATE_MAPPED] = "mapped",
};

const char *pl_reason_name(enum pl_reason reason)
{
	return reason_names[reason];
}

const char *pl_gate_name(enum pl_gate gate)
{
	return gate_names[gate];
}

/* Highest value of the series before `begin_s` that the rings still know. */
static double highest_before(const struct pl_judge_input *input, double begin_s)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	double highest = -1;

	for (unsigned level = PL_LEVEL_30MIN; level < PL_LEVEL_COUNT; level++) {
		const enum pl_series series =
			input->series == PL_SERIES_U ? PL_SERIES_U_MAX : input->series;
		const size_t n = pl_history_points(input->history, (enum pl_level)level, series,
		                                   PL_HISTORY_MAX_POINTS, p);
		const double half_s = pl_history_block_s((enum pl_level)level) / 2;
		for (size_t i = 0; i < n && p[i].t_s + half_s <= begin_s; i++)
			highest = fmax(highest, p[i].y);
	}
	return highest;
}

static double reach_over(double span_s, enum pl_series series)
{
	size_t i = 0;

	while (span_s > reaches[i].max_span_s)
		i++;
	return series == PL_SERIES_FDS ? REACH_OF_FDS * reaches[i].reach : reaches[i].reach;
}

/* Whether a straight line through these points meets the limit too soon to wait. */
static bool runs_into_limit(const struct pl_judge_input *input, struct pl_point *p, size_t n,
                            struct pl_evidence *e)
{
	double minima[4];
	const struct pl_floor floor = pl_judge_floor(input->series, input->settings);
	const double rise = p[n - 1].y - p[0].y;
	const double span_s = p[n - 1].t_s - p[0].t_s;
	const double room = input->limit - input->used;
	const double need = fmax(floor.growth, 0.05 * input->limit);

	const double reach = reach_over(span_s, input->series);
	if (rise < need || room > rise * 2 * reach || room < 0)
		return false;
	if (input->in_use && room > IN_USE_ROOM * rise)
		return false;
	/* How it goes now says more than how it went on the whole: a warm-up slows down. */
	const size_t late = n - n / 3;
	const double now_per_s = pl_trend_theil_sen(p + late - 1, n - late + 1);
	if (!(now_per_s > 0) || room > now_per_s * span_s * reach ||
	    room > now_per_s * input->settings->horizon_s)
		return false;
	(void)pl_trend_minima(p, n, 4, minima);
	for (size_t i = 1; i < 4; i++)
		if (minima[i] - minima[i - 1] < 0.6 * (minima[3] - minima[0]) / 3)
			return false;
	const double slope = pl_trend_theil_sen(p, n);
	const double sigma = pl_trend_sigma(p, n, slope);
	if (slope * span_s < 0.7 * rise || sigma > 0.05 * rise ||
	    highest_before(input, p[0].t_s) > p[n - 1].y)
		return false;
	e->begin_s = p[0].t_s;
	e->end_s = p[n - 1].t_s;
	e->growth = e->leaked = rise;
	e->rate_per_s = slope;
	e->rate_low = 0.9 * slope;
	e->rate_high = 1.1 * slope;
	e->since_s = p[0].t_s;
	e->to_limit_s = fmax(room, 0) / slope;
	return true;
}

bool pl_judge_urgent(const struct pl_judge_input *input, struct pl_evidence *out)
{
	static const enum pl_level levels[] = { PL_LEVEL_1MIN, PL_LEVEL_5MIN, PL_LEVEL_30MIN };
	const size_t level_count =
		input->series == PL_SERIES_FDS ? PL_HISTORY_FINE_LEVELS : sizeof levels / sizeof levels[0];
	struct pl_point p[PL_HISTORY_MAX_POINTS];

	if (!(input->limit > 0))
		return false;
	for (size_t l = 0; l < level_count; l++) {
		const size_t n =
			pl_history_points(input->history, levels[l], input->series, PL_HISTORY_MAX_POINTS, p);
		for (size_t eighths = 8; eighths >= 2; eighths--) {
			const size_t part = n * eighths / 8;
			struct pl_evidence e = { .reason = PL_REASON_URGENT, .level = (uint8_t)levels[l] };
			if (part < URGENT_LEAST_POINTS || !runs_into_limit(input, p + n - part, part, &e))
				continue;
			e.leaking = e.growing = e.urgent = true;
			*out = e;
			return true;
		}
	}
	return false;
}

/*
 * A leak that was fixed: over a stretch in which it would have added a good deal, it added little.
 * The stretch spans a day where one may be needed to tell a pause from an end.
 */
static bool has_stopped(const struct pl_judge_state *s, const struct pl_judge_input *input,
                        bool leaking, double *quiet_from_s)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	double minima[4];
	const bool day = input->settings->season && s->alarm_span_s > 12 * PL_HOUR_S;
	const double least_s = day ? 24 * PL_HOUR_S : fmax(s->alarm_span_s, PL_HOUR_S);
	const double now_s = input->history->clock_s;
	/* Longer windows go on to convince for a while after the end: then more of it is asked for. */
	const double age_s = now_s - s->last.since_s;
	const double wanted_s = leaking ? fmax(1.5 * least_s, 0.2 * age_s) : fmax(least_s, 0.1 * age_s);
	unsigned level = pl_history_is_fine(input->series) ? PL_LEVEL_5MIN : PL_LEVEL_30MIN;
	const double rate = s->last.rate_per_s;

	if (now_s - s->alarm_s < 0.5 * wanted_s)
		return false;
	while (level < PL_LEVEL_1D && pl_history_block_s((enum pl_level)level) * 40 < wanted_s)
		level++;
	size_t n = pl_history_points(input->history, (enum pl_level)level, input->series,
	                             PL_HISTORY_MAX_POINTS, p);
	size_t first = 0;
	while (first < n && p[first].t_s < now_s - wanted_s)
		first++;
	if (n - first < 4)
		return false;
	(void)pl_trend_minima(p + first, n - first, 4, minima);
	const double span_s = p[n - 1].t_s - p[first].t_s;
	*quiet_from_s = p[first].t_s;
	if ((minima[3] - minima[0]) * 4 / 3 >= STOPPED_SHARE * rate * span_s)
		return false;
	/* The falling half of a day is no end: at the same hour there must be no more than yesterday.
	 */
	const double gained = day ? pl_judge_gained_in_a_day(input) : HUGE_VAL;
	return gained >= HUGE_VAL || gained < STOPPED_SHARE * rate * 24 * PL_HOUR_S;
}

static uint8_t rung_of(const struct pl_judge_state *s, const struct pl_judge_input *input,
                       const struct pl_evidence *e)
{
	const bool near = e->to_limit_s >= 0 && e->to_limit_s < input->settings->horizon_s;

	if (s->alarmed)
		return near ? PL_VERDICT_CRITICAL : PL_VERDICT_LEAKING;
	if (e->growing)
		return PL_VERDICT_GROWING;
	return e->reason == PL_REASON_LEARNING ? PL_VERDICT_LEARNING : PL_VERDICT_STEADY;
}

static void raise_alarm(struct pl_judge_state *s, const struct pl_judge_input *input,
                        const struct pl_evidence *e)
{
	s->alarmed = true;
	s->confirmed = false;
	s->alarm_s = input->history->clock_s;
	s->alarm_leaked = e->leaked;
	s->alarm_level = input->used;
	s->alarm_span_s = e->end_s - e->begin_s;
}

static bool has_held(const struct pl_judge_state *s, const struct pl_judge_input *input,
                     const struct pl_evidence *e)
{
	size_t i = 0;

	if (s->pass_since_s < 0 || pl_judge_idle_is_pending(input))
		return false;
	while ((double)e->value[PL_GATE_DRIFT] < holds[i].drift)
		i++;
	const double hold_s = fmax(holds[i].hold_s, holds[i].hold_share * (e->end_s - e->begin_s));
	return input->history->clock_s - s->pass_since_s >= hold_s;
}

void pl_judge_state_init(struct pl_judge_state *s)
{
	*s = (struct pl_judge_state){ .pass_since_s = -1, .last = { .to_limit_s = -1 } };
}

/* The alarm is over; `reason` says why. */
static bool end_alarm(struct pl_judge_state *s, const struct pl_evidence *e, enum pl_reason reason)
{
	s->alarmed = s->confirmed = false;
	s->last = *e;
	s->last.reason = (uint8_t)reason;
	s->verdict = PL_VERDICT_STEADY;
	s->reason = (uint8_t)reason;
	return true;
}

bool pl_judge_step(struct pl_judge_state *s, const struct pl_judge_input *input,
                   const struct pl_evidence *e)
{
	const uint8_t verdict_before = s->verdict;
	const bool confirmed_before = s->confirmed;

	if (!e->leaking)
		s->pass_since_s = -1;
	else if (s->pass_since_s < 0)
		s->pass_since_s = input->history->clock_s;
	if (!s->alarmed && (e->urgent || has_held(s, input, e)))
		raise_alarm(s, input, e);
	double quiet_from_s;
	if (s->alarmed && !e->urgent && has_stopped(s, input, e->leaking, &quiet_from_s)) {
		s->quiet_from_s = quiet_from_s;
		return end_alarm(s, e, PL_REASON_STOPPED);
	}
	if (s->alarmed && !s->last.urgent &&
	    (e->reason == PL_REASON_IN_USE || e->reason == PL_REASON_FIRST_TOUCH))
		return end_alarm(s, e, (enum pl_reason)e->reason);
	/* While the alarm stands, a window that does not convince leaves the old evidence. */
	if (!s->alarmed || e->leaking)
		s->last = *e;
	/* twice over: by growth that went on, or by another kind of evidence */
	if (s->alarmed && e->leaking && (e->idle || e->leaked > 2 * s->alarm_leaked))
		s->confirmed = true;
	s->verdict = rung_of(s, input, &s->last);
	s->reason = s->last.reason;
	return s->verdict != verdict_before || s->confirmed != confirmed_before;
}
