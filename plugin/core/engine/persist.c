#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

#define SAVE_SOON_S 5.0       /* after an alert, so that several of them share a save */
#define SAVE_SLICE 128        /* processes written in one tick */
#define RESTORED_KEPT_S 600.0 /* for processes of the state file that have not shown up, */
#define RESTORED_KEPT_TICKS 8 /* and at least that long: who a worker has to ask takes several */

static bool is_enabled(const struct pl_engine *engine)
{
	return engine->config->state_file && *engine->config->state_file;
}

/* random(4): a UUID. What was cut, when it was read or when it was saved, is no id at all. */
static bool is_boot_id(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != shape[i])
			return false;
	return text[sizeof(shape) - 1] == '\0';
}

static void read_boot_id(struct pl_engine *engine)
{
	char *const id = engine->boot_id;
	const ssize_t len = pl_procfs_read(&engine->fs, 0, "sys/kernel/random/boot_id", id,
	                                   sizeof(engine->boot_id) - 1);

	id[len > 0 ? len : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
	if (!is_boot_id(id))
		*id = '\0';
}

struct restoring {
	struct pl_engine *engine;
	bool same_scale;
	bool same_boot;
	size_t capacity;
	size_t match_count;
	size_t forgotten_count; /* matches that are no more, or too many for Auto */
	size_t lost_count;      /* processes for which there was no memory */
};

/* The time of boot, as the wall clock tells it, moves when that is set. */
#define BOOT_TOLERANCE_S 120.0

/* An id that cannot be read, now or when it was saved, is not another one. */
static bool is_same_boot(const struct pl_engine *engine, const struct pl_state_header *header)
{
	const double boot_s = (double)engine->host.boot_s;

	if (*engine->boot_id && is_boot_id(header->boot_id))
		return strcmp(header->boot_id, engine->boot_id) == 0;
	return boot_s <= 0 || header->boot_s <= 0 || fabs(boot_s - header->boot_s) < BOOT_TOLERANCE_S;
}

static void take_header(void *ctx, const struct pl_state_header *header)
{
	struct restoring *restoring = ctx;
	const struct pl_engine *engine = restoring->engine;
	const double ratio = header->time_scale / engine->config->time_scale;

	/* histories on another time axis mean nothing */
	restoring->same_scale = ratio > 0.999999 && ratio < 1.000001;
	restoring->same_boot = is_same_boot(engine, header);
}

static struct pl_group *find_group(struct pl_engine *engine, const char *name)
{
	int group;

	for (size_t i = 0; i < engine->group_count; i++)
		if (strcmp(engine->groups[i].name, name) == 0)
			return &engine->groups[i];
	/* none has a member yet: the one more would take the place of one that was just restored */
	if (!engine->config->auto_enabled ||
	    engine->group_count >= engine->config->match_count + PL_AUTO_GROUPS_MAX)
		return NULL;
	group = pl_engine_auto_group(engine, "", name);
	return group < 0 ? NULL : &engine->groups[group];
}

static void take_match(void *ctx, const struct pl_state_match *match)
{
	struct restoring *restoring = ctx;
	struct pl_group *group =
		restoring->same_scale ? find_group(restoring->engine, match->name) : NULL;

	if (!group) {
		restoring->forgotten_count += restoring->same_scale;
		return;
	}
	group->family = match->family;
	group->verdict = (enum pl_verdict)group->family.verdict;
	restoring->match_count++;
}

static void take_sum(struct pl_engine *engine, const struct pl_state_other *other)
{
	struct pl_group *group = find_group(engine, other->match);

	if (!group || group->sum_track)
		return;
	group->sum_track = malloc(sizeof(*group->sum_track));
	if (!group->sum_track)
		return;
	*group->sum_track = other->track;
	memcpy(group->members.gone, other->gone, sizeof(group->members.gone));
	group->sum_awaited_count = other->member_count;
}

static void take_cgroup(struct pl_engine *engine, const struct pl_state_other *other)
{
	struct pl_state_other **grown =
		realloc(engine->restored_cgroups, (engine->restored_cgroup_count + 1) * sizeof(*grown));
	struct pl_state_other *saved = malloc(sizeof(*saved));

	if (grown)
		engine->restored_cgroups = grown;
	if (!grown || !saved) {
		free(saved);
		return;
	}
	*saved = *other;
	grown[engine->restored_cgroup_count++] = saved;
}

static void take_other(void *ctx, const struct pl_state_other *other)
{
	struct restoring *restoring = ctx;

	if (!restoring->same_scale || !restoring->same_boot)
		return;
	if (*other->path)
		take_cgroup(restoring->engine, other);
	else
		take_sum(restoring->engine, other);
}

static bool make_room(struct restoring *restoring)
{
	struct pl_engine *engine = restoring->engine;
	const size_t capacity = restoring->capacity ? restoring->capacity * 2 : 64;
	struct pl_restored *grown;

	if (engine->restored_count < restoring->capacity)
		return true;
	grown = realloc(engine->restored, capacity * sizeof(*grown));
	if (!grown)
		return false;
	engine->restored = grown;
	restoring->capacity = capacity;
	return true;
}

static void take_process(void *ctx, const struct pl_state_process *process)
{
	struct restoring *restoring = ctx;
	struct pl_engine *engine = restoring->engine;
	struct pl_state_process *saved;

	if (!restoring->same_scale || !restoring->same_boot)
		return;
	saved = malloc(sizeof(*saved));
	if (!saved || !make_room(restoring)) {
		free(saved);
		restoring->lost_count++;
		return;
	}
	*saved = *process;
	engine->restored[engine->restored_count++] =
		(struct pl_restored){ .pid = process->track.ident.pid, .saved = saved };
}

static void report_bad_file(struct pl_engine *engine, const char *problem)
{
	const char *path = engine->config->state_file;
	const int err = pl_state_set_aside(path);

	if (err == 0)
		pl_log_write(&engine->log, PL_LOG_ERROR,
		             "state file %s: %s; it is kept as %s.bad and everything is learned anew", path,
		             problem, path);
	else
		pl_log_write(&engine->log, PL_LOG_ERROR,
		             "state file %s: %s; everything is learned anew (it cannot be moved: %s)", path,
		             problem, pl_state_error(err));
}

/* What cannot be read now may be read again: the next save must not take its place. What is
 * somebody else's is not ours to move. */
static void report_unreadable(struct pl_engine *engine, int err)
{
	if (err != -EPERM && err != -ELOOP && err != -EINVAL)
		report_bad_file(engine, pl_state_error(err));
	else
		pl_log_write(&engine->log, PL_LOG_ERROR, "state file %s: %s; everything is learned anew",
		             engine->config->state_file, pl_state_error(err));
}

/* The next save would forget whom there was no memory for: the file is kept beside it. */
static void report_restored(const struct restoring *restoring)
{
	struct pl_engine *engine = restoring->engine;
	const char *path = engine->config->state_file;

	pl_log_write(&engine->log, PL_LOG_INFO, "state file %s: restored %zu matches, %zu processes",
	             path, restoring->match_count, engine->restored_count);
	if (restoring->forgotten_count > 0)
		pl_log_write(&engine->log, PL_LOG_INFO,
		             "state file %s: %zu of its matches are forgotten: the configuration does not "
		             "name them, and Auto %s",
		             path, restoring->forgotten_count,
		             engine->config->auto_enabled ? "has no room for more" : "is off");
	if (restoring->lost_count == 0)
		return;
	pl_log_write(&engine->log, PL_LOG_ERROR,
	             "state file %s: no memory for %zu of its processes, they are learned anew; it %s "
	             "kept as %s.bad",
	             path, restoring->lost_count, pl_state_set_aside(path) == 0 ? "is" : "cannot be",
	             path);
}

static int compare_pids(const void *a, const void *b)
{
	const struct pl_restored *x = a;
	const struct pl_restored *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

void pl_engine_restore(struct pl_engine *engine)
{
	struct restoring restoring = { .engine = engine };
	const struct pl_state_reader reader = { &restoring, take_header, take_match, take_process,
		                                    take_other };
	char problem[128];
	char *text;
	size_t len;
	int err;

	read_boot_id(engine);
	if (!is_enabled(engine))
		return;
	err = pl_state_load_own(engine->config->state_file, &text, &len);
	if (err == -ENOENT)
		return;
	if (err < 0) {
		report_unreadable(engine, err);
		return;
	}
	err = pl_state_read(text, len, &reader, problem, sizeof(problem));
	free(text);
	if (err < 0)
		report_bad_file(engine, problem);
	else
		report_restored(&restoring);
	if (engine->restored_count > 1)
		qsort(engine->restored, engine->restored_count, sizeof(*engine->restored), compare_pids);
}

static size_t first_restored(const struct pl_engine *engine, int32_t pid)
{
	size_t low = 0;
	size_t high = engine->restored_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (engine->restored[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void pl_engine_claim(struct pl_engine *engine, struct pl_process *process)
{
	for (size_t i = first_restored(engine, process->ident.pid);
	     i < engine->restored_count && engine->restored[i].pid == process->ident.pid; i++) {
		struct pl_state_process *saved = engine->restored[i].saved;

		if (!saved || !pl_ident_equal(saved->track.ident, process->ident))
			continue;
		*process->track = saved->track;
		process->verdict = (enum pl_verdict)saved->track.verdict;
		/* another program by now? the first pulse compares */
		process->start_code = saved->start_code;
		pl_engine_restore_regions(engine, process, &saved->ledger);
		engine->restored[i].saved = NULL;
		free(saved);
		return;
	}
}

void pl_engine_claim_cgroup(struct pl_engine *engine, struct pl_cgroup *cgroup)
{
	for (size_t i = 0; i < engine->restored_cgroup_count; i++) {
		struct pl_state_other *saved = engine->restored_cgroups[i];

		if (!saved || saved->cgroup_kind != cgroup->key.kind ||
		    strcmp(saved->path, cgroup->key.path) != 0)
			continue;
		engine->restored_cgroups[i] = NULL;
		cgroup->track = malloc(sizeof(*cgroup->track));
		if (cgroup->track) {
			*cgroup->track = saved->track;
			cgroup->base = saved->base;
			cgroup->first_s = saved->first_s;
		}
		free(saved);
		return;
	}
}

void pl_engine_forget_restored(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->restored_cgroup_count; i++)
		free(engine->restored_cgroups[i]);
	free(engine->restored_cgroups);
	engine->restored_cgroups = NULL;
	engine->restored_cgroup_count = 0;
	for (size_t i = 0; engine->restored && i < engine->restored_count; i++)
		free(engine->restored[i].saved);
	free(engine->restored);
	engine->restored = NULL;
	engine->restored_count = 0;
}

static int begin_text(struct pl_engine *engine)
{
	struct pl_state_header header = { .saved_s = engine->now.wall_s,
		                              .boot_s = (double)engine->host.boot_s,
		                              .ticks_per_s = (double)engine->host.ticks_per_s,
		                              .time_scale = engine->config->time_scale,
		                              .self = engine->self };
	int err;

	engine->state = pl_state_writer_new();
	if (!engine->state)
		return -ENOMEM;
	engine->state_cursor = engine->state_group_cursor = engine->state_cgroup_cursor = 0;
	engine->state_processes_done = false;
	memcpy(header.boot_id, engine->boot_id, sizeof(header.boot_id));
	err = pl_state_write_header(engine->state, &header);
	for (size_t i = 0; err == 0 && i < engine->group_count; i++) {
		struct pl_state_match match = { .family = engine->groups[i].family };

		memcpy(match.name, engine->groups[i].name, sizeof(match.name));
		err = pl_state_write_match(engine->state, &match);
	}
	return err;
}

static int write_process(struct pl_engine *engine, const struct pl_process *process)
{
	const struct pl_group *group = &engine->groups[process->groups[0]];
	struct pl_state_process *saved = calloc(1, sizeof(*saved));
	struct pl_report report;
	int err;

	if (!saved)
		return -ENOMEM;
	pl_track_describe(process->track, group->settings, group->name, process->comm, &report);
	memcpy(saved->match, group->name, sizeof(saved->match));
	memcpy(saved->comm, process->comm, sizeof(saved->comm));
	memcpy(saved->message, report.message, sizeof(saved->message));
	saved->start_code = process->start_code;
	saved->cost = process->cost;
	saved->track = *process->track;
	if (process->ledger)
		saved->ledger = *process->ledger;
	err = pl_state_write_process(engine->state, saved);
	free(saved);
	return err;
}

/* Who has not shown up since the start is saved again as he was. */
static int write_unclaimed(struct pl_engine *engine)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < engine->restored_count; i++)
		if (engine->restored[i].saved)
			err = pl_state_write_process(engine->state, engine->restored[i].saved);
	return err;
}

static int write_sum(struct pl_engine *engine, const struct pl_group *group)
{
	struct pl_state_other *saved = calloc(1, sizeof(*saved));
	struct pl_report report;
	int err;

	if (!saved)
		return -ENOMEM;
	memcpy(saved->match, group->name, sizeof(saved->match));
	saved->member_count =
		group->sum_awaited_count > 0 ? group->sum_awaited_count : group->members.member_count;
	memcpy(saved->gone, group->members.gone, sizeof(saved->gone));
	saved->track = *group->sum_track;
	pl_track_describe_sum(&saved->track, group->settings, group->name, saved->member_count,
	                      &report);
	memcpy(saved->message, report.message, sizeof(saved->message));
	err = pl_state_write_other(engine->state, saved);
	free(saved);
	return err;
}

static int write_cgroup(struct pl_engine *engine, const struct pl_cgroup *cgroup)
{
	struct pl_state_other *saved = calloc(1, sizeof(*saved));
	int err;

	if (!saved)
		return -ENOMEM;
	pl_engine_save_cgroup(engine, cgroup, saved);
	err = pl_state_write_other(engine->state, saved);
	free(saved);
	return err;
}

/* What has a history besides processes; returns as write_slice() does. */
static int write_others(struct pl_engine *engine, size_t count)
{
	int err = 0;

	for (; err == 0 && count > 0 && engine->state_group_cursor < engine->group_count;
	     engine->state_group_cursor++) {
		const struct pl_group *group = &engine->groups[engine->state_group_cursor];

		if (!group->sum_track || group->sum_track->sample_count == 0)
			continue;
		err = write_sum(engine, group);
		count--;
	}
	for (; err == 0 && count > 0 && engine->state_cgroup_cursor < engine->cgroup_count;
	     engine->state_cgroup_cursor++) {
		const struct pl_cgroup *cgroup = engine->cgroups[engine->state_cgroup_cursor];

		if (!cgroup->used || !cgroup->track || cgroup->track->sample_count == 0)
			continue;
		err = write_cgroup(engine, cgroup);
		count--;
	}
	if (err < 0)
		return err;
	if (engine->state_group_cursor < engine->group_count ||
	    engine->state_cgroup_cursor < engine->cgroup_count)
		return 1;
	for (size_t i = 0; err == 0 && i < engine->restored_cgroup_count; i++)
		if (engine->restored_cgroups[i])
			err = pl_state_write_other(engine->state, engine->restored_cgroups[i]);
	return err;
}

/* Writes up to `count` more processes. Returns 1 when there are more, 0 at the end, -ENOMEM. */
static int write_slice(struct pl_engine *engine, size_t count)
{
	int err;

	if (engine->state_processes_done)
		return write_others(engine, count);
	for (; count > 0 && engine->state_cursor < engine->process_count; engine->state_cursor++) {
		const struct pl_process *process = engine->processes[engine->state_cursor];

		if (!process->used || process->group_count == 0 || process->track->sample_count == 0)
			continue;
		err = write_process(engine, process);
		if (err < 0)
			return err;
		count--;
	}
	if (engine->state_cursor < engine->process_count)
		return 1;
	err = write_unclaimed(engine);
	engine->state_processes_done = err == 0;
	return err == 0 ? write_others(engine, count) : err;
}

static void give_up_text(struct pl_engine *engine)
{
	pl_state_writer_free(engine->state);
	engine->state = NULL;
	engine->save_due_s = engine->now.mono_s + engine->config->state_interval_s;
}

static void complain_of_save(struct pl_engine *engine, int err)
{
	if (err < 0)
		pl_log_complain(&engine->log, &engine->save_complaint, engine->now.mono_s, PL_LOG_ERROR,
		                "state file %s: cannot save: %s", engine->config->state_file,
		                pl_state_error(err));
	else
		pl_log_release(&engine->log, &engine->save_complaint, PL_LOG_NOTICE,
		               "state file %s: saved again", engine->config->state_file);
}

void pl_engine_save_soon(struct pl_engine *engine)
{
	const double soon_s = engine->now.mono_s + SAVE_SOON_S;

	if (engine->save_due_s > soon_s)
		engine->save_due_s = soon_s;
}

/* Who has not shown up by now is gone. */
static void forget_absent(struct pl_engine *engine)
{
	if (!engine->restored && !engine->restored_cgroups)
		return;
	if (engine->tick == 1)
		engine->restored_until_s = engine->now.mono_s + RESTORED_KEPT_S;
	if (engine->tick >= RESTORED_KEPT_TICKS && engine->now.mono_s > engine->restored_until_s)
		pl_engine_forget_restored(engine);
}

void pl_engine_save_some(struct pl_engine *engine)
{
	int more;

	forget_absent(engine);
	if (!is_enabled(engine) || engine->saving)
		return;
	if (engine->save_due_s <= 0)
		engine->save_due_s = engine->now.mono_s + engine->config->state_interval_s;
	if (!engine->state && engine->now.mono_s < engine->save_due_s)
		return;
	more = engine->state ? 1 : begin_text(engine);
	if (more >= 0)
		more = write_slice(engine, SAVE_SLICE);
	if (more < 0) {
		complain_of_save(engine, more);
		give_up_text(engine);
	} else if (more == 0) {
		const struct pl_job job = { .kind = PL_JOB_SAVE, .state = engine->state };

		if (!pl_worker_post(engine->worker, &job))
			return; /* the queue is full: at the next tick */
		engine->state = NULL;
		engine->saving = true;
		engine->save_due_s = engine->now.mono_s + engine->config->state_interval_s;
	}
}

void pl_engine_saved(struct pl_engine *engine, const struct pl_job *job)
{
	engine->saving = false;
	complain_of_save(engine, job->error);
}

void pl_engine_save_now(struct pl_engine *engine)
{
	const char *text;
	size_t len;
	int err;

	if (!is_enabled(engine) || engine->tick == 0)
		return;
	/* a text that is half written would mix two instants */
	pl_state_writer_free(engine->state);
	err = begin_text(engine);
	if (err == 0)
		err = write_slice(engine, SIZE_MAX);
	if (err >= 0)
		err = pl_state_write_end(engine->state, &text, &len);
	if (err == 0)
		err = pl_state_store(engine->config->state_file, text, len);
	complain_of_save(engine, err);
}
