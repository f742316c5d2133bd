/* Made-up processes for the tests of the detector: a track fed from a function of time. */
#ifndef SERIES_H
#define SERIES_H

#include <math.h>

#include "track/family.h"

#define HOUR 3600.0
#define DAY 86400.0
#define MIB 1048576.0

/* What the detector is set to by default; see the option table. */
static inline struct pl_settings usual_settings(void)
{
	return (struct pl_settings){ .min_growth_bytes = 8 * MIB,
		                         .min_growth_percent = 2,
		                         .min_rate_bytes_per_h = 16 << 10,
		                         .sensitivity = PL_SENSITIVITY_NORMAL,
		                         .horizon_s = DAY,
		                         .settle_s = 600,
		                         .season = true,
		                         .renotify_s = DAY };
}

/* The same pseudo-random numbers on every machine: splitmix64, then a sum that is near normal. */
static inline double noise_at(uint64_t n)
{
	double sum = -6;

	for (uint64_t i = 0; i < 12; i++) {
		uint64_t z = (n * 12 + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		sum += (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
	}
	return sum;
}

/* Fills in the metrics of one instant, `t_s` after the start. */
typedef void fill_fn(double t_s, struct pl_values *values);

#define ALARMS_KEPT 8

struct outcome {
	unsigned alarms;
	const char *alarm_metric[ALARMS_KEPT]; /* of the first ones */
	bool alarm_confirmed[ALARMS_KEPT];
	unsigned silent; /* reports that neither change the verdict nor alarm */
	unsigned recoveries;
	double first_alarm_s; /* after the first sample */
	struct pl_report first;
	struct pl_report last;
};

static inline struct pl_sample sample_at(double t_s, fill_fn *fill)
{
	struct pl_sample s = { .ident = { 42, 7 }, .time = { t_s + 1e6, t_s + 1.7e9 }, .age_s = t_s };

	fill(t_s, &s.values);
	return s;
}

/* Feeds [from_s, to_s) at `step_s` and tells what was reported. */
static inline struct outcome run_track(struct pl_track *track, const struct pl_settings *settings,
                                       double from_s, double to_s, double step_s, fill_fn *fill)
{
	struct outcome o = { .alarms = 0 };

	for (double t = from_s; t < to_s; t += step_s) {
		const struct pl_sample s = sample_at(t, fill);
		struct pl_report r;
		pl_track_add(track, &s, settings);
		if (!pl_track_report(track, settings, "test", "prog", &r))
			continue;
		o.last = r;
		o.recoveries += r.recovered;
		o.silent += !r.alarm && r.verdict == r.previous;
		if (r.alarm && o.alarms < ALARMS_KEPT) {
			o.alarm_metric[o.alarms] = r.metric;
			o.alarm_confirmed[o.alarms] = r.confirmed;
		}
		if (!r.alarm || o.alarms++ > 0)
			continue;
		o.first = r;
		o.first_alarm_s = t;
	}
	return o;
}

#endif
