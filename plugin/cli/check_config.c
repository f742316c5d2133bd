/*
 * `procleak check-config`: what collectd's own `-t` does not tell. Takes either form of
 * configuration, tells each fault with its line, and then what would be watched.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "say.h"
#include "conf_file.h"
#include "../collectd/translate.h"

enum form { FORM_GUESS, FORM_COLLECTD, FORM_INI };

struct check {
	struct pl_config *config;
	struct pl_config_faults faults;
	bool loaded;      /* LoadPlugin procleak was seen, or a form that needs none */
	bool auto_load;   /* AutoLoadPlugin true */
	bool early_block; /* a block before LoadPlugin, which collectd ignores */
	bool cut;         /* a part of the files could not be read */
};

static const char usage[] =
	"usage: procleak check-config [--collectd|--ini] [--quiet] [FILE]...\n"
	"       procleak check-config --options\n"
	"\n"
	"Checks collectd.conf (with what it includes) or an INI file, and prints what would be\n"
	"watched. Without FILE: the configuration of the installed collectd.\n"
	"\n"
	"  --collectd  the files have collectd's syntax; --ini: they are INI files\n"
	"  --quiet     print faults only\n"
	"  --options   print every option with its unit, range and default\n"
	"\n"
	"Exit status: 0 fine, 1 faults, 2 a file cannot be read, or bad usage.\n";

static void print_fault(void *ctx, const char *message)
{
	char *line = strdup(message);

	(void)ctx;
	if (!line)
		return;
	pl_cli_clean_line(line, strlen(line));
	puts(line);
	free(line);
}

/*
 * Tells the forms apart by the first line that says something: "[section]" or "key = value" is INI,
 * anything else is collectd's.
 */
static enum form guess_form(const char *path)
{
	enum form form = FORM_COLLECTD;
	char *text;
	char *rest;
	char *line;

	if (pl_conf_slurp(path, &text) < 0)
		return form;
	rest = text;
	if (strncmp(rest, "\xef\xbb\xbf", 3) == 0)
		rest += 3;
	while ((line = strsep(&rest, "\n"))) {
		const char *equals;

		line += strspn(line, " \t\r");
		if (!*line || *line == '#' || *line == ';')
			continue;
		equals = strpbrk(line, "\"<=:");
		if (*line == '[' || (equals && (*equals == '=' || *equals == ':')))
			form = FORM_INI;
		break;
	}
	free(text);
	return form;
}

static bool names_procleak(const oconfig_item_t *item)
{
	return item->values_num > 0 && item->values[0].type == OCONFIG_TYPE_STRING &&
	       strcasecmp(item->values[0].value.string, "procleak") == 0;
}

/* Looks at the items that load or configure the plugin, in their order. */
static void check_item(void *ctx, const oconfig_item_t *item)
{
	struct check *check = ctx;
	char where[PL_CONF_PLACE_SIZE];

	if (strcasecmp(item->key, "AutoLoadPlugin") == 0 && item->values_num == 1)
		check->auto_load =
			item->values[0].type == OCONFIG_TYPE_BOOLEAN && item->values[0].value.boolean;
	if (!names_procleak(item))
		return;
	if (strcasecmp(item->key, "LoadPlugin") == 0)
		check->loaded = true;
	if (strcasecmp(item->key, "Plugin") != 0)
		return;
	if (check->auto_load)
		check->loaded = true;
	if (!check->loaded && !check->early_block) {
		check->early_block = true;
		pl_config_fault(&check->faults, pl_conf_place(where, item),
		                "<Plugin procleak> has no LoadPlugin procleak before it: collectd "
		                "ignores it");
	}
	pl_collectd_translate(check->config, item, pl_conf_place, where, &check->faults);
}

/* It could not be read again, once its form was guessed. */
static bool is_pipe(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int check_file(struct check *check, const char *path, enum form form)
{
	int error;

	if (access(path, R_OK) != 0) {
		error = -errno;
	} else if (form == FORM_GUESS && is_pipe(path)) {
		pl_cli_say("procleak check-config: %s can be read once: say --collectd or --ini\n", path);
		return PL_EXIT_USAGE;
	} else if ((form == FORM_GUESS ? guess_form(path) : form) == FORM_INI) {
		error = pl_config_read_ini(check->config, path, &check->faults);
		check->loaded = true;
	} else {
		error = pl_conf_read(path, "procleak", check_item, check, &check->faults);
	}
	check->cut |= error > 0;
	if (error >= 0)
		return PL_EXIT_OK;
	pl_cli_say("procleak check-config: %s: %s\n", path, strerror(-error));
	return PL_EXIT_USAGE;
}

/* Names and patterns may hold anything, line by line. */
static void print_clean(char *text)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (!text && !*line)
			return;
		pl_cli_clean_line(line, strlen(line));
		puts(line);
	}
}

static void print_summary(const struct check *check)
{
	const struct pl_config *config = check->config;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out) {
		pl_config_print_summary(out, config);
		if (fclose(out) == 0)
			print_clean(text);
		free(text);
	}
	if (config->auto_enabled)
		printf("every process of more than %.0f MiB is watched (Auto)\n",
		       (double)config->auto_min_size_bytes / 1048576.0);
}

static const char *installed_config(void)
{
	static const char *const paths[] = { "/etc/collectd/collectd.conf", "/etc/collectd.conf",
		                                 "/opt/collectd/etc/collectd.conf" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	}
	return NULL;
}

static int check_files(int count, char **paths, enum form form, bool quiet)
{
	struct check check = { .faults = { .report = print_fault } };
	const char *fallback = count == 0 ? installed_config() : NULL;
	int status = PL_EXIT_OK;

	if (count == 0 && !fallback) {
		fputs("procleak check-config: no collectd.conf is installed; name a file\n", stderr);
		return PL_EXIT_USAGE;
	}
	check.config = pl_config_new();
	if (!check.config) {
		fputs("procleak check-config: out of memory\n", stderr);
		return PL_EXIT_USAGE;
	}
	if (fallback)
		status = check_file(&check, fallback, form);
	for (int i = 0; i < count && status == PL_EXIT_OK; i++)
		status = check_file(&check, paths[i], form);
	pl_config_finish(check.config, &check.faults);
	if (check.config->incomplete) {
		fputs("procleak check-config: out of memory\n", stderr);
		status = PL_EXIT_USAGE;
	}
	if (status == PL_EXIT_OK && !check.cut && !check.loaded && !check.early_block)
		pl_config_fault(&check.faults, fallback ? fallback : paths[0],
		                "procleak is not loaded: there is no LoadPlugin procleak");
	if (status == PL_EXIT_OK && check.cut && !quiet)
		puts("what would be watched is not known: not all could be read");
	else if (status == PL_EXIT_OK && check.loaded && !quiet)
		print_summary(&check);
	if (status == PL_EXIT_OK && check.faults.count > 0)
		status = PL_EXIT_ALARM;
	pl_config_free(check.config);
	return status;
}

int pl_cli_check_config(int argc, char **argv)
{
	static const struct option options[] = {
		{ "collectd", no_argument, NULL, 'c' }, { "ini", no_argument, NULL, 'i' },
		{ "quiet", no_argument, NULL, 'q' },    { "options", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },     { NULL, 0, NULL, 0 },
	};
	enum form form = FORM_GUESS;
	bool quiet = false;
	int option;

	while ((option = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
		if (option == 'c')
			form = FORM_COLLECTD;
		else if (option == 'i')
			form = FORM_INI;
		else if (option == 'q')
			quiet = true;
		else if (option == 'o') {
			pl_config_print_options(stdout);
			return PL_EXIT_OK;
		} else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? PL_EXIT_OK : PL_EXIT_USAGE;
		}
	}
	return check_files(argc - optind, argv + optind, form, quiet);
}
