/* The life of a configuration: matches, defaults, what is handed down. Keys: set.c. */
#include "config/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"

#define FAULT_SIZE 1024
#define COMM_LENGTH 15 /* the kernel's TASK_COMM_LEN, less its NUL */

void pl_config_fault(struct pl_config_faults *faults, const char *where, const char *format, ...)
{
	char message[FAULT_SIZE];
	size_t len = 0;
	va_list args;

	if (!faults)
		return;
	faults->count++;
	if (!faults->report)
		return;
	if (where) {
		snprintf(message, sizeof(message), "%.*s: ", FAULT_SIZE / 2, where);
		len = strlen(message);
	}
	va_start(args, format);
	vsnprintf(message + len, sizeof(message) - len, format, args);
	va_end(args);
	for (char *c = message; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	faults->report(faults->ctx, message);
}

struct pl_config *pl_config_new(void)
{
	struct pl_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *option = &pl_options[i];

		if (!option->preset || option->in_config == PL_OPTION_NOWHERE)
			continue;
		if (pl_config_set(config, PL_CONFIG_GLOBAL, option->key, option->preset, NULL, NULL) == 0)
			continue;
		pl_config_free(config);
		return NULL;
	}
	/* what follows is what somebody asked for */
	config->set_mask = 0;
	return config;
}

static void free_match(struct pl_match *match)
{
	if (match->command_line)
		regfree(&match->command_line_re);
	free(match->name);
	free(match->given_name);
	free(match->command);
	free(match->command_line);
	free(match->executable);
	free(match->user);
	free(match->cgroup);
	free(match->unit);
	free(match->pid_file);
}

void pl_config_free(struct pl_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->match_count; i++)
		free_match(&config->matches[i]);
	free(config->matches);
	free(config->proc_root);
	free(config->cgroup_root);
	free(config->state_file);
	free(config->evidence_dir);
	free(config);
}

/* Returns the index of the match that is published as `clean`, or -1. */
static int find_match(const struct pl_config *config, const char *clean)
{
	for (size_t i = 0; i < config->match_count; i++) {
		if (strcmp(config->matches[i].name, clean) == 0)
			return (int)i;
	}
	return -1;
}

static int add_match(struct pl_config *config, const char *given, const char *clean)
{
	struct pl_match *grown =
		realloc(config->matches, (config->match_count + 1) * sizeof(config->matches[0]));
	struct pl_match *match;

	if (!grown)
		return -ENOMEM;
	config->matches = grown;
	match = &grown[config->match_count];
	memset(match, 0, sizeof(*match));
	match->name = strdup(clean);
	match->given_name = strdup(given);
	if (!match->name || !match->given_name) {
		free_match(match);
		return -ENOMEM;
	}
	return (int)config->match_count++;
}

int pl_config_match(struct pl_config *config, const char *name, const char *where,
                    struct pl_config_faults *faults)
{
	char clean[PL_NAME_SIZE];
	int index;

	config->match_given = true;
	if (pl_config_clean_name(name, clean, sizeof(clean)) == 0) {
		pl_config_fault(faults, where, "a match needs a name");
		return -EINVAL;
	}
	if (strcmp(clean, "self") == 0) {
		pl_config_fault(faults, where,
		                "match \"self\": the name is taken by the plugin's own series");
		return -EINVAL;
	}
	index = find_match(config, clean);
	if (index >= 0 && strcmp(config->matches[index].given_name, name) != 0) {
		pl_config_fault(faults, where, "match \"%.200s\": its series would have the name of \"%s\"",
		                name, config->matches[index].given_name);
		return -EINVAL;
	}
	if (index >= 0)
		return index;
	if (config->match_count >= PL_MATCH_MAX) {
		pl_config_fault(faults, where, "match \"%s\": only %d matches are possible", clean,
		                PL_MATCH_MAX);
		return -ENOSPC;
	}
	index = add_match(config, name, clean);
	if (index == -ENOMEM) {
		config->incomplete = true;
		pl_config_fault(faults, where, "match \"%s\": there is no memory for it", clean);
	}
	return index;
}

static bool has_condition(const struct pl_match *match)
{
	return match->command || match->command_line || match->executable || match->user ||
	       match->cgroup || match->unit || match->pid_file || match->pid > 0;
}

int pl_config_process(struct pl_config *config, const char *name, const char *key,
                      const char *value, const char *where, struct pl_config_faults *faults)
{
	const size_t known = config->match_count;
	const int index = pl_config_match(config, name, where, faults);
	const struct pl_match *match;
	bool same;
	int error;

	if (index < 0)
		return index;
	match = &config->matches[index];
	if ((size_t)index >= known || (!has_condition(match) && !match->useless)) {
		error = pl_config_set(config, index, key, value, where, faults);
		return error < 0 ? error : index;
	}
	if (strcmp(key, "Command") == 0)
		same = match->command && strncmp(match->command, value, COMM_LENGTH) == 0;
	else
		same = match->command_line && strcmp(match->command_line, value) == 0;
	if (same)
		return index;
	pl_config_fault(faults, where,
	                "match \"%s\" is there already; this one with %s \"%.200s\" needs another name",
	                match->given_name, key, value);
	return -EINVAL;
}

/* Hands down what the match does not say itself. */
static void inherit(const struct pl_config *config, struct pl_match *match)
{
	for (size_t row = 0; row < pl_option_count; row++) {
		const struct pl_option *option = &pl_options[row];

		if (option->in_config == PL_OPTION_NOWHERE || option->in_match == PL_OPTION_NOWHERE)
			continue;
		if ((match->set_mask >> row) & 1)
			continue;
		pl_option_store(option, match, option->in_match,
		                pl_option_load(option, config, option->in_config));
	}
}

static void finish_match(struct pl_config *config, int index, struct pl_config_faults *faults)
{
	struct pl_match *match = &config->matches[index];

	if (!match->useless && !has_condition(match) &&
	    pl_config_set(config, index, "Command", match->given_name, NULL, faults) != 0)
		match->useless = true;
	if (match->useless)
		return;
	if (match->children && !match->pid_file && match->pid == 0) {
		pl_config_fault(faults, NULL, "match \"%s\": Children needs PidFile", match->given_name);
		match->children = false;
	}
	inherit(config, match);
}

/* Whether `name` is what a series of a part of the match is called: NAME-PID, NAME-other... */
static bool is_part_of(const char *name, const struct pl_match *match)
{
	const size_t len = strlen(match->name);
	const char *suffix = name + len + 1;

	if (strncmp(name, match->name, len) != 0 || name[len] != '-')
		return false;
	if (strcmp(suffix, "regions") == 0)
		return true;
	return match->per_process &&
	       (strcmp(suffix, "other") == 0 || (*suffix && !suffix[strspn(suffix, "0123456789")]));
}

/* Two matches that publish under one name would mix their numbers. */
static void drop_mixed(struct pl_config *config, struct pl_config_faults *faults)
{
	for (size_t i = 0; i < config->match_count; i++) {
		for (size_t j = 0; j < config->match_count; j++) {
			struct pl_match *match = &config->matches[i];

			if (match->useless || config->matches[j].useless ||
			    !is_part_of(match->name, &config->matches[j]))
				continue;
			match->useless = true;
			pl_config_fault(
				faults, NULL,
				"match \"%s\": its series would mix with those of \"%s\"; it is left out",
				match->given_name, config->matches[j].given_name);
		}
	}
}

static void drop_useless(struct pl_config *config)
{
	size_t kept = 0;

	for (size_t i = 0; i < config->match_count; i++) {
		struct pl_match *match = &config->matches[i];

		if (match->useless)
			free_match(match);
		else
			config->matches[kept++] = *match;
	}
	config->match_count = kept;
}

void pl_config_finish(struct pl_config *config, struct pl_config_faults *faults)
{
	const uint64_t auto_bit = UINT64_C(1) << pl_option_find("Auto");

	for (size_t i = 0; i < config->match_count; i++)
		finish_match(config, (int)i, faults);
	drop_mixed(config, faults);
	drop_useless(config);
	/* whoever named a process, be it badly, did not ask for all of them */
	if (!(config->set_mask & auto_bit))
		config->auto_enabled = !config->match_given;
	if (config->match_count == 0 && !config->auto_enabled)
		pl_config_fault(faults, NULL, "no process is left to watch");
}
