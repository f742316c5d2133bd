#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

/* A group outside of the largest must be larger by this factor to push one of them out. */
#define INCUMBENT_FACTOR 1.1

bool pl_engine_auto_wants(struct pl_engine *engine, const struct pl_roster_entry *entry,
                          const struct pl_stat *stat)
{
	const struct pl_ident ident = { entry->pid, entry->start_ticks };
	const uint64_t least_bytes = engine->config->auto_min_size_bytes;
	struct pl_sample sample;
	struct pl_pulse_mark mark;
	uint64_t u_bytes;

	/* no memory without address space: saves the second file for most */
	if (!engine->config->auto_enabled || stat->vm_size_bytes < least_bytes)
		return false;
	return pl_sample_pulse(&engine->fs, &engine->host, ident, NULL, &sample, &mark) == 0 &&
	       pl_values_u_bytes(&sample.values, &u_bytes) && u_bytes >= least_bytes;
}

/* A login's processes have little in common but their scope. */
static bool is_login_unit(const char *unit)
{
	return strncmp(unit, "session-", 8) == 0 || strncmp(unit, "user@", 5) == 0 ||
	       strcmp(unit, "init.scope") == 0;
}

static void make_name(const char *unit, const char *comm, char out[PL_GROUP_NAME_SIZE])
{
	const char *from = *unit && !is_login_unit(unit) ? unit : comm;
	size_t used = 0;

	for (; *from && used < PL_GROUP_NAME_SIZE - 1; from++) {
		const unsigned char c = (unsigned char)*from;

		out[used++] =
			c <= ' ' || c == '/' || c == '"' || c == '\'' || c == '\\' || c >= 127 ? '_' : (char)c;
	}
	if (used == 0)
		out[used++] = '_';
	out[used] = '\0';
}

int pl_engine_auto_group(struct pl_engine *engine, const char *unit, const char *comm)
{
	char name[PL_GROUP_NAME_SIZE];
	size_t at = engine->group_count;

	make_name(unit, comm, name);
	for (size_t i = engine->config->match_count; i < engine->group_count; i++) {
		if (strcmp(engine->groups[i].name, name) == 0)
			return (int)i;
		if (engine->groups[i].member_count == 0)
			at = i;
	}
	/* an empty group makes room only when there is no other */
	if (engine->group_count < engine->config->match_count + PL_AUTO_GROUPS_MAX)
		at = engine->group_count++;
	else if (at == engine->group_count)
		return -1;
	free(engine->groups[at].sum_track);
	memset(&engine->groups[at], 0, sizeof(engine->groups[at]));
	memcpy(engine->groups[at].name, name, sizeof(name));
	engine->groups[at].settings = &engine->config->settings;
	engine->groups[at].collect = &engine->config->collect;
	pl_family_init(&engine->groups[at].family, engine->config->time_scale);
	return (int)at;
}

static double weight_of(const struct pl_group *group)
{
	const double bytes = (double)group->sum.value[PL_M_ANON] + (double)group->sum.value[PL_M_SWAP];

	return group->auto_published ? bytes * INCUMBENT_FACTOR : bytes;
}

void pl_engine_auto_choose(struct pl_engine *engine)
{
	const size_t first = engine->config->match_count;
	bool chosen[PL_AUTO_GROUPS_MAX];

	for (size_t i = first; i < engine->group_count; i++) {
		const struct pl_group *group = &engine->groups[i];
		const double weight = weight_of(group);
		uint32_t rank = 0;

		for (size_t j = first; j < engine->group_count; j++) {
			const double other = weight_of(&engine->groups[j]);

			rank += other > weight || (j < i && other >= weight);
		}
		chosen[i - first] = group->sum.member_count > 0 && (rank < engine->config->auto_top_count ||
		                                                    group->verdict >= PL_VERDICT_GROWING);
	}
	for (size_t i = first; i < engine->group_count; i++)
		engine->groups[i].auto_published = chosen[i - first];
}
