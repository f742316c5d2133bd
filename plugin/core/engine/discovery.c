#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/internal.h"

#define LOOK_STEP_MAX 6 /* a process that is not matched is looked at anew every 2^6 ticks */
#define AUTO_STEP_MAX 4 /* and every 2^4 while it may grow into Auto's reach */
#define NEVER UINT32_MAX
#define ZOMBIE_KEPT_S 300.0 /* then what was learned of it is part of its matches' past */

/* FNV-1a over what an exec or a rename changes. */
static uint32_t identity_hash(const struct pl_stat *stat)
{
	uint32_t hash = 2166136261u;
	uint64_t rest = stat->start_code;

	for (const char *c = stat->comm; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	for (; rest > 0; rest >>= 8)
		hash = (hash ^ (uint8_t)rest) * 16777619u;
	return hash ? hash : 1;
}

/* Forgets a process that is gone; its entry in the roster is the caller's business. */
static void drop_process(struct pl_engine *engine, uint32_t index)
{
	struct pl_process *process = engine->processes[index];

	pl_engine_end_track(engine, process);
	for (uint16_t i = 0; i < process->group_count; i++) {
		struct pl_group *group = &engine->groups[process->groups[i]];

		group->member_count--;
		if ((process->published >> i) & 1)
			group->published_count--;
	}
	process->used = false;
	process->next_free = engine->free_process;
	engine->free_process = index;
}

static void entry_gone(void *ctx, const struct pl_roster_entry *entry)
{
	struct pl_engine *engine = ctx;

	if (entry->process != PL_ROSTER_NONE)
		drop_process(engine, entry->process);
}

static bool grow_processes(struct pl_engine *engine)
{
	const size_t capacity = engine->process_capacity ? engine->process_capacity * 2 : 16;
	struct pl_process **grown = realloc(engine->processes, capacity * sizeof(*engine->processes));

	if (!grown)
		return false;
	engine->processes = grown;
	engine->process_capacity = capacity;
	return true;
}

/* Returns the index of a place for one more process, or PL_ROSTER_NONE when out of memory. */
static uint32_t add_process(struct pl_engine *engine)
{
	uint32_t index = engine->free_process;

	if (index != PL_ROSTER_NONE) {
		engine->free_process = engine->processes[index]->next_free;
		return index;
	}
	if (engine->process_count == engine->process_capacity && !grow_processes(engine))
		return PL_ROSTER_NONE;
	index = (uint32_t)engine->process_count;
	engine->processes[index] = calloc(1, sizeof(struct pl_process));
	if (!engine->processes[index])
		return PL_ROSTER_NONE;
	engine->process_count++;
	return index;
}

static double age_of(struct pl_engine *engine, uint64_t start_ticks)
{
	double age_s;

	if (engine->uptime_s < 0)
		engine->uptime_s = pl_sample_uptime_s(&engine->fs);
	if (engine->uptime_s < 0)
		return -1;
	age_s = engine->uptime_s - (double)start_ticks / (double)engine->host.ticks_per_s;
	return age_s > 0 ? age_s : 0;
}

static bool begin_process(struct pl_engine *engine, struct pl_process *process,
                          const struct pl_roster_entry *entry)
{
	pl_engine_forget_census(process);
	*process = (struct pl_process){ .track = process->track,
		                            .ledger = process->ledger,
		                            .idle = process->idle };
	process->ident = (struct pl_ident){ entry->pid, entry->start_ticks };
	process->first_s = engine->now.mono_s;
	process->first_tick = engine->tick;
	process->first_age_s = age_of(engine, entry->start_ticks);
	process->limits_s = -1;
	pl_engine_begin_regions(engine, process);
	process->used = pl_engine_begin_track(engine, process) == 0;
	if (process->used) {
		pl_engine_claim(engine, process);
		return true;
	}
	process->next_free = engine->free_process;
	engine->free_process = (uint32_t)entry->process;
	return false;
}

static void join_groups(struct pl_engine *engine, struct pl_process *process,
                        const uint16_t *groups, uint16_t count)
{
	for (uint16_t i = 0; i < process->group_count; i++) {
		engine->groups[process->groups[i]].member_count--;
		if ((process->published >> i) & 1)
			engine->groups[process->groups[i]].published_count--;
	}
	process->published = 0;
	process->group_count = count;
	for (uint16_t i = 0; i < count; i++) {
		const struct pl_match *match = engine->groups[groups[i]].match;

		process->groups[i] = groups[i];
		engine->groups[groups[i]].member_count++;
		if (match && match->children)
			engine->look_at_all = true;
	}
}

/* Takes the memberships of a process over: it joins, leaves or moves. */
static void settle_memberships(struct pl_engine *engine, struct pl_roster_entry *entry,
                               const char *comm, const uint16_t *groups, uint16_t count)
{
	struct pl_process *process;

	if (count == 0) {
		if (entry->process != PL_ROSTER_NONE)
			drop_process(engine, entry->process);
		entry->process = PL_ROSTER_NONE;
		return;
	}
	if (entry->process == PL_ROSTER_NONE) {
		const uint32_t index = add_process(engine);

		if (index == PL_ROSTER_NONE)
			return;
		entry->process = index;
		if (!begin_process(engine, engine->processes[index], entry)) {
			entry->process = PL_ROSTER_NONE;
			return;
		}
	}
	process = engine->processes[entry->process];
	if (process->group_count != count ||
	    memcmp(process->groups, groups, count * sizeof(*groups)) != 0)
		join_groups(engine, process, groups, count);
	memcpy(process->comm, comm, PL_COMM_SIZE);
}

struct candidate {
	struct pl_engine *engine;
	const struct pl_roster_entry *entry;
	const struct pl_stat *stat;
	uint16_t groups[PL_MEMBERSHIPS_MAX];
	uint16_t count;
	bool full;
	bool undecided;
};

static void add_group(struct candidate *candidate, size_t group)
{
	if (candidate->count == PL_MEMBERSHIPS_MAX) {
		candidate->full = true;
		return;
	}
	candidate->groups[candidate->count++] = (uint16_t)group;
}

static bool descends_from(const struct candidate *candidate, uint16_t group)
{
	const struct pl_engine *engine = candidate->engine;
	const struct pl_roster_entry *parent = pl_roster_find(&engine->roster, candidate->stat->ppid);

	/* an orphan has another parent now, but stays what it was */
	if (candidate->entry->process != PL_ROSTER_NONE &&
	    pl_process_in_group(engine->processes[candidate->entry->process], group))
		return true;
	return parent && parent->process != PL_ROSTER_NONE &&
	       pl_process_in_group(engine->processes[parent->process], group);
}

/* PidFile and Children are about other processes, so pl_match_holds() cannot know them. */
static enum pl_holds holds_in_group(const struct candidate *candidate, size_t index,
                                    const struct pl_facts *facts)
{
	const struct pl_group *group = &candidate->engine->groups[index];
	const struct pl_match *match = group->match;
	unsigned missing;

	if (match->children && descends_from(candidate, (uint16_t)index))
		return PL_HOLDS_YES;
	if (match->pid_file && group->file_pid != facts->pid)
		return PL_HOLDS_NO;
	if (match->pid_file && !pl_match_has_condition(match))
		return PL_HOLDS_YES;
	return pl_match_holds(match, facts, &missing);
}

static void complain_of_memberships(struct pl_engine *engine, int32_t pid)
{
	pl_log_complain(&engine->log, &engine->memberships_complaint, engine->now.mono_s,
	                PL_LOG_WARNING, "process %d is in more than %d matches; the rest is left out",
	                (int)pid, PL_MEMBERSHIPS_MAX);
}

static void post_identify(struct pl_engine *engine, struct pl_roster_entry *entry,
                          const struct pl_stat *stat, bool want_unit)
{
	struct pl_job job = { .kind = PL_JOB_IDENTIFY,
		                  .ident = { entry->pid, entry->start_ticks },
		                  .want_unit = want_unit,
		                  .ppid = stat->ppid };

	memcpy(job.comm, stat->comm, PL_COMM_SIZE);
	if (pl_worker_post(engine->worker, &job)) {
		entry->flags |= PL_ENTRY_BUSY;
		return;
	}
	/* no room: ask again at the next tick */
	engine->no_room = true;
	entry->identity_hash = 0;
	entry->look_tick = engine->tick + 1;
}

static bool is_in_auto_group(const struct pl_engine *engine, const struct pl_roster_entry *entry)
{
	return entry->process != PL_ROSTER_NONE &&
	       !engine->groups[engine->processes[entry->process]->groups[0]].match;
}

static void evaluate(struct pl_engine *engine, struct pl_roster_entry *entry,
                     const struct pl_stat *stat)
{
	struct candidate candidate = { .engine = engine, .entry = entry, .stat = stat };
	const struct pl_facts facts = { .pid = entry->pid, .comm = stat->comm };

	for (size_t i = 0; i < engine->config->match_count; i++) {
		const enum pl_holds holds = holds_in_group(&candidate, i, &facts);

		if (holds == PL_HOLDS_YES)
			add_group(&candidate, i);
		candidate.undecided |= holds == PL_HOLDS_UNKNOWN;
	}
	if (candidate.full)
		complain_of_memberships(engine, entry->pid);
	if (candidate.undecided)
		post_identify(engine, entry, stat, false);
	else if (candidate.count > 0 || !is_in_auto_group(engine, entry))
		settle_memberships(engine, entry, stat->comm, candidate.groups, candidate.count);
}

/* Whether group `i` takes the process; PidFile and Children are decided here, not by the worker. */
static bool job_joins(struct candidate *candidate, const struct pl_job *job, size_t i, size_t *next)
{
	const struct pl_group *group = &candidate->engine->groups[i];
	bool holds = false;

	/* the worker's list is in order */
	if (*next < job->membership_count && job->memberships[*next] == i) {
		++*next;
		holds = !group->match->pid_file || group->file_pid == candidate->entry->pid;
	} else if (group->match->pid_file && !pl_match_has_condition(group->match)) {
		holds = group->file_pid == candidate->entry->pid;
	}
	return holds || (group->match->children && descends_from(candidate, (uint16_t)i));
}

void pl_engine_identified(struct pl_engine *engine, const struct pl_job *job)
{
	struct pl_roster_entry *entry = pl_roster_find(&engine->roster, job->ident.pid);
	const struct pl_stat stat = { .ppid = job->ppid };
	struct candidate candidate = { .engine = engine, .entry = entry, .stat = &stat };
	size_t next = 0;

	if (!entry || entry->start_ticks != job->ident.start_ticks)
		return;
	entry->flags &= (uint8_t)~PL_ENTRY_BUSY;
	if (job->error < 0)
		return;
	for (size_t i = 0; i < engine->config->match_count; i++)
		if (job_joins(&candidate, job, i, &next))
			add_group(&candidate, i);
	if (candidate.full || job->memberships_full)
		complain_of_memberships(engine, entry->pid);
	if (candidate.count == 0 && job->want_unit) {
		const int group = pl_engine_auto_group(engine, job->unit, job->comm);

		if (group >= 0)
			add_group(&candidate, (size_t)group);
	}
	if (candidate.count > 0 || !is_in_auto_group(engine, entry))
		settle_memberships(engine, entry, job->comm, candidate.groups, candidate.count);
}

/* Asked once more after a while; who hangs twice stays busy, lest it eats every thread. */
void pl_engine_identify_stuck(struct pl_engine *engine, int32_t pid)
{
	struct pl_roster_entry *entry = pl_roster_find(&engine->roster, pid);

	if (!entry || (entry->flags & PL_ENTRY_HUNG))
		return;
	entry->flags = PL_ENTRY_HUNG;
	entry->identity_hash = 0;
	entry->step = LOOK_STEP_MAX;
	entry->look_tick = engine->tick + (1u << LOOK_STEP_MAX);
}

static void schedule_look(struct pl_engine *engine, struct pl_roster_entry *entry)
{
	const uint8_t most = engine->config->auto_enabled ? AUTO_STEP_MAX : LOOK_STEP_MAX;

	entry->look_tick = engine->tick + (1u << entry->step);
	if (entry->step < most)
		entry->step++;
}

/* Another process has taken the pid: the old one is gone. */
static void replace(struct pl_engine *engine, struct pl_roster_entry *entry)
{
	if (entry->process != PL_ROSTER_NONE)
		drop_process(engine, entry->process);
	entry->process = PL_ROSTER_NONE;
	entry->identity_hash = 0;
	entry->flags = 0;
	entry->step = 0;
}

/* One read that was cut or mixed up must not cost what was learned of a process. */
static bool is_doubtful(const struct pl_engine *engine, const struct pl_roster_entry *entry,
                        const struct pl_stat *stat)
{
	const bool same = entry->start_ticks == stat->start_ticks && !stat->kernel_thread &&
	                  entry->identity_hash == identity_hash(stat);

	return entry->process != PL_ROSTER_NONE && !same &&
	       !pl_sample_is_same(&engine->fs, entry->pid, stat);
}

static bool is_dead(const struct pl_stat *stat)
{
	return stat->state == 'Z' || stat->state == 'X';
}

/* Matched, and not for so long that it would be worth its memory no more. */
static bool is_mourned(const struct pl_engine *engine, const struct pl_roster_entry *entry)
{
	const struct pl_process *process;
	double last_s;

	if (entry->process == PL_ROSTER_NONE)
		return false;
	process = engine->processes[entry->process];
	last_s = process->marked ? process->sample.time.mono_s : process->first_s;
	return engine->now.mono_s - last_s < ZOMBIE_KEPT_S / engine->config->time_scale;
}

/*
 * Nobody may ever reap it, and there may be thousands: it has ended, and costs what a process costs
 * that is not matched. It may still come to life, when another of its threads calls exec.
 */
static void bury(struct pl_engine *engine, struct pl_roster_entry *entry)
{
	if (entry->process != PL_ROSTER_NONE) {
		struct pl_process *process = engine->processes[entry->process];

		drop_process(engine, entry->process);
		free(process->track);
		free(process->ledger);
		free(process->idle);
		process->track = NULL;
		process->ledger = NULL;
		process->idle = NULL;
		entry->process = PL_ROSTER_NONE;
	}
	entry->identity_hash = 0;
}

static void look_at(struct pl_engine *engine, struct pl_roster_entry *entry, bool force)
{
	struct pl_stat stat;
	uint32_t hash;
	const int err = pl_sample_stat(&engine->fs, entry->pid, &stat);

	entry->changed = false;
	if (err < 0) {
		engine->self.gone_total += err == -ESRCH;
		engine->self.failed_total += err != -ESRCH;
		schedule_look(engine, entry);
		return;
	}
	if (is_doubtful(engine, entry, &stat)) {
		engine->self.failed_total++;
		entry->look_tick = engine->tick + 1;
		return;
	}
	if (entry->start_ticks != stat.start_ticks)
		replace(engine, entry);
	entry->start_ticks = stat.start_ticks;
	if (stat.kernel_thread) {
		entry->flags |= PL_ENTRY_KERNEL_THREAD;
		entry->look_tick = NEVER;
		return;
	}
	schedule_look(engine, entry);
	if (is_dead(&stat) && !is_mourned(engine, entry)) {
		bury(engine, entry);
		return;
	}
	hash = identity_hash(&stat);
	if (hash != entry->identity_hash || force) {
		entry->identity_hash = hash;
		evaluate(engine, entry, &stat);
	}
	if (entry->process == PL_ROSTER_NONE && !(entry->flags & PL_ENTRY_BUSY) &&
	    pl_engine_auto_wants(engine, entry, &stat))
		post_identify(engine, entry, &stat, true);
}

/* What a pid file names; 0 for nothing. Its owner may be the program that is watched, and may have
 * put a FIFO or a device in its place, which neither hangs us nor is read. */
static int32_t read_pid_file(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[64];
	struct stat info;
	uint64_t pid = 0;
	ssize_t len = -1;

	if (fd < 0)
		return 0;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
		len = read(fd, text, sizeof(text));
	close(fd);
	if (len <= 0 || pl_parse_limit(text, (size_t)len, &pid) < 0 || pid > INT32_MAX)
		return 0;
	return (int32_t)pid;
}

/* Looks into a match's pid file when it changed. Returns true when it names another process now. */
static bool refresh_pid_file(struct pl_engine *engine, struct pl_group *group)
{
	const char *path = group->match->pid_file;
	const int32_t before = group->file_pid;
	struct stat info;
	int64_t mtime_ns;
	const bool found = stat(path, &info) == 0;

	if (!found || !S_ISREG(info.st_mode)) {
		pl_log_complain(&engine->log, &group->file_complaint, engine->now.mono_s, PL_LOG_NOTICE,
		                "match \"%s\": PidFile: %s: %s", group->name, path,
		                found ? "it is not a regular file" : strerror(errno));
		group->file_pid = 0;
		return before != 0;
	}
	pl_log_release(&engine->log, &group->file_complaint, PL_LOG_NOTICE,
	               "match \"%s\": PidFile: %s is there", group->name, path);
	mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
	if (mtime_ns != group->file_mtime_ns || info.st_ino != group->file_inode ||
	    group->file_pid == 0) {
		group->file_pid = read_pid_file(path);
		group->file_mtime_ns = mtime_ns;
		group->file_inode = info.st_ino;
	}
	return group->file_pid != before;
}

static void force_look(struct pl_engine *engine, int32_t pid)
{
	struct pl_roster_entry *entry = pid > 0 ? pl_roster_find(&engine->roster, pid) : NULL;

	if (entry && !(entry->flags & PL_ENTRY_KERNEL_THREAD))
		look_at(engine, entry, true);
}

static void refresh_pid_files(struct pl_engine *engine)
{
	for (size_t i = 0; i < engine->config->match_count; i++) {
		struct pl_group *group = &engine->groups[i];
		const int32_t before = group->file_pid;

		if (!group->match->pid_file || !refresh_pid_file(engine, group))
			continue;
		force_look(engine, before);
		force_look(engine, group->file_pid);
	}
}

void pl_engine_look_again(struct pl_engine *engine, int32_t pid)
{
	force_look(engine, pid);
}

static bool has_no_pulse(const struct pl_engine *engine, const struct pl_roster_entry *entry)
{
	const struct pl_process *process = engine->processes[entry->process];

	return !process->alive && process->first_tick != engine->tick &&
	       (process->silent_count & (process->silent_count - 1)) == 0;
}

void pl_engine_discover(struct pl_engine *engine)
{
	const bool all = engine->look_at_all;
	const int err = pl_roster_update(&engine->roster, &engine->fs, entry_gone, engine);

	if (err < 0) {
		pl_log_complain(&engine->log, &engine->scan_complaint, engine->now.mono_s, PL_LOG_ERROR,
		                "%s: cannot list processes: %s", engine->config->proc_root, strerror(-err));
		return;
	}
	pl_log_release(&engine->log, &engine->scan_complaint, PL_LOG_NOTICE,
	               "%s: processes can be listed again", engine->config->proc_root);
	engine->look_at_all = false;
	engine->no_room = false;
	for (size_t i = 0; i < engine->roster.count; i++) {
		struct pl_roster_entry *entry = &engine->roster.entries[i];
		const bool due = entry->look_tick <= engine->tick;

		if (entry->flags & PL_ENTRY_KERNEL_THREAD) {
			if (!entry->changed)
				continue;
			entry->flags = 0;
		}
		/* of thousands that start at once, the rest has its turn in the next ticks */
		if (engine->no_room && entry->process == PL_ROSTER_NONE)
			continue;
		/* a matched process is checked by its own pulse; one that gave none is looked at */
		if (entry->process != PL_ROSTER_NONE ? entry->changed || has_no_pulse(engine, entry)
		                                     : entry->changed || due || all)
			look_at(engine, entry, all);
	}
	refresh_pid_files(engine);
}
