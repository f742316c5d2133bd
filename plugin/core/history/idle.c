#include "history/idle.h"

#include <stdbool.h>

#define SPACING_S 50.0F

/* Windows that differ by more than this factor do not compare. */
#define ALIKE 1.7

/* Whoever asks for another window asks for more than that; what is read later is given up. */
#define LATE_MOST 3.0

static bool are_alike(double a_s, double b_s)
{
	return a_s <= ALIKE * b_s && b_s <= ALIKE * a_s;
}

/* Read so late that it does not compare, on a busy machine say. */
static bool is_late(const struct pl_idle *idle, double window_s)
{
	return window_s > (double)idle->window_s && window_s <= LATE_MOST * (double)idle->window_s &&
	       !are_alike(window_s, (double)idle->late_s);
}

/* Both are means of what they stand for. */
static struct pl_idle_point merge(const struct pl_idle_point *a, const struct pl_idle_point *b)
{
	const float weight = a->weight + b->weight;
	const float part = b->weight / weight;

	return (struct pl_idle_point){ .t_s = a->t_s + part * (b->t_s - a->t_s),
		                           .u = a->u + part * (b->u - a->u),
		                           .idle = a->idle + part * (b->idle - a->idle),
		                           .weight = weight };
}

/* Makes one of the two neighbours that are nearest for their age. */
static void make_room(struct pl_idle *idle, float now_s)
{
	struct pl_idle_point *p = idle->points;
	uint8_t least = 0;
	float least_gap = 0;

	for (uint8_t i = 0; i + 1 < idle->count; i++) {
		const float gap = (p[i + 1].t_s - p[i].t_s) / (now_s - p[i].t_s);

		if (i > 0 && gap >= least_gap)
			continue;
		least = i;
		least_gap = gap;
	}
	p[least] = merge(&p[least], &p[least + 1]);
	idle->count--;
	for (uint8_t i = (uint8_t)(least + 1); i < idle->count; i++)
		p[i] = p[i + 1];
}

void pl_idle_add(struct pl_idle *idle, double window_s, const struct pl_idle_point *point)
{
	if (idle->count > 0 && !are_alike(window_s, (double)idle->window_s)) {
		if (is_late(idle, window_s)) {
			idle->late_s = (float)window_s;
			return;
		}
		idle->count = 0;
	}
	idle->late_s = 0;
	if (idle->count > 0 && point->t_s - idle->points[idle->count - 1].t_s < SPACING_S)
		return;
	if (idle->count == PL_IDLE_POINTS)
		make_room(idle, point->t_s);
	idle->window_s = (float)window_s;
	idle->points[idle->count] = *point;
	idle->points[idle->count++].weight = 1;
}
