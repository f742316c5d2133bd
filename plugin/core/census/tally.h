/*
 * From counts on sampled pages to growth, its error, and whether it can be chance.
 *
 * The same pages are counted at every look, so that a page is compared with itself: d is what a
 * kind of object gained on a page. Pages fall into strata: those of the first look, and those that
 * became present between two looks; each is weighted with the pages it stands for. The growth is
 * the weighted sum of d; z = sum(d) / sqrt(sum(d^2)) is how far it is from chance: for symmetric d
 * P(z > c) <= exp(-c^2 / 2), whatever their distribution (Efron, "Student's t-test under symmetry
 * conditions", 1969). Pure but for the memory of the lists.
 */
#ifndef PL_CENSUS_TALLY_H
#define PL_CENSUS_TALLY_H

#include "census/words.h"

#define PL_CENSUS_LOOKS 6
#define PL_CENSUS_STEPS (PL_CENSUS_LOOKS - 1)

/* Hits of one kind and key on one page, counted; ordered as the hits. */
struct pl_census_cell {
	uint64_t key;
	uint32_t page;
	uint16_t count;
	uint8_t kind;
};

struct pl_census_cells {
	struct pl_census_cell *cells;
	size_t count;
};

/* `hits` are sorted. Returns 0 or -ENOMEM. */
int pl_census_cells_count(const struct pl_census_hits *hits, struct pl_census_cells *out);
void pl_census_cells_free(struct pl_census_cells *cells);

/* Which pages are read, and for how many each stands. Totals are estimates where only a part of the
 * address space was looked at. */
struct pl_census_panel {
	const uint8_t *stratum; /* of each page: 0 of the first look, i: new at look i */
	const bool *gone;       /* of each page: present at the first look, not at the last one */
	uint32_t page_count;
	bool all_looks; /* all strata are counted at every look, for a page's use may change */
	double total[PL_CENSUS_LOOKS];     /* pages of the stratum */
	uint32_t sampled[PL_CENSUS_LOOKS]; /* of which so many are read */
	double at[PL_CENSUS_LOOKS];        /* time of each look: 0 at the first, 1 at the last */
	double gone_total;
	uint32_t gone_sampled;
};

struct pl_census_growth {
	uint64_t key;
	enum pl_census_key_kind kind;
	double before_count; /* objects at the first look */
	double growth_count; /* objects gained until the last one; may be negative */
	double error_count;  /* standard error of that, from having read a part only */
	double unseen_count; /* what old pages may have gained unseen, where none was seen to gain as
	                        densely as new ones */
	double z;            /* with an allowance for losses on old pages that none of the sample saw */
	uint32_t page_count; /* on which it gained */
	double steps[PL_CENSUS_STEPS]; /* gained from look to look */
};

/*
 * Calls `each` for every kind and key of the looks. Pages of strata above 0 are counted at the last
 * look only, but with `all_looks`.
 */
typedef void pl_census_growth_fn(void *ctx, const struct pl_census_growth *growth);
void pl_census_tally(const struct pl_census_cells looks[PL_CENSUS_LOOKS],
                     const struct pl_census_panel *panel, pl_census_growth_fn *each, void *ctx);

/* The chance, at most, that one of `tried` kinds reaches this z without growing: 0..1. */
double pl_census_chance(double z, size_t tried);

/* Growth that came little by little: never far from a straight line between the first look and the
 * last one. What comes and goes, came at once, or slows down while something fills is not. */
bool pl_census_steady(const struct pl_census_growth *growth, const struct pl_census_panel *panel);

/* The smallest growth that would be beyond chance, if no page lost any. */
double pl_census_floor_count(const struct pl_census_panel *panel, double z);

#endif
