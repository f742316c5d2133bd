#include "history/history.h"

#include <math.h>

#include "history/pack.h"

/* A gap longer than this is as good as forever: nothing kept before it is in any ring. */
#define LONGEST_GAP_S (400.0 * 86400)

/* Counters of a sample are spread over so many blocks at the most: a day's and some more. */
#define MOST_SPREAD 64

/* Block numbers stay within an int32_t, whatever the clock of a trace does. */
#define LATEST_S 1e11

static const struct {
	double block_s;
	uint8_t slot_count;
} levels[PL_LEVEL_COUNT] = {
	[PL_LEVEL_1MIN] = { 60, PL_HISTORY_FINE_SLOTS },  /* an hour */
	[PL_LEVEL_5MIN] = { 300, PL_HISTORY_FINE_SLOTS }, /* 5 hours */
	[PL_LEVEL_30MIN] = { 1800, PL_HISTORY_SLOTS },    /* a day */
	[PL_LEVEL_2H] = { 7200, PL_HISTORY_SLOTS },       /* 4 days */
	[PL_LEVEL_8H] = { 28800, PL_HISTORY_SLOTS },      /* 16 days */
	[PL_LEVEL_1D] = { 86400, PL_HISTORY_SLOTS },      /* 48 days */
};

_Static_assert(PL_HISTORY_FINE_SLOTS <= 64 && PL_HISTORY_SLOTS <= 64, "presence is a 64-bit mask");

static bool is_counter(unsigned series)
{
	return series >= PL_SERIES_CPU && series < PL_SERIES_COUNT;
}

double pl_history_block_s(enum pl_level level)
{
	return levels[level].block_s;
}

enum pl_level pl_history_level_since(const struct pl_history *h, enum pl_level finest,
                                     double since_s)
{
	unsigned level = finest;

	while (level + 1 < PL_LEVEL_COUNT &&
	       levels[level].block_s * levels[level].slot_count < h->clock_s - since_s)
		level++;
	return (enum pl_level)level;
}

void pl_history_init(struct pl_history *history)
{
	*history = (struct pl_history){ .started = false };
}

/* Which blocks of a series there are at a level. */
static uint64_t present_in(const struct pl_history *h, unsigned level, unsigned series)
{
	if (level >= PL_HISTORY_FINE_LEVELS)
		return h->present[level - PL_HISTORY_FINE_LEVELS][series];
	if (series == PL_SERIES_FDS)
		return h->fine_fds_present[level];
	return series == PL_SERIES_U ? h->fine_present[level] : 0;
}

/* U_MEAN and U_MAX are kept as what they exceed U by. */
static bool above_u(unsigned series)
{
	return series == PL_SERIES_U_MEAN || series == PL_SERIES_U_MAX;
}

static void store_value(struct pl_history *h, unsigned full, unsigned slot,
                        const struct pl_block *block, unsigned series)
{
	const float value = block->value[series];

	if (series < PL_SERIES_EXACT_COUNT)
		h->exact[full][series][slot] = value;
	else
		h->packed[full][series - PL_SERIES_EXACT_COUNT][slot] =
			pl_pack_number(above_u(series) ? value - block->value[PL_SERIES_U] : value);
}

static float value_of(const struct pl_history *h, unsigned level, unsigned series, unsigned slot)
{
	if (level < PL_HISTORY_FINE_LEVELS)
		return series == PL_SERIES_FDS ? pl_unpack_number(h->fine_fds[level][slot])
		                               : h->fine[level][slot];
	const unsigned full = level - PL_HISTORY_FINE_LEVELS;
	if (series < PL_SERIES_EXACT_COUNT)
		return h->exact[full][series][slot];
	const float value = pl_unpack_number(h->packed[full][series - PL_SERIES_EXACT_COUNT][slot]);
	return above_u(series) ? h->exact[full][PL_SERIES_U][slot] + value : value;
}

static void fold_gauge(struct pl_block *into, unsigned series, float value)
{
	const uint16_t bit = (uint16_t)(1U << series);

	if (!(into->present & bit)) {
		into->value[series] = value;
	} else if (is_counter(series)) {
		into->value[series] += value;
	} else if (series == PL_SERIES_U_MAX) {
		into->value[series] = fmaxf(into->value[series], value);
	} else if (series == PL_SERIES_U_MEAN) {
		const float n = (float)into->mean_count;
		into->value[series] = into->value[series] + (value - into->value[series]) / (n + 1);
	} else {
		into->value[series] = fminf(into->value[series], value);
	}
	into->present |= bit;
	if (series == PL_SERIES_U_MEAN && into->mean_count < UINT16_MAX)
		into->mean_count++;
}

static void fold_block(struct pl_block *into, const struct pl_block *block)
{
	for (unsigned series = 0; series < PL_SERIES_COUNT; series++)
		if ((block->present >> series) & 1)
			fold_gauge(into, series, block->value[series]);
}

static void store_fine(struct pl_history *h, unsigned level, unsigned slot)
{
	const struct pl_block *block = &h->open[level];
	const uint64_t bit = UINT64_C(1) << slot;

	h->fine_present[level] &= ~bit;
	h->fine_fds_present[level] &= ~bit;
	if (block->present & (1U << PL_SERIES_U)) {
		h->fine_present[level] |= bit;
		h->fine[level][slot] = block->value[PL_SERIES_U];
	}
	if (block->present & (1U << PL_SERIES_FDS)) {
		h->fine_fds_present[level] |= bit;
		h->fine_fds[level][slot] = pl_pack_number(block->value[PL_SERIES_FDS]);
	}
}

static void store_block(struct pl_history *h, unsigned level)
{
	const struct pl_block *block = &h->open[level];
	const unsigned slot = (unsigned)h->open_index[level] % levels[level].slot_count;
	const uint64_t bit = UINT64_C(1) << slot;

	if (level < PL_HISTORY_FINE_LEVELS) {
		store_fine(h, level, slot);
		return;
	}
	const unsigned full = level - PL_HISTORY_FINE_LEVELS;
	for (unsigned series = 0; series < PL_SERIES_COUNT; series++) {
		h->present[full][series] &= ~bit;
		if (!((block->present >> series) & 1))
			continue;
		h->present[full][series] |= bit;
		store_value(h, full, slot, block, series);
	}
}

/* Forgets the slots of blocks that were passed over without a sample. */
static void skip_blocks(struct pl_history *h, unsigned level, int32_t from, int32_t to)
{
	const int32_t slot_count = levels[level].slot_count;
	const int32_t first = to - from > slot_count ? to - slot_count : from;
	uint64_t keep = UINT64_MAX;

	for (int32_t index = first; index < to; index++)
		keep &= ~(UINT64_C(1) << (unsigned)(index % slot_count));
	if (level < PL_HISTORY_FINE_LEVELS) {
		h->fine_present[level] &= keep;
		h->fine_fds_present[level] &= keep;
		return;
	}
	for (unsigned series = 0; series < PL_SERIES_COUNT; series++)
		h->present[level - PL_HISTORY_FINE_LEVELS][series] &= keep;
}

/* Closes the open block of each level that ends before the clock; each folds into the next. */
static unsigned close_blocks(struct pl_history *h)
{
	unsigned closed = 0;

	for (unsigned level = 0; level < PL_LEVEL_COUNT; level++) {
		const int32_t index = (int32_t)(h->clock_s / levels[level].block_s);
		if (index == h->open_index[level])
			break;
		store_block(h, level);
		if (level + 1 < PL_LEVEL_COUNT)
			fold_block(&h->open[level + 1], &h->open[level]);
		skip_blocks(h, level, h->open_index[level] + 1, index);
		h->open[level] = (struct pl_block){ .present = 0 };
		h->open_index[level] = index;
		closed |= 1U << level;
	}
	return closed;
}

static void fold_input(struct pl_history *h, const struct pl_history_input *input, float share,
                       bool gauges)
{
	for (unsigned series = 0; series < PL_SERIES_COUNT; series++) {
		if (!((input->present >> series) & 1))
			continue;
		if (is_counter(series))
			fold_gauge(&h->open[0], series, input->value[series] * share);
		else if (gauges)
			fold_gauge(&h->open[0], series, input->value[series]);
	}
	if (gauges && (input->present & (1U << PL_SERIES_U))) {
		fold_gauge(&h->open[0], PL_SERIES_U_MEAN, input->value[PL_SERIES_U]);
		fold_gauge(&h->open[0], PL_SERIES_U_MAX, input->value[PL_SERIES_U]);
	}
}

/* What a counter gained since the sample before, it gained in every block that has passed since. */
static unsigned parts_of(double step_s, const struct pl_history_input *input)
{
	const unsigned counters = ((1U << PL_SERIES_COUNT) - 1) & ~((1U << PL_SERIES_CPU) - 1);
	const double block_s = levels[PL_LEVEL_30MIN].block_s;

	if (!(input->present & counters) || !(step_s > block_s))
		return 1;
	return (unsigned)fmin(ceil(step_s / block_s), MOST_SPREAD);
}

void pl_history_add(struct pl_history *h, double mono_s, double time_scale,
                    const struct pl_history_input *input, unsigned *closed)
{
	const double step_s = h->started ? (mono_s - h->last_mono_s) * time_scale : 0;

	/* A clock that steps back stands still until the next sample; NaN fails both tests. */
	const double passed_s = step_s > 0 ? fmin(step_s, LONGEST_GAP_S) : 0;
	const unsigned parts = parts_of(passed_s, input);
	const double from_s = h->clock_s;

	h->last_mono_s = mono_s;
	h->started = true;
	*closed = 0;
	for (unsigned i = 1; i <= parts; i++) {
		h->clock_s = fmin(from_s + passed_s * i / parts, LATEST_S);
		*closed |= close_blocks(h);
		fold_input(h, input, 1 / (float)parts, i == parts);
	}
}

size_t pl_history_points(const struct pl_history *h, enum pl_level level, enum pl_series series,
                         size_t max_count, struct pl_point *out)
{
	const double block_s = levels[level].block_s;
	const int32_t slot_count = levels[level].slot_count;
	const int32_t open = h->open_index[level];
	const uint64_t present = present_in(h, level, series);
	size_t count = 0;

	if (present == 0)
		return 0;
	const int32_t wanted = max_count < (size_t)slot_count ? (int32_t)max_count : slot_count;
	for (int32_t index = open > wanted ? open - wanted : 0; index < open; index++) {
		const unsigned slot = (unsigned)(index % slot_count);
		if (!((present >> slot) & 1))
			continue;
		out[count].t_s = (index + 0.5) * block_s;
		out[count].y = (double)value_of(h, level, series, slot);
		count++;
	}
	return count;
}
