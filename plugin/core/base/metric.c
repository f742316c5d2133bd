#include "base/metric.h"

#include <string.h>

static const struct pl_metric_info metrics[] = {
#define PL_METRIC_ROW(id, column_, unit_, kind_, tier_, help_)                                     \
	[PL_M_##id] = { .column = (column_),                                                           \
		            .unit = PL_UNIT_##unit_,                                                       \
		            .kind = PL_##kind_,                                                            \
		            .tier = PL_TIER_##tier_,                                                       \
		            .help = (help_) },
	PL_METRIC_LIST(PL_METRIC_ROW)
#undef PL_METRIC_ROW
};

const struct pl_metric_info *pl_metric_info(enum pl_metric id)
{
	return &metrics[id];
}

bool pl_metric_find(const char *column, size_t len, enum pl_metric *id)
{
	for (size_t i = 0; i < PL_METRIC_COUNT; i++) {
		if (strlen(metrics[i].column) == len && memcmp(metrics[i].column, column, len) == 0) {
			*id = (enum pl_metric)i;
			return true;
		}
	}
	return false;
}
