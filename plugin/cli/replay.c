/* `procleak replay`: what the detector says of recorded traces. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "say.h"
#include "replay.h"

static const char usage[] =
	"usage: procleak replay [OPTION]... TRACE...\n"
	"Run the detector over traces (CSV as `procleak record` writes; - is standard input)\n"
	"and print a JSON line per change of verdict, then a summary per trace.\n\n"
	"  --config FILE       settings, as for Netdata; [process NAME] applies to NAME.csv\n"
	"  --time-scale N      make every duration of the detector N times shorter\n"
	"  --set KEY=VALUE     one setting, over those of the file; may be repeated\n"
	"  --verbose           tell on standard error which gates held or failed\n\n"
	"Exit: 0 no alarm, 1 an alarm, 2 bad usage or input.\n";

static void print_fault(void *ctx, const char *message)
{
	(void)ctx;
	pl_cli_say("procleak replay: %s\n", message);
}

static bool set_pair(struct pl_config *config, const char *pair, struct pl_config_faults *faults)
{
	/* getopt_long() gives every option that wants an argument one */
	const char *equals = strchr(pair, '='); /* NOLINT(clang-analyzer-core.NonNullParamChecker) */
	char key[64];

	if (!equals || equals == pair || (size_t)(equals - pair) >= sizeof key) {
		pl_cli_say("procleak replay: --set %s: want KEY=VALUE\n", pair);
		return false;
	}
	memcpy(key, pair, (size_t)(equals - pair));
	key[equals - pair] = '\0';
	return pl_config_set(config, PL_CONFIG_GLOBAL, key, equals + 1, "--set", faults) == 0;
}

struct arguments {
	const char *config_path;
	const char *time_scale;
	bool verbose;
	bool help;
	const char *pairs[64];
	size_t pair_count;
};

static bool parse_arguments(int argc, char **argv, struct arguments *args)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "time-scale", required_argument, NULL, 't' },
		{ "set", required_argument, NULL, 's' },    { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "c:t:s:vh", options, NULL)) != -1) {
		if (c == 'c')
			args->config_path = optarg;
		else if (c == 't')
			args->time_scale = optarg;
		else if (c == 'v')
			args->verbose = true;
		else if (c == 'h')
			args->help = true;
		else if (c == 's' && args->pair_count < sizeof args->pairs / sizeof args->pairs[0])
			args->pairs[args->pair_count++] = optarg;
		else
			return false;
	}
	return args->help || optind < argc;
}

static bool load_config(const struct arguments *args, struct pl_config *config)
{
	struct pl_config_faults faults = { .report = print_fault };

	/* what a trace has was read already; it may be left out of account by --set all the same */
	(void)pl_config_set(config, PL_CONFIG_GLOBAL, "IdleMemory", "true", NULL, &faults);
	if (args->config_path) {
		const int err = pl_config_read_ini(config, args->config_path, &faults);
		if (err) {
			pl_cli_say("procleak replay: %s: %s\n", args->config_path, strerror(-err));
			return false;
		}
	}
	for (size_t i = 0; i < args->pair_count; i++)
		if (!set_pair(config, args->pairs[i], &faults))
			return false;
	if (args->time_scale && pl_config_set(config, PL_CONFIG_GLOBAL, "TimeScale", args->time_scale,
	                                      "--time-scale", &faults))
		return false;
	if (faults.count > 0)
		return false;
	faults.report = NULL; /* a match without a condition is fine here: its name is a trace's */
	pl_config_finish(config, &faults);
	if (config->incomplete)
		fputs("procleak replay: out of memory\n", stderr);
	return !config->incomplete;
}

/* Settings of the match that is called like the trace, or the global ones. */
static const struct pl_settings *settings_for(const struct pl_config *config, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	const size_t len = strcspn(base, ".");

	for (size_t i = 0; i < config->match_count; i++)
		if (strncmp(config->matches[i].name, base, len) == 0 &&
		    config->matches[i].name[len] == '\0')
			return &config->matches[i].settings;
	return &config->settings;
}

static int replay_file(const struct pl_config *config, const char *path, bool verbose)
{
	const bool is_stdin = strcmp(path, "-") == 0;
	const char *name = is_stdin ? "<stdin>" : path;
	const struct pl_replay_options options = {
		.time_scale = config->time_scale,
		.verbose = verbose,
		.settings = settings_for(config, path),
	};
	struct pl_summary summary;
	const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		pl_cli_say("%s: %s\n", name, strerror(errno));
		return PL_EXIT_USAGE;
	}
	int err = pl_replay_run(fd, name, &options, stdout, &summary);
	if (!is_stdin)
		close(fd);
	if (err == 0) {
		summary.file = path;
		err = pl_lines_summary(stdout, &summary);
		if (fflush(stdout) == EOF)
			err = -EIO;
	}
	if (err && err != -EBADMSG)
		pl_cli_say("%s: %s\n", name, strerror(-err));
	if (err)
		return PL_EXIT_USAGE;
	return summary.alarm_count > 0 ? PL_EXIT_ALARM : PL_EXIT_OK;
}

int pl_cli_replay(int argc, char **argv)
{
	struct arguments args = { .pair_count = 0 };
	int worst = PL_EXIT_OK;

	if (!parse_arguments(argc, argv, &args)) {
		fputs(usage, stderr);
		return PL_EXIT_USAGE;
	}
	if (args.help) {
		fputs(usage, stdout);
		return PL_EXIT_OK;
	}
	struct pl_config *config = pl_config_new();
	if (!config || !load_config(&args, config)) {
		pl_config_free(config);
		return PL_EXIT_USAGE;
	}
	for (int i = optind; i < argc; i++) {
		const int code = replay_file(config, argv[i], args.verbose);
		worst = code > worst ? code : worst;
	}
	pl_config_free(config);
	return worst;
}
