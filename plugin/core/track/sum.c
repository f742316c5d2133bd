#include "track/sum.h"

#include <math.h>

#define MOST_OF_ONE 0.5 /* of the growth of the sum */

void pl_sum_begin(struct pl_sum *s)
{
	s->member_count = 0;
	s->u_bytes = 0;
	s->fastest_per_s = 0;
	s->limit_bytes = 0;
	s->room = (struct pl_room){ .kind = PL_LIMIT_NONE };
	for (size_t i = 0; i < PL_COUNTER_COUNT; i++)
		s->counters[i] = s->gone[i];
}

void pl_sum_member(struct pl_sum *s, const struct pl_track *t)
{
	s->member_count++;
	s->u_bytes += t->u_bytes;
	if (t->verdict >= PL_VERDICT_GROWING && t->judged[PL_TRACKED_U].last.growing)
		s->fastest_per_s = fmax(s->fastest_per_s, t->judged[PL_TRACKED_U].last.rate_per_s);
	for (size_t i = 0; i < PL_COUNTER_COUNT; i++)
		if (t->counters[i].known)
			s->counters[i] += t->counters[i].value;
	if (t->limit_bytes > 0 && (s->limit_bytes <= 0 || t->limit_bytes < s->limit_bytes))
		s->limit_bytes = t->limit_bytes;
	if (t->memory_room.kind != PL_LIMIT_NONE &&
	    (s->room.kind == PL_LIMIT_NONE || t->memory_room.left < s->room.left))
		s->room = t->memory_room;
}

/* So that the sums of counters only rise. */
void pl_sum_gone(struct pl_sum *s, const struct pl_track *t)
{
	for (size_t i = 0; i < PL_COUNTER_COUNT; i++)
		if (t->counters[i].known)
			s->gone[i] += t->counters[i].value;
}

/* Connections opened are counted by network namespace, which the processes mostly share. */
static void follow(const struct pl_sum *s, struct pl_track *t, const struct pl_family *family,
                   const struct pl_settings *settings)
{
	struct pl_sample sample = { .time = family->now, .age_s = -1 };

	pl_values_set(&sample.values, PL_M_ANON, (uint64_t)s->u_bytes);
	pl_values_set(&sample.values, PL_M_RSS, (uint64_t)s->u_bytes + 1);
	pl_values_set(&sample.values, PL_M_THREADS, s->member_count);
	pl_values_set(&sample.values, PL_M_CPU, s->counters[PL_COUNTER_CPU]);
	pl_values_set(&sample.values, PL_M_READ, s->counters[PL_COUNTER_READ]);
	pl_values_set(&sample.values, PL_M_WRITTEN, s->counters[PL_COUNTER_WRITTEN]);
	t->limit_bytes = s->limit_bytes;
	t->memory_room = s->room;
	pl_track_add(t, &sample, settings);
}

bool pl_sum_end(struct pl_sum *s, struct pl_track *t, struct pl_family *family,
                const struct pl_settings *settings, const char *match, struct pl_report *out)
{
	if (!t || s->member_count == 0)
		return false;
	follow(s, t, family, settings);
	/* a member's leak is in the sum as well, and soon it may be known as one */
	if (family->verdict >= PL_VERDICT_LEAKING ||
	    (!t->alarm_told &&
	     s->fastest_per_s > MOST_OF_ONE * t->judged[PL_TRACKED_U].last.rate_per_s))
		return false;
	if (t->verdict >= PL_VERDICT_LEAKING) {
		family->verdict = t->verdict;
		family->reason = (uint8_t)pl_track_reason(t);
		pl_track_findings(t, &family->findings);
	}
	if ((t->verdict < PL_VERDICT_LEAKING && !t->alarm_told) ||
	    !pl_track_report_sum(t, settings, match, s->member_count, out))
		return false;
	if (out->alarm)
		out->alarm = pl_family_may_alarm(family, settings, out);
	return true;
}
