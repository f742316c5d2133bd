#include "engine/worker.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOCKETS_MAX_AGE_S 1.0

enum slot_state {
	SLOT_FREE,
	SLOT_QUEUED,
	SLOT_RUNNING,
	SLOT_DONE,
	SLOT_STUCK,     /* given up, not yet reported */
	SLOT_ABANDONED, /* reported; its read still hangs */
	SLOT_RETURNED,  /* and has ended, not yet reported */
};

struct slot {
	enum slot_state state;
	double started_s;
	struct pl_job job;
};

enum thread_state { THREAD_NONE, THREAD_RUNNING, THREAD_ENDED };

struct regions;

struct thread {
	struct pl_worker *worker;
	pthread_t id;
	enum thread_state state;
	bool stuck; /* in an abandoned job: another thread has taken over */
	struct pl_deep_reader *reader;
	struct pl_facts_store *store;
	struct regions *regions; /* NULL until it is needed */
};

struct pl_worker {
	const struct pl_procfs *fs;
	const struct pl_host *host;
	const struct pl_config *config;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a job was queued or done, a thread ended, or it shall stop */
	bool stopping;
	bool collecting; /* results are being told: what threads hold of them stays */
	struct thread threads[PL_WORKER_THREADS];
	struct slot slots[PL_WORKER_JOBS];
	size_t slot_count; /* those beyond were never used, and their memory was never touched */
	uint16_t queue[PL_WORKER_JOBS]; /* ring of queued slots */
	size_t queue_head;
	size_t queue_count;
	size_t free_hint;
	uint64_t cpu_us_total;
	double dear_us_total; /* what was paid for by grants */
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t thread_cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct pl_worker *pl_worker_new(const struct pl_procfs *fs, const struct pl_host *host,
                                const struct pl_config *config)
{
	struct pl_worker *worker = calloc(1, sizeof(*worker));
	pthread_condattr_t attributes;

	if (!worker)
		return NULL;
	worker->fs = fs;
	worker->host = host;
	worker->config = config;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return worker;
}

static void add_membership(struct pl_job *job, size_t match)
{
	if (job->membership_count == PL_MEMBERSHIPS_MAX) {
		job->memberships_full = true;
		return;
	}
	job->memberships[job->membership_count++] = (uint16_t)match;
}

static void identify(struct thread *thread, struct pl_job *job)
{
	const struct pl_worker *worker = thread->worker;
	struct pl_facts facts = { .pid = job->ident.pid, .comm = job->comm };
	struct pl_stat stat;

	for (size_t i = 0; i < worker->config->match_count; i++) {
		unsigned missing;
		enum pl_holds holds = pl_match_holds(&worker->config->matches[i], &facts, &missing);

		while (holds == PL_HOLDS_UNKNOWN) {
			/* one fact at a time, the cheapest first: it may already say no */
			pl_facts_read(worker->fs, missing & (0u - missing), &facts, thread->store);
			holds = pl_match_holds(&worker->config->matches[i], &facts, &missing);
		}
		if (holds == PL_HOLDS_YES)
			add_membership(job, i);
	}
	if (job->want_unit) {
		const char *unit = NULL;
		size_t len;

		if (!(facts.known & PL_FACT_CGROUP))
			pl_facts_read(worker->fs, PL_FACT_CGROUP, &facts, thread->store);
		len = pl_match_unit(facts.cgroup, &unit);
		if (len >= sizeof(job->unit))
			len = sizeof(job->unit) - 1;
		if (len > 0)
			memcpy(job->unit, unit, len);
		job->unit[len] = '\0';
	}
	/* was all of that the process that was meant? */
	job->error = pl_sample_stat(worker->fs, job->ident.pid, &stat);
	if (job->error == 0 && stat.start_ticks != job->ident.start_ticks)
		job->error = -ESRCH;
}

static void save(const struct pl_worker *worker, struct pl_job *job)
{
	const char *text;
	size_t len;

	job->error = pl_state_write_end(job->state, &text, &len);
	if (job->error == 0)
		job->error = pl_state_store(worker->config->state_file, text, len);
	pl_state_writer_free(job->state);
	job->state = NULL;
}

/* Scratch for reading smaps. */
struct regions {
	struct pl_region_scan scan;
	struct pl_region_snapshot snapshot;
	struct pl_sampled_result sampled;
	char buf[65536];
};

static uint64_t micros(double seconds)
{
	return seconds > 0 ? (uint64_t)(seconds * 1e6) : 0;
}

/* The kernel takes the lock afresh for each piece; it is free while that is parsed. */
struct regions_feed {
	struct pl_region_scan *scan;
	double call_s; /* when the call under way began */
	double held_s;
	double longest_s;
};

static void note_call(struct regions_feed *feed)
{
	const double took_s = now_s() - feed->call_s;

	feed->held_s += took_s;
	if (took_s > feed->longest_s)
		feed->longest_s = took_s;
}

static void feed_regions(void *ctx, const char *text, size_t len)
{
	struct regions_feed *feed = ctx;

	note_call(feed);
	pl_regions_feed(feed->scan, text, len);
	feed->call_s = now_s();
}

static void read_smaps(const struct pl_worker *worker, struct regions *regions, struct pl_job *job)
{
	struct regions_feed feed = { .scan = &regions->scan, .call_s = now_s() };

	pl_regions_begin(&regions->scan);
	job->error = pl_procfs_stream(worker->fs, job->ident.pid, "smaps", regions->buf,
	                              sizeof(regions->buf), feed_regions, &feed);
	note_call(&feed);
	job->deep.lock_us = micros(feed.held_s);
	job->deep.longest_us = micros(feed.longest_s) + 1;
	if (job->error == 0)
		job->error = pl_regions_end(&regions->scan, job->thread_count, &regions->snapshot);
	job->regions = &regions->snapshot;
}

static void read_sampled(const struct pl_worker *worker, struct regions *regions,
                         struct pl_job *job)
{
	job->sample.pid = job->ident.pid;
	job->sample.page_bytes = worker->host->page_bytes;
	job->sample.thread_count = job->thread_count;
	job->error = pl_sampled_read(worker->fs, &job->sample, &regions->scan, &regions->sampled);
	job->deep.lock_us = (uint64_t)regions->sampled.read_us;
	job->deep.longest_us = (uint64_t)regions->sampled.longest_us + 1;
	job->window_us = regions->sampled.window_us;
	job->sampled_bytes = regions->sampled.used_bytes;
	job->regions = &regions->sampled.snapshot;
}

static void read_regions(struct thread *thread, struct pl_job *job)
{
	const uint64_t begin_us = thread_cpu_us();

	if (!thread->regions)
		thread->regions = malloc(sizeof(*thread->regions));
	if (!thread->regions) {
		job->error = -ENOMEM;
		return;
	}
	if (job->sample.windows_most > 0)
		read_sampled(thread->worker, thread->regions, job);
	else
		read_smaps(thread->worker, thread->regions, job);
	if (job->want_swapping)
		job->swapping_known = pl_sample_swapping(thread->worker->fs, &job->swapping) == 0;
	job->deep.cpu_us = thread_cpu_us() - begin_us;
}

/* Not while the host swaps: it must have been quiet since somebody looked the last time. */
static void clear_refs(const struct pl_worker *worker, struct pl_job *job)
{
	const uint64_t begin_us = thread_cpu_us();
	const bool was_known = job->swapping_known;
	const uint64_t before = job->swapping;

	job->error = pl_sample_swapping(worker->fs, &job->swapping);
	job->swapping_known = job->error == 0;
	if (job->swapping_known && was_known) {
		const double begin_s = now_s();

		job->error =
			job->swapping == before ? pl_sample_clear_refs(worker->fs, job->ident) : -EBUSY;
		job->cleared = job->error == 0;
		job->deep.lock_us = micros(now_s() - begin_s);
	}
	job->deep.cpu_us = thread_cpu_us() - begin_us;
}

/*
 * The reads of one tick share a table of sockets, so that its cost does not multiply with the
 * processes. An older one would miss the connections that were opened since.
 */
static double sockets_max_age_s(const struct pl_job *job, double at_s)
{
	const double age_s = at_s - job->tick_s;

	return age_s < SOCKETS_MAX_AGE_S ? age_s : SOCKETS_MAX_AGE_S;
}

static void write_evidence(const struct pl_worker *worker, struct pl_job *job,
                           const struct pl_evidence_facts *facts)
{
	const struct pl_config *config = worker->config;
	char path[PATH_MAX];
	char *text = NULL;
	size_t len;

	job->error = pl_evidence_compose(job->evidence, facts, &text, &len);
	if (job->error == 0)
		job->error = pl_evidence_keep(config->evidence_dir, config->evidence_file_count,
		                              job->evidence, text, len, path, sizeof(path));
	free(text);
}

static void keep_evidence(struct thread *thread, struct pl_job *job)
{
	const struct pl_worker *worker = thread->worker;
	struct pl_evidence_case *about = job->evidence;
	struct pl_evidence_facts *facts = calloc(1, sizeof(*facts));

	if (job->with_regions) {
		read_regions(thread, job);
		if (job->error == 0)
			pl_ledger_update(&about->ledger, job->regions, about->track.now.mono_s,
			                 about->ledger.now.work_us);
		about->has_ledger |= job->error == 0;
	}
	job->error = -ENOMEM;
	if (facts) {
		if (job->ident.pid > 0)
			pl_evidence_gather(worker->fs, job->ident.pid, worker->config->evidence_arguments,
			                   facts);
		write_evidence(worker, job, facts);
	}
	free(facts);
	free(job->evidence);
	job->evidence = NULL;
}

static void read_cgroup(const struct pl_worker *worker, struct pl_job *job)
{
	const uint64_t begin_us = thread_cpu_us();
	char scratch[PL_CGROUP_SCRATCH];

	job->error =
		pl_sample_cgroup(worker->fs, &job->deep.cgroup, scratch, sizeof(scratch), &job->cgroup);
	job->deep.cpu_us = thread_cpu_us() - begin_us;
}

static void take_census(const struct pl_worker *worker, struct pl_job *job)
{
	const uint64_t begin_us = thread_cpu_us();
	struct pl_census_run *run = job->census;
	struct pl_stat stat;

	if (!run->census) {
		job->error = pl_census_begin(&run->census, worker->fs, worker->host, job->ident.pid,
		                             &run->options, run->now_s);
		/* was that the process that was meant? */
		if (job->error == 0)
			job->error = pl_sample_stat(worker->fs, job->ident.pid, &stat);
		if (job->error == 0 && stat.start_ticks != job->ident.start_ticks)
			job->error = -ESRCH;
	} else if (pl_census_due_s(run->census) >= 0) {
		job->error = pl_census_step(run->census, run->now_s);
	} else {
		job->error = pl_census_finish(run->census, &run->report);
		run->finished = job->error == 0;
	}
	job->deep.lock_us = run->census ? micros(pl_census_held_s(run->census)) : 0;
	job->deep.cpu_us = thread_cpu_us() - begin_us;
}

/* The reads before it were dearer than was predicted. */
static void do_without(struct pl_job *job)
{
	if (job->kind == PL_JOB_EVIDENCE)
		job->with_regions = false;
	else
		job->error = -EAGAIN;
}

static void run_job(struct thread *thread, struct pl_job *job)
{
	const double at_s = now_s();

	if (job->error == -EAGAIN)
		return;
	if (job->kind == PL_JOB_IDENTIFY)
		identify(thread, job);
	else if (job->kind == PL_JOB_SAVE)
		save(thread->worker, job);
	else if (job->kind == PL_JOB_REGIONS)
		read_regions(thread, job);
	else if (job->kind == PL_JOB_OWN)
		pl_sample_own(thread->worker->fs, &job->own);
	else if (job->kind == PL_JOB_EVIDENCE)
		keep_evidence(thread, job);
	else if (job->kind == PL_JOB_CGROUP)
		read_cgroup(thread->worker, job);
	else if (job->kind == PL_JOB_CENSUS)
		take_census(thread->worker, job);
	else if (job->kind == PL_JOB_CLEAR)
		clear_refs(thread->worker, job);
	else
		job->error = pl_sample_deep(thread->reader, job->ident.pid, job->want, at_s,
		                            sockets_max_age_s(job, at_s), &job->deep);
}

/* With the lock held. Returns false when the thread shall end. */
static bool run_next(struct thread *thread)
{
	struct pl_worker *worker = thread->worker;
	struct slot *slot;
	uint64_t begin_us;

	while (worker->queue_count == 0 && !worker->stopping)
		pthread_cond_wait(&worker->changed, &worker->lock);
	if (worker->stopping)
		return false;
	slot = &worker->slots[worker->queue[worker->queue_head]];
	worker->queue_head = (worker->queue_head + 1) % PL_WORKER_JOBS;
	worker->queue_count--;
	slot->state = SLOT_RUNNING;
	slot->started_s = now_s();
	if (slot->job.grant.predicted_us > 0 && worker->dear_us_total >= slot->job.grant.stop_us)
		do_without(&slot->job);
	pthread_mutex_unlock(&worker->lock);

	begin_us = thread_cpu_us();
	run_job(thread, &slot->job);

	pthread_mutex_lock(&worker->lock);
	worker->cpu_us_total += thread_cpu_us() - begin_us;
	if (slot->job.grant.predicted_us > 0)
		worker->dear_us_total += (double)slot->job.deep.cpu_us;
	if (slot->state == SLOT_RUNNING || slot->state == SLOT_STUCK) {
		slot->state = SLOT_DONE;
		pthread_cond_broadcast(&worker->changed);
		return !thread->stuck;
	}
	slot->state = SLOT_RETURNED;
	return false;
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	struct pl_worker *worker = thread->worker;

	pthread_mutex_lock(&worker->lock);
	while (run_next(thread))
		;
	thread->state = THREAD_ENDED;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

/* A thread that has ended is joined at once and its place is free again. */
static void reap(struct thread *thread)
{
	if (thread->state != THREAD_ENDED)
		return;
	pthread_join(thread->id, NULL);
	pl_deep_reader_free(thread->reader);
	free(thread->store);
	free(thread->regions);
	*thread = (struct thread){ 0 };
}

/* Signals are the host's: its handlers must not run on our stack. */
static int create_thread(struct thread *thread)
{
	sigset_t all;
	sigset_t before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

/* With the lock held: sees to it that one thread is there to take jobs, if there may be. */
static bool ensure_thread(struct pl_worker *worker)
{
	struct thread *unused = NULL;

	for (size_t i = 0; i < PL_WORKER_THREADS; i++) {
		struct thread *thread = &worker->threads[i];

		if (thread->state == THREAD_RUNNING && !thread->stuck)
			return true;
		if (!worker->collecting)
			reap(thread);
		if (thread->state == THREAD_NONE)
			unused = thread;
	}
	if (!unused)
		return false;
	unused->reader = pl_deep_reader_new(worker->fs, worker->host);
	unused->store = malloc(sizeof(*unused->store));
	unused->worker = worker;
	unused->state = THREAD_RUNNING;
	if (unused->reader && unused->store && create_thread(unused) == 0)
		return true;
	pl_deep_reader_free(unused->reader);
	free(unused->store);
	*unused = (struct thread){ 0 };
	return false;
}

static struct slot *take_free_slot(struct pl_worker *worker)
{
	for (size_t i = 0; i < worker->slot_count; i++) {
		const size_t at = (worker->free_hint + i) % worker->slot_count;

		if (worker->slots[at].state == SLOT_FREE) {
			worker->free_hint = at + 1;
			return &worker->slots[at];
		}
	}
	return worker->slot_count < PL_WORKER_JOBS ? &worker->slots[worker->slot_count++] : NULL;
}

bool pl_worker_post(struct pl_worker *worker, const struct pl_job *job)
{
	struct slot *slot;
	bool posted = false;

	pthread_mutex_lock(&worker->lock);
	slot = ensure_thread(worker) ? take_free_slot(worker) : NULL;
	if (slot) {
		slot->job = *job;
		slot->state = SLOT_QUEUED;
		worker->queue[(worker->queue_head + worker->queue_count) % PL_WORKER_JOBS] =
			(uint16_t)(slot - worker->slots);
		worker->queue_count++;
		pthread_cond_broadcast(&worker->changed);
		posted = true;
	}
	pthread_mutex_unlock(&worker->lock);
	return posted;
}

/* With the lock held: gives up on jobs that hang, so that another thread can go on. */
static void give_up_stuck(struct pl_worker *worker)
{
	const double now = now_s();
	bool any = false;

	for (size_t i = 0; i < worker->slot_count; i++) {
		struct slot *slot = &worker->slots[i];

		if (slot->state == SLOT_RUNNING && now - slot->started_s > worker->config->read_timeout_s) {
			slot->state = SLOT_STUCK;
			any = true;
		}
	}
	if (!any)
		return;
	/* one job runs at a time outside of stuck threads, so the thread that runs is the one */
	for (size_t i = 0; i < PL_WORKER_THREADS; i++)
		if (worker->threads[i].state == THREAD_RUNNING)
			worker->threads[i].stuck = true;
	(void)ensure_thread(worker);
}

/* With the lock held: what there is to tell of a slot, before it goes on. */
static enum slot_state take_news(struct slot *slot)
{
	const enum slot_state news = slot->state;

	if (news == SLOT_STUCK)
		slot->state = SLOT_ABANDONED;
	return news;
}

/* Without the lock: those who are told may post jobs. A job that hangs may go on meanwhile. */
static void tell(const struct pl_worker_callbacks *callbacks, enum slot_state news,
                 const struct slot *slot)
{
	if (news == SLOT_DONE)
		callbacks->done(callbacks->ctx, &slot->job);
	else if (news == SLOT_STUCK)
		callbacks->stuck(callbacks->ctx, &slot->job);
	else if (news == SLOT_ABANDONED)
		callbacks->hanging(callbacks->ctx, &slot->job, now_s() - slot->started_s);
	else if (news == SLOT_RETURNED)
		callbacks->returned(callbacks->ctx, &slot->job);
}

void pl_worker_collect(struct pl_worker *worker, const struct pl_worker_callbacks *callbacks)
{
	uint8_t news[PL_WORKER_JOBS];
	const size_t count = worker->slot_count;

	pthread_mutex_lock(&worker->lock);
	give_up_stuck(worker);
	for (size_t i = 0; i < count; i++)
		news[i] = (uint8_t)take_news(&worker->slots[i]);
	worker->collecting = true;
	pthread_mutex_unlock(&worker->lock);
	for (size_t i = 0; i < count; i++)
		tell(callbacks, (enum slot_state)news[i], &worker->slots[i]);
	pthread_mutex_lock(&worker->lock);
	worker->collecting = false;
	for (size_t i = 0; i < count; i++)
		if (news[i] == SLOT_DONE || news[i] == SLOT_RETURNED)
			worker->slots[i].state = SLOT_FREE;
	pthread_mutex_unlock(&worker->lock);
}

void pl_worker_status(struct pl_worker *worker, struct pl_worker_status *out)
{
	*out = (struct pl_worker_status){ 0 };
	pthread_mutex_lock(&worker->lock);
	for (size_t i = 0; i < worker->slot_count; i++) {
		const enum slot_state state = worker->slots[i].state;

		if (state == SLOT_QUEUED || state == SLOT_RUNNING)
			out->pending_count++;
	}
	for (size_t i = 0; i < PL_WORKER_THREADS; i++)
		if (worker->threads[i].state == THREAD_RUNNING && worker->threads[i].stuck)
			out->stuck_count++;
	out->cpu_us_total = worker->cpu_us_total;
	pthread_mutex_unlock(&worker->lock);
}

static struct timespec deadline_after(double timeout_s)
{
	const double at = now_s() + timeout_s;

	return (struct timespec){ .tv_sec = (time_t)at,
		                      .tv_nsec = (long)((at - (double)(time_t)at) * 1e9) };
}

static bool is_idle(const struct pl_worker *worker)
{
	for (size_t i = 0; i < worker->slot_count; i++) {
		const enum slot_state state = worker->slots[i].state;

		if (state == SLOT_QUEUED || state == SLOT_RUNNING)
			return false;
	}
	return true;
}

bool pl_worker_wait(struct pl_worker *worker, double timeout_s)
{
	const struct timespec deadline = deadline_after(timeout_s);
	bool idle;

	pthread_mutex_lock(&worker->lock);
	while (!(idle = is_idle(worker)))
		if (pthread_cond_timedwait(&worker->changed, &worker->lock, &deadline) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&worker->lock);
	return idle;
}

static bool all_ended(const struct pl_worker *worker)
{
	for (size_t i = 0; i < PL_WORKER_THREADS; i++)
		if (worker->threads[i].state == THREAD_RUNNING)
			return false;
	return true;
}

bool pl_worker_free(struct pl_worker *worker, double timeout_s)
{
	const struct timespec deadline = deadline_after(timeout_s);
	bool ended;

	pthread_mutex_lock(&worker->lock);
	worker->stopping = true;
	pthread_cond_broadcast(&worker->changed);
	while (!(ended = all_ended(worker)))
		if (pthread_cond_timedwait(&worker->changed, &worker->lock, &deadline) == ETIMEDOUT)
			break;
	/* those that have ended, even when another one is stuck for good; they let the lock go */
	for (size_t i = 0; i < PL_WORKER_THREADS; i++)
		reap(&worker->threads[i]);
	pthread_mutex_unlock(&worker->lock);
	if (!ended)
		return false;
	for (size_t i = 0; i < worker->slot_count; i++) {
		if (worker->slots[i].state != SLOT_QUEUED)
			continue;
		if (worker->slots[i].job.kind == PL_JOB_SAVE)
			pl_state_writer_free(worker->slots[i].job.state);
		else if (worker->slots[i].job.kind == PL_JOB_EVIDENCE)
			free(worker->slots[i].job.evidence);
	}
	pthread_mutex_destroy(&worker->lock);
	pthread_cond_destroy(&worker->changed);
	free(worker);
	return true;
}
