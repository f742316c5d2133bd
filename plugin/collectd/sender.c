#include <collectd/core/daemon/collectd.h>
#include <collectd/core/daemon/plugin.h>
#include <collectd/core/daemon/utils_time.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "sender.h"

#include "series.h"

#define QUEUE_LENGTH 64
#define WORD_SIZE 48

/* A report, with copies of what it borrowed. */
struct notice {
	char instance[DATA_MAX_NAME_LEN];
	char comm[WORD_SIZE];
	char reason[WORD_SIZE];
	char metric[WORD_SIZE];
	char where[WORD_SIZE];
	char limit[WORD_SIZE];
	char census[PL_CENSUS_LINE_SIZE];
	char message[PL_MESSAGE_SIZE];
	int severity;
	int32_t pid;
	double time_s;
	double rate_per_h;
	double rate_low;
	double rate_high;
	double since_s;
	double seconds_to_limit;
	enum pl_verdict verdict;
	enum pl_cause cause;
};

struct pl_sender {
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* on CLOCK_MONOTONIC */
	pthread_t thread;
	bool started;
	bool stopping;
	bool finished;
	bool abandoned; /* nobody waits for the thread any more: it frees the sender */
	size_t first;
	size_t count;
	struct notice queue[QUEUE_LENGTH];
};

struct pl_sender *pl_sender_new(void)
{
	struct pl_sender *sender = calloc(1, sizeof(*sender));
	pthread_condattr_t attributes;

	if (!sender)
		return NULL;
	pthread_mutex_init(&sender->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sender->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return sender;
}

static void copy_word(char out[WORD_SIZE], const char *word)
{
	snprintf(out, WORD_SIZE, "%s", word ? word : "");
}

static int severity_of(const struct pl_report *report)
{
	if (report->recovered)
		return NOTIF_OKAY;
	if (report->confirmed || report->verdict == PL_VERDICT_CRITICAL)
		return NOTIF_FAILURE;
	return NOTIF_WARNING;
}

static void fill_notice(struct notice *notice, const struct pl_report *report)
{
	pl_series_instance(&report->subject, notice->instance, sizeof(notice->instance));
	copy_word(notice->comm, report->subject.comm);
	copy_word(notice->reason, report->reason);
	copy_word(notice->metric, report->metric);
	copy_word(notice->where, report->where);
	copy_word(notice->limit, report->limit);
	snprintf(notice->census, sizeof(notice->census), "%s", report->census ? report->census : "");
	memcpy(notice->message, report->message, sizeof(notice->message));
	notice->message[sizeof(notice->message) - 1] = '\0';
	notice->severity = severity_of(report);
	notice->pid = report->subject.pid;
	notice->time_s = report->time_s;
	notice->rate_per_h = report->rate_bytes_per_hour;
	notice->rate_low = report->rate_low;
	notice->rate_high = report->rate_high;
	notice->since_s = report->since_s;
	notice->seconds_to_limit = report->seconds_to_limit;
	notice->verdict = report->verdict;
	notice->cause = report->cause;
}

static void add_word(notification_t *n, const char *name, const char *word)
{
	if (*word)
		plugin_notification_meta_add_string(n, name, word);
}

/* The details: exec and write_http hand them on. */
static void add_details(notification_t *n, const struct notice *notice)
{
	add_word(n, "verdict", pl_verdict_name(notice->verdict));
	add_word(n, "reason", notice->reason);
	add_word(n, "metric", notice->metric);
	add_word(n, "cause", pl_cause_name(notice->cause));
	add_word(n, "where", notice->where);
	add_word(n, "comm", notice->comm);
	add_word(n, "limit", notice->limit);
	add_word(n, "census", notice->census);
	plugin_notification_meta_add_double(n, "rate_bytes_per_hour", notice->rate_per_h);
	plugin_notification_meta_add_double(n, "rate_low", notice->rate_low);
	plugin_notification_meta_add_double(n, "rate_high", notice->rate_high);
	if (notice->pid > 0)
		plugin_notification_meta_add_signed_int(n, "pid", notice->pid);
	if (notice->since_s > 0)
		plugin_notification_meta_add_double(n, "since", notice->since_s);
	if (notice->seconds_to_limit >= 0)
		plugin_notification_meta_add_double(n, "seconds_to_limit", notice->seconds_to_limit);
}

static void send_notice(const struct notice *notice)
{
	notification_t n = { .severity = notice->severity };

	n.time = DOUBLE_TO_CDTIME_T(notice->time_s);
	snprintf(n.message, sizeof(n.message), "%s", notice->message);
	snprintf(n.host, sizeof(n.host), "%s", hostname_g);
	snprintf(n.plugin, sizeof(n.plugin), "procleak");
	snprintf(n.plugin_instance, sizeof(n.plugin_instance), "%s", notice->instance);
	snprintf(n.type, sizeof(n.type), "gauge");
	snprintf(n.type_instance, sizeof(n.type_instance), "verdict");
	add_details(&n, notice);
	plugin_dispatch_notification(&n);
	if (n.meta)
		plugin_notification_meta_free(n.meta);
}

static void destroy_sender(struct pl_sender *sender)
{
	pthread_cond_destroy(&sender->changed);
	pthread_mutex_destroy(&sender->mutex);
	free(sender);
}

static void *run_sender(void *arg)
{
	struct pl_sender *sender = arg;
	struct notice notice;
	bool abandoned;

	pthread_mutex_lock(&sender->mutex);
	while (sender->count > 0 || !sender->stopping) {
		if (sender->count == 0) {
			pthread_cond_wait(&sender->changed, &sender->mutex);
			continue;
		}
		notice = sender->queue[sender->first];
		sender->first = (sender->first + 1) % QUEUE_LENGTH;
		sender->count--;
		pthread_mutex_unlock(&sender->mutex);
		send_notice(&notice);
		pthread_mutex_lock(&sender->mutex);
	}
	sender->finished = true;
	abandoned = sender->abandoned;
	pthread_cond_broadcast(&sender->changed);
	pthread_mutex_unlock(&sender->mutex);
	if (abandoned)
		destroy_sender(sender);
	return NULL;
}

/* The daemon's signals are for its main thread: ours blocks them all. */
static int start_thread(struct pl_sender *sender)
{
	sigset_t all;
	sigset_t before;
	int error;

	if (sender->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&sender->thread, NULL, run_sender, sender);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sender->started = error == 0;
	return -error;
}

int pl_sender_push(struct pl_sender *sender, const struct pl_report *report)
{
	int error;

	pthread_mutex_lock(&sender->mutex);
	error = start_thread(sender);
	if (error == 0 && sender->count == QUEUE_LENGTH)
		error = -ENOBUFS;
	if (error == 0) {
		fill_notice(&sender->queue[(sender->first + sender->count) % QUEUE_LENGTH], report);
		sender->count++;
		pthread_cond_broadcast(&sender->changed);
	}
	pthread_mutex_unlock(&sender->mutex);
	return error;
}

static struct timespec deadline_in(double timeout_s)
{
	struct timespec deadline;
	const long whole_s = (long)timeout_s;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += whole_s;
	deadline.tv_nsec += (long)((timeout_s - (double)whole_s) * 1e9);
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	return deadline;
}

void pl_sender_free(struct pl_sender *sender, double timeout_s)
{
	const struct timespec deadline = deadline_in(timeout_s);
	bool finished;

	if (!sender)
		return;
	pthread_mutex_lock(&sender->mutex);
	sender->stopping = true;
	pthread_cond_broadcast(&sender->changed);
	while (sender->started && !sender->finished) {
		if (pthread_cond_timedwait(&sender->changed, &sender->mutex, &deadline) != 0)
			break;
	}
	finished = sender->finished || !sender->started;
	sender->abandoned = !finished;
	if (!finished)
		pthread_detach(sender->thread);
	pthread_mutex_unlock(&sender->mutex);
	if (!finished)
		return;
	if (sender->started)
		pthread_join(sender->thread, NULL);
	destroy_sender(sender);
}
