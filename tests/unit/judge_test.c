/*
 * The judge by itself: how long gates must hold, what is confirmed, what ends, growth in steps, and
 * how many readings are enough.
 */
#include "judge/judge.h"

#include "series.h"
#include "tap.h"

static struct pl_settings settings;
static struct pl_history history;

static struct pl_judge_input input_of(const struct pl_history *h)
{
	return (struct pl_judge_input){ .history = h, .series = PL_SERIES_U, .settings = &settings };
}

/* Evidence of a window of a day in which every gate holds, clear of the noise by `drift`. */
static struct pl_evidence leak(double drift, double leaked)
{
	struct pl_evidence e = { .leaking = true,
		                     .growing = true,
		                     .reason = PL_REASON_DRIFT,
		                     .end_s = DAY,
		                     .rate_per_s = 1000,
		                     .leaked = leaked,
		                     .to_limit_s = -1 };

	e.value[PL_GATE_DRIFT] = (float)drift;
	return e;
}

/* When the ladder alarms on such evidence, asked each minute; below 0: not within a day. */
static double alarm_after_s(double drift, double broken_at_s)
{
	const struct pl_evidence e = leak(drift, 100 * MIB);
	const struct pl_evidence none = { .reason = PL_REASON_NOISE, .to_limit_s = -1 };
	const struct pl_judge_input input = input_of(&history);
	struct pl_judge_state state;

	pl_judge_state_init(&state);
	for (double t_s = 0; t_s < DAY; t_s += 60) {
		const bool broken = t_s >= broken_at_s && t_s < broken_at_s + 60;

		history.clock_s = 2 * DAY + t_s;
		(void)pl_judge_step(&state, &input, broken ? &none : &e);
		if (state.alarmed)
			return t_s;
	}
	return -1;
}

static void test_hold(void)
{
	pl_history_init(&history);
	is_near(alarm_after_s(8, HUGE_VAL), 0.4 * HOUR, 60, "clear evidence must hold for a while");
	is_near(alarm_after_s(6, HUGE_VAL), 1.5 * HOUR, 60, "less clear evidence for longer");
	is_near(alarm_after_s(3, HUGE_VAL), 3.2 * HOUR, 60, "weak evidence for longest");
	is_near(alarm_after_s(6, HOUR), HOUR + 60 + 1.5 * HOUR, 60, "from the start, once it broke");
}

static void test_confirmed(void)
{
	struct pl_evidence e = leak(8, 100 * MIB);
	const struct pl_judge_input input = input_of(&history);
	struct pl_judge_state state;

	pl_judge_state_init(&state);
	for (double t_s = 0; t_s < HOUR; t_s += 60) {
		history.clock_s = 2 * DAY + t_s;
		(void)pl_judge_step(&state, &input, &e);
	}
	ok(state.alarmed && state.verdict == PL_VERDICT_LEAKING, "it is told");
	ok(!state.confirmed, "once");
	e.leaked = 199 * MIB;
	ok(!pl_judge_step(&state, &input, &e) && !state.confirmed, "less than twice over is no more");
	e.leaked = 201 * MIB;
	ok(pl_judge_step(&state, &input, &e) && state.confirmed, "twice over it is confirmed");
	e.to_limit_s = settings.horizon_s / 2;
	ok(pl_judge_step(&state, &input, &e) && state.verdict == PL_VERDICT_CRITICAL,
	   "and critical when a limit is near");
	e.to_limit_s = settings.horizon_s * 2;
	ok(pl_judge_step(&state, &input, &e) && state.verdict == PL_VERDICT_LEAKING,
	   "but not when it is far");
}

/* 30 hours of growth by 2 MiB an hour, and by `step` bytes at two moments. */
static struct pl_evidence judge_steps(double step)
{
	const struct pl_judge_input input = input_of(&history);
	struct pl_evidence e;

	pl_history_init(&history);
	for (double t_s = 0; t_s < 30 * HOUR; t_s += 60) {
		struct pl_history_input sample = { .present = 1U << PL_SERIES_U };
		unsigned closed;

		sample.value[PL_SERIES_U] =
			(float)(200 * MIB + 2 * MIB * t_s / HOUR + 20e3 * noise_at((uint64_t)t_s) +
		            step * ((t_s > 26 * HOUR) + (t_s > 28 * HOUR)));
		pl_history_add(&history, 1000 + t_s, 1, &sample, &closed);
	}
	pl_judge_evidence(&input, &e);
	return e;
}

/* 40 hours without growth, but for one step at hour 30 that may be taken back after 5 hours. */
static enum pl_reason reason_of_step(double step, bool stays)
{
	const struct pl_judge_input input = input_of(&history);
	struct pl_evidence e;

	pl_history_init(&history);
	for (double t_s = 0; t_s < 40 * HOUR; t_s += 60) {
		const bool is_up = t_s > 30 * HOUR && (stays || t_s < 35 * HOUR);
		struct pl_history_input sample = { .present = 1U << PL_SERIES_U };
		unsigned closed;

		sample.value[PL_SERIES_U] =
			(float)(200 * MIB + 20e3 * noise_at((uint64_t)t_s) + (is_up ? step : 0));
		pl_history_add(&history, 1000 + t_s, 1, &sample, &closed);
	}
	pl_judge_evidence(&input, &e);
	return (enum pl_reason)e.reason;
}

static void test_steps(void)
{
	struct pl_evidence e;

	is_num(reason_of_step(50 * MIB, true), PL_REASON_STEP, "one step is told as one");
	is_num(reason_of_step(5 * MIB, true), PL_REASON_FLAT, "one below the floor is not");
	is_num(reason_of_step(50 * MIB, false), PL_REASON_FLAT, "nor one that was taken back");

	ok(judge_steps(0).leaking, "what grows evenly leaks");
	ok(judge_steps(8 * MIB).leaking, "small steps on the way do not hide that");
	e = judge_steps(80 * MIB);
	ok(!e.leaking && !e.growing, "what grows by steps in the main does not");
	is_str(pl_reason_name((enum pl_reason)e.reason), "step", "and that is why");
}

/* `count` readings of straight growth, so far apart. */
static enum pl_reason reason_of_rare(unsigned count, double apart_s)
{
	const struct pl_judge_input input = input_of(&history);
	struct pl_evidence e;

	pl_history_init(&history);
	for (unsigned i = 0; i < count; i++) {
		const double t_s = i * apart_s;
		struct pl_history_input sample = { .present = 1U << PL_SERIES_U };
		unsigned closed;

		sample.value[PL_SERIES_U] = (float)(200 * MIB + 20 * MIB * t_s / HOUR);
		pl_history_add(&history, 1000 + t_s, 1, &sample, &closed);
	}
	pl_judge_evidence(&input, &e);
	return (enum pl_reason)e.reason;
}

/* The newest reading lies in a block that is not closed yet. */
static void test_rare_readings(void)
{
	ok(reason_of_rare(12, HOUR) != PL_REASON_LEARNING, "eleven readings of eleven hours will do");
	is_num(reason_of_rare(9, HOUR), PL_REASON_LEARNING, "eight of eight hours are too few");
	is_num(reason_of_rare(11, 2 * HOUR), PL_REASON_LEARNING, "and so are ten of twenty hours");
}

int main(void)
{
	settings = usual_settings();
	test_hold();
	test_confirmed();
	test_steps();
	test_rare_readings();
	return tap_done();
}
