/*
 * How much of a process' memory lay untouched, at some instants of its growth.
 *
 * A fixed number of points, the newer the denser: what matters is how the idle part went along
 * with the whole, over hours or over weeks. Refuses to know what that means. Pure.
 */
#ifndef PL_HISTORY_IDLE_H
#define PL_HISTORY_IDLE_H

#include <stdint.h>

#define PL_IDLE_POINTS 16

struct pl_idle_point {
	float t_s;    /* track time at the end of the window */
	float u;      /* the memory in question at its begin: bytes */
	float idle;   /* what of it was not touched in the window: bytes */
	float weight; /* readings that it is the mean of */
};

/* Zeros are an empty one. */
struct pl_idle {
	uint8_t count;
	float window_s; /* scaled; 0: not known */
	float late_s;   /* window of the last reading, if it was passed over for that; else 0 */
	struct pl_idle_point points[PL_IDLE_POINTS];
};

/*
 * Adds a reading (`weight` is not looked at); one that comes too soon after the last is passed
 * over. It all begins anew when the window is another one: less is idle over an hour than over a
 * minute. One that is longer by not so much was read late; two of a kind are no accident.
 */
void pl_idle_add(struct pl_idle *idle, double window_s, const struct pl_idle_point *point);

#endif
