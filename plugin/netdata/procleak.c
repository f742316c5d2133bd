/*
 * The Netdata plugin: a program that Netdata starts, that prints charts and answers calls, and that
 * ends when Netdata does. Hands the configuration to the core, the core's readings to the charts.
 *
 * It is never silent for longer than an interval, prints no word that an old daemon would not know,
 * and ends on the end of its standard input, on QUIT, when nobody reads its output any more, and
 * when its parent is gone.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "function.h"
#include "requests.h"
#include "rights.h"
#include "sandbox.h"
#include "setup.h"
#include "subjects.h"
#include "wire.h"

#ifndef PL_VERSION
#define PL_VERSION "0.1.0"
#endif

#define ALIVE_S                                                                                    \
	30.0 /* without output for so long: an empty line; daemons get impatient at 60 s               \
	      */

static volatile sig_atomic_t stop_signal;

struct host {
	struct pl_setup setup;
	const struct pl_log *log;
	struct pl_wire wire;
	struct pl_subjects subjects;
	struct pl_requests requests;
	struct pl_engine *engine;
	struct pl_procfs fs; /* for labels; the engine has its own */
	struct pl_complaint dropped_complaint;
	unsigned config_faults;
	unsigned missing_capabilities;
	pid_t parent;
	bool watch_stdin;
};

static void on_signal(int signal)
{
	stop_signal = signal;
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void take_reading(void *ctx, const struct pl_reading *reading)
{
	struct host *host = ctx;

	pl_subjects_reading(&host->subjects, reading);
}

static void take_report(void *ctx, const struct pl_report *report)
{
	struct host *host = ctx;

	pl_subjects_report(&host->subjects, report);
	if (report->alarm || report->recovered || report->followup)
		pl_log_write(host->log, PL_LOG_NOTICE, "%s", report->message);
	else
		pl_log_write(host->log, PL_LOG_DEBUG, "%s", report->message);
}

static void take_self(void *ctx, const struct pl_self *self)
{
	struct host *host = ctx;
	const struct pl_plugin_self plugin = {
		.engine = *self,
		.config_faults = host->config_faults,
		.missing_capabilities = host->missing_capabilities,
		.dropped_subjects = host->subjects.dropped_count,
	};

	pl_subjects_self(&host->subjects, &plugin);
}

static void complain_dropped(struct host *host, double now_s)
{
	if (host->subjects.dropped_count > 0)
		pl_log_complain(host->log, &host->dropped_complaint, now_s, PL_LOG_WARNING,
		                "%u matches and processes have no charts: %d is the most",
		                host->subjects.dropped_count, PL_SUBJECT_MAX);
	else
		pl_log_release(host->log, &host->dropped_complaint, PL_LOG_NOTICE,
		               "every match and process has its charts again");
}

static void tick(struct host *host)
{
	const struct pl_time now = pl_engine_now();

	pl_subjects_begin(&host->subjects);
	pl_engine_tick(host->engine, now);
	pl_subjects_end(&host->subjects, now.mono_s);
	complain_dropped(host, now.mono_s);
	pl_wire_alive(&host->wire);
}

/* Says why it ends. Returns false, for callers to hand on. */
static bool end_because(const struct host *host, const char *why)
{
	pl_log_write(host->log, PL_LOG_INFO, "ends: %s", why);
	return false;
}

static bool flush(struct host *host)
{
	const int error = pl_wire_flush(&host->wire, STDOUT_FILENO);

	return error == 0 || end_because(host, strerror(-error));
}

static void take_call(void *ctx, const char *transaction, const char *function)
{
	struct host *host = ctx;

	if (!pl_function_answer(&host->subjects, &host->wire, transaction, function,
	                        pl_engine_now().wall_s))
		pl_log_write(host->log, PL_LOG_WARNING, "a call of a function could not be answered");
}

static bool take_input(struct host *host)
{
	char bytes[4096];
	const ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (len <= 0 && host->setup.debug) {
		host->watch_stdin = false;
		return true;
	}
	if (len <= 0)
		return end_because(host, "standard input is closed");
	if (!pl_requests_feed(&host->requests, bytes, (size_t)len, take_call, host))
		return end_because(host, "Netdata says so");
	return flush(host);
}

/* Netdata may have died without closing our input: other children of it can hold the pipe. */
static bool has_parent(const struct host *host)
{
	return host->setup.debug || getppid() == host->parent || end_because(host, "Netdata is gone");
}

/* Answers calls until it is time for the next tick. Returns false when it is time to end. */
static bool wait_until(struct host *host, double at_s)
{
	double left_s;

	while ((left_s = at_s - pl_engine_now().mono_s) > 0) {
		struct pollfd input = { .fd = host->watch_stdin ? STDIN_FILENO : -1, .events = POLLIN };
		int ready;

		if (stop_signal)
			return end_because(host, "a signal says so");
		ready = poll(&input, 1, (int)ceil(fmin(left_s, 1.0) * 1000));
		if (ready > 0 && !take_input(host))
			return false;
		if (!has_parent(host))
			return false;
	}
	return !stop_signal || end_because(host, "a signal says so");
}

static void loop(struct host *host)
{
	double next_s = pl_engine_now().mono_s;

	for (unsigned i = 0; host->setup.tick_count == 0 || i < host->setup.tick_count; i++) {
		double now_s;
		double alive_s;

		tick(host);
		if (!flush(host))
			return;
		now_s = pl_engine_now().mono_s;
		alive_s = now_s;
		next_s += host->setup.update_every_s;
		if (next_s < now_s) /* stopped or suspended: do not run after what was missed */
			next_s = now_s + host->setup.update_every_s;
		while (next_s - alive_s > ALIVE_S) {
			alive_s += ALIVE_S;
			if (!wait_until(host, alive_s))
				return;
			pl_wire_alive(&host->wire);
			if (!flush(host))
				return;
		}
		if (!wait_until(host, next_s))
			return;
	}
}

/* Netdata is not to start it again as it is. */
static int refuse(struct host *host)
{
	pl_wire_disable(&host->wire);
	(void)pl_wire_flush(&host->wire, STDOUT_FILENO);
	pl_wire_free(&host->wire);
	return EXIT_FAILURE;
}

/* What the host lacks now it may have later. Netdata starts again what ends well without a word,
 * ten times before it gives up; what fails, or says DISABLE, never again. */
static int give_up(struct host *host, int error)
{
	if (error != -ENOMEM && error != -EAGAIN && error != -EMFILE && error != -ENFILE)
		return refuse(host);
	pl_log_write(host->log, PL_LOG_ERROR, "cannot start now (%s): Netdata will try again",
	             strerror(-error));
	pl_wire_free(&host->wire);
	return EXIT_SUCCESS;
}

static void enter_sandbox(const struct host *host)
{
	const int error = host->setup.no_sandbox ? 0 : pl_sandbox_enter();

	if (host->setup.no_sandbox)
		pl_log_write(host->log, PL_LOG_WARNING, "system calls are not limited: sandbox=no");
	else if (error < 0)
		pl_log_write(host->log, PL_LOG_NOTICE, "system calls cannot be limited here: %s",
		             strerror(-error));
}

static int run(struct host *host)
{
	const struct pl_emit emit = { host, take_reading, take_report, take_self };
	struct pl_config *config;
	int error = pl_setup_config(&host->setup, host->log, &config, &host->config_faults);

	if (error < 0)
		return give_up(host, error);
	host->missing_capabilities = pl_rights_use(host->log);
	enter_sandbox(host);
	error = pl_procfs_open(&host->fs, config->proc_root, config->cgroup_root);
	if (error < 0)
		pl_config_free(config);
	else
		error = pl_engine_new(&host->engine, config, &emit, host->log);
	if (error < 0) {
		pl_log_write(host->log, PL_LOG_ERROR, "cannot start: %s", strerror(-error));
		return give_up(host, error);
	}
	pl_subjects_init(&host->subjects, &host->wire, &host->fs, host->setup.update_every_s);
	pl_wire_function(&host->wire, PL_FUNCTION_NAME, PL_FUNCTION_TIMEOUT_S, PL_FUNCTION_HELP,
	                 PL_FUNCTION_TAGS);
	loop(host);
	pl_engine_free(host->engine);
	pl_procfs_close(&host->fs);
	pl_subjects_free(&host->subjects);
	pl_wire_free(&host->wire);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct host host = { .watch_stdin = true, .parent = getppid() };
	const char *wrong = pl_setup_arguments(argc, argv, &host.setup);
	int error;

	host.log = pl_setup_log(host.setup.debug);
	if (host.setup.usage || host.setup.version) {
		if (host.setup.usage)
			pl_setup_usage();
		else
			puts("procleak.plugin " PL_VERSION);
		return EXIT_SUCCESS;
	}
	if (wrong)
		pl_log_write(host.log, PL_LOG_WARNING, "\"%s\" is not understood; see --help", wrong);
	error = pl_rights_reduce();
	if (error < 0) {
		pl_log_write(host.log, PL_LOG_ERROR, "%s",
		             error == -EPERM ? "it must not be setuid or setgid; see setcap(8)"
		                             : strerror(-error));
		return give_up(&host, error);
	}
	catch_signals();
	return run(&host);
}
