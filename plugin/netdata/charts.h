/*
 * Which charts there are, in one table, and which number each of their dimensions shows.
 *
 * Knows readings and the words of a dashboard; prints nothing.
 */
#ifndef PL_NETDATA_CHARTS_H
#define PL_NETDATA_CHARTS_H

#include "emit/emit.h"
#include "wire.h"

#define PL_CHART_DIMENSIONS_MAX (PL_REGION_COUNT + 2) /* a terminator, and one more: swap */

/* What the plugin knows of itself: the engine's account and its own. */
struct pl_plugin_self {
	struct pl_self engine;
	uint32_t config_faults;        /* lines of the configuration that were not understood */
	uint32_t missing_capabilities; /* that were not granted */
	uint32_t dropped_subjects;     /* without charts, for there are too many */
};

enum pl_chart_source {
	PL_FROM_METRIC,   /* index: enum pl_metric */
	PL_FROM_FINDING,  /* index: enum pl_finding */
	PL_FROM_REGION,   /* index: enum pl_region, or PL_REGION_COUNT for what is swapped out */
	PL_FROM_PART,     /* index: enum pl_cgroup_part, or PL_CGROUP_PART_COUNT: those unexplained */
	PL_FROM_RUNG,     /* index: enum pl_verdict; 1 on the rung that holds, else 0 */
	PL_FROM_COUNT,    /* processes */
	PL_FROM_LEAK_S,   /* seconds to the limit, once the growth is found to be a leak */
	PL_FROM_FD_SHARE, /* open descriptors as a share of their limit, in hundredths of a percent */
	PL_FROM_COST_U64, /* index: offset in struct pl_read_cost */
	PL_FROM_COST_U32,
	PL_FROM_METHOD,         /* index: enum pl_method; 1 on the one that is in use, else 0 */
	PL_FROM_SAMPLING_ERROR, /* in hundredths of a percent */
	PL_FROM_SELF_U64,       /* index: offset in struct pl_plugin_self */
	PL_FROM_SELF_U32,
	PL_FROM_SELF_DOUBLE, /* in thousandths */
};

enum pl_chart_kind {
	PL_CHART_GAUGES,
	PL_CHART_COUNTERS,   /* Netdata draws their rates */
	PL_CHART_OF_VERDICT, /* gauges, with labels that say what leaks where */
};

struct pl_chart_dimension {
	const char *id;
	const char *name;
	enum pl_chart_source source;
	size_t index;
};

struct pl_chart {
	const char *suffix; /* of the chart's id: without '_', so that no two ids are alike */
	const char *context;
	const char *title;
	const char *units;
	enum pl_chart_type type;
	size_t collect; /* offset of its switch in struct pl_collect, or PL_CHART_ALWAYS */
	enum pl_chart_kind kind;
	uint32_t divisor;
	struct pl_chart_dimension dimensions[PL_CHART_DIMENSIONS_MAX]; /* the last one has no id */
};

#define PL_CHART_ALWAYS SIZE_MAX
#define PL_CHART_PRIORITY 20300 /* of the first one; behind those of apps.plugin */

extern const struct pl_chart pl_charts[]; /* of a match or process */
extern const size_t pl_chart_count;
extern const struct pl_chart pl_self_charts[]; /* of the plugin */
extern const size_t pl_self_chart_count;

/* Whether the user wants the chart. */
bool pl_chart_is_wanted(const struct pl_chart *chart, const struct pl_collect *collect);

/*
 * The number of a dimension; `self` is for the charts of the plugin, `reading` for the others.
 * Returns false when it is not known, which makes a gap.
 */
bool pl_chart_value(const struct pl_chart_dimension *dimension, const struct pl_reading *reading,
                    const struct pl_plugin_self *self, int64_t *out);

#endif
