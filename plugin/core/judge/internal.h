/* Shared by the files of the judge only. */
#ifndef PL_JUDGE_INTERNAL_H
#define PL_JUDGE_INTERNAL_H

#include "judge/judge.h"

#define PL_HOUR_S 3600.0
#define PL_DAY_S 86400.0

/* What a series must grow by to matter, and the resolution of its values. */
struct pl_floor {
	double growth; /* absolute */
	double share;  /* of the level */
	double per_s;  /* rate */
	double quantum;
};

struct pl_floor pl_judge_floor(enum pl_series series, const struct pl_settings *settings);

/*
 * Slope with its interval, onset and leaked amount from the longest stretch of history that goes on
 * like the window in `evidence`; fills rate_*, since_s and leaked.
 */
void pl_judge_rate(const struct pl_judge_input *input, struct pl_evidence *evidence);

/* How much of the growth is not touched any more. */
struct pl_idle_share {
	double share;    /* 0..1 */
	double window_s; /* in which it was not; scaled, 0: not known */
	double needed;   /* less means that what was added is in use */
	bool lies_idle;  /* most of it, for long enough to confirm a leak */
};

/*
 * Of the growth since `from_s`, which is `grown`, at a rate of `rate_per_s` (0: not known). False
 * when it was not read, or not often enough, or is too uneven to tell.
 */
bool pl_judge_idle(const struct pl_judge_input *input, double from_s, double grown,
                   double rate_per_s, struct pl_idle_share *out);

/* The first readings are under way: soon there will be another witness. */
bool pl_judge_idle_is_pending(const struct pl_judge_input *input);

/*
 * What the series gained in a day, between equal times of day, over the last hours; HUGE_VAL when
 * history is too short to tell.
 */
double pl_judge_gained_in_a_day(const struct pl_judge_input *input);

/*
 * Growth in the later part of the time since `origin_s` over growth in the earlier part, and what
 * the ratio would be for a straight line and for a logarithm. With `work_us` above 0 against the
 * CPU time spent since the origin, which that is, not against time. False when it cannot be told.
 */
struct pl_saturation {
	double ratio;
	double line;
	double log;
};

bool pl_judge_saturation(const struct pl_judge_input *input, double origin_s, double work_us,
                         struct pl_saturation *out);

/* Share of `growth` in the window that load does not explain; 1 when no load is known. */
double pl_judge_unexplained(const struct pl_judge_input *input, enum pl_level level, size_t n,
                            double growth);

/*
 * Whether the newest `n` blocks grew because small pages became huge ones: the huge ones then grow
 * by more than the memory does, for what was there becomes huge as well. *mapped is then what was
 * mapped for each byte of the growth. A leak maps what it leaks. False when that is not known.
 */
bool pl_judge_is_collapse(const struct pl_judge_input *input, enum pl_level level, size_t n,
                          double *mapped);

/*
 * How much better increments are proportional to work than to time: above 1 work fits better, below
 * 1 time; 0 when it cannot be told.
 */
double pl_judge_work_fits(const struct pl_judge_input *input, enum pl_level level, size_t n);

/*
 * The newest `n` blocks of the series with what moves with the load taken out, into p and *count;
 * false when it does not move with any load that is known.
 */
bool pl_judge_unload(const struct pl_judge_input *input, enum pl_level level, size_t n,
                     struct pl_point *p, size_t *count);

#endif
