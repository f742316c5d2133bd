/*
 * Seeded random numbers for the corpus: the same seed gives the same trace.
 *
 * A counter run through a mixing function; nothing here reads a clock or the system's entropy.
 */
#ifndef SCENARIO_RANDOM_H
#define SCENARIO_RANDOM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
	double spare;
	bool has_spare;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The name keeps families apart, so that a new family changes no other family's traces. */
static inline struct rng rng_new(const char *name, uint64_t seed)
{
	struct rng r = { .state = seed * UINT64_C(0xd1342543de82ef95) + 1 };
	for (; *name; name++)
		r.state = (r.state ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	rng_next(&r);
	return r;
}

/* Uniform in [0, 1). */
static inline double rng_unit(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

static inline double rng_range(struct rng *r, double low, double high)
{
	return low + (high - low) * rng_unit(r);
}

/* Evenly spread over orders of magnitude. */
static inline double rng_log_range(struct rng *r, double low, double high)
{
	return low * pow(high / low, rng_unit(r));
}

/* From `low` to `high`, both included. */
static inline int rng_int(struct rng *r, int low, int high)
{
	return low + (int)(rng_unit(r) * (high - low + 1));
}

static inline bool rng_chance(struct rng *r, double probability)
{
	return rng_unit(r) < probability;
}

/* Normal, mean 0 and deviation 1 (Box and Muller 1958). */
static inline double rng_normal(struct rng *r)
{
	if (r->has_spare) {
		r->has_spare = false;
		return r->spare;
	}
	const double radius = sqrt(-2 * log(1 - rng_unit(r)));
	const double angle = 2 * M_PI * rng_unit(r);
	r->spare = radius * sin(angle);
	r->has_spare = true;
	return radius * cos(angle);
}

#endif
