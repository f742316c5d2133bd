#include "config/config.h"

#include <string.h>

#include "config/option.h"

static void print_range(FILE *out, const struct pl_option *option)
{
	char least[32];
	char most[32];

	if (option->most <= option->least || option->type == PL_OPTION_BOOL ||
	    option->type == PL_OPTION_SENSITIVITY)
		return;
	pl_option_print(option, option->least, least, sizeof(least));
	pl_option_print(option, option->most, most, sizeof(most));
	fprintf(out, ", %s to %s", least, most);
}

void pl_config_print_options(FILE *out)
{
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *option = &pl_options[i];
		const bool global = option->in_config != PL_OPTION_NOWHERE;
		const bool match = option->in_match != PL_OPTION_NOWHERE;

		fprintf(out, "%s (%s; %s", option->key,
		        global && match ? "global, match"
		        : global        ? "global"
		                        : "match",
		        option->type == PL_OPTION_SENSITIVITY ? pl_option_describe(option->type)
		                                              : pl_option_type_name(option->type));
		print_range(out, option);
		if (option->preset && *option->preset)
			fprintf(out, "; default %s", option->preset);
		fprintf(out, ")\n    %s\n", option->help);
	}
}

/* One "Key value" of a match or of the global scope, when there is something to tell. */
static void print_setting(FILE *out, const struct pl_option *option, const void *home,
                          size_t offset)
{
	char text[64];
	double preset = 0;
	double value;

	if (option->store == PL_STORE_TEXT) {
		const char *stored = *(char *const *)(const void *)((const char *)home + offset);

		if (stored && (!option->preset || strcmp(stored, option->preset) != 0))
			fprintf(out, "  %s \"%s\"\n", option->key, stored);
		return;
	}
	value = pl_option_load(option, home, offset);
	if (option->preset)
		pl_option_parse(option, option->preset, &preset);
	/* both come from the same parser, so that equal texts are equal numbers */
	if (!(value < preset) && !(value > preset))
		return;
	pl_option_print(option, value, text, sizeof(text));
	fprintf(out, "  %s %s\n", option->key, text);
}

void pl_config_print_summary(FILE *out, const struct pl_config *config)
{
	fprintf(out, "global\n");
	for (size_t i = 0; i < pl_option_count; i++) {
		if (pl_options[i].in_config != PL_OPTION_NOWHERE && pl_options[i].store != PL_STORE_NONE)
			print_setting(out, &pl_options[i], config, pl_options[i].in_config);
	}
	for (size_t m = 0; m < config->match_count; m++) {
		fprintf(out, "match \"%s\"\n", config->matches[m].name);
		for (size_t i = 0; i < pl_option_count; i++) {
			if (pl_options[i].in_match != PL_OPTION_NOWHERE)
				print_setting(out, &pl_options[i], &config->matches[m], pl_options[i].in_match);
		}
	}
}
