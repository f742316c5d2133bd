#include "track/family.h"

#include <math.h>

void pl_family_init(struct pl_family *f, double time_scale)
{
	*f = (struct pl_family){ .time_scale = time_scale > 0 ? time_scale : 1 };
}

void pl_family_begin(struct pl_family *f, struct pl_time now)
{
	f->now = now;
	f->member_count = 0;
	f->tick_verdict = PL_VERDICT_LEARNING;
	f->tick_findings = (struct pl_findings){ .present = 0 };
}

/* One alarm stands for the match until it is over, gets worse, or it is time to remind. */
static bool may_alarm(struct pl_family *f, const struct pl_settings *settings, uint8_t verdict,
                      double wall_s)
{
	const double since_s = (wall_s - f->alarm_wall_s) * f->time_scale;
	const bool worse = verdict > f->alarm_verdict;

	if (!worse && since_s >= 0 && since_s < settings->renotify_s)
		return false;
	f->alarm_verdict = verdict;
	f->alarm_wall_s = wall_s;
	return true;
}

bool pl_family_member(struct pl_family *f, struct pl_track *track,
                      const struct pl_settings *settings, const char *match, const char *comm,
                      struct pl_report *out)
{
	f->member_count++;
	if (f->member_count == 1 || track->verdict > f->tick_verdict) {
		f->tick_verdict = track->verdict;
		f->tick_worst = track->ident;
		pl_track_findings(track, &f->tick_findings);
	}
	if (!pl_track_report(track, settings, match, comm, out))
		return false;
	if (out->alarm)
		out->alarm = may_alarm(f, settings, track->verdict, track->now.wall_s);
	return true;
}

void pl_family_gone(struct pl_family *f, const struct pl_track *track,
                    const struct pl_settings *settings)
{
	(void)f;
	(void)track;
	(void)settings;
}

bool pl_family_end(struct pl_family *f, const struct pl_settings *settings, const char *match,
                   const char *comm, struct pl_report *out)
{
	(void)settings;
	(void)match;
	(void)comm;
	(void)out;
	if (f->member_count == 0)
		return false;
	f->verdict = f->tick_verdict;
	f->worst = f->tick_worst;
	f->findings = f->tick_findings;
	return false;
}
