/* What attributes the growth of a process and that of runs have in common; for explain alone. */
#ifndef PL_EXPLAIN_INTERNAL_H
#define PL_EXPLAIN_INTERNAL_H

#include "explain/attribution.h"

struct pl_driver_kind {
	const char *unit;
	enum pl_cause cause;
	enum pl_series series; /* PL_SERIES_COUNT: none */
	bool is_held;
	bool is_level; /* a flow that is a level times hours */
	double least_rise;
	double units; /* of the series in a unit to speak of */
};

const struct pl_driver_kind *pl_explain_driver(enum pl_driver driver);

/* Nothing is known. */
void pl_explain_clear(struct pl_attribution *out);
void pl_explain_conclude(struct pl_attribution *out, enum pl_driver driver);
/* With its interval, when it is larger than its error. */
void pl_explain_set_per_unit(struct pl_attribution *out, double value, double error);

#endif
