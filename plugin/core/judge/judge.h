/*
 * From history to verdict. The only home of thresholds.
 *
 * Knows gates that tell a leak from growth that is fine, and the ladder with its hysteresis.
 * Refuses to know processes, limits' origins, units of time other than scaled seconds (config's
 * TimeScale is applied before), and wording. Pure.
 *
 * A leak must pass every gate over one window of block minima; how long the window is decides how
 * strict the gates are, and less than most of a day of history never suffices (a daily cycle could
 * not be ruled out) unless a known limit would be reached too soon.
 */
#ifndef PL_JUDGE_JUDGE_H
#define PL_JUDGE_JUDGE_H

#include "base/verdict.h"
#include "config/settings.h"
#include "history/history.h"
#include "history/idle.h"

/* Why a verdict is what it is; each benign explanation has its name. */
enum pl_reason {
	PL_REASON_LEARNING, /* too little history */
	PL_REASON_FLAT,     /* growth below the floors */
	PL_REASON_WARMING_UP,
	PL_REASON_NOISE, /* growth no larger than the noise */
	PL_REASON_SAWTOOTH,
	PL_REASON_STEP, /* one or a few steps make up the growth */
	PL_REASON_DECELERATING,
	PL_REASON_LOAD_FOLLOWING,
	PL_REASON_SEASON,      /* grows, but a day has not been seen yet */
	PL_REASON_GROWTH,      /* grows; not yet even or long enough to be called a leak */
	PL_REASON_DRIFT,       /* every gate held */
	PL_REASON_URGENT,      /* straight towards a limit that is near */
	PL_REASON_RUNS,        /* every run of the program grew alike */
	PL_REASON_STOPPED,     /* it leaked, and does no more */
	PL_REASON_IN_USE,      /* grows, and what was added is used: a cache that fills */
	PL_REASON_HUGE_PAGES,  /* the kernel fills holes: small pages become huge ones */
	PL_REASON_LAZYFREE,    /* what grew was given back; the kernel has not taken it yet */
	PL_REASON_RETENTION,   /* arenas keep what was freed */
	PL_REASON_BLIND,       /* a managed heap is wholly resident: a leak inside does not show */
	PL_REASON_FIRST_TOUCH, /* of shared memory that had been mapped before */
	PL_REASON_COUNT
};

const char *pl_reason_name(enum pl_reason reason);

enum pl_gate {
	PL_GATE_HISTORY,    /* hours of history in the window */
	PL_GATE_EFFECT,     /* growth over the floor */
	PL_GATE_TERRITORY,  /* least growth between quarters' minima, as a share of the mean */
	PL_GATE_DRIFT,      /* mean increment over its Newey-West error */
	PL_GATE_NOISE,      /* growth over the residuals' sigma */
	PL_GATE_RATE,       /* rate over MinRate */
	PL_GATE_SATURATION, /* growth of the later half over the earlier half of its life */
	PL_GATE_STEP,       /* share of the growth that is not in a few steps */
	PL_GATE_LOAD,       /* share of the growth that the load does not explain */
	PL_GATE_IDLE,       /* share of the growth that is not touched any more */
	PL_GATE_MAPPED,     /* mapped for each byte of growth, where huge pages grew by more */
	PL_GATE_COUNT
};

const char *pl_gate_name(enum pl_gate gate);

/* What was found in one window; times in scaled seconds of track time. */
struct pl_evidence {
	uint16_t tested; /* bit per gate */
	uint16_t held;
	bool leaking; /* every gate held */
	bool growing;
	bool urgent;
	bool idle;      /* most of the growth lies idle: a second witness */
	uint8_t reason; /* enum pl_reason */
	uint8_t level;  /* enum pl_level of the window */
	bool by_maps;   /* to_limit_s is that of the number of mappings, which grows along */
	float value[PL_GATE_COUNT];
	float need[PL_GATE_COUNT];
	double begin_s; /* of the window */
	double end_s;
	double growth;     /* over the window, in the unit of the series */
	double rate_per_s; /* robust slope and its interval */
	double rate_low;
	double rate_high;
	double since_s;       /* when the growth began */
	double leaked;        /* growth since then */
	double floor_per_s;   /* smallest rate that would have been seen by now; 0: none would */
	double to_limit_s;    /* below 0: no limit in sight */
	double idle_window_s; /* with the gate on idle memory: not touched for so long */
};

struct pl_judge_input {
	const struct pl_history *history;
	enum pl_series series;
	const struct pl_settings *settings;
	double limit;        /* in the unit of the series; 0: none is known */
	double used;         /* what counts against it now */
	double work_us;      /* CPU time of the process since its start; 0: not known */
	double not_before_s; /* track time: what was before is another story (a leak that stopped) */
	const struct pl_idle *idle; /* NULL: not read */
	bool in_use;                /* that was the reason of the last verdict */
};

/* Looks at every window that the history fills and gives the strongest evidence. */
void pl_judge_evidence(const struct pl_judge_input *input, struct pl_evidence *out);

/* A growth that is not touched for so long (scaled) confirms a leak; a shorter window does not. */
#define PL_IDLE_TELLING_S 1200.0

/* Whether the readings of idle memory, all of them, find that what was added is not in use. */
bool pl_judge_is_idle(const struct pl_judge_input *input);

/* Only urgency, cheap: whether a straight growth reaches the limit too soon to wait. */
bool pl_judge_urgent(const struct pl_judge_input *input, struct pl_evidence *out);

/*
 * One run of a program, from its start to its end: what its growth says by itself. Runs that end
 * before a window fills are judged together, by pl_judge_runs().
 */
struct pl_run {
	double begin_s; /* on a clock of the caller's, scaled seconds */
	double end_s;
	double rate_per_s; /* after the first quarter of the run */
	double grown;      /* likewise */
	double level;      /* at the end of that quarter */
	double evenness;   /* rate of the later half over that of the earlier one: 1 is a line */
};

/* Sums a run up. Returns false when it was too short to tell. begin_s and end_s are left to do. */
bool pl_judge_run(const struct pl_judge_input *input, struct pl_run *out);

/*
 * Whether runs of one program (oldest first) all grow alike, on the clock of the runs: true and
 * *out filled when they do. They have been alike since `alike_from_s` (below 0: not before these);
 * out->leaking tells that this is long enough, out->since_s becomes the next alike_from_s.
 */
bool pl_judge_runs(const struct pl_run *runs, size_t n, double alike_from_s,
                   const struct pl_settings *settings, struct pl_evidence *out);

/* The ladder of one series; pl_judge_state_init() makes a new one. */
struct pl_judge_state {
	uint8_t verdict; /* enum pl_verdict */
	uint8_t reason;  /* enum pl_reason */
	bool alarmed;    /* leaking or critical was reached and is not over */
	bool confirmed;
	double pass_since_s;     /* every gate has held since then; below 0: not now */
	double alarm_s;          /* track time of the alarm */
	double alarm_level;      /* the series at the alarm */
	double alarm_leaked;     /* growth by then */
	double alarm_span_s;     /* window that alarmed */
	double quiet_from_s;     /* the last leak had stopped by then; 0: there was none */
	struct pl_evidence last; /* evidence behind the verdict */
};

void pl_judge_state_init(struct pl_judge_state *state);

/* Takes new evidence into account. Returns true when verdict or confirmation changed. */
bool pl_judge_step(struct pl_judge_state *state, const struct pl_judge_input *input,
                   const struct pl_evidence *evidence);

#endif
