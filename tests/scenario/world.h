/*
 * A simulated host: programs that allocate as real ones do, and a monitor that samples them.
 *
 * Knows how memory comes about (load, caches, garbage, allocators, swap, leaks) and the truth of
 * it: every byte that was leaked is counted apart. Refuses to know any detector. families.c draws
 * the scenes, world.c runs them, generate.c writes traces and labels.
 *
 * Times are seconds since the begin of the trace unless they say otherwise.
 */
#ifndef SCENARIO_WORLD_H
#define SCENARIO_WORLD_H

#include <stdint.h>
#include <stdio.h>

#include "random.h"

#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MINUTE 60.0
#define HOUR 3600.0
#define DAY 86400.0

#define SLOTS_MAX 12
#define LEAKS_MAX 2
#define EVENTS_MAX 12
#define SESSION_BINS 64

/* Work that comes in. Everything that depends on traffic hangs on it. */
struct load {
	double mean_per_s;
	double day_share;      /* amplitude of the daily wave, as a share of the mean */
	double day_phase_s;    /* when it begins to rise */
	double weekend_share;  /* load at weekends, as a share of a weekday's; 0: as on weekdays */
	double noise_share;    /* deviation of a slow random factor */
	double noise_tau_s;    /* its correlation time */
	double ramp_per_day;   /* organic growth, as a share of the mean a day ... */
	double ramp_end_s;     /* ... until here (0: for ever) */
	double step_at_s;      /* from here on ... */
	double step_factor;    /* ... so many times as much (0: no step) */
	double burst_per_day;  /* random bursts a day ... */
	double burst_length_s; /* ... this long ... */
	double burst_factor;   /* ... at so many times the load */
};

enum leak_metric {
	LEAK_ANON,
	LEAK_SHMEM,
	LEAK_FDS,
	LEAK_THREADS,
	LEAK_CONNECTIONS,
	LEAK_VM,
};

enum leak_driver { DRIVE_TIME, DRIVE_WORK, DRIVE_BURSTS, DRIVE_JOBS };

struct leak {
	enum leak_metric metric;
	enum leak_driver driver;
	double begin_age_s; /* of the process */
	double end_s;       /* fixed live at this time of the trace; 0: never */
	double per_h;       /* bytes, or a count of fds, threads, connections, at the mean load */
	double exponent;    /* of age: above 1 accelerates; 0 means 1 */
	double scale_s;     /* age at which an accelerating leak has its mean rate */
	double unit_bytes;  /* memory that each leaked fd, thread or connection holds */
	double released;    /* share given back when it is fixed */
};

struct event {
	double at_s;
	double bytes;
};

/* What one program does with memory. A zero switches a part off. */
struct program {
	struct load load;
	double base_bytes;
	double start_s; /* time to allocate the base */

	double warm_bytes; /* towards it ... */
	double warm_tau_s; /* ... exponentially, or linearly over this time */
	bool warm_linear;
	double warm_again_s; /* a second warm-up of half the size begins here */
	double log_bytes;    /* added with each doubling of age */
	double log_tau_s;

	double cache_cap_bytes;
	double cache_bytes_per_request;
	double cache_exponent; /* 1 linear; below: fewer new keys the more are known */

	double session_bytes; /* of each request, kept until its session expires ... */
	double session_s;     /* ... after this */

	double load_bytes_per_rps; /* held while a request runs: follows the load */
	double retain_share;       /* of the peak that the allocator keeps */
	double retain_tau_s;       /* how fast it lets go (0: never) */

	double gc_headroom_bytes; /* garbage until a collection ... */
	double gc_ratio;          /* ... or as a share of what lives */
	double gc_bytes_per_request;
	double gc_idle_bytes_per_s; /* garbage made without load */
	double gc_floor_share;      /* deviation of what a collection leaves, of the headroom */

	double noise_bytes;
	double noise_rho; /* per minute */
	double walk_bytes_per_sqrt_h;
	double walk_band_bytes; /* reflected at +- this */
	double quantum_bytes;
	double reading_bytes; /* error of the kernel's split counters */

	struct event steps[EVENTS_MAX];
	int step_count;

	double job_every_s; /* a batch job ... */
	double job_at_s;    /* ... first at ... */
	double job_length_s;
	double job_bytes;
	double job_jitter; /* of its size */

	double lazy_bytes;         /* backlog of MADV_FREE until the kernel takes it ... */
	double lazy_tau_s;         /* ... filling with this time constant */
	double lazy_reclaim_per_d; /* ... this often */

	double cpu_per_request_s;
	double cpu_idle_share;
	double faults_per_request;
	double read_bytes_per_request;
	double hold_s; /* a connection's length: connections = load x hold */
	double connections_base;
	double connection_bytes; /* memory of a live connection */
	double pool_max;         /* connections kept open up to the most ever needed */
	double threads_base;
	double thread_pool_max; /* threads added on demand, never ended */
	double thread_pool_tau_s;
	double thread_bytes;
	double fds_base;
	double fds_wave; /* files that come and go */

	double cold_share;   /* of what is not leaked, not touched in an idle window */
	double leaked_share; /* likewise of what is */

	double file_bytes;
	double file_growth_bytes_per_h; /* mapped file read in ... */
	double file_cap_bytes;          /* ... up to here */
	double file_reclaim_per_d;      /* the kernel takes most of it back */
	bool file_yields;               /* gives way to leaked memory: RSS stays level */
	double shmem_bytes;
	double shmem_touch_bytes; /* of shared memory, touched little by little */
	double shmem_touch_tau_s;

	double resident_cap_bytes; /* anything above is swapped out */
	double swap_out_share;     /* cold part that is swapped out ... */
	double swap_out_at_s;
	double swap_tau_s;
	double swap_in_at_s; /* ... and comes back */

	double thp_share;     /* memory lies in huge pages: moves in units of 2 MiB */
	double thp_at_s;      /* khugepaged fills in the holes from here on ... */
	double thp_bloat;     /* ... by this share */
	double thp_over_s;    /* ... evenly for so long; 0: in an hour, and less and less */
	double fork_every_s;  /* snapshots: private pages are shared for ... */
	double fork_length_s; /* ... so long */

	bool brk_heap; /* small blocks lie in [heap], else in arenas and mappings */
	struct leak leaks[LEAKS_MAX];
	int leak_count;
};

/* A place for one process at a time. */
struct slot {
	struct program program;
	struct program second; /* what runs there after the first restart when `changes` */
	bool changes;
	double born_s; /* first start; below 0: before the trace */
	double life_s; /* it is restarted after this (0: never) */
	double life_jitter;
	double down_s; /* until the next one starts */
	bool dies_at_limit;
	bool same_pid;
	double base_jitter; /* each life differs in size by this share */
};

enum columns { COLUMNS_ALL, COLUMNS_PULSE, COLUMNS_MINIMAL };

struct scene {
	double duration_s;
	double interval_s;
	double jitter_share;     /* of the interval */
	double later_interval_s; /* the second half is sampled so (0: no change) */
	double gaps_per_day;
	double gap_mean_s;
	double suspend_at_s[EVENTS_MAX]; /* host asleep: nothing happens, the clock runs on */
	double suspend_s;
	int suspend_count;
	struct event clock_steps[EVENTS_MAX]; /* .bytes holds seconds */
	int clock_step_count;
	double limit_bytes;
	enum columns columns;
	bool show_idle;
	bool show_lazyfree;
	bool show_huge; /* anonymous huge pages */
	bool show_heap;
	uint64_t shuffle; /* order of the columns */
	double t0_s;      /* Unix time */
	struct slot slots[SLOTS_MAX];
	int slot_count;
	/* label */
	bool leaks;
	bool urgent;
	bool quiet;          /* nothing but what the family is about */
	const char *metrics; /* acceptable answers, JSON lists without brackets */
	const char *causes;
	const char *places;
	bool rate_scored;
	const char *note;
};

/* What only the simulation knows. */
struct truth {
	double begin_s;    /* the first leaked byte; below 0: never */
	double end_s;      /* fixed or the trace's end */
	double leaked;     /* bytes or count, all lives together */
	double leaking_s;  /* how long, summed */
	double t_star_s;   /* since begin; below 0: never */
	double limit_at_s; /* U reached the limit; below 0: never */
	double level_bytes;
	double noise_bytes;
	double clean_process_s; /* process time in which an alarm would be false */
	double process_s;
	int processes;
	long rows;
	char pids[16384]; /* of leaking processes, "1,2,3" */
};

/* Simulates `scene` and writes its trace. Consumes `rng`. Returns 0 or -EIO. */
int world_run(const struct scene *scene, struct rng *rng, FILE *out, struct truth *truth);

/* Floor that T* refers to: the least growth of a metric that is worth a word. */
double world_floor(enum leak_metric metric, double level, double noise);

struct family {
	const char *name;
	const char *shape; /* the line of the list of shapes that it stands for */
	bool held_out;     /* never in the tune set */
	void (*draw)(struct scene *scene, struct rng *rng);
};

extern const struct family families[];
extern const int family_count;

/* Draws the scene of a family: defaults first, then what the family changes. */
void family_draw(const struct family *family, struct scene *scene, struct rng *rng);

#endif
