/* One key and value -> a setting: what each type of option accepts, and how a wrong one is told. */
#include "config/config.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "config/value.h"

#define COMM_LENGTH 15 /* the kernel's TASK_COMM_LEN, less its NUL */
#define REGEX_LENGTH_MAX 4096
#define REGEX_COPIES_MAX 10000

/* Where a setting goes, and how to speak of it. */
struct target {
	struct pl_config *config;
	struct pl_match *match; /* NULL in the global scope */
	const struct pl_option *option;
	const char *where;
	struct pl_config_faults *faults;
};

/* A fault about the value of the target's key. What was quoted is cut, so that the reason shows. */
static int refuse(const struct target *target, const char *value, const char *reason)
{
	const bool condition = pl_option_is_condition(target->option);

	if (!target->match) {
		pl_config_fault(target->faults, target->where, "%s: \"%.200s\" %s", target->option->key,
		                value, reason);
		return -EINVAL;
	}
	/* without its condition the match would hold for more processes than were meant */
	if (condition)
		target->match->useless = true;
	pl_config_fault(target->faults, target->where, "match \"%s\": %s: \"%.200s\" %s%s",
	                target->match->given_name, target->option->key, value, reason,
	                condition ? "; the match is left out" : "");
	return -EINVAL;
}

static char **text_at(const struct target *target)
{
	char *home = target->match ? (char *)target->match : (char *)target->config;
	const size_t offset = target->match ? target->option->in_match : target->option->in_config;

	return (char **)(void *)(home + offset);
}

static int store_text(const struct target *target, const char *value)
{
	char **at = text_at(target);
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int set_number(const struct target *target, const char *value)
{
	const struct pl_option *option = target->option;
	char reason[160];
	char least[32];
	char most[32];
	double number;

	if (pl_option_parse(option, value, &number) != 0) {
		snprintf(reason, sizeof(reason), "is not %s", pl_option_describe(option->type));
		return refuse(target, value, reason);
	}
	if (number < option->least || number > option->most) {
		pl_option_print(option, option->least, least, sizeof(least));
		pl_option_print(option, option->most, most, sizeof(most));
		snprintf(reason, sizeof(reason), "is out of range (%s to %s)", least, most);
		return refuse(target, value, reason);
	}
	if (target->match)
		pl_option_store(option, target->match, option->in_match, number);
	else
		pl_option_store(option, target->config, option->in_config, number);
	return 0;
}

/* How many copies of its operand the repetition at `at` asks for. */
static unsigned long count_copies(const char *at)
{
	char *end;
	unsigned long least;
	unsigned long most = 0;

	if (*at == '+')
		return 2;
	if (*at != '{')
		return 1;
	least = strtoul(at + 1, &end, 10);
	if (*end == ',')
		most = strtoul(end + 1, NULL, 10);
	if (most < least)
		most = least;
	return most > 1 ? most : 1;
}

/*
 * Why a pattern must not reach regcomp(): glibc copies what is repeated, so that a few nested
 * repetitions take gigabytes, and follows back-references (no part of POSIX' extended expressions)
 * by trying every path, so that one hostile command line would hold a tick for hours.
 * NULL when it may.
 */
static const char *find_regex_danger(const char *pattern)
{
	unsigned long copies = 1;

	if (strlen(pattern) > REGEX_LENGTH_MAX)
		return "is too long for a regular expression";
	for (const char *at = pattern; *at; at++) {
		if (*at == '\\' && at[1]) {
			at++;
			if (*at >= '1' && *at <= '9')
				return "has a back-reference, which is not supported";
			continue;
		}
		/* a repeated character is cheap; repeated groups and ranges multiply */
		if (*at == '+' && (at == pattern || at[-1] != ')'))
			continue;
		copies *= count_copies(at);
		if (copies > REGEX_COPIES_MAX)
			return "repeats something too often";
	}
	return NULL;
}

static int set_regex(const struct target *target, const char *value)
{
	struct pl_match *match = target->match;
	const char *danger = find_regex_danger(value);
	regex_t compiled;
	char reason[160] = "is not a regular expression: ";
	const size_t len = strlen(reason);
	int error;

	if (!match)
		return -EINVAL;
	if (danger)
		return refuse(target, value, danger);
	error = regcomp(&compiled, value, REG_EXTENDED | REG_NOSUB);
	if (error == REG_ESPACE)
		return -ENOMEM;
	if (error != 0) {
		regerror(error, &compiled, reason + len, sizeof(reason) - len);
		return refuse(target, value, reason);
	}
	if (match->command_line)
		regfree(&match->command_line_re);
	free(match->command_line);
	match->command_line = NULL;
	if (store_text(target, value) != 0) {
		regfree(&compiled);
		return -ENOMEM;
	}
	match->command_line_re = compiled;
	return 0;
}

static int set_user(const struct target *target, const char *value)
{
	char buffer[16384];
	struct passwd entry;
	struct passwd *found = NULL;
	double number;
	uint32_t uid;
	int error;

	if (pl_value_parse_number(value, &number) == 0) {
		if (number < 0 || number >= UINT32_MAX || (double)(uint32_t)number < number)
			return refuse(target, value, "is not the number of a user");
		uid = (uint32_t)number;
	} else {
		if (getpwnam_r(value, &entry, buffer, sizeof(buffer), &found) == ENOMEM)
			return -ENOMEM;
		if (!found)
			return refuse(target, value, "is not a user of this host");
		uid = found->pw_uid;
	}
	error = store_text(target, value);
	if (error == 0 && target->match)
		target->match->uid = uid;
	return error;
}

static int set_glob(const struct target *target, const char *value)
{
	if (!strchr("/*?[", value[0]))
		return refuse(target, value, "holds for no path: they begin with '/' (like */nginx)");
	return store_text(target, value);
}

/* "nginx" means nginx.service, as it does to systemctl. */
static int set_unit(const struct target *target, const char *value)
{
	char full[300];

	if (strchr(value, '/') || strlen(value) > 255)
		return refuse(target, value, "is not the name of a systemd unit");
	if (strpbrk(value, ".*?["))
		return store_text(target, value);
	snprintf(full, sizeof(full), "%s.service", value);
	return store_text(target, full);
}

static int set_comm(const struct target *target, const char *value)
{
	char comm[COMM_LENGTH + 1];

	snprintf(comm, sizeof(comm), "%s", value);
	return store_text(target, comm);
}

static int set_path(const struct target *target, const char *value)
{
	if (value[0] != '/')
		return refuse(target, value, "is not an absolute path");
	return store_text(target, value);
}

static int set_by_type(const struct target *target, const char *value)
{
	switch (target->option->type) {
	case PL_OPTION_NUMBER:
	case PL_OPTION_COUNT:
	case PL_OPTION_SIZE:
	case PL_OPTION_RATE:
	case PL_OPTION_DURATION:
	case PL_OPTION_MILLISECONDS:
	case PL_OPTION_PERCENT:
	case PL_OPTION_BOOL:
	case PL_OPTION_SENSITIVITY:
		return set_number(target, value);
	case PL_OPTION_FILE:
		return store_text(target, value);
	case PL_OPTION_PATH:
		return set_path(target, value);
	case PL_OPTION_COMM:
		return set_comm(target, value);
	case PL_OPTION_REGEX:
		return set_regex(target, value);
	case PL_OPTION_GLOB:
		return set_glob(target, value);
	case PL_OPTION_UNIT:
		return set_unit(target, value);
	case PL_OPTION_USER:
		return set_user(target, value);
	case PL_OPTION_PROCESS:
	case PL_OPTION_PROCESS_MATCH:
		break;
	}
	return -EINVAL;
}

/* "NAME REGEX" on one line, for hosts whose syntax has one value a key. */
static int set_process_match(struct pl_config *config, const char *value, const char *where,
                             struct pl_config_faults *faults)
{
	char name[PL_NAME_SIZE * 2];
	const size_t len = strcspn(value, " \t");
	const char *pattern = value + len + strspn(value + len, " \t");
	int index;

	if (!*pattern || len >= sizeof(name)) {
		pl_config_fault(faults, where, "ProcessMatch: \"%.200s\" is not %s", value,
		                pl_option_describe(PL_OPTION_PROCESS_MATCH));
		return -EINVAL;
	}
	memcpy(name, value, len);
	name[len] = '\0';
	index = pl_config_process(config, name, "CommandLine", pattern, where, faults);
	return index < 0 ? index : 0;
}

/* A key that is not in the table. */
static int refuse_key(struct pl_match *match, const char *key, const char *where,
                      struct pl_config_faults *faults)
{
	const int nearest = pl_option_nearest(key);
	const char *hint = nearest >= 0 ? pl_options[nearest].key : "";
	const bool condition = match && nearest >= 0 && pl_option_is_condition(&pl_options[nearest]);

	/* a mistyped condition widens the match as much as a wrong one does */
	if (condition)
		match->useless = true;
	pl_config_fault(faults, where, "%s%s%sunknown key \"%.100s\"%s%s%s%s", match ? "match \"" : "",
	                match ? match->given_name : "", match ? "\": " : "", key,
	                nearest >= 0 ? "; did you mean " : "", hint, nearest >= 0 ? "?" : "",
	                condition ? " The match is left out" : "");
	return -ENOENT;
}

static int refuse_scope(const struct target *target)
{
	if (target->match)
		pl_config_fault(target->faults, target->where,
		                "match \"%s\": %s is not a key of a match; it belongs outside of it",
		                target->match->given_name, target->option->key);
	else
		pl_config_fault(target->faults, target->where,
		                "%s is a key of a match; it does not belong outside of one",
		                target->option->key);
	return -ENOENT;
}

/* A condition given twice would silently lose one of the two: the first one stays. */
static int refuse_second(const struct target *target, const char *value)
{
	const char *first = *text_at(target);

	if (strcmp(first, value) == 0)
		return 0;
	pl_config_fault(target->faults, target->where,
	                "match \"%s\": %s: \"%.200s\" is ignored, for it is \"%.200s\" already",
	                target->match->given_name, target->option->key, value, first);
	return -EINVAL;
}

static int set_known(const struct target *target, const char *value)
{
	const size_t row = (size_t)(target->option - pl_options);
	uint64_t *mask = target->match ? &target->match->set_mask : &target->config->set_mask;
	int error;

	if (!*value && target->option->type != PL_OPTION_FILE)
		return refuse(target, value, "is empty");
	if (target->match && target->option->store == PL_STORE_TEXT && *text_at(target))
		return refuse_second(target, value);
	error = set_by_type(target, value);
	if (error == -ENOMEM) {
		target->config->incomplete = true;
		(void)refuse(target, value, "cannot be kept: there is no memory");
	}
	if (error == 0)
		*mask |= UINT64_C(1) << row;
	return error;
}

int pl_config_set(struct pl_config *config, int scope, const char *key, const char *value,
                  const char *where, struct pl_config_faults *faults)
{
	struct target target = { .config = config, .where = where, .faults = faults };
	const int row = pl_option_find(key);
	int index;

	if (scope != PL_CONFIG_GLOBAL && (scope < 0 || (size_t)scope >= config->match_count))
		return -EINVAL;
	if (scope != PL_CONFIG_GLOBAL)
		target.match = &config->matches[scope];
	if (row < 0)
		return refuse_key(target.match, key, where, faults);
	target.option = &pl_options[row];
	if ((target.match ? target.option->in_match : target.option->in_config) == PL_OPTION_NOWHERE)
		return refuse_scope(&target);
	if (target.option->type == PL_OPTION_PROCESS_MATCH)
		return set_process_match(config, value, where, faults);
	if (target.option->type != PL_OPTION_PROCESS)
		return set_known(&target, value);
	index = pl_config_process(config, value, "Command", value, where, faults);
	return index < 0 ? index : 0;
}

bool pl_config_give_up(struct pl_config *config, int scope, const char *key)
{
	const int row = pl_option_find(key);

	if (scope < 0 || (size_t)scope >= config->match_count || row < 0 ||
	    !pl_option_is_condition(&pl_options[row]))
		return false;
	config->matches[scope].useless = true;
	return true;
}
