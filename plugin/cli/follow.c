#include "follow.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "say.h"

#define DRAIN_S 1.0

static volatile sig_atomic_t stop_signal;

static void on_signal(int signal)
{
	stop_signal = signal;
}

static void report_fault(void *ctx, const char *message)
{
	const struct pl_follow *follow = ctx;

	pl_cli_say("%s: %s\n", follow->program, message);
}

bool pl_follow_init(struct pl_follow *follow, const char *program)
{
	*follow = (struct pl_follow){ .program = program, .interval_s = 1 };
	follow->config = pl_config_new();
	if (!follow->config)
		fprintf(stderr, "%s: out of memory\n", program);
	else /* a terminal's cgroup holds a whole session: only when asked for */
		(void)pl_config_set(follow->config, PL_CONFIG_GLOBAL, "CollectCgroup", "false", NULL, NULL);
	return follow->config != NULL;
}

void pl_follow_free(struct pl_follow *follow)
{
	pl_config_free(follow->config);
	follow->config = NULL;
}

bool pl_follow_set(struct pl_follow *follow, const char *assignment)
{
	struct pl_config_faults faults = { report_fault, follow, 0 };
	char key[64];
	const char *equals = strchr(assignment, '=');

	if (!equals || (size_t)(equals - assignment) >= sizeof(key)) {
		pl_cli_say("%s: --set: \"%s\" is not KEY=VALUE\n", follow->program, assignment);
		return false;
	}
	memcpy(key, assignment, (size_t)(equals - assignment));
	key[equals - assignment] = '\0';
	return pl_config_set(follow->config, PL_CONFIG_GLOBAL, key, equals + 1, "--set", &faults) == 0;
}

bool pl_follow_seconds(const struct pl_follow *follow, const char *option, const char *text,
                       double *out)
{
	char *end;
	const double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value <= 0 || value > 1e9) {
		pl_cli_say("%s: %s: \"%s\" is not a number of seconds\n", follow->program, option, text);
		return false;
	}
	*out = value;
	return true;
}

static bool is_number(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

static bool exists(const struct pl_follow *follow, const char *pid)
{
	const char *root = follow->config->proc_root;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", root, pid);
	if (access(path, F_OK) == 0)
		return true;
	if (pl_cli_is_hiding(root))
		fprintf(stderr, "%s: process %s: %s\n", follow->program, pid, PL_CLI_HIDDEN);
	else
		fprintf(stderr, "%s: there is no process %s\n", follow->program, pid);
	return false;
}

static bool set_in_match(struct pl_follow *follow, int match, const char *key, const char *value,
                         struct pl_config_faults *faults)
{
	return pl_config_set(follow->config, match, key, value, NULL, faults) == 0;
}

bool pl_follow_add(struct pl_follow *follow, const char *target)
{
	struct pl_config_faults faults = { report_fault, follow, 0 };
	const bool is_pid = is_number(target);
	int match;

	if (is_pid && !exists(follow, target))
		return false;
	follow->until_gone = is_pid && (follow->until_gone || follow->config->match_count == 0);
	match = pl_config_match(follow->config, target, NULL, &faults);
	if (match < 0)
		return false;
	return set_in_match(follow, match, is_pid ? "Pid" : "Command", target, &faults) &&
	       set_in_match(follow, match, "PerProcess", "true", &faults) &&
	       set_in_match(follow, match, "MaxProcesses", "1000", &faults) &&
	       set_in_match(follow, match, "CollectContextSwitch", "true", &faults) &&
	       (!follow->children || set_in_match(follow, match, "Children", "true", &faults));
}

static void write_log(void *ctx, enum pl_severity severity, const char *message)
{
	const struct pl_follow *follow = ctx;

	if (severity <= PL_LOG_WARNING)
		pl_cli_say("%s: %s\n", follow->program, message);
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	stop_signal = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

/* Sleeps until `at_s` on the monotonic clock, or a signal. */
static void sleep_until(double at_s)
{
	const struct timespec at = { .tv_sec = (time_t)at_s,
		                         .tv_nsec = (long)((at_s - floor(at_s)) * 1e9) };

	while (!stop_signal && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void loop(const struct pl_follow *follow, struct pl_engine *engine,
                 pl_follow_ticked_fn *ticked, void *ctx)
{
	const double begin_s = pl_engine_now().mono_s;

	for (double next_s = begin_s; !stop_signal; next_s += follow->interval_s) {
		struct pl_time now;

		if (follow->for_s > 0 && next_s - begin_s > follow->for_s)
			return;
		sleep_until(next_s);
		if (stop_signal)
			return;
		now = pl_engine_now();
		/* after a suspend or a stop: go on from here, do not run after what was missed */
		if (now.mono_s - next_s > follow->interval_s)
			next_s = now.mono_s;
		pl_engine_begin(engine, now);
		(void)pl_engine_drain(engine, DRAIN_S);
		pl_engine_finish(engine);
		if (!ticked(ctx, now))
			return;
	}
}

int pl_follow_run(struct pl_follow *follow, const struct pl_emit *emit, pl_follow_ticked_fn *ticked,
                  void *ctx)
{
	struct pl_config_faults faults = { report_fault, follow, 0 };
	const struct pl_log log = { write_log, follow };
	const bool hiding = pl_cli_is_hiding(follow->config->proc_root);
	struct pl_engine *engine;
	int err;

	pl_config_finish(follow->config, &faults);
	err = pl_engine_new(&engine, follow->config, emit, &log);
	follow->config = NULL;
	if (err < 0) {
		fprintf(stderr, "%s: cannot start: %s\n", follow->program, strerror(-err));
		return PL_EXIT_USAGE;
	}
	if (hiding)
		fprintf(stderr, "%s: other users' processes: %s\n", follow->program, PL_CLI_HIDDEN);
	catch_signals();
	/* the first tick identifies, so that the first one that is shown has everybody */
	loop(follow, engine, ticked, ctx);
	pl_engine_free(engine);
	return 0;
}
