#include "translate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define VALUE_SIZE 8192

struct translation {
	struct pl_config *config;
	pl_place_fn *place;
	void *place_ctx;
	struct pl_config_faults *faults;
};

static const char *place_of(const struct translation *t, const oconfig_item_t *item)
{
	return t->place ? t->place(t->place_ctx, item) : NULL;
}

/* Numbers and booleans arrive parsed; the option table wants to see them as they were written. */
static void print_value(const oconfig_value_t *value, char *out, size_t size)
{
	if (value->type == OCONFIG_TYPE_STRING)
		snprintf(out, size, "%s", value->value.string);
	else if (value->type == OCONFIG_TYPE_BOOLEAN)
		snprintf(out, size, "%s", value->value.boolean ? "true" : "false");
	else if (fabs(value->value.number) < 1e18 &&
	         fabs(value->value.number - nearbyint(value->value.number)) <= 0)
		snprintf(out, size, "%.0f", value->value.number);
	else
		snprintf(out, size, "%.15g", value->value.number);
}

/* Returns true when the item has `count` values and, unless it may be a block, nothing in it. */
static bool check_shape(const struct translation *t, int scope, const oconfig_item_t *item,
                        int count, bool may_be_block)
{
	const char *match = scope >= 0 ? t->config->matches[scope].given_name : "";
	const char *open = scope >= 0 ? "match \"" : "";
	const char *close = scope >= 0 ? "\": " : "";
	bool dropped;

	if (item->children_num > 0 && !may_be_block) {
		pl_config_fault(t->faults, place_of(t, item),
		                "%s%s%s<%s> is not a block; there are <Match NAME>, <Process NAME> and "
		                "<ProcessMatch NAME REGEX>",
		                open, match, close, item->key);
		return false;
	}
	if (item->values_num == count)
		return true;
	dropped = pl_config_give_up(t->config, scope, item->key);
	pl_config_fault(t->faults, place_of(t, item), "%s%s%s%s takes %d value%s, not %d%s", open,
	                match, close, item->key, count, count == 1 ? "" : "s", item->values_num,
	                dropped ? "; the match is left out" : "");
	return false;
}

/* Without quotes, "10 min" and "2.5M" arrive as a number and a word. */
static bool is_split_quantity(const oconfig_item_t *item)
{
	return item->values_num == 2 && item->children_num == 0 &&
	       item->values[0].type == OCONFIG_TYPE_NUMBER &&
	       item->values[1].type == OCONFIG_TYPE_STRING;
}

static void set_key(const struct translation *t, int scope, const oconfig_item_t *item)
{
	char value[VALUE_SIZE];

	if (is_split_quantity(item)) {
		snprintf(value, sizeof(value), "%.15g %.100s", item->values[0].value.number,
		         item->values[1].value.string);
		pl_config_set(t->config, scope, item->key, value, place_of(t, item), t->faults);
		return;
	}
	if (!check_shape(t, scope, item, 1, false))
		return;
	print_value(&item->values[0], value, sizeof(value));
	pl_config_set(t->config, scope, item->key, value, place_of(t, item), t->faults);
}

static void set_children(const struct translation *t, int scope, const oconfig_item_t *block)
{
	for (int i = 0; i < block->children_num; i++)
		set_key(t, scope, &block->children[i]);
}

static void add_match(const struct translation *t, const oconfig_item_t *item)
{
	char name[VALUE_SIZE];
	int scope;

	if (!check_shape(t, PL_CONFIG_GLOBAL, item, 1, true))
		return;
	print_value(&item->values[0], name, sizeof(name));
	scope = pl_config_match(t->config, name, place_of(t, item), t->faults);
	if (scope >= 0)
		set_children(t, scope, item);
}

/* Process "NAME" and ProcessMatch "NAME" "REGEX": also blocks, as in the processes plugin. */
static void add_process(const struct translation *t, const oconfig_item_t *item, bool by_regex)
{
	char name[VALUE_SIZE];
	char value[VALUE_SIZE];
	int scope;

	if (!check_shape(t, PL_CONFIG_GLOBAL, item, by_regex ? 2 : 1, true))
		return;
	print_value(&item->values[0], name, sizeof(name));
	print_value(&item->values[by_regex ? 1 : 0], value, sizeof(value));
	scope = pl_config_process(t->config, name, by_regex ? "CommandLine" : "Command", value,
	                          place_of(t, item), t->faults);
	if (scope >= 0)
		set_children(t, scope, item);
}

void pl_collectd_translate(struct pl_config *config, const oconfig_item_t *block,
                           pl_place_fn *place, void *place_ctx, struct pl_config_faults *faults)
{
	const struct translation t = { config, place, place_ctx, faults };

	for (int i = 0; i < block->children_num; i++) {
		const oconfig_item_t *item = &block->children[i];

		if (strcasecmp(item->key, "Match") == 0)
			add_match(&t, item);
		else if (strcasecmp(item->key, "Process") == 0)
			add_process(&t, item, false);
		else if (strcasecmp(item->key, "ProcessMatch") == 0)
			add_process(&t, item, true);
		else
			set_key(&t, PL_CONFIG_GLOBAL, item);
	}
}
