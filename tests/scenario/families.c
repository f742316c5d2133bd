#include <string.h>

#include "world.h"

#define ANY_CAUSE "\"time\",\"work\",\"connections\",\"unknown\""
#define BY_TIME "\"time\",\"unknown\""
#define BY_WORK "\"work\",\"connections\""

/* --- defaults ------------------------------------------------------------------------------- */

static void draw_load(struct program *p, struct rng *r)
{
	const double busy = rng_log_range(r, 0.01, 0.8);
	p->load = (struct load){
		.mean_per_s = rng_log_range(r, 0.5, 500),
		.day_share = rng_chance(r, 0.5) ? rng_range(r, 0.1, 0.6) : 0,
		.day_phase_s = rng_range(r, 0, DAY),
		.noise_share = rng_range(r, 0.05, 0.3),
		.noise_tau_s = rng_log_range(r, 60, 2 * HOUR),
	};
	p->cpu_per_request_s = busy / p->load.mean_per_s;
	p->cpu_idle_share = rng_range(r, 0, 0.3);
	p->faults_per_request = rng_log_range(r, 0.5, 100);
	p->read_bytes_per_request = rng_log_range(r, 300, 50000);
	p->hold_s = rng_log_range(r, 0.05, fmin(20, 1500 / p->load.mean_per_s));
	p->connections_base = rng_int(r, 0, 6);
	p->threads_base = rng_int(r, 1, 40);
	p->fds_base = rng_int(r, 6, 120);
	p->fds_wave = rng_chance(r, 0.3) ? rng_range(r, 0.5, 5) : 0;
}

static void draw_memory(struct program *p, struct rng *r, double level_bytes)
{
	static const double rhos[] = { 0, 0, 0.5, 0.9 };
	p->base_bytes = level_bytes;
	p->start_s = rng_log_range(r, 1, 120);
	p->noise_bytes = level_bytes * rng_log_range(r, 0.0003, 0.006);
	p->noise_rho = rhos[rng_int(r, 0, 3)];
	p->reading_bytes = fmin(rng_log_range(r, 8 * KIB, 300 * KIB), 0.002 * level_bytes);
	p->load_bytes_per_rps = 0;
	if (rng_chance(r, 0.5))
		p->load_bytes_per_rps = level_bytes * rng_range(r, 0.002, 0.05) / p->load.mean_per_s;
	p->file_bytes = rng_log_range(r, 2 * MIB, 80 * MIB);
	p->shmem_bytes = rng_chance(r, 0.3) ? rng_log_range(r, MIB, 64 * MIB) : 0;
	p->brk_heap = rng_chance(r, 0.5);
	p->cold_share = 0.1;
	p->leaked_share = 0.85;
}

/* Most servers lie between 30 MiB and 8 GiB; some are far outside. */
static double draw_level(struct rng *r)
{
	if (rng_chance(r, 0.8))
		return rng_log_range(r, 30 * MIB, 8 * GIB);
	return rng_chance(r, 0.5) ? rng_log_range(r, 10 * MIB, 30 * MIB)
	                          : rng_log_range(r, 8 * GIB, 100 * GIB);
}

static void set_interval(struct scene *s, struct rng *r)
{
	static const double intervals[] = { 10, 30, 60, 60, 300 };
	const double days = s->duration_s / DAY;
	s->interval_s = intervals[rng_int(r, days <= 2 ? 0 : days <= 7 ? 1 : 2, 4)];
}

static void set_days(struct scene *s, struct rng *r, double low, double high)
{
	s->duration_s = rng_log_range(r, low, high) * DAY;
	set_interval(s, r);
}

/* Watched from its start, or met when it has run for long. */
static void set_birth(struct scene *s, struct rng *r, bool from_start)
{
	s->slots[0].born_s = from_start ? rng_range(r, 0, 5 * MINUTE) : -rng_range(r, 2, 40) * DAY;
}

/* Real programs seldom do one thing at a time. Leaves alone what the family is about. */
static void disturb(struct program *p, struct rng *r)
{
	if (rng_chance(r, 0.2) && p->gc_headroom_bytes <= 0 && p->gc_ratio <= 0) {
		p->gc_headroom_bytes = p->base_bytes * rng_log_range(r, 0.03, 0.5);
		p->gc_bytes_per_request =
			p->gc_headroom_bytes / (rng_log_range(r, 20, 2 * HOUR) * p->load.mean_per_s);
		p->gc_floor_share = rng_log_range(r, 0.001, 0.02);
	}
	if (rng_chance(r, 0.12) && p->job_every_s <= 0) {
		p->job_every_s = rng_chance(r, 0.7) ? DAY : rng_log_range(r, 1, 8) * HOUR;
		p->job_at_s = rng_range(r, 0, p->job_every_s);
		p->job_length_s = p->job_every_s * rng_range(r, 0.02, 0.15);
		p->job_bytes = p->base_bytes * rng_range(r, 0.05, 0.6);
		p->job_jitter = rng_range(r, 0, 0.5);
	}
	if (rng_chance(r, 0.12) && p->load.burst_per_day <= 0) {
		p->load.burst_per_day = rng_range(r, 0.3, 6);
		p->load.burst_length_s = rng_log_range(r, 2 * MINUTE, 2 * HOUR);
		p->load.burst_factor = rng_range(r, 1.3, 3);
	}
	if (rng_chance(r, 0.1) && p->warm_bytes <= 0) {
		p->warm_bytes = p->base_bytes * rng_range(r, 0.05, 0.5);
		p->warm_tau_s = rng_log_range(r, 2 * MINUTE, 2 * HOUR);
	}
}

/* All that can be said of it lies in its anonymous memory: the scantest trace will do. */
static bool is_plain(const struct scene *s)
{
	const struct program *p = &s->slots[0].program;
	for (int i = 0; i < p->leak_count; i++)
		if (p->leaks[i].metric != LEAK_ANON)
			return false;
	return s->columns == COLUMNS_PULSE && p->swap_out_share <= 0 && p->resident_cap_bytes <= 0 &&
	       s->slot_count == 1;
}

void family_draw(const struct family *family, struct scene *s, struct rng *r)
{
	*s = (struct scene){ .slot_count = 1, .rate_scored = true };
	struct program *p = &s->slots[0].program;
	draw_load(p, r);
	draw_memory(p, r, draw_level(r));
	set_days(s, r, 2, 21);
	set_birth(s, r, rng_chance(r, 0.5));
	s->t0_s = floor(1.7e9 + rng_range(r, 0, 3e7));
	s->jitter_share = rng_chance(r, 0.3) ? 0.02 : 0;
	s->columns = rng_chance(r, 0.7) ? COLUMNS_ALL : COLUMNS_PULSE;
	s->shuffle = rng_chance(r, 0.3) ? rng_next(r) % 1000 + 1 : 0;
	s->show_idle = rng_chance(r, 0.15);
	s->show_heap = rng_chance(r, 0.6);
	s->show_lazyfree = rng_chance(r, 0.3);
	s->metrics = "\"anon\"";
	s->causes = ANY_CAUSE;
	s->places = "\"unknown\",\"anon\",\"arena\",\"heap\",\"swap\"";
	family->draw(s, r);
	if (!s->quiet && s->slot_count == 1)
		disturb(p, r);
	if (is_plain(s) && rng_chance(r, 0.4))
		s->columns = COLUMNS_MINIMAL;
	if (!s->quiet && s->limit_bytes <= 0 && rng_chance(r, 0.3)) {
		double most = 4 * p->base_bytes + 4 * p->job_bytes + p->shmem_bytes +
		              4 * p->cache_cap_bytes + 4 * p->warm_bytes;
		for (int i = 0; i < p->leak_count; i++)
			if (p->leaks[i].metric == LEAK_ANON || p->leaks[i].metric == LEAK_SHMEM)
				most += 2 * p->leaks[i].per_h * s->duration_s / HOUR;
		s->limit_bytes = ceil(most * rng_range(r, 1.5, 4) / (64 * MIB)) * 64 * MIB;
	}
}

/* --- leaks ---------------------------------------------------------------------------------- */

/* Hours of the trace in which a leak that begins at age `begin_s` runs. */
static double hours_left(const struct scene *s, double begin_s)
{
	const double from = fmax(0, fmax(0, s->slots[0].born_s) + begin_s);
	return (s->duration_s - from) / HOUR;
}

/* Adds a leak of memory that ends up `low` to `high` times as big as the floor of T*. */
static struct leak *add_leak(struct scene *s, struct rng *r, enum leak_driver driver, double low,
                             double high)
{
	struct program *p = &s->slots[0].program;
	struct leak *leak = &p->leaks[p->leak_count++];
	const double level = p->base_bytes + p->warm_bytes + p->cache_cap_bytes;
	const double floor_bytes = world_floor(LEAK_ANON, level, p->noise_bytes);
	*leak = (struct leak){ .metric = LEAK_ANON, .driver = driver };
	leak->per_h = floor_bytes * rng_log_range(r, low, high) / hours_left(s, 0);
	s->leaks = true;
	if (driver == DRIVE_WORK) {
		p->load.noise_share = fmax(p->load.noise_share, 0.15);
		p->load.noise_tau_s = fmax(p->load.noise_tau_s, 30 * MINUTE);
	}
	if (p->load.day_share > 0.3)
		s->causes = driver == DRIVE_WORK ? BY_WORK : driver == DRIVE_TIME ? BY_TIME : ANY_CAUSE;
	if (s->show_heap && s->columns == COLUMNS_ALL)
		s->places = p->brk_heap ? "\"heap\"" : "\"anon\",\"arena\",\"unknown\"";
	return leak;
}

static enum leak_driver draw_driver(struct rng *r)
{
	return rng_chance(r, 0.5) ? DRIVE_TIME : DRIVE_WORK;
}

static void leak_slow_large(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 10, 30);
	draw_memory(p, r, rng_log_range(r, 2 * GIB, 100 * GIB));
	p->noise_bytes = p->base_bytes * rng_log_range(r, 0.0003, 0.003);
	set_birth(s, r, rng_chance(r, 0.3));
	add_leak(s, r, draw_driver(r), 6, 15);
}

static void leak_small(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 25);
	draw_memory(p, r, rng_log_range(r, 8 * MIB, 60 * MIB));
	add_leak(s, r, draw_driver(r), 6, 25);
}

static void leak_fast(struct scene *s, struct rng *r)
{
	set_days(s, r, 1.5, 5);
	draw_memory(&s->slots[0].program, r, fmin(s->slots[0].program.base_bytes, 16 * GIB));
	add_leak(s, r, draw_driver(r), 40, 400);
}

static void leak_midway(struct scene *s, struct rng *r)
{
	set_days(s, r, 5, 25);
	set_birth(s, r, false);
	struct leak *leak = add_leak(s, r, draw_driver(r), 8, 60);
	const double begin = s->duration_s * rng_range(r, 0.3, 0.6);
	leak->begin_age_s = begin - s->slots[0].born_s;
	leak->per_h *= s->duration_s / (s->duration_s - begin);
}

static void leak_requests_diurnal(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 25);
	p->load.day_share = rng_range(r, 0.4, 0.9);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.01, 0.25) / p->load.mean_per_s;
	if (rng_chance(r, 0.4))
		p->load.weekend_share = rng_range(r, 0.3, 0.8);
	add_leak(s, r, DRIVE_WORK, 10, 80);
}

static void draw_gc(struct program *p, struct rng *r, double low_s, double high_s)
{
	const double period = rng_log_range(r, low_s, high_s);
	p->gc_headroom_bytes = p->base_bytes * rng_range(r, 0.2, 1.5);
	const double per_s = p->gc_headroom_bytes / period;
	const double idle = rng_range(r, 0.05, 0.5);
	p->gc_bytes_per_request = (1 - idle) * per_s / p->load.mean_per_s;
	p->gc_idle_bytes_per_s = idle * per_s;
	p->gc_floor_share = rng_log_range(r, 0.001, 0.02);
}

static void leak_gc_saw(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 5, 20);
	draw_gc(p, r, 30, 9 * HOUR);
	p->brk_heap = false;
	add_leak(s, r, draw_driver(r), 8, 60);
}

static void leak_gogc(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	draw_gc(p, r, 20, 20 * MINUTE);
	p->gc_headroom_bytes = 0;
	p->gc_ratio = rng_range(r, 0.5, 1.2);
	p->brk_heap = false;
	add_leak(s, r, draw_driver(r), 8, 60);
	s->rate_scored = false; /* garbage grows along: "the" rate is anybody's choice */
}

static void leak_after_warmup(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.3, 3);
	p->warm_tau_s = rng_log_range(r, 10 * MINUTE, 3 * HOUR);
	struct leak *leak = add_leak(s, r, draw_driver(r), 8, 60);
	leak->begin_age_s = rng_chance(r, 0.5) ? 0 : 3 * p->warm_tau_s;
}

static void leak_nightly(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 9, 28);
	p->job_every_s = rng_chance(r, 0.7) ? DAY : DAY / rng_int(r, 2, 4);
	p->job_at_s = rng_range(r, 1, 20) * HOUR;
	p->job_length_s = rng_range(r, 0.3, 2) * HOUR;
	p->job_bytes = p->base_bytes * rng_range(r, 0, 0.4);
	p->job_jitter = 0.3;
	add_leak(s, r, DRIVE_JOBS, 8, 40);
}

static void leak_per_connection(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	s->columns = COLUMNS_ALL;
	set_days(s, r, 3, 20);
	p->load.day_share = rng_range(r, 0.3, 0.8);
	p->hold_s = rng_range(r, 5, 200) / p->load.mean_per_s;
	p->connection_bytes = rng_log_range(r, 8 * KIB, 300 * KIB);
	add_leak(s, r, DRIVE_WORK, 10, 80);
	s->causes = BY_WORK;
}

/* Leaked objects that are counted: `count` of them by the end, each with its memory. */
static void leak_counted(struct scene *s, struct rng *r, enum leak_metric metric, double count,
                         double unit_bytes)
{
	struct leak *leak = add_leak(s, r, draw_driver(r), 1, 1.0001);
	leak->metric = metric;
	leak->per_h = count / hours_left(s, 0);
	leak->unit_bytes = unit_bytes;
	s->rate_scored = false;
}

static void leak_connections_open(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	s->columns = COLUMNS_ALL;
	set_days(s, r, 2, 14);
	draw_memory(p, r, fmin(p->base_bytes, 4 * GIB));
	p->hold_s = rng_range(r, 1, 40) / p->load.mean_per_s;
	const double unit = rng_log_range(r, 4 * KIB, 400 * KIB);
	const double bytes = world_floor(LEAK_ANON, p->base_bytes, p->noise_bytes);
	const double count = fmax(rng_log_range(r, 1200, 6000), fmin(8 * bytes / unit, 20000));
	leak_counted(s, r, LEAK_CONNECTIONS, count, unit);
	s->metrics = "\"anon\",\"connections\",\"fds\"";
	s->causes = "\"connections\",\"fds\"";
}

static void leak_threads(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 14);
	draw_memory(p, r, fmin(p->base_bytes, 4 * GIB));
	const double unit = rng_log_range(r, 12 * KIB, MIB);
	leak_counted(s, r, LEAK_THREADS, rng_log_range(r, 250, 4000), unit);
	s->metrics = "\"anon\",\"threads\",\"vm_data\"";
	s->causes = "\"threads\"";
	s->places = "\"stack\",\"anon\",\"arena\",\"unknown\",\"heap\"";
}

static void leak_fds(struct scene *s, struct rng *r)
{
	set_days(s, r, 2, 14);
	const double unit = rng_log_range(r, 64, 2 * KIB);
	leak_counted(s, r, LEAK_FDS, rng_log_range(r, 600, 12000), unit);
	s->metrics = "\"fds\",\"anon\"";
	s->causes = "\"fds\"";
}

static void leak_swapped(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 20);
	add_leak(s, r, draw_driver(r), 10, 80);
	/* the host keeps it from growing: what is over goes to swap */
	p->resident_cap_bytes = p->base_bytes * rng_range(r, 0.9, 1.05);
	p->load_bytes_per_rps = 0;
}

static void leak_file_reclaimed(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 20);
	const struct leak *leak = add_leak(s, r, draw_driver(r), 8, 30);
	p->file_yields = true;
	p->file_bytes = leak->per_h * hours_left(s, 0) * rng_range(r, 0.9, 2);
}

static void leak_curved(struct scene *s, struct rng *r, double exponent)
{
	set_days(s, r, 5, 20);
	set_birth(s, r, true);
	struct leak *leak = add_leak(s, r, DRIVE_TIME, 15, 80);
	leak->exponent = exponent;
	leak->scale_s = s->duration_s;
	s->rate_scored = false;
	s->causes = ANY_CAUSE;
}

static void leak_accelerating(struct scene *s, struct rng *r)
{
	leak_curved(s, r, rng_range(r, 1.3, 2));
}

static void leak_decelerating(struct scene *s, struct rng *r)
{
	leak_curved(s, r, rng_range(r, 0.58, 0.88));
}

static void leak_thp(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 20);
	draw_memory(p, r, fmax(p->base_bytes, 64 * MIB));
	p->thp_share = 1;
	s->show_huge = true;
	p->noise_bytes = fmin(p->noise_bytes, MIB);
	p->load_bytes_per_rps = 0;
	add_leak(s, r, draw_driver(r), 6, 30);
}

/* Jobs that come and go. */
static void draw_batch(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->job_every_s = rng_chance(r, 0.5) ? DAY : rng_log_range(r, 1, 12) * HOUR;
	p->job_at_s = rng_range(r, 0, p->job_every_s);
	p->job_length_s = p->job_every_s * rng_range(r, 0.03, 0.35);
	p->job_bytes = p->base_bytes * rng_range(r, 0.3, 3);
	p->job_jitter = rng_range(r, 0, 0.8);
}

static void leak_batch(struct scene *s, struct rng *r)
{
	set_days(s, r, 5, 20);
	draw_batch(s, r);
	add_leak(s, r, draw_driver(r), 8, 60);
}

static void leak_killed(struct scene *s, struct rng *r)
{
	struct slot *slot = &s->slots[0];
	struct program *p = &slot->program;
	set_days(s, r, 4, 14);
	draw_memory(p, r, fmin(p->base_bytes, 8 * GIB));
	p->noise_bytes = fmin(p->noise_bytes, 0.004 * p->base_bytes);
	set_birth(s, r, true);
	struct leak *leak = add_leak(s, r, draw_driver(r), 8, 60);
	const double lives = rng_range(r, 2.2, 9);
	const double growth = fmax(p->base_bytes * rng_range(r, 0.5, 2), 60 * MIB);
	s->quiet = true;
	s->limit_bytes = ceil((p->base_bytes + growth) / MIB) * MIB;
	leak->per_h = growth / (hours_left(s, 0) / lives);
	slot->dies_at_limit = true;
	slot->down_s = rng_log_range(r, 5, 300);
	s->columns = COLUMNS_ALL;
}

static void leak_recycled(struct scene *s, struct rng *r)
{
	struct program base;
	set_days(s, r, 2, 8);
	draw_memory(&s->slots[0].program, r, rng_log_range(r, 30 * MIB, 600 * MIB));
	struct program *p = &s->slots[0].program;
	p->noise_bytes = fmin(p->noise_bytes, MIB);
	p->load.day_share = fmin(p->load.day_share, 0.3);
	p->load_bytes_per_rps = 0;
	p->connection_bytes = 0;
	const double life = rng_log_range(r, 1.5, 20) * HOUR;
	struct leak *leak = add_leak(s, r, DRIVE_WORK, 8, 60);
	leak->per_h = fmax(12 * MIB, 0.05 * p->base_bytes) * rng_range(r, 1.5, 8) / (life / HOUR);
	s->causes = ANY_CAUSE;
	base = *p;
	s->slot_count = rng_int(r, 2, 6);
	for (int i = 0; i < s->slot_count; i++)
		s->slots[i] = (struct slot){ .program = base,
			                         .born_s = rng_range(r, 0, life),
			                         .life_s = life,
			                         .life_jitter = 0.15,
			                         .down_s = 1,
			                         .base_jitter = 0.01 };
}

static void leak_one_worker(struct scene *s, struct rng *r)
{
	set_days(s, r, 3, 14);
	add_leak(s, r, draw_driver(r), 8, 60);
	s->slot_count = 4;
	for (int i = 1; i < 4; i++) {
		s->slots[i] = s->slots[0];
		s->slots[i].program.leak_count = 0;
		s->slots[i].base_jitter = 0.03;
	}
}

static void leak_gaps(struct scene *s, struct rng *r)
{
	set_days(s, r, 4, 25);
	add_leak(s, r, draw_driver(r), 8, 60);
	s->gaps_per_day = rng_log_range(r, 0.5, 12);
	s->gap_mean_s = rng_log_range(r, 5 * MINUTE, 5 * HOUR) / fmax(1, s->gaps_per_day / 2);
	if (rng_chance(r, 0.4))
		s->later_interval_s = s->interval_s < 60 ? 60 : 300;
}

static void leak_mmap_untouched(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 14);
	draw_memory(p, r, fmin(p->base_bytes, 8 * GIB));
	struct leak *leak = add_leak(s, r, draw_driver(r), 1, 1.0001);
	leak->metric = LEAK_VM;
	const double level = p->base_bytes * 1.1 + p->threads_base * 8.2 * MIB;
	leak->per_h = fmax(64 * MIB, 0.05 * level) * rng_log_range(r, 8, 60) / hours_left(s, 0);
	s->metrics = "\"vm_data\"";
	s->places = "\"vm\",\"anon\",\"unknown\",\"untouched\",\"mmap\",\"arena\"";
}

static void leak_shmem(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 14);
	p->shmem_bytes = rng_log_range(r, 4 * MIB, 2 * GIB);
	struct leak *leak = add_leak(s, r, draw_driver(r), 8, 60);
	leak->metric = LEAK_SHMEM;
	leak->per_h = fmax(8 * MIB, 0.02 * p->shmem_bytes) * rng_log_range(r, 8, 60) / hours_left(s, 0);
	s->metrics = "\"shmem\"";
	s->places = "\"shmem\"";
	if (rng_chance(r, 0.4)) { /* memfds that are never closed */
		p->leaks[p->leak_count++] = (struct leak){ .metric = LEAK_FDS,
			                                       .driver = leak->driver,
			                                       .per_h = leak->per_h / (512 * KIB) };
		s->metrics = "\"shmem\",\"fds\"";
		s->causes = "\"fds\"," ANY_CAUSE;
	}
}

static void leak_two(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	struct leak *leak = add_leak(s, r, draw_driver(r), 8, 60);
	p->leaks[p->leak_count++] =
		(struct leak){ .metric = rng_chance(r, 0.5) ? LEAK_FDS : LEAK_THREADS,
		               .driver = DRIVE_TIME,
		               .begin_age_s = leak->begin_age_s,
		               .per_h = rng_log_range(r, 800, 4000) / hours_left(s, 0),
		               .unit_bytes = 0 };
	s->metrics = "\"anon\",\"fds\",\"threads\"";
	s->causes = ANY_CAUSE ",\"fds\",\"threads\"";
}

static void leak_fixed_live(struct scene *s, struct rng *r)
{
	set_days(s, r, 8, 25);
	struct leak *leak = add_leak(s, r, draw_driver(r), 15, 80);
	leak->end_s = s->duration_s * rng_range(r, 0.5, 0.6);
	leak->per_h *= 2;
	leak->released = rng_chance(r, 0.5) ? rng_range(r, 0.8, 1) : 0;
}

/* Heads for its limit; reaches it `minutes` after the leak begins. */
static struct leak *draw_urgent(struct scene *s, struct rng *r, double minutes)
{
	struct program *p = &s->slots[0].program;
	s->columns = COLUMNS_ALL;
	s->urgent = true;
	draw_memory(p, r, rng_log_range(r, 30 * MIB, 8 * GIB));
	p->noise_bytes = fmin(p->noise_bytes, 0.006 * p->base_bytes);
	p->load_bytes_per_rps = fmin(p->load_bytes_per_rps, 0.02 * p->base_bytes / p->load.mean_per_s);
	struct leak *leak = add_leak(s, r, draw_driver(r), 8, 60);
	const double growth = fmax(p->base_bytes * rng_range(r, 0.4, 4), 128 * MIB);
	s->limit_bytes = ceil((p->base_bytes + growth) / MIB) * MIB;
	leak->per_h = (s->limit_bytes - p->base_bytes) / (minutes / 60);
	p->load.day_share = fmin(p->load.day_share, 0.3);
	s->quiet = true;
	s->slots[0].dies_at_limit = true;
	s->slots[0].down_s = 1e9;
	return leak;
}

static void leak_urgent_first_hour(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	const double minutes = rng_range(r, 35, 150);
	s->duration_s = (minutes * 2 + 10) * MINUTE;
	static const double intervals[] = { 1, 5, 10, 10, 30 };
	s->interval_s = intervals[rng_int(r, 0, 4)];
	set_birth(s, r, true);
	p->load.day_share = 0;
	draw_urgent(s, r, minutes);
}

static void leak_urgent_later(struct scene *s, struct rng *r)
{
	const double minutes = rng_log_range(r, 90, 900);
	s->duration_s = rng_range(r, 1, 4) * DAY;
	set_interval(s, r);
	s->interval_s = fmin(s->interval_s, 60);
	const double begin = s->duration_s * rng_range(r, 0.3, 0.7);
	s->duration_s = begin + 2 * minutes * MINUTE;
	set_birth(s, r, rng_chance(r, 0.5));
	struct leak *leak = draw_urgent(s, r, minutes);
	leak->begin_age_s = begin - s->slots[0].born_s;
}

static void leak_urgent_saw(struct scene *s, struct rng *r)
{
	const double minutes = rng_range(r, 60, 240);
	s->duration_s = (minutes * 2 + 10) * MINUTE;
	s->interval_s = 10;
	set_birth(s, r, true);
	draw_urgent(s, r, minutes);
	struct program *p = &s->slots[0].program;
	draw_gc(p, r, 30, 5 * MINUTE);
	p->gc_headroom_bytes = 0.1 * p->base_bytes;
	s->limit_bytes += p->gc_headroom_bytes;
	p->brk_heap = false;
	s->places = "\"anon\",\"arena\",\"unknown\",\"heap\"";
}

static void leak_heavy_noise(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 6, 28);
	p->noise_bytes = p->base_bytes * rng_range(r, 0.02, 0.08);
	p->noise_rho = rng_chance(r, 0.7) ? 0.9 : 0.97;
	add_leak(s, r, draw_driver(r), 6, 20);
}

/* Memory follows a daily wave, and leaks at the same pace day and night. */
static void leak_time_diurnal(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 25);
	p->load.day_share = rng_range(r, 0.4, 0.9);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.05, 0.5) / p->load.mean_per_s;
	add_leak(s, r, DRIVE_TIME, 15, 90);
}

/* Hardly anything to do: a timer or a background thread leaks. */
static void leak_idle(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	p->cpu_per_request_s *= 0.01;
	p->load.mean_per_s *= 0.01;
	p->load_bytes_per_rps = 0;
	p->noise_bytes *= 0.1;
	add_leak(s, r, DRIVE_TIME, 7, 60);
	s->causes = ANY_CAUSE;
}

/* Nobody touches what was leaked, and somebody looks. */
static void leak_untouched(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	s->columns = COLUMNS_ALL;
	s->show_idle = true;
	p->leaked_share = rng_range(r, 0.7, 0.98);
	add_leak(s, r, draw_driver(r), 12, 60);
}

/* Traffic grows and memory with it, and it leaks on top of that. */
static void leak_load_ramp(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 6, 25);
	p->load.ramp_per_day = rng_range(r, 0.3, 1) / (s->duration_s / DAY);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.05, 0.2) / p->load.mean_per_s;
	s->columns = COLUMNS_ALL;
	add_leak(s, r, draw_driver(r), 40, 120);
	s->rate_scored = false;
}

static void leak_weekly_load(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 15, 30);
	p->load.day_share = rng_range(r, 0.4, 0.8);
	p->load.weekend_share = rng_range(r, 0.2, 0.5);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.4) / p->load.mean_per_s;
	add_leak(s, r, DRIVE_WORK, 15, 80);
}

static void leak_clock_jump(struct scene *s, struct rng *r)
{
	set_days(s, r, 4, 20);
	add_leak(s, r, draw_driver(r), 8, 60);
	s->clock_step_count = rng_int(r, 1, 3);
	for (int i = 0; i < s->clock_step_count; i++)
		s->clock_steps[i] =
			(struct event){ .at_s = s->duration_s * rng_unit(r),
			                .bytes = rng_chance(r, 0.5) ? -rng_log_range(r, 2, HOUR)
			                                            : rng_log_range(r, 2, 2 * HOUR) };
	s->rate_scored = s->duration_s > 8 * DAY;
}

/* An error path leaks: nothing happens for hours, then much in minutes. */
static void leak_error_path(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 6, 25);
	p->load.burst_per_day = rng_range(r, 2, 12);
	p->load.burst_length_s = rng_range(r, 5, 40) * MINUTE;
	p->load.burst_factor = rng_range(r, 1.5, 4);
	add_leak(s, r, DRIVE_BURSTS, 12, 80);
	s->causes = ANY_CAUSE;
}

static void leak_across_deploys(struct scene *s, struct rng *r)
{
	set_days(s, r, 8, 28);
	set_birth(s, r, true);
	add_leak(s, r, draw_driver(r), 40, 150);
	s->slots[0].life_s = rng_range(r, 0.8, 3) * DAY;
	s->slots[0].life_jitter = 0.4;
	s->slots[0].down_s = 20;
	s->slots[0].base_jitter = 0.05;
}

/* The cache is trimmed while the leak goes on: the sum hides much of it. */
static void leak_behind_shrinking(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 6, 25);
	struct leak *leak = add_leak(s, r, DRIVE_TIME, 20, 80);
	p->step_count = rng_int(r, 2, 4);
	for (int i = 0; i < p->step_count; i++)
		p->steps[i] = (struct event){ .at_s = s->duration_s * rng_range(r, 0.05, 0.5),
			                          .bytes = -fmin(0.08 * p->base_bytes,
			                                         0.05 * leak->per_h * hours_left(s, 0)) };
}

/* --- growth that is fine --------------------------------------------------------------------- */

static void fine_flat(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->noise_bytes = p->base_bytes * rng_log_range(r, 0.0005, 0.25);
}

static void fine_quantised(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->quantum_bytes = fmax(rng_log_range(r, 64 * KIB, 4 * MIB), 0.001 * p->base_bytes);
	p->noise_bytes = p->quantum_bytes * rng_range(r, 0.05, 0.4);
	p->load_bytes_per_rps = 0;
	p->reading_bytes = 0;
	s->quiet = true;
}

static void fine_ar99(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->noise_rho = rng_range(r, 0.985, 0.995);
	p->noise_bytes = p->base_bytes * rng_log_range(r, 0.01, 0.25);
}

static void fine_walk(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->walk_band_bytes = p->base_bytes * rng_range(r, 0.02, 0.2);
	/* hours to cross the band, by the square root */
	p->walk_bytes_per_sqrt_h = p->walk_band_bytes / sqrt(rng_log_range(r, 2, 48));
}

static void fine_warm_minutes(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 1, 7);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.3, 5);
	p->warm_tau_s = rng_log_range(r, 2 * MINUTE, 40 * MINUTE);
	p->warm_linear = rng_chance(r, 0.3);
}

static void fine_warm_hours(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 14);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.2, 3);
	p->warm_linear = rng_chance(r, 0.25);
	p->warm_tau_s = rng_range(r, 1, p->warm_linear ? 9 : 4) * HOUR;
}

static void fine_log_growth(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 28);
	set_birth(s, r, true);
	p->log_bytes = p->base_bytes * rng_range(r, 0.02, 0.25);
	p->log_tau_s = rng_log_range(r, 5 * MINUTE, 2 * HOUR);
}

static void fine_lru(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 14);
	set_birth(s, r, true);
	p->cache_cap_bytes = p->base_bytes * rng_range(r, 0.3, 6);
	p->cache_exponent = rng_range(r, 0.55, 1);
	const double hours = rng_log_range(r, 0.5, p->cache_exponent > 0.85 ? 8 : 14);
	const double requests = p->load.mean_per_s * hours * HOUR;
	p->cache_bytes_per_request = p->cache_cap_bytes / pow(requests, p->cache_exponent);
}

/* Misses grow rarer as it fills: hours to days until it is full. */
static void fine_cache_days(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 21);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.2, 4);
	p->warm_tau_s = rng_log_range(r, 4, 14) * HOUR;
	p->warm_linear = false;
}

/* It is read, too, while somebody looks. */
static void show_touched(struct scene *s, double cold_share)
{
	struct program *p = &s->slots[0].program;
	s->columns = COLUMNS_ALL;
	s->show_idle = true;
	p->cold_share = cold_share;
	p->resident_cap_bytes = p->swap_out_share = 0;
}

/* As straight as a leak for days; what was put there is read all the time. */
static void fine_cache_used(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 10);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.5, 5);
	p->warm_tau_s = rng_log_range(r, 36, 160) * HOUR;
	p->warm_linear = true;
	show_touched(s, rng_range(r, 0.01, 0.25));
}

/* Loaded once, and kept just in case. */
static void fine_warm_unused(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 10);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.3, 4);
	p->warm_tau_s = rng_log_range(r, 2, 8) * HOUR;
	p->warm_linear = rng_chance(r, 0.5);
	show_touched(s, rng_range(r, 0.6, 0.95));
}

/* Sessions that nobody looks at until they expire, under a daily load. */
static void fine_sessions_unused(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 14);
	p->load.day_share = rng_range(r, 0.4, 0.9);
	p->session_s = rng_log_range(r, 2, 16) * HOUR;
	p->session_bytes = p->base_bytes * rng_range(r, 0.2, 2) / (p->load.mean_per_s * p->session_s);
	show_touched(s, rng_range(r, 0.6, 0.95));
}

static void fine_key_cache(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 5, 28);
	set_birth(s, r, true);
	p->cache_cap_bytes = p->base_bytes * rng_range(r, 0.2, 2);
	p->cache_exponent = rng_range(r, 0.15, 0.38);
	const double requests = p->load.mean_per_s * s->duration_s * rng_range(r, 0.2, 1.2);
	p->cache_bytes_per_request = p->cache_cap_bytes / pow(requests, p->cache_exponent);
}

static void fine_gc_minutes(struct scene *s, struct rng *r)
{
	draw_gc(&s->slots[0].program, r, 20, 40 * MINUTE);
}

static void fine_gc_hours(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	draw_gc(p, r, 40 * MINUTE, 13 * HOUR);
	p->load.day_share = rng_chance(r, 0.5) ? 0 : rng_range(r, 0.1, 0.4);
}

static void fine_gogc(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	draw_gc(p, r, 10, 15 * MINUTE);
	p->gc_headroom_bytes = 0;
	p->gc_ratio = rng_range(r, 0.5, 2);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0, 0.2) / p->load.mean_per_s;
}

static void fine_gc_diurnal(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 20);
	draw_gc(p, r, 10 * MINUTE, 6 * HOUR);
	p->load.day_share = rng_range(r, 0.5, 0.9);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.6) / p->load.mean_per_s;
}

static void fine_diurnal(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 0.6, 16);
	p->load.day_share = rng_range(r, 0.4, 0.9);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 2) / p->load.mean_per_s;
}

static void fine_weekly(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 30);
	p->load.day_share = rng_range(r, 0.2, 0.8);
	p->load.weekend_share = rng_range(r, 0.1, 0.6);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 1.5) / p->load.mean_per_s;
}

static void fine_load_ramp(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 5, 30);
	p->load.ramp_per_day = rng_range(r, 0.3, 2) / (s->duration_s / DAY);
	p->load.ramp_end_s = s->duration_s * rng_range(r, 0.5, 1);
	if (rng_chance(r, 0.6))
		p->load.day_share = rng_range(r, 0.2, 0.7);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.6) / p->load.mean_per_s;
	p->hold_s = fmax(p->hold_s, 20 / p->load.mean_per_s);
}

static void fine_load_step(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 21);
	p->load.step_at_s = s->duration_s * rng_range(r, 0.2, 0.9);
	p->load.step_factor = rng_range(r, 1.3, 3);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.6) / p->load.mean_per_s;
}

static void draw_steps(struct scene *s, struct rng *r, int count)
{
	struct program *p = &s->slots[0].program;
	p->step_count = count;
	for (int i = 0; i < count; i++)
		p->steps[i] = (struct event){ .at_s = s->duration_s * rng_range(r, 0.05, 0.95),
			                          .bytes = p->base_bytes * rng_range(r, 0.05, 0.8) };
}

static void fine_one_step(struct scene *s, struct rng *r)
{
	draw_steps(s, r, 1);
}

static void fine_steps(struct scene *s, struct rng *r)
{
	set_days(s, r, 4, 25);
	draw_steps(s, r, rng_int(r, 2, 3));
	struct program *p = &s->slots[0].program;
	p->steps[p->step_count++] = (struct event){ .at_s = s->duration_s * rng_range(r, 0.2, 0.9),
		                                        .bytes = -0.1 * p->base_bytes };
}

/* Features switched on one after the other. */
static void fine_steps_up(struct scene *s, struct rng *r)
{
	set_days(s, r, 3, 25);
	draw_steps(s, r, rng_int(r, 2, 3));
}

/* Traffic wanders over days, memory with it. */
static void fine_load_wander(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 28);
	p->load.noise_tau_s = rng_log_range(r, 6, 96) * HOUR;
	p->load.noise_share = rng_range(r, 0.15, 0.35);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 1) / p->load.mean_per_s;
}

static void fine_batch(struct scene *s, struct rng *r)
{
	set_days(s, r, 1.5, 21);
	draw_batch(s, r);
}

static void fine_weekly_batch(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 10, 30);
	p->job_every_s = 7 * DAY;
	p->job_at_s = rng_range(r, 1, 7) * DAY;
	p->job_length_s = rng_range(r, 2, 30) * HOUR;
	p->job_bytes = p->base_bytes * rng_range(r, 0.5, 4);
}

static void fine_peak_retained(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 21);
	p->load.burst_per_day = rng_range(r, 0.2, 2);
	p->load.burst_length_s = rng_range(r, 5, 60) * MINUTE;
	p->load.burst_factor = rng_range(r, 2, 5);
	p->load.noise_share = rng_range(r, 0.02, 0.1);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.4) / p->load.mean_per_s;
	p->retain_share = rng_range(r, 0.5, 1);
}

static void fine_thp_collapse(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->thp_share = 1;
	draw_memory(p, r, fmax(p->base_bytes, 100 * MIB));
	p->thp_at_s = s->duration_s * rng_range(r, 0.1, 0.9);
	p->thp_bloat = rng_range(r, 0.05, 0.6);
	s->show_huge = rng_chance(r, 0.5);
}

/* Straight for days: only the huge pages tell it from a leak. */
static void fine_thp_slow(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 4, 12);
	draw_memory(p, r, fmax(p->base_bytes, 200 * MIB));
	p->thp_share = 1;
	p->thp_at_s = s->duration_s * rng_range(r, 0.05, 0.3);
	p->thp_over_s = rng_range(r, 30, 60) * HOUR;
	p->thp_bloat = rng_range(r, 0.2, 1);
	s->columns = COLUMNS_ALL;
	s->show_huge = true;
}

static void fine_lazyfree(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 14);
	set_birth(s, r, true);
	p->lazy_bytes = p->base_bytes * rng_range(r, 0.3, 2);
	p->lazy_tau_s = rng_log_range(r, 10 * MINUTE, 8 * HOUR);
	p->lazy_reclaim_per_d = rng_chance(r, 0.5) ? rng_range(r, 0.3, 3) : 0;
	s->show_lazyfree = true;
	s->columns = COLUMNS_ALL;
}

static void fine_jemalloc_decay(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->load.burst_per_day = rng_range(r, 2, 20);
	p->load.burst_length_s = rng_range(r, 2, 30) * MINUTE;
	p->load.burst_factor = rng_range(r, 2, 6);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.5) / p->load.mean_per_s;
	p->retain_share = 1;
	p->retain_tau_s = rng_log_range(r, MINUTE, 3 * HOUR);
}

static void fine_mmap_db(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	p->file_cap_bytes = rng_log_range(r, GIB, 60 * GIB);
	p->file_growth_bytes_per_h = p->file_cap_bytes / rng_log_range(r, 3, 400);
	if (rng_chance(r, 0.5))
		p->file_reclaim_per_d = rng_range(r, 0.3, 4);
}

static void fine_postgres(struct scene *s, struct rng *r)
{
	const double cap = rng_log_range(r, 128 * MIB, 16 * GIB);
	set_days(s, r, 1.5, 8);
	s->quiet = true;
	struct slot first = s->slots[0];
	struct program *p = &first.program;
	draw_memory(p, r, rng_log_range(r, 3 * MIB, 20 * MIB));
	p->noise_bytes = fmin(p->noise_bytes, 0.02 * p->base_bytes);
	p->load_bytes_per_rps = 0;
	p->connections_base = 1;
	p->hold_s = 0;
	p->shmem_bytes = 8 * MIB;
	s->slot_count = rng_int(r, 3, 8);
	for (int i = 0; i < s->slot_count; i++) {
		s->slots[i] = first;
		s->slots[i].born_s = rng_range(r, 0, 6 * HOUR);
		s->slots[i].life_s = rng_chance(r, 0.5) ? 0 : rng_log_range(r, 0.5, 24) * HOUR;
		s->slots[i].life_jitter = 0.5;
		s->slots[i].down_s = rng_log_range(r, 10, HOUR);
		s->slots[i].program.shmem_touch_bytes = cap * rng_range(r, 0.3, 1);
		s->slots[i].program.shmem_touch_tau_s = rng_log_range(r, 10 * MINUTE, 6 * HOUR);
		s->slots[i].program.warm_bytes = rng_range(r, 1, 30) * MIB;
		s->slots[i].program.warm_tau_s = rng_range(r, 5, 60) * MINUTE;
		if (s->slots[i].life_s > 0) /* else its lives would look like nothing but a leak */
			s->slots[i].program.warm_tau_s =
				fmin(s->slots[i].program.warm_tau_s, s->slots[i].life_s / 8);
	}
}

static void fine_swap_in(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_birth(s, r, false);
	p->swap_out_share = rng_range(r, 0.2, 0.8);
	p->swap_out_at_s = rng_chance(r, 0.5) ? -30 * DAY : s->duration_s * rng_range(r, 0.05, 0.3);
	p->swap_in_at_s = s->duration_s * rng_range(r, 0.35, 0.6);
	p->swap_tau_s = rng_log_range(r, 20 * MINUTE, 20 * HOUR);
}

static void fine_swap_pressure(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_birth(s, r, false);
	p->swap_out_share = rng_range(r, 0.2, 0.9);
	p->swap_out_at_s = s->duration_s * rng_range(r, 0.05, 0.5);
	p->swap_tau_s = rng_log_range(r, 20 * MINUTE, 40 * HOUR);
}

static void fine_fork(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->fork_every_s = rng_log_range(r, 0.5, 12) * HOUR;
	p->fork_length_s = rng_range(r, 1, 20) * MINUTE;
	s->slots[1] = s->slots[0];
	s->slots[1].born_s = p->fork_every_s;
	s->slots[1].life_s = p->fork_length_s;
	s->slots[1].down_s = p->fork_every_s - p->fork_length_s;
	s->slots[1].program.start_s = 0;
	s->slots[1].program.fork_every_s = 1;
	s->slots[1].program.fork_length_s = 1;
	s->slot_count = 2;
}

static void fine_connection_pool(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	s->columns = COLUMNS_ALL;
	set_days(s, r, 1.5, 14);
	set_birth(s, r, true);
	p->load.noise_share = 0.3;
	p->hold_s = rng_range(r, 10, 100) / p->load.mean_per_s;
	p->pool_max = p->hold_s * p->load.mean_per_s * rng_range(r, 1, 1.6);
	p->connection_bytes = rng_log_range(r, 50 * KIB, 3 * MIB);
}

static void fine_thread_pool(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 1.5, 14);
	set_birth(s, r, true);
	p->thread_pool_max = rng_int(r, 16, 400);
	p->thread_pool_tau_s = rng_log_range(r, 5 * MINUTE, 4 * HOUR);
	p->thread_bytes = rng_log_range(r, 50 * KIB, 2 * MIB);
}

static void fine_cron(struct scene *s, struct rng *r)
{
	set_days(s, r, 2, 14);
	struct slot *slot = &s->slots[0];
	struct program *p = &slot->program;
	s->interval_s = fmin(s->interval_s, 60);
	draw_memory(p, r, fmin(p->base_bytes, 4 * GIB));
	p->warm_linear = rng_chance(r, 0.5);
	p->warm_bytes = p->base_bytes * rng_range(r, 0, 4);
	slot->born_s = rng_range(r, 0, HOUR);
	slot->life_s = rng_log_range(r, 3 * MINUTE, 2 * HOUR);
	slot->life_jitter = 0.3;
	slot->down_s = rng_log_range(r, 5 * MINUTE, 12 * HOUR);
	slot->base_jitter = 0.1;
	p->warm_tau_s = slot->life_s * rng_range(r, 0.3, 1);
}

static void fine_pid_reuse(struct scene *s, struct rng *r)
{
	struct slot *slot = &s->slots[0];
	set_days(s, r, 2, 14);
	slot->changes = true;
	slot->same_pid = true;
	slot->second = slot->program;
	draw_memory(&slot->second, r, slot->program.base_bytes * rng_range(r, 1.5, 20));
	slot->born_s = 0;
	slot->life_s = s->duration_s * rng_range(r, 0.2, 0.7);
	slot->down_s = rng_log_range(r, 1, HOUR);
}

static void fine_clock_jump(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->load.day_share = rng_range(r, 0, 0.6);
	s->clock_step_count = rng_int(r, 1, 4);
	for (int i = 0; i < s->clock_step_count; i++)
		s->clock_steps[i] =
			(struct event){ .at_s = s->duration_s * rng_unit(r),
			                .bytes = rng_chance(r, 0.5) ? -rng_log_range(r, 2, 6 * HOUR)
			                                            : rng_log_range(r, 2, 2 * DAY) };
}

static void fine_suspend(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.05, 0.3) / p->load.mean_per_s;
	s->suspend_s = rng_range(r, 1, 14) * HOUR;
	s->suspend_count = rng_int(r, 1, 6);
	for (int i = 0; i < s->suspend_count; i++)
		s->suspend_at_s[i] = s->duration_s * rng_unit(r);
}

static void fine_gaps(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	s->gaps_per_day = rng_log_range(r, 0.3, 20);
	s->gap_mean_s = rng_log_range(r, 5 * MINUTE, 20 * HOUR) / fmax(1, s->gaps_per_day / 2);
	p->load.day_share = rng_range(r, 0.2, 0.8);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.05, 0.6) / p->load.mean_per_s;
	if (rng_chance(r, 0.5))
		s->later_interval_s = s->interval_s < 60 ? 60 : 300;
}

/* Fills much of what it may have within minutes and stays there. */
static void fine_start_to_limit(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	s->columns = COLUMNS_ALL;
	s->duration_s = rng_log_range(r, 2 * HOUR, 3 * DAY);
	set_interval(s, r);
	s->interval_s = s->duration_s < 8 * HOUR && rng_chance(r, 0.4) ? 1 : fmin(s->interval_s, 30);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 1, 6);
	p->warm_linear = rng_chance(r, 0.3);
	p->warm_tau_s = rng_range(r, 2, p->warm_linear ? 10 : 20) * MINUTE;
	s->quiet = true;
	s->limit_bytes = (p->base_bytes + p->warm_bytes) *
	                 (p->warm_linear ? rng_range(r, 2.2, 4) : rng_range(r, 1.25, 3));
}

/* The heap is let grow to -Xmx whether there is need or not. */
static void fine_jvm_committed(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	set_birth(s, r, true);
	draw_memory(p, r, rng_log_range(r, 200 * MIB, 4 * GIB));
	p->warm_bytes = p->base_bytes * rng_range(r, 0.3, 1.5);
	p->warm_tau_s = rng_range(r, 0.5, 4) * HOUR;
	draw_gc(p, r, 5 * MINUTE, HOUR);
	p->gc_headroom_bytes = p->base_bytes * rng_range(r, 0.02, 0.15);
	p->quantum_bytes = rng_chance(r, 0.5) ? 4 * MIB : MIB;
	p->brk_heap = false;
}

static void fine_recycled_warm(struct scene *s, struct rng *r)
{
	set_days(s, r, 2, 10);
	struct slot first = s->slots[0];
	struct program *p = &first.program;
	draw_memory(p, r, rng_log_range(r, 20 * MIB, 800 * MIB));
	const double life = rng_log_range(r, 1, 24) * HOUR;
	p->warm_bytes = p->base_bytes * rng_range(r, 0.2, 2);
	p->warm_tau_s = life * rng_range(r, 0.02, 0.15);
	first.life_s = life;
	first.life_jitter = 0.2;
	first.down_s = 1;
	first.base_jitter = 0.05;
	s->slot_count = rng_int(r, 1, 6);
	for (int i = 0; i < s->slot_count; i++) {
		s->slots[i] = first;
		s->slots[i].born_s = rng_range(r, 0, life);
	}
}

static void fine_deploys(struct scene *s, struct rng *r)
{
	set_days(s, r, 5, 28);
	struct program *p = &s->slots[0].program;
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.1, 1);
	p->warm_tau_s = rng_log_range(r, 5 * MINUTE, 2 * HOUR);
	s->slots[0].life_s = rng_log_range(r, 0.4, 4) * DAY;
	s->slots[0].life_jitter = 0.5;
	s->slots[0].down_s = 30;
	s->slots[0].base_jitter = rng_range(r, 0.02, 0.4);
}

static void fine_diurnal_ramp(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	fine_load_ramp(s, r);
	p->load.day_share = rng_range(r, 0.5, 0.85);
	p->load.weekend_share = rng_range(r, 0.4, 0.9);
}

static void fine_two_plateaus(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 3, 20);
	set_birth(s, r, true);
	p->warm_bytes = p->base_bytes * rng_range(r, 0.2, 1.5);
	p->warm_tau_s = rng_log_range(r, 10 * MINUTE, 3 * HOUR);
	p->warm_again_s = s->duration_s * rng_range(r, 0.3, 0.8);
}

/* A buffer of fixed size that is written round and round: straight growth until it is full. */
static void fine_ring_buffer(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 12);
	set_birth(s, r, true);
	p->cache_exponent = 1;
	p->cache_cap_bytes = p->base_bytes * rng_range(r, 0.2, 2);
	p->cache_bytes_per_request =
		p->cache_cap_bytes / (p->load.mean_per_s * rng_log_range(r, 0.5, 10) * HOUR);
}

static void fine_fd_waves(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->fds_base = rng_int(r, 100, 3000);
	p->fds_wave = p->fds_base * rng_range(r, 0.05, 0.25);
	p->load.day_share = rng_range(r, 0.3, 0.8);
	p->hold_s = rng_range(r, 20, 800) / p->load.mean_per_s;
	s->columns = COLUMNS_ALL;
}

/* The allocator keeps the highest peak, and records are broken ever more seldom. */
static void fine_diurnal_retained(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 21);
	p->load.day_share = rng_range(r, 0.3, 0.7);
	p->load.noise_share = rng_range(r, 0.1, 0.25);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.5) / p->load.mean_per_s;
	p->retain_share = rng_range(r, 0.7, 1);
}

/* Sized to fill what it has been given: near its limit, and going nowhere. */
static void fine_near_limit(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	s->columns = COLUMNS_ALL;
	set_days(s, r, 1, 10);
	draw_memory(p, r, fmax(p->base_bytes, 100 * MIB));
	p->noise_bytes = p->base_bytes * rng_log_range(r, 0.0005, 0.008);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0, 0.02) / p->load.mean_per_s;
	s->quiet = true;
	s->limit_bytes = p->base_bytes * rng_range(r, 1.1, 1.3);
}

static void fine_burst_load(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	p->load.burst_per_day = rng_range(r, 1, 8);
	p->load.burst_length_s = rng_log_range(r, 10 * MINUTE, 6 * HOUR);
	p->load.burst_factor = rng_range(r, 2, 5);
	p->load_bytes_per_rps = p->base_bytes * rng_range(r, 0.1, 0.8) / p->load.mean_per_s;
}

/* Sessions pile up until the first of them expire; then as many end as begin. */
static void fine_sessions(struct scene *s, struct rng *r)
{
	struct program *p = &s->slots[0].program;
	set_days(s, r, 2, 14);
	set_birth(s, r, true);
	p->session_s = rng_log_range(r, 1, 16) * HOUR;
	p->session_bytes = p->base_bytes * rng_range(r, 0.2, 2) / (p->load.mean_per_s * p->session_s);
}

const struct family families[] = {
	{ "leak-slow-large", "slow on a large process", false, leak_slow_large },
	{ "leak-small", "slow on a small process", false, leak_small },
	{ "leak-fast", "fast", false, leak_fast },
	{ "leak-midway", "begins midway", false, leak_midway },
	{ "leak-requests-diurnal", "per request under diurnal load", false, leak_requests_diurnal },
	{ "leak-gc-saw", "under a GC sawtooth", false, leak_gc_saw },
	{ "leak-gogc", "under GOGC doubling", true, leak_gogc },
	{ "leak-after-warmup", "after warm-up", false, leak_after_warmup },
	{ "leak-nightly", "nightly steps", false, leak_nightly },
	{ "leak-per-connection", "per connection", false, leak_per_connection },
	{ "leak-connections-open", "connections never closed", false, leak_connections_open },
	{ "leak-threads", "threads", false, leak_threads },
	{ "leak-fds", "fds", false, leak_fds },
	{ "leak-swapped", "swapped out", false, leak_swapped },
	{ "leak-file-reclaimed", "while file pages are reclaimed", false, leak_file_reclaimed },
	{ "leak-accelerating", "accelerating", false, leak_accelerating },
	{ "leak-decelerating", "decelerating", false, leak_decelerating },
	{ "leak-thp", "THP-quantised", false, leak_thp },
	{ "leak-batch", "under batch spikes", false, leak_batch },
	{ "leak-killed", "killed at the limit and restarted", false, leak_killed },
	{ "leak-recycled", "hidden by worker recycling", false, leak_recycled },
	{ "leak-one-worker", "one worker of four", false, leak_one_worker },
	{ "leak-gaps", "across gaps in sampling", false, leak_gaps },
	{ "leak-mmap-untouched", "untouched mmap", false, leak_mmap_untouched },
	{ "leak-shmem", "shmem/memfd", false, leak_shmem },
	{ "leak-two", "two at once", true, leak_two },
	{ "leak-fixed-live", "fixed live (must clear)", false, leak_fixed_live },
	{ "leak-urgent-first-hour", "reaches its limit in its first hours", false,
	  leak_urgent_first_hour },
	{ "leak-urgent-later", "a fast leak begins in an old process", false, leak_urgent_later },
	{ "leak-urgent-saw", "to the limit under a sawtooth", true, leak_urgent_saw },
	{ "leak-time-diurnal", "by time under diurnal load", false, leak_time_diurnal },
	{ "leak-idle", "of an idle program", false, leak_idle },
	{ "leak-untouched", "what was leaked lies idle", false, leak_untouched },
	{ "leak-load-ramp", "while the load grows", true, leak_load_ramp },
	{ "leak-heavy-noise", "under strong AR noise", true, leak_heavy_noise },
	{ "leak-weekly-load", "per request under weekly load", true, leak_weekly_load },
	{ "leak-clock-jump", "across clock steps", true, leak_clock_jump },
	{ "leak-error-path", "only in random bursts", true, leak_error_path },
	{ "leak-across-deploys", "restarted every few days", true, leak_across_deploys },
	{ "leak-behind-shrinking", "while a cache is trimmed", true, leak_behind_shrinking },

	{ "fine-flat", "flat at any noise", false, fine_flat },
	{ "fine-quantised", "quantised, mostly tied", false, fine_quantised },
	{ "fine-ar99", "AR(.99)", false, fine_ar99 },
	{ "fine-walk", "bounded walk", false, fine_walk },
	{ "fine-warm-minutes", "warm-up of minutes", false, fine_warm_minutes },
	{ "fine-warm-hours", "warm-up to 9 h", false, fine_warm_hours },
	{ "fine-log-growth", "log growth", false, fine_log_growth },
	{ "fine-lru", "LRU filling to its cap", false, fine_lru },
	{ "fine-key-cache", "cache of ever rarer keys", false, fine_key_cache },
	{ "fine-cache-used", "cache in use, filling straight for days", false, fine_cache_used },
	{ "fine-warm-unused", "warm-up with what is seldom needed", false, fine_warm_unused },
	{ "fine-sessions-unused", "sessions that lie idle", false, fine_sessions_unused },
	{ "fine-gc-minutes", "GC saw of minutes", false, fine_gc_minutes },
	{ "fine-gc-hours", "GC saw to 13 h", false, fine_gc_hours },
	{ "fine-gogc", "GOGC doubling", false, fine_gogc },
	{ "fine-gc-diurnal", "GC saw under diurnal load", true, fine_gc_diurnal },
	{ "fine-diurnal", "diurnal", false, fine_diurnal },
	{ "fine-weekly", "weekly", false, fine_weekly },
	{ "fine-load-ramp", "organic load ramp", false, fine_load_ramp },
	{ "fine-load-step", "load doubles for good", true, fine_load_step },
	{ "fine-one-step", "one step", false, fine_one_step },
	{ "fine-steps", "several steps", false, fine_steps },
	{ "fine-steps-up", "two or three steps, all up", false, fine_steps_up },
	{ "fine-load-wander", "load that wanders over days", false, fine_load_wander },
	{ "fine-batch", "batch", false, fine_batch },
	{ "fine-weekly-batch", "batch once a week", true, fine_weekly_batch },
	{ "fine-peak-retained", "one-peak retention", false, fine_peak_retained },
	{ "fine-thp-collapse", "THP collapse", false, fine_thp_collapse },
	{ "fine-thp-slow", "THP collapse over days", false, fine_thp_slow },
	{ "fine-lazyfree", "MADV_FREE backlog", false, fine_lazyfree },
	{ "fine-jemalloc-decay", "jemalloc decay", false, fine_jemalloc_decay },
	{ "fine-mmap-db", "mmap database", false, fine_mmap_db },
	{ "fine-postgres", "backends touching shared_buffers", false, fine_postgres },
	{ "fine-swap-in", "swap-in", false, fine_swap_in },
	{ "fine-swap-pressure", "swapped out under pressure", false, fine_swap_pressure },
	{ "fine-fork", "fork snapshot", false, fine_fork },
	{ "fine-connection-pool", "connection pool to its maximum", false, fine_connection_pool },
	{ "fine-thread-pool", "thread pool to its maximum", false, fine_thread_pool },
	{ "fine-cron", "cron workers", false, fine_cron },
	{ "fine-pid-reuse", "pid reuse", false, fine_pid_reuse },
	{ "fine-clock-jump", "clock jump", false, fine_clock_jump },
	{ "fine-suspend", "suspend", false, fine_suspend },
	{ "fine-gaps", "gaps, changed interval", false, fine_gaps },
	{ "fine-start-to-limit", "fast start under a near limit", false, fine_start_to_limit },
	{ "fine-jvm-committed", "heap let grow to -Xmx", true, fine_jvm_committed },
	{ "fine-recycled-warm", "recycled workers that warm up", false, fine_recycled_warm },
	{ "fine-deploys", "deploys, each of another size", true, fine_deploys },
	{ "fine-diurnal-ramp", "diurnal load that grows", true, fine_diurnal_ramp },
	{ "fine-two-plateaus", "warms up twice", true, fine_two_plateaus },
	{ "fine-ring-buffer", "ring buffer filled once", true, fine_ring_buffer },
	{ "fine-fd-waves", "descriptors that come and go", true, fine_fd_waves },
	{ "fine-bursts", "bursts of load", true, fine_burst_load },
	{ "fine-sessions", "sessions that expire after hours", true, fine_sessions },
	{ "fine-cache-days", "cache that fills for days", false, fine_cache_days },
	{ "fine-diurnal-retained", "diurnal peaks retained", true, fine_diurnal_retained },
	{ "fine-near-limit", "flat and near its limit", false, fine_near_limit },
};

const int family_count = sizeof families / sizeof families[0];
