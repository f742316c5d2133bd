#include "census/tally.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Fewer sampled pages than this that are gone do not tell what was on the others. */
#define GONE_SAMPLED_MIN 5
/* A loss that is spread thinner than the sample sees it: z = 4 asks then for a growth that so many
 * times two unseen pages would have to hide; by luck exp(-8) = 1 in 3000. */
#define UNSEEN_PAGES 2.0

/* Of what a new page gains, that an old one gains where a hole is filled. */
#define DENSE_SHARE 0.5
#define UNSEEN_SHARE 0.1

/* A steady growth that is just beyond chance (z = 4, so an error of a quarter) wanders half as far
 * from its line, as a random walk that is tied at both ends. */
#define UNSTEADY_SHARE 0.33

int pl_census_cells_count(const struct pl_census_hits *hits, struct pl_census_cells *out)
{
	struct pl_census_cells counted = { calloc(hits->count + 1, sizeof(*counted.cells)), 0 };
	void *shrunk;

	if (!counted.cells)
		return -ENOMEM;
	for (size_t i = 0; i < hits->count; i++) {
		const struct pl_census_hit *hit = &hits->hits[i];
		struct pl_census_cell *last = counted.count > 0 ? &counted.cells[counted.count - 1] : NULL;

		if (last && last->kind == hit->kind && last->key == hit->key && last->page == hit->page)
			last->count++;
		else
			counted.cells[counted.count++] =
				(struct pl_census_cell){ hit->key, hit->page, 1, hit->kind };
	}
	shrunk = realloc(counted.cells, (counted.count + 1) * sizeof(*counted.cells));
	if (shrunk)
		counted.cells = shrunk;
	*out = counted;
	return 0;
}

void pl_census_cells_free(struct pl_census_cells *cells)
{
	free(cells->cells);
	*cells = (struct pl_census_cells){ 0 };
}

/* Sums of d and of d^2 over the pages of one stratum. */
struct sums {
	double sum;
	double squares;
	uint32_t changed;
};

static void add_to(struct sums *sums, double d)
{
	sums->sum += d;
	sums->squares += d * d;
	sums->changed += d > 0 || d < 0;
}

/* One kind and key: its cells in each look. */
struct group {
	const struct pl_census_cell *cells[PL_CENSUS_LOOKS];
	size_t count[PL_CENSUS_LOOKS];
};

struct tally {
	struct sums strata[PL_CENSUS_LOOKS]; /* d, at the last look */
	struct sums gone;                    /* what was on pages that are gone */
	struct sums lost;                    /* negative d on old pages */
	struct sums gained;                  /* positive d on old pages */
	double gained_most;                  /* the largest of them */
	double volatile_count;               /* what was on old pages where the number changed */
	double old_count[PL_CENSUS_LOOKS];   /* on the old pages of the sample, at each look */
	double new_count[PL_CENSUS_LOOKS];   /* with all_looks: on pages of later strata, in all */
	uint32_t gained_pages;               /* of all strata */
	double gained_sum;
};

static void add_page(struct tally *tally, const struct pl_census_panel *panel, uint32_t page,
                     double before, double after)
{
	const uint8_t stratum = panel->stratum[page];

	if (panel->gone[page]) {
		add_to(&tally->gone, before);
		return;
	}
	add_to(&tally->strata[stratum], after - before);
	if (stratum == 0 && after < before)
		add_to(&tally->lost, before - after);
	if (stratum == 0 && after > before) {
		add_to(&tally->gained, after - before);
		tally->gained_most = fmax(tally->gained_most, after - before);
	}
	if (stratum == 0 && (after > before || after < before))
		tally->volatile_count += before;
	if (after > before) {
		tally->gained_pages++;
		tally->gained_sum += after - before;
	}
}

static double weight_of(double total, uint32_t sampled)
{
	return sampled > 0 ? total / sampled : 0;
}

static void compare_pages(struct tally *tally, const struct pl_census_panel *panel,
                          const struct group *group)
{
	const struct pl_census_cell *first = group->cells[0];
	const struct pl_census_cell *last = group->cells[PL_CENSUS_LOOKS - 1];
	const struct pl_census_cell *first_end = first + group->count[0];
	const struct pl_census_cell *last_end = last + group->count[PL_CENSUS_LOOKS - 1];

	while (first < first_end || last < last_end) {
		const uint32_t a = first < first_end ? first->page : UINT32_MAX;
		const uint32_t b = last < last_end ? last->page : UINT32_MAX;

		add_page(tally, panel, a < b ? a : b, a <= b ? first->count : 0, b <= a ? last->count : 0);
		first += a <= b;
		last += b <= a;
	}
	for (size_t look = 0; look < PL_CENSUS_LOOKS; look++)
		for (size_t i = 0; i < group->count[look]; i++) {
			const struct pl_census_cell *cell = &group->cells[look][i];
			const uint8_t stratum = panel->stratum[cell->page];

			if (stratum == 0)
				tally->old_count[look] += cell->count;
			else
				tally->new_count[look] +=
					weight_of(panel->total[stratum], panel->sampled[stratum]) * cell->count;
		}
}

/* Pages that went take along what was on them: by those of the sample, or else by the average. */
static double loss_by_gone_pages(const struct tally *tally, const struct pl_census_panel *panel,
                                 double *variance)
{
	double weight;
	double loss;

	if (panel->gone_total <= 0 || panel->sampled[0] == 0)
		return 0;
	if (panel->gone_sampled >= GONE_SAMPLED_MIN) {
		weight = weight_of(panel->gone_total, panel->gone_sampled);
		*variance += weight * weight * tally->gone.squares;
		return weight * tally->gone.sum;
	}
	loss = panel->gone_total * tally->old_count[0] / panel->sampled[0];
	*variance += loss * loss;
	return loss;
}

static double sampling_variance(const struct sums *sums, double weight, uint32_t sampled)
{
	const double mean = sampled > 0 ? sums->sum / sampled : 0;
	const double spread = sums->squares - mean * sums->sum;

	return weight > 1 && spread > 0 ? weight * (weight - 1) * spread : 0;
}

static double ratio(double sum, double squares)
{
	return sum > 0 && squares > 0 ? sum / sqrt(squares) : 0;
}

/*
 * A hole among the old pages is filled as densely as a new page is; a sample that met none, but
 * only single objects here and there, does not tell whether there was one. Where it met something,
 * no more is allowed for it than a part of the growth: holes are few.
 */
static double unseen_gain(const struct tally *tally, double old_weight, double growth_count)
{
	const uint32_t new_pages = tally->gained_pages - tally->gained.changed;
	const double dense = new_pages > 0 ? (tally->gained_sum - tally->gained.sum) / new_pages : 0;
	const double unseen = (old_weight - 1) * dense;

	if (tally->gained.changed == 0)
		return unseen;
	if (tally->gained_most >= DENSE_SHARE * dense)
		return 0;
	return fmax(0, fmin(unseen, UNSEEN_SHARE * growth_count));
}

/*
 * A single old page that gained much, and stands for many, would drown the rest in its own square:
 * z is the larger of that with and that without what old pages gained. Leaving gains out makes less
 * of the growth, never more.
 */
static void finish_growth(const struct tally *tally, const struct pl_census_panel *panel,
                          struct pl_census_growth *out)
{
	const uint32_t staying = panel->sampled[0] - panel->gone_sampled;
	const double old_weight = weight_of(panel->total[0], panel->sampled[0]);
	double gone_variance = 0;
	const double gone_loss = loss_by_gone_pages(tally, panel, &gone_variance);
	double chance = gone_variance;
	double error = gone_variance;
	double unseen = UNSEEN_PAGES;

	out->growth_count = -gone_loss;
	for (size_t i = 0; i < PL_CENSUS_LOOKS; i++) {
		const uint32_t sampled = i == 0 ? staying : panel->sampled[i];
		const double total = i == 0 ? panel->total[0] - panel->gone_total : panel->total[i];
		const double weight = weight_of(total > 0 ? total : 0, sampled);

		out->growth_count += weight * tally->strata[i].sum;
		chance += weight * weight * tally->strata[i].squares;
		error += sampling_variance(&tally->strata[i], weight, sampled);
		if (i > 0 && !panel->all_looks)
			out->steps[i - 1] = weight * tally->strata[i].sum;
	}
	if (tally->lost.changed > 0)
		unseen *= tally->lost.sum / tally->lost.changed;
	chance += old_weight * (old_weight - 1 > 0 ? old_weight - 1 : 0) * unseen * unseen;
	/* a population that is renewed in place wanders as a whole, by the root of its number at either
	 * end, which no comparison of pages shows; what only leaks is never seen to go */
	chance +=
		2 * old_weight * (tally->lost.changed > 0 ? tally->old_count[0] : tally->volatile_count);
	out->before_count = old_weight * tally->old_count[0];
	out->error_count = sqrt(error);
	out->z = fmax(ratio(out->growth_count, chance),
	              ratio(out->growth_count - old_weight * tally->gained.sum,
	                    chance - old_weight * old_weight * tally->gained.squares));
	out->unseen_count = unseen_gain(tally, old_weight, out->growth_count);
	out->page_count = tally->gained_pages;
	for (size_t i = 0; i < PL_CENSUS_STEPS; i++) {
		out->steps[i] += old_weight * (tally->old_count[i + 1] - tally->old_count[i]);
		if (panel->all_looks)
			out->steps[i] += tally->new_count[i + 1] - tally->new_count[i];
	}
}

static int compare_keys(const struct pl_census_cell *a, const struct pl_census_cell *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

/* Takes the cells of the lowest key that is left. False when none is. */
static bool next_group(const struct pl_census_cells *looks, size_t *at, struct group *out)
{
	const struct pl_census_cell *lowest = NULL;

	for (size_t look = 0; look < PL_CENSUS_LOOKS; look++) {
		const struct pl_census_cell *cell = &looks[look].cells[at[look]];

		if (at[look] < looks[look].count && (!lowest || compare_keys(cell, lowest) < 0))
			lowest = cell;
	}
	for (size_t look = 0; lowest && look < PL_CENSUS_LOOKS; look++) {
		const size_t first = at[look];

		while (at[look] < looks[look].count &&
		       compare_keys(&looks[look].cells[at[look]], lowest) == 0)
			at[look]++;
		out->cells[look] = looks[look].cells + first;
		out->count[look] = at[look] - first;
	}
	return lowest != NULL;
}

void pl_census_tally(const struct pl_census_cells looks[PL_CENSUS_LOOKS],
                     const struct pl_census_panel *panel, pl_census_growth_fn *each, void *ctx)
{
	size_t at[PL_CENSUS_LOOKS] = { 0 };
	struct group group;

	while (next_group(looks, at, &group)) {
		struct pl_census_growth growth = { 0 };
		struct tally tally = { 0 };

		for (size_t look = 0; look < PL_CENSUS_LOOKS; look++)
			if (group.count[look] > 0) {
				growth.key = group.cells[look]->key;
				growth.kind = (enum pl_census_key_kind)group.cells[look]->kind;
			}
		compare_pages(&tally, panel, &group);
		finish_growth(&tally, panel, &growth);
		each(ctx, &growth);
	}
}

double pl_census_chance(double z, size_t tried)
{
	/* twice, since z is the larger of two: see finish_growth() */
	const double chance = z > 0 ? 2 * exp(-z * z / 2) * (double)tried : 1;

	return chance < 1 ? chance : 1;
}

bool pl_census_steady(const struct pl_census_growth *growth, const struct pl_census_panel *panel)
{
	double grown = 0;

	for (size_t i = 0; i < PL_CENSUS_STEPS; i++) {
		grown += growth->steps[i];
		if (fabs(grown - panel->at[i + 1] * growth->growth_count) >
		    UNSTEADY_SHARE * growth->growth_count)
			return false;
	}
	return true;
}

double pl_census_floor_count(const struct pl_census_panel *panel, double z)
{
	const double weight = weight_of(panel->total[0], panel->sampled[0]);

	return fmax(z * UNSEEN_PAGES * sqrt(weight * fmax(weight - 1, 0)), z * z);
}
