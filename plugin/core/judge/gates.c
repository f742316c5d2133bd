#include <math.h>
#include <string.h>

#include "judge/internal.h"
#include "trend/trend.h"

/* How strict the gates are; a longer window may be more lenient. */
struct rigour {
	double max_span_s;
	double territory;  /* least increment between quarters over their mean */
	double saturation; /* 0: as good as a logarithm suffices; 1: as a line */
};

static const struct rigour rigours[] = {
	{ 30 * PL_HOUR_S, 0.50, 0.70 },
	{ 80 * PL_HOUR_S, 0.30, 0.70 },
	{ HUGE_VAL, 0.15, 0.52 },
};

static const struct {
	double drift;
	double sigmas;
	double territory; /* multiplies rigour.territory */
} sensitivities[] = {
	[PL_SENSITIVITY_LOW] = { 4.0, 6, 1.2 },
	[PL_SENSITIVITY_NORMAL] = { 3.0, 4, 1.0 },
	[PL_SENSITIVITY_HIGH] = { 2.0, 3, 0.6 },
};

/* Windows, the shortest first: a level, and how many of its newest points at the least and most. */
struct window {
	enum pl_level level;
	uint8_t least;
	uint8_t most;
};

static const struct window windows[] = {
	{ PL_LEVEL_5MIN, 12, 60 },  { PL_LEVEL_30MIN, 12, 24 }, { PL_LEVEL_30MIN, 33, 33 },
	{ PL_LEVEL_30MIN, 36, 48 }, { PL_LEVEL_2H, 16, 16 },    { PL_LEVEL_2H, 24, 24 },
	{ PL_LEVEL_2H, 30, 48 },    { PL_LEVEL_8H, 12, 14 },    { PL_LEVEL_8H, 21, 24 },
	{ PL_LEVEL_8H, 30, 48 },    { PL_LEVEL_1D, 14, 16 },    { PL_LEVEL_1D, 24, 48 },
};

#define SPARSE_LEAST 10
#define SPARSE_SHARE 0.4

/*
 * Ways to look at a window: as it is; with what moves with the load taken out; the least of each
 * day alone. The latter two see through a daily cycle, and need some days for it.
 */
enum kind { KIND_RAW, KIND_UNLOADED, KIND_DAILY, KIND_COUNT };

#define LEAST_UNLOADED_S (30 * PL_HOUR_S)
#define LEAST_DAYS 4

/* History without which a daily cycle, or with Season off a passing load, is not ruled out. */
#define LEAST_HISTORY_S (16 * PL_HOUR_S)
#define LEAST_HISTORY_NO_SEASON_S (6 * PL_HOUR_S)

/*
 * What lies idle needs only so much of that, if it grows evenly (by the gate on new territory):
 * sessions that lie idle until they expire come and go with the day all the same.
 */
#define IDLE_HISTORY 0.75
#define IDLE_TERRITORY 0.88

/* The lower end of the rate's interval, as a share of the rate. */
#define LEAST_CERTAINTY 0.35

/* Likewise, to be called growth at all: below, it may as well stand still. */
#define LEAST_CONFIDENCE 0.1

#define WINDOW_COUNT (sizeof windows / sizeof windows[0])
#define PARTS 4
#define MAX_STEPS 3
#define STEP_SHARE 0.2
#define STEP_OUTLIER 8.0
#define LEAST_STEPLESS 0.3 /* five equal steps less the three that are taken out */
#define LEAST_UNEXPLAINED 0.35
#define LEAST_GOING_ON 0.65
#define LEAST_MAPPED 0.4

/* From so many times better on, increments are said to be proportional to work, or to time. */
#define WORK_FITS 2.0
#define OTHER_AXIS 0.88

struct pl_floor pl_judge_floor(enum pl_series series, const struct pl_settings *s)
{
	const double share = s->min_growth_percent / 100;

	switch (series) {
	case PL_SERIES_THREADS:
		return (struct pl_floor){ 24, 0.25, 0.2 / PL_HOUR_S, 1 };
	case PL_SERIES_FDS:
	case PL_SERIES_CONNECTIONS:
		return (struct pl_floor){ 48, 0.25, 0.4 / PL_HOUR_S, 1 };
	case PL_SERIES_UNTOUCHED:
		/* Reservations are coarse; what is never touched costs little. */
		return (struct pl_floor){ 8 * s->min_growth_bytes, 5 * share,
			                      4 * s->min_rate_bytes_per_h / PL_HOUR_S, 1 << 20 };
	case PL_SERIES_U:
	case PL_SERIES_SHMEM:
	case PL_SERIES_HEAP:
	case PL_SERIES_HUGE:
	case PL_SERIES_U_MEAN:
	case PL_SERIES_U_MAX:
	case PL_SERIES_CPU:
	case PL_SERIES_READ:
	case PL_SERIES_WRITTEN:
	case PL_SERIES_OPENED:
	case PL_SERIES_COUNT:
		break;
	}
	return (struct pl_floor){ s->min_growth_bytes, share, s->min_rate_bytes_per_h / PL_HOUR_S,
		                      64 << 10 };
}

/* A window under examination. */
struct view {
	const struct pl_judge_input *input;
	struct pl_floor floor;
	struct pl_evidence *e;
	enum kind kind;
	struct rigour rigour;
	size_t n;
	size_t window_n; /* blocks of the window, with those that have no reading */
	double span_s;
	double stepless; /* share of the growth that is not in steps */
	double stepped;  /* what it rose by at most, all told and in steps */
	double last_step_s;
	double need_growth;
	double sigma;
	double slope_per_s;
	double minima[PARTS];
	struct pl_point p[PL_HISTORY_MAX_POINTS]; /* with steps taken out */
};

static bool gate(struct pl_evidence *e, enum pl_gate id, double value, double need)
{
	const uint16_t bit = (uint16_t)(1U << id);

	e->tested |= bit;
	e->value[id] = (float)value;
	e->need[id] = (float)need;
	e->held = (uint16_t)(value >= need ? e->held | bit : e->held & ~bit);
	return value >= need;
}

static struct rigour rigour_for(double span_s)
{
	size_t i = 0;

	while (span_s > rigours[i].max_span_s)
		i++;
	return rigours[i];
}

static double least_history_s(const struct pl_settings *settings)
{
	return settings->season ? LEAST_HISTORY_S : LEAST_HISTORY_NO_SEASON_S;
}

static double least_increment(const double *minima)
{
	const double mean = (minima[PARTS - 1] - minima[0]) / (PARTS - 1);
	double least = HUGE_VAL;

	if (!(mean > 0))
		return -1;
	for (size_t i = 1; i < PARTS; i++)
		least = fmin(least, minima[i] - minima[i - 1]);
	return least / mean;
}

/*
 * The fastest growth over any stretch as long as the window before it, as far back as four of them;
 * infinity when nothing is known of the time before. A growth that comes and goes with the day must
 * not look like news each morning.
 */
static double rate_before(const struct view *v)
{
	struct pl_point p[PL_HISTORY_MAX_POINTS];
	unsigned level = v->e->level;
	double fastest = HUGE_VAL;

	while (level < PL_LEVEL_1D &&
	       pl_history_block_s((enum pl_level)level) * PL_HISTORY_SLOTS < 4 * v->span_s)
		level++;
	const size_t n = pl_history_points(v->input->history, (enum pl_level)level, v->input->series,
	                                   PL_HISTORY_MAX_POINTS, p);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n && p[j].t_s < v->e->begin_s; j++) {
			const double span_s = p[j].t_s - p[i].t_s;
			if (span_s < 0.75 * v->span_s)
				continue;
			const double rate = (p[j].y - p[i].y) / span_s;
			fastest = fastest < HUGE_VAL ? fmax(fastest, rate) : rate;
		}
	}
	return fastest;
}

/*
 * The ratio of growth to ask for. Between a logarithm's and a line's, by how strict the window is;
 * on an old process the two hardly differ, and all that can be asked is that growth goes on.
 */
static double least_ratio(const struct pl_saturation *s, double strict)
{
	const double told_apart = fmin(log(s->line / s->log) / log(2), 1);
	const double between = pow(s->log / s->line, 1 - strict);

	return s->line * pow(LEAST_GOING_ON, 1 - told_apart) * pow(between, told_apart);
}

/*
 * Whether growth goes on as it did since `origin_s`, against time and against work. Where one of
 * them fits the increments clearly better, less is asked of the other; not nothing, for a growth
 * that slows down while the load falls fits the load.
 */
static bool goes_on(struct view *v, double origin_s, double work_us)
{
	struct pl_saturation s;
	const double strict = v->rigour.saturation;
	const double fits = pl_judge_work_fits(v->input, (enum pl_level)v->e->level, v->window_n);
	const double of_work = fits > 0 && fits < 1 / WORK_FITS ? OTHER_AXIS : 1;
	const double of_time = fits > WORK_FITS ? OTHER_AXIS : 1;

	if (work_us > 0 && fits > 0 && pl_judge_saturation(v->input, origin_s, work_us, &s) &&
	    !gate(v->e, PL_GATE_SATURATION, s.ratio, of_work * least_ratio(&s, strict)))
		return false;
	if (!pl_judge_saturation(v->input, origin_s, 0, &s))
		return gate(v->e, PL_GATE_SATURATION, 0, 1);
	return gate(v->e, PL_GATE_SATURATION, s.ratio, of_time * least_ratio(&s, strict));
}

/*
 * Saturation: against the age of the process, or, where growth is news, against its beginning. A
 * growth that was there before, and faster, is what a logarithm looks like.
 */
static bool gate_saturation(struct view *v)
{
	const double not_before_s = v->input->not_before_s;

	if (not_before_s > 0)
		return goes_on(v, not_before_s, 0);
	if (goes_on(v, -v->input->history->age_at_origin_s, v->input->work_us))
		return true;
	if (rate_before(v) > 0.5 * v->slope_per_s)
		return false;
	return goes_on(v, v->e->begin_s, 0);
}

/* Holes that the kernel fills when it makes huge pages of small ones are no leak's. */
static bool gate_collapse(struct view *v, enum pl_level level)
{
	double mapped;

	return !pl_judge_is_collapse(v->input, level, v->window_n, &mapped) ||
	       gate(v->e, PL_GATE_MAPPED, mapped, LEAST_MAPPED);
}

/* The gates that cost little, in the order in which they rule out most. */
static bool pass_cheap_gates(struct view *v)
{
	const double factor = sensitivities[v->input->settings->sensitivity].territory;
	const double growth = (v->minima[PARTS - 1] - v->minima[0]) * PARTS / (PARTS - 1);

	if (!gate(v->e, PL_GATE_EFFECT, growth, v->need_growth))
		return false;
	if (!gate(v->e, PL_GATE_STEP, v->stepless, LEAST_STEPLESS))
		return false;
	if (!gate(v->e, PL_GATE_TERRITORY, least_increment(v->minima), factor * v->rigour.territory))
		return false;
	return gate(v->e, PL_GATE_RATE, growth / v->span_s, v->floor.per_s);
}

static bool pass_dear_gates(struct view *v, enum pl_level level)
{
	const enum pl_sensitivity sensitivity = v->input->settings->sensitivity;
	const bool daily = v->kind == KIND_DAILY;
	const size_t lags = daily ? 0 : v->n / 6 + 1;
	const double drift = pl_trend_drift(v->p, v->n, lags, v->floor.quantum);
	/* Few increments: Student's quantiles instead of the normal ones, roughly. */
	const double few = daily ? 1 + 2.4 / (double)(v->n - 2) : 1;

	if (!gate(v->e, PL_GATE_DRIFT, fmin(drift, 999), sensitivities[sensitivity].drift * few))
		return false;
	v->slope_per_s = pl_trend_theil_sen(v->p, v->n);
	v->sigma = fmax(pl_trend_sigma(v->p, v->n, v->slope_per_s), v->floor.quantum / 4);
	const double growth = v->slope_per_s * v->span_s;
	v->e->growth = growth;
	v->e->rate_per_s = v->slope_per_s;
	if (!gate(v->e, PL_GATE_NOISE, growth / v->sigma, sensitivities[sensitivity].sigmas))
		return false;
	v->e->growing = true;
	if (!gate_saturation(v))
		return false;
	if (!gate(v->e, PL_GATE_LOAD, pl_judge_unexplained(v->input, level, v->window_n, growth),
	          LEAST_UNEXPLAINED))
		return false;
	return gate_collapse(v, level);
}

/* Flat but for a step, with time enough on both sides of it to tell it from a peak or a start. */
static bool is_step(const struct view *v)
{
	return v->stepped >= v->need_growth && v->last_step_s >= v->p[v->n / 6].t_s &&
	       v->last_step_s <= v->p[v->n - 1 - v->n / 6].t_s;
}

/* Gives what the failed gate is called; of several, the first that was tested tells most. */
static enum pl_reason reason_of(const struct pl_evidence *e, const struct view *v)
{
	const unsigned failed = e->tested & ~(unsigned)e->held;

	if (failed & (1U << PL_GATE_EFFECT))
		return is_step(v) ? PL_REASON_STEP : PL_REASON_FLAT;
	if (failed & (1U << PL_GATE_STEP))
		return PL_REASON_STEP;
	if (failed & (1U << PL_GATE_TERRITORY)) {
		if (pl_trend_drawdown(v->p, v->n) > 0.5 * e->value[PL_GATE_EFFECT])
			return PL_REASON_SAWTOOTH;
		const double early = v->minima[1] - v->minima[0];
		const double late = v->minima[PARTS - 1] - v->minima[PARTS - 2];
		return late < 0.5 * early ? PL_REASON_WARMING_UP : PL_REASON_NOISE;
	}
	if (failed & (1U << PL_GATE_RATE))
		return PL_REASON_FLAT;
	if (failed & ((1U << PL_GATE_DRIFT) | (1U << PL_GATE_NOISE)))
		return PL_REASON_NOISE;
	if (failed & (1U << PL_GATE_SATURATION))
		return PL_REASON_DECELERATING;
	if (failed & (1U << PL_GATE_LOAD))
		return PL_REASON_LOAD_FOLLOWING;
	if (failed & (1U << PL_GATE_MAPPED))
		return PL_REASON_HUGE_PAGES;
	if (failed & (1U << PL_GATE_HISTORY))
		return PL_REASON_SEASON;
	return PL_REASON_DRIFT;
}

static size_t points_of(const struct pl_judge_input *input, const struct window *w,
                        struct pl_point *p)
{
	const size_t n = pl_history_points(input->history, w->level, input->series, w->most, p);
	size_t first = 0;

	while (first < n && p[first].t_s < input->not_before_s)
		first++;
	for (size_t i = first; first > 0 && i < n; i++)
		p[i - first] = p[i];
	return n - first;
}

/* The least of each of the last days as the points of the view; false with too few of them. */
static bool take_days(struct view *v)
{
	double minima[PL_HISTORY_SLOTS];
	const size_t days = (size_t)(v->span_s / PL_DAY_S);
	size_t first = 0;

	if (days < LEAST_DAYS || v->e->level >= PL_LEVEL_1D)
		return false;
	const double begin_s = v->e->end_s - (double)days * PL_DAY_S;
	while (first < v->n && v->p[first].t_s < begin_s)
		first++;
	if (pl_trend_minima(v->p + first, v->n - first, days, minima) < days)
		return false;
	for (size_t i = 0; i < days; i++)
		v->p[i] = (struct pl_point){ begin_s + ((double)i + 0.5) * PL_DAY_S, minima[i] };
	v->n = days;
	v->e->begin_s = begin_s;
	v->span_s = v->e->end_s - begin_s;
	return true;
}

/*
 * Whether there are points enough. Where a reading is as rare as every second block, jitter decides
 * how many blocks have one: then the span counts, and the points must be SPARSE_SHARE of it.
 */
static bool is_filled(const struct window *w, const struct pl_point *p, size_t n)
{
	if (n >= w->least)
		return true;
	if (n < SPARSE_LEAST)
		return false;
	const double blocks = (p[n - 1].t_s - p[0].t_s) / pl_history_block_s(w->level) + 1;

	return blocks >= w->least && (double)n >= SPARSE_SHARE * blocks;
}

/* How many closed blocks there are from the one of `at_s` on, whether they have a reading or not.
 */
static size_t blocks_since(const struct pl_history *h, enum pl_level level, double at_s)
{
	return (size_t)(h->open_index[level] - (int32_t)(at_s / pl_history_block_s(level)));
}

static bool open_view(struct view *v, const struct window *w, enum kind kind)
{
	size_t steps;
	const double block_s = pl_history_block_s(w->level);

	v->kind = kind;
	v->n = points_of(v->input, w, v->p);
	if (!is_filled(w, v->p, v->n))
		return false;
	v->window_n = blocks_since(v->input->history, w->level, v->p[0].t_s);
	v->e->level = (uint8_t)w->level;
	v->e->begin_s = v->p[0].t_s - block_s / 2;
	v->e->end_s = v->p[v->n - 1].t_s + block_s / 2;
	v->span_s = v->e->end_s - v->e->begin_s;
	if (kind == KIND_UNLOADED &&
	    (v->span_s < LEAST_UNLOADED_S || !pl_judge_unload(v->input, w->level, v->n, v->p, &v->n)))
		return false;
	if (kind == KIND_DAILY && !take_days(v))
		return false;
	v->rigour = rigour_for(v->span_s);
	const double raw = v->p[v->n - 1].y - v->p[0].y;
	const double taken =
		pl_trend_destep(v->p, v->n, MAX_STEPS, STEP_SHARE, STEP_OUTLIER, &steps, &v->last_step_s);
	v->stepless = taken > 0 && raw > 0 ? 1 - taken / raw : 1;
	v->stepped = fmin(taken, raw);
	(void)pl_trend_minima(v->p, v->n, PARTS, v->minima);
	v->need_growth = fmax(v->floor.growth, v->floor.share * v->minima[0]);
	return true;
}

static double pace_of(const struct pl_evidence *e)
{
	return e->end_s > e->begin_s ? e->growth / (e->end_s - e->begin_s) : 0;
}

static double wanted_history_s(const struct view *v)
{
	const double least_s = least_history_s(v->input->settings);
	struct pl_idle_share share;

	if ((double)v->e->value[PL_GATE_TERRITORY] < IDLE_TERRITORY ||
	    !pl_judge_idle(v->input, v->e->begin_s, v->e->growth, pace_of(v->e), &share))
		return least_s;
	return share.lies_idle ? IDLE_HISTORY * least_s : least_s;
}

/* Growth that was ruled out by its shape alone: another cause may have a name. */
static bool is_shape(uint8_t reason)
{
	return reason == PL_REASON_STEP || reason == PL_REASON_WARMING_UP ||
	       reason == PL_REASON_DECELERATING || reason == PL_REASON_NOISE;
}

/* Puts an open view through the gates; *v->e was zeroed before it was opened. */
static void examine(struct view *v)
{
	if (pass_cheap_gates(v) && pass_dear_gates(v, (enum pl_level)v->e->level))
		v->e->leaking =
			gate(v->e, PL_GATE_HISTORY, v->span_s / PL_HOUR_S, wanted_history_s(v) / PL_HOUR_S);
	v->e->reason = (uint8_t)reason_of(v->e, v);
	if (is_shape(v->e->reason) && !gate_collapse(v, (enum pl_level)v->e->level))
		v->e->reason = PL_REASON_HUGE_PAGES;
}

/* Whether another way to look at the window may help: the growth was lost in ups and downs. */
static bool is_veiled(const struct pl_evidence *e)
{
	const unsigned failed = e->tested & ~(unsigned)e->held;
	const unsigned veils =
		1U << PL_GATE_EFFECT | 1U << PL_GATE_TERRITORY | 1U << PL_GATE_DRIFT | 1U << PL_GATE_NOISE;

	return (failed & veils) != 0;
}

static int strength(const struct pl_evidence *e)
{
	return e->leaking * 100 + e->growing * 50 + __builtin_popcount(e->held);
}

/*
 * The smallest rate that a window of this length and noise would have shown: growth clear of the
 * floor, and of the noise by what the gates on noise and drift ask for together (over white noise
 * the drift of n increments with n / 6 lags comes to about a third of the growth in sigmas).
 */
static double window_floor(const struct view *v)
{
	struct pl_trend_line line;

	pl_trend_fit(v->p, v->n, &line);
	const enum pl_sensitivity sensitivity = v->input->settings->sensitivity;
	const double sigmas =
		fmax(sensitivities[sensitivity].sigmas, 3 * sensitivities[sensitivity].drift);
	const double growth = fmax(1.2 * v->need_growth, sigmas * line.residual_sigma);
	return fmax(growth / v->span_s, v->floor.per_s);
}

/* The strongest evidence of one window; false when history does not fill it. */
static bool best_of_window(const struct pl_judge_input *input, const struct window *w,
                           struct pl_evidence *best, double *floor_per_s)
{
	bool any = false;

	for (unsigned kind = KIND_RAW; kind < KIND_COUNT; kind++) {
		struct pl_evidence e = { .to_limit_s = -1 };
		struct view v = { .input = input, .e = &e };
		v.floor = pl_judge_floor(input->series, input->settings);
		if (!open_view(&v, w, (enum kind)kind)) {
			if (kind == KIND_RAW)
				return false;
			continue;
		}
		examine(&v);
		if (kind == KIND_RAW && v.span_s >= least_history_s(input->settings))
			*floor_per_s = window_floor(&v);
		if (!any || strength(&e) > strength(best))
			*best = e;
		any = true;
		if (!is_veiled(&e))
			break;
	}
	return true;
}

/* The second witness: a growth that is used is none of a leak's, whatever its shape. */
static void weigh_idle(const struct pl_judge_input *input, struct pl_evidence *e)
{
	struct pl_idle_share share;

	if (!e->growing ||
	    !pl_judge_idle(input, fmin(e->begin_s, e->since_s), e->growth, pace_of(e), &share))
		return;
	e->idle_window_s = share.window_s;
	e->idle = share.lies_idle;
	if (gate(e, PL_GATE_IDLE, share.share, share.needed))
		return;
	e->leaking = e->growing = false;
	e->reason = PL_REASON_IN_USE;
}

void pl_judge_evidence(const struct pl_judge_input *input, struct pl_evidence *out)
{
	struct pl_evidence best = { .reason = PL_REASON_LEARNING, .to_limit_s = -1 };
	double least_per_s = 0;

	for (size_t i = 0; i < WINDOW_COUNT && !best.leaking; i++) {
		struct pl_evidence e;
		double floor_per_s = 0;
		if (!best_of_window(input, &windows[i], &e, &floor_per_s))
			continue;
		if (floor_per_s > 0)
			least_per_s = least_per_s > 0 ? fmin(least_per_s, floor_per_s) : floor_per_s;
		if (best.tested == 0 || strength(&e) >= strength(&best))
			best = e;
	}
	best.floor_per_s = least_per_s;
	if (best.growing)
		pl_judge_rate(input, &best);
	if (best.leaking && best.rate_low < LEAST_CERTAINTY * best.rate_per_s)
		best.leaking = false;
	if (best.growing && best.rate_low < LEAST_CONFIDENCE * best.rate_per_s) {
		best.growing = false;
		best.reason = PL_REASON_NOISE;
	}
	weigh_idle(input, &best);
	*out = best;
}
