#include "setup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

#define PROGRAM "procleak.plugin"
#define CONFIG_FILE "procleak.conf"
#define STATE_FILE "procleak.json"
#define EVIDENCE_DIR "procleak-evidence"
#define UPDATE_EVERY_MAX_S 3600

/* --- command line ------------------------------------------------------------------------------
 */

static bool parse_number(const char *text, long most, long *out)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end || value < 1 || value > most)
		return false;
	*out = value;
	return true;
}

static bool take_argument(const char *argument, struct pl_setup *setup)
{
	long number;

	if (strcmp(argument, "debug") == 0)
		setup->debug = true;
	else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
		setup->usage = true;
	else if (strcmp(argument, "--version") == 0 || strcmp(argument, "-v") == 0)
		setup->version = true;
	else if (strncmp(argument, "config=", 7) == 0 && argument[7])
		setup->config = argument + 7;
	else if (strcmp(argument, "sandbox=no") == 0)
		setup->no_sandbox = true;
	else if (strncmp(argument, "ticks=", 6) == 0 && parse_number(argument + 6, INT_MAX, &number))
		setup->tick_count = (unsigned)number;
	else if (parse_number(argument, UPDATE_EVERY_MAX_S, &number))
		setup->update_every_s = (int)number;
	else
		return false;
	return true;
}

const char *pl_setup_arguments(int argc, char **argv, struct pl_setup *out)
{
	const char *wrong = NULL;

	*out = (struct pl_setup){ .update_every_s = 1 };
	for (int i = 1; i < argc; i++)
		if (!take_argument(argv[i], out) && !wrong)
			wrong = argv[i];
	return wrong;
}

void pl_setup_usage(void)
{
	puts("usage: " PROGRAM " [UPDATE_EVERY] [debug] [ticks=N] [config=FILE] [sandbox=no]\n"
	     "\n"
	     "Netdata starts it. UPDATE_EVERY is in seconds. In a shell, `" PROGRAM " 1 debug` prints\n"
	     "what Netdata would read, and on standard error all that there is to say; `ticks=N` ends\n"
	     "it after so many readings. Without config=FILE it reads " CONFIG_FILE " in\n"
	     "$NETDATA_USER_CONFIG_DIR (/etc/netdata), then in $NETDATA_STOCK_CONFIG_DIR.\n"
	     "It allows itself no other system calls than it needs, unless sandbox=no.");
}

/* --- log ---------------------------------------------------------------------------------------
 */

static const struct {
	const char *word;  /* of 1.37's lines */
	const char *level; /* of logfmt */
} severities[] = {
	[PL_LOG_ERROR] = { "ERROR", "error" },  [PL_LOG_WARNING] = { "ERROR", "warning" },
	[PL_LOG_NOTICE] = { "INFO", "notice" }, [PL_LOG_INFO] = { "INFO", "info" },
	[PL_LOG_DEBUG] = { "DEBUG", "debug" },
};

static struct {
	enum pl_severity most; /* nothing less severe is logged */
	bool logfmt;           /* since 1.44 the daemon wants it, and says so in the environment */
} logging;

/* A message in quotes: what would end them is replaced. */
static void print_logfmt(enum pl_severity severity, const char *message)
{
	char quoted[1024];
	char stamp[32] = "";
	struct timespec now;
	struct tm tm;
	size_t len = 0;

	for (; *message && len + 1 < sizeof(quoted); message++)
		quoted[len++] = *message == '"' || *message == '\\' ? '\'' : *message;
	quoted[len] = '\0';
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "time=%s.%03ldZ comm=" PROGRAM " source=collector level=%s msg=\"%s\"\n", stamp,
	        now.tv_nsec / 1000000, severities[severity].level, quoted);
}

static void print_classic(enum pl_severity severity, const char *message)
{
	const time_t now = time(NULL);
	char stamp[32] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(stderr, "%s: " PROGRAM " %s : %s\n", stamp, severities[severity].word, message);
}

static void write_log(void *ctx, enum pl_severity severity, const char *message)
{
	(void)ctx;
	if (severity > logging.most)
		return;
	if (logging.logfmt)
		print_logfmt(severity, message);
	else
		print_classic(severity, message);
}

static enum pl_severity most_by_environment(void)
{
	const char *level = getenv("NETDATA_LOG_LEVEL");

	for (size_t i = 0; level && i < sizeof(severities) / sizeof(severities[0]); i++)
		if (strcasecmp(level, severities[i].level) == 0)
			return (enum pl_severity)i;
	return PL_LOG_INFO;
}

const struct pl_log *pl_setup_log(bool debug)
{
	static const struct pl_log log = { .write = write_log };

	logging.most = debug ? PL_LOG_DEBUG : most_by_environment();
	logging.logfmt = getenv("NETDATA_LOG_FORMAT") != NULL;
	setvbuf(stderr, NULL, _IOLBF, 0);
	return &log;
}

/* --- configuration -----------------------------------------------------------------------------
 */

struct fault_sink {
	const struct pl_log *log;
};

static void report_fault(void *ctx, const char *message)
{
	const struct fault_sink *sink = ctx;

	pl_log_write(sink->log, PL_LOG_ERROR, "%s", message);
}

/* In a sticky directory nobody replaces the files of others. */
static bool is_open_to_all(const struct stat *info)
{
	return (info->st_mode & S_IWOTH) && !(info->st_mode & S_ISVTX);
}

/* Both the file and the directory it can be replaced in. */
static bool is_trustworthy(const char *path, const struct pl_log *log)
{
	char directory[PATH_MAX];
	const char *fault = NULL;
	struct stat info;
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash == directory)
		slash++;
	if (slash)
		*slash = '\0';
	else
		snprintf(directory, sizeof(directory), ".");
	/* what cannot be looked at cannot be opened: that is said then */
	if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
		fault = "it is not a regular file, so it is not read, and nothing is watched";
	else if ((stat(path, &info) == 0 && is_open_to_all(&info)) ||
	         (stat(directory, &info) == 0 && is_open_to_all(&info)))
		fault = "everybody can write to it or to its directory, so it is not read, and nothing "
				"is watched; chmod o-w it";
	if (fault)
		pl_log_write(log, PL_LOG_ERROR, "%s: %s", path, fault);
	return !fault;
}

/* The usual place of the configuration that is there, or false. */
static bool find_config(char *out, size_t size)
{
	const char *const directories[] = {
		getenv("NETDATA_USER_CONFIG_DIR"),
		getenv("NETDATA_STOCK_CONFIG_DIR"),
		"/etc/netdata",
	};

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		if (!directories[i] || !directories[i][0])
			continue;
		snprintf(out, size, "%s/" CONFIG_FILE, directories[i]);
		if (access(out, F_OK) == 0)
			return true;
		/* within Netdata, another Netdata's directory is none of ours */
		if (i == 1)
			return false;
	}
	return false;
}

static void set_state_file(struct pl_config *config)
{
	const char *directory = getenv("NETDATA_LIB_DIR");
	char path[PATH_MAX];

	if (!directory || !directory[0])
		return;
	snprintf(path, sizeof(path), "%s/" STATE_FILE, directory);
	pl_config_set(config, PL_CONFIG_GLOBAL, "StateFile", path, NULL, NULL);
	snprintf(path, sizeof(path), "%s/" EVIDENCE_DIR, directory);
	pl_config_set(config, PL_CONFIG_GLOBAL, "EvidenceDir", path, NULL, NULL);
}

/* Proc of the host, where Netdata was told that it is elsewhere. */
static void set_proc_root(struct pl_config *config)
{
	const char *prefix = getenv("NETDATA_HOST_PREFIX");
	char path[PATH_MAX];

	if (!prefix || !prefix[0])
		return;
	snprintf(path, sizeof(path), "%s/proc", prefix);
	pl_config_set(config, PL_CONFIG_GLOBAL, "ProcFS", path, NULL, NULL);
	snprintf(path, sizeof(path), "%s/sys/fs/cgroup", prefix);
	pl_config_set(config, PL_CONFIG_GLOBAL, "CgroupFS", path, NULL, NULL);
}

/* Returns 0, or -errno when the plugin must not run on with it. */
static int read_config(struct pl_config *config, const struct pl_setup *setup,
                       const struct pl_log *log, struct pl_config_faults *faults)
{
	char path[PATH_MAX];
	int error;

	if (setup->config) {
		snprintf(path, sizeof(path), "%s", setup->config);
	} else if (!find_config(path, sizeof(path))) {
		pl_log_write(log, PL_LOG_INFO, "no " CONFIG_FILE ": every large process is watched");
		return 0;
	}
	if (!is_trustworthy(path, log))
		return -EPERM;
	error = pl_config_read_ini(config, path, faults);
	if (error == 0)
		pl_log_write(log, PL_LOG_INFO, "read %s", path);
	else
		pl_log_write(log, PL_LOG_ERROR, "%s: %s", path, strerror(-error));
	return error;
}

int pl_setup_config(const struct pl_setup *setup, const struct pl_log *log, struct pl_config **out,
                    unsigned *fault_count)
{
	struct fault_sink sink = { log };
	struct pl_config_faults faults = { report_fault, &sink, 0 };
	struct pl_config *config = pl_config_new();
	int error;

	if (!config) {
		pl_log_write(log, PL_LOG_ERROR, "out of memory");
		return -ENOMEM;
	}
	set_state_file(config);
	set_proc_root(config);
	error = read_config(config, setup, log, &faults);
	if (error < 0) {
		pl_config_free(config);
		return error;
	}
	pl_config_finish(config, &faults);
	*fault_count = faults.count;
	*out = config;
	return 0;
}
