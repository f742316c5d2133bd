/*
 * The collectd plugin: hands collectd's configuration to the core, and the core's readings and
 * reports to collectd. No callback ever fails: a config callback that does stops the daemon, and a
 * read callback that does has its interval doubled.
 */
#include <collectd/core/daemon/collectd.h>
#include <collectd/core/daemon/plugin.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "sender.h"
#include "series.h"
#include "translate.h"

#define EVIDENCE_DIR "procleak-evidence"
#define STATE_FILE "procleak.json" /* below the daemon's BaseDir, unless the user names another */
#define SENDER_TIMEOUT_S 0.5

/* The match whose Notify differs from the global one. */
struct exception {
	char name[PL_NAME_SIZE];
};

/* collectd's callbacks carry no context, so that the host alone has a global. */
static struct {
	struct pl_engine *engine;
	struct pl_sender *sender;
	oconfig_item_t **blocks; /* <Plugin> blocks, kept until the engine runs */
	size_t block_count;
	bool block_lost; /* half a configuration is none: never starts */
	struct exception *exceptions;
	size_t exception_count;
	bool notify;
	struct pl_complaint start_complaint;
	struct pl_complaint sender_complaint;
} host;

static void write_log(void *ctx, enum pl_severity severity, const char *message)
{
	static const int levels[] = {
		[PL_LOG_ERROR] = LOG_ERR, [PL_LOG_WARNING] = LOG_WARNING, [PL_LOG_NOTICE] = LOG_NOTICE,
		[PL_LOG_INFO] = LOG_INFO, [PL_LOG_DEBUG] = LOG_DEBUG,
	};

	(void)ctx;
	plugin_log(levels[severity], "procleak: %s", message);
}

static const struct pl_log log_sink = { .write = write_log };

static void report_fault(void *ctx, const char *message)
{
	(void)ctx;
	plugin_log(LOG_ERR, "procleak: %s", message);
}

/*
 * Settings of every block so far, with the defaults of this host. Returns NULL when out of memory.
 * A private copy of the tree is translated anew whenever the engine needs it; faults are told by
 * the caller that passes `faults`.
 */
static struct pl_config *build_config(struct pl_config_faults *faults)
{
	struct pl_config *config = pl_config_new();

	if (!config)
		return NULL;
	pl_config_set(config, PL_CONFIG_GLOBAL, "StateFile", STATE_FILE, NULL, NULL);
	pl_config_set(config, PL_CONFIG_GLOBAL, "EvidenceDir", EVIDENCE_DIR, NULL, NULL);
	for (size_t i = 0; i < host.block_count; i++)
		pl_collectd_translate(config, host.blocks[i], NULL, NULL, faults);
	return config;
}

static void free_blocks(void)
{
	for (size_t i = 0; i < host.block_count; i++)
		oconfig_free(host.blocks[i]);
	free(host.blocks);
	host.blocks = NULL;
	host.block_count = 0;
	host.block_lost = false;
}

/* Called once for each <Plugin procleak> block. */
static int take_config(oconfig_item_t *block)
{
	oconfig_item_t **grown =
		realloc(host.blocks, (host.block_count + 1) * sizeof(oconfig_item_t *));
	oconfig_item_t *copy = grown ? oconfig_clone(block) : NULL;

	if (grown)
		host.blocks = grown;
	if (copy)
		host.blocks[host.block_count++] = copy;
	else if (!host.block_lost)
		plugin_log(LOG_ERR, "procleak: there is no memory for its configuration: nothing will be "
		                    "watched until collectd is restarted");
	host.block_lost |= !copy;
	return 0;
}

/* The daemon has changed to its BaseDir by now; messages should name files in full. */
static void complete_path(struct pl_config *config, const char *option, const char *given)
{
	char *directory;
	char *path;

	if (!given[0] || given[0] == '/')
		return;
	directory = getcwd(NULL, 0);
	if (directory && asprintf(&path, "%s/%s", directory, given) >= 0) {
		pl_config_set(config, PL_CONFIG_GLOBAL, option, path, NULL, NULL);
		free(path);
	}
	free(directory);
}

static void remember_notify(struct pl_config *config)
{
	host.notify = config->settings.notify;
	host.exception_count = 0;
	free(host.exceptions);
	host.exceptions = calloc(config->match_count + 1, sizeof(host.exceptions[0]));
	if (!host.exceptions) {
		config->incomplete = true;
		return;
	}
	for (size_t i = 0; i < config->match_count; i++) {
		struct exception *e = &host.exceptions[host.exception_count];

		if (config->matches[i].settings.notify == host.notify)
			continue;
		snprintf(e->name, sizeof(e->name), "%s", config->matches[i].name);
		host.exception_count++;
	}
}

static bool wants_notice(const struct pl_report *report)
{
	if (!report->alarm && !report->recovered && !report->followup)
		return false;
	for (size_t i = 0; i < host.exception_count; i++) {
		if (strcmp(host.exceptions[i].name, report->subject.match) == 0)
			return !host.notify;
	}
	return host.notify;
}

static void take_reading(void *ctx, const struct pl_reading *reading)
{
	(void)ctx;
	pl_series_send_reading(reading);
}

static void take_self(void *ctx, const struct pl_self *self)
{
	(void)ctx;
	pl_series_send_self(self);
}

static void take_report(void *ctx, const struct pl_report *report)
{
	int error;

	(void)ctx;
	if (!wants_notice(report))
		return;
	if (!host.sender)
		host.sender = pl_sender_new();
	error = host.sender ? pl_sender_push(host.sender, report) : -ENOMEM;
	/* no word when it works again: a queue that is full now and then would flap */
	if (error == 0)
		return;
	pl_log_complain(&log_sink, &host.sender_complaint, pl_engine_now().mono_s, PL_LOG_ERROR,
	                "a notification is lost, since %s: %s",
	                error == -ENOBUFS ? "the plugins that take them hang" : strerror(-error),
	                report->message);
}

/* Starts the engine, or says why not: a proc root that is missing may come with a later mount. */
static void start_engine(struct pl_config_faults *faults)
{
	static const struct pl_emit emit = {
		.reading = take_reading,
		.report = take_report,
		.self = take_self,
	};
	struct pl_config *config = build_config(faults);
	char root[256] = "";
	int error = -ENOMEM;

	if (config) {
		pl_config_finish(config, faults);
		complete_path(config, "StateFile", config->state_file);
		complete_path(config, "EvidenceDir", config->evidence_dir);
		remember_notify(config);
		snprintf(root, sizeof(root), "%s", config->proc_root);
		error = pl_engine_new(&host.engine, config, &emit, &log_sink);
	}
	if (error == 0) {
		pl_log_release(&log_sink, &host.start_complaint, PL_LOG_NOTICE, "started at last");
		free_blocks();
		return;
	}
	host.engine = NULL;
	pl_log_complain(&log_sink, &host.start_complaint, pl_engine_now().mono_s, PL_LOG_ERROR,
	                error == -ENOMEM
	                    ? "cannot start for want of memory; trying again at each read"
	                    : "cannot start on ProcFS \"%s\": %s; trying again at each read",
	                root, strerror(-error));
}

static int start_plugin(void)
{
	struct pl_config_faults faults = { .report = report_fault };

	if (!host.engine && !host.block_lost)
		start_engine(&faults);
	return 0;
}

static int read_plugin(void)
{
	if (!host.engine && !host.block_lost)
		start_engine(NULL);
	if (host.engine)
		pl_engine_tick(host.engine, pl_engine_now());
	return 0;
}

static int stop_plugin(void)
{
	pl_engine_free(host.engine);
	host.engine = NULL;
	pl_sender_free(host.sender, SENDER_TIMEOUT_S);
	host.sender = NULL;
	free_blocks();
	free(host.exceptions);
	host.exceptions = NULL;
	host.exception_count = 0;
	return 0;
}

__attribute__((visibility("default"))) void module_register(void)
{
	plugin_register_complex_config("procleak", take_config);
	plugin_register_init("procleak", start_plugin);
	plugin_register_read("procleak", read_plugin);
	plugin_register_shutdown("procleak", stop_plugin);
}
