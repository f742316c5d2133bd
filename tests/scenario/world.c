#include <errno.h>
#include <string.h>

#include "world.h"

#define PAGE 4096.0
#define HUGE_PAGE (2 * MIB)

/* One life of a program. Amounts are bytes unless named otherwise. */
struct life {
	const struct program *program;
	int pid;
	double start_s;
	double death_s; /* planned; below 0: none */
	double size;    /* this life's size, against the others' */
	double age_s;
	double requests;
	double cache, garbage, headroom, floor_rest, noise, walk, peak, lazy;
	double filled; /* by khugepaged: share of the holes */
	double load_noise, burst_until_s, pool_connections, pool_threads;
	double sessions[SESSION_BINS]; /* by the time they began, a ring */
	double leaked[LEAKS_MAX];
	double cpu_s, faults, read;
	double last_u, most_u, wave;
	long jobs_done;
	bool leaking;
};

/* What a monitor reads at one instant. */
struct reading {
	double anon, file, shmem, swap, private_dirty, idle, vm_size, vm_data, heap, lazyfree;
	double huge;
	double threads, fds, connections, u;
};

struct place {
	const struct slot *slot;
	struct life life;
	bool alive;
	int lives;
	double next_start_s;
	double leaked_before; /* by earlier lives */
};

struct sim {
	const struct scene *scene;
	struct rng *rng;
	struct truth *truth;
	double now_s, dt_s;
	int next_pid;
	struct place places[SLOTS_MAX];
};

static double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

double world_floor(enum leak_metric metric, double level, double noise)
{
	double least = 8 * MIB;
	switch (metric) {
	case LEAK_FDS:
		least = 64;
		break;
	case LEAK_THREADS:
		least = 16;
		break;
	case LEAK_CONNECTIONS:
		least = 32;
		break;
	case LEAK_ANON:
	case LEAK_SHMEM:
	case LEAK_VM:
		break;
	}
	return fmax(fmax(least, 0.02 * level), 4 * noise);
}

/* Requests a second now. */
static double load_now(struct sim *sim, struct life *life)
{
	const struct load *load = &life->program->load;
	const double t = sim->now_s;
	double rate = load->mean_per_s;
	rate *= 1 + load->day_share * sin(2 * M_PI * (t - load->day_phase_s) / DAY);
	if (load->weekend_share > 0 && fmod(t + load->day_phase_s + 3 * DAY, 7 * DAY) > 5 * DAY)
		rate *= load->weekend_share;
	if (load->ramp_per_day > 0) {
		const double until = load->ramp_end_s > 0 ? fmin(t, load->ramp_end_s) : t;
		rate *= 1 + load->ramp_per_day * until / DAY;
	}
	if (load->step_factor > 0 && t > load->step_at_s)
		rate *= load->step_factor;
	const double rho = exp(-sim->dt_s / fmax(load->noise_tau_s, 1));
	life->load_noise = rho * life->load_noise + sqrt(1 - rho * rho) * rng_normal(sim->rng);
	rate *= fmax(0.02, 1 + load->noise_share * life->load_noise);
	if (load->burst_per_day > 0) {
		if (t >= life->burst_until_s && rng_chance(sim->rng, load->burst_per_day * sim->dt_s / DAY))
			life->burst_until_s = t + load->burst_length_s;
		if (t < life->burst_until_s)
			rate *= load->burst_factor;
	}
	return rate;
}

static double warm_part(const struct program *p, double age_s, double now_s)
{
	double bytes = 0;
	if (p->warm_bytes > 0)
		bytes += p->warm_bytes * (p->warm_linear ? clamp(age_s / p->warm_tau_s, 0, 1)
		                                         : 1 - exp(-age_s / p->warm_tau_s));
	if (p->warm_again_s > 0 && now_s > p->warm_again_s)
		bytes += 0.5 * p->warm_bytes * (1 - exp(-(now_s - p->warm_again_s) / p->warm_tau_s));
	if (p->log_bytes > 0)
		bytes += p->log_bytes * log2(1 + age_s / p->log_tau_s);
	return bytes;
}

static double cache_part(struct life *life, double requests)
{
	const struct program *p = life->program;
	if (p->cache_cap_bytes <= 0)
		return 0;
	const double before = pow(life->requests - requests + 1, p->cache_exponent);
	const double after = pow(life->requests + 1, p->cache_exponent);
	life->cache += (after - before) * p->cache_bytes_per_request;
	life->cache = fmin(life->cache, p->cache_cap_bytes);
	return life->cache;
}

static double session_part(struct life *life, double requests, double dt_s)
{
	const struct program *p = life->program;
	if (p->session_s <= 0)
		return 0;
	const double bin_s = p->session_s / SESSION_BINS;
	const long bin = (long)(life->age_s / bin_s);
	for (long i = (long)(fmax(0, life->age_s - dt_s) / bin_s) + 1; i <= bin; i++)
		life->sessions[i % SESSION_BINS] = 0;
	life->sessions[bin % SESSION_BINS] += requests;
	double count = 0;
	for (int i = 0; i < SESSION_BINS; i++)
		count += life->sessions[i];
	return count * p->session_bytes;
}

static double noise_part(struct sim *sim, struct life *life)
{
	const struct program *p = life->program;
	const double rho = p->noise_rho > 0 ? pow(p->noise_rho, sim->dt_s / MINUTE) : 0;
	life->noise = rho * life->noise + sqrt(1 - rho * rho) * p->noise_bytes * rng_normal(sim->rng);
	if (p->walk_band_bytes > 0) {
		life->walk += p->walk_bytes_per_sqrt_h * sqrt(sim->dt_s / HOUR) * rng_normal(sim->rng);
		if (life->walk > p->walk_band_bytes)
			life->walk = 2 * p->walk_band_bytes - life->walk;
		if (life->walk < -p->walk_band_bytes)
			life->walk = -2 * p->walk_band_bytes - life->walk;
	}
	return life->noise + life->walk;
}

static double load_part(struct sim *sim, struct life *life, double per_s)
{
	const struct program *p = life->program;
	const double used = p->load_bytes_per_rps * per_s;
	if (p->retain_tau_s > 0)
		life->peak *= exp(-sim->dt_s / p->retain_tau_s);
	life->peak = fmax(life->peak, p->retain_share * used);
	return fmax(used, life->peak);
}

static double job_part(struct sim *sim, const struct life *life)
{
	const struct program *p = life->program;
	if (p->job_every_s <= 0 || sim->now_s < p->job_at_s)
		return 0;
	const double since = fmod(sim->now_s - p->job_at_s, p->job_every_s);
	if (since >= p->job_length_s)
		return 0;
	struct rng each = rng_new("job", (uint64_t)((sim->now_s - p->job_at_s) / p->job_every_s));
	const double size = p->job_bytes * (1 + p->job_jitter * (rng_unit(&each) - 0.5));
	return size * fmin(1, 4 * since / p->job_length_s);
}

static double steps_part(const struct program *p, double now_s)
{
	double bytes = 0;
	for (int i = 0; i < p->step_count; i++)
		if (now_s >= p->steps[i].at_s)
			bytes += p->steps[i].bytes;
	return bytes;
}

/* Garbage on top of what lives. */
static double garbage_part(struct sim *sim, struct life *life, double per_s, double live)
{
	const struct program *p = life->program;
	if (p->gc_headroom_bytes <= 0 && p->gc_ratio <= 0)
		return 0;
	if (life->headroom <= 0)
		life->headroom = p->gc_ratio > 0 ? p->gc_ratio * live : p->gc_headroom_bytes;
	life->garbage += (p->gc_bytes_per_request * per_s + p->gc_idle_bytes_per_s) * sim->dt_s;
	if (life->garbage >= life->headroom) {
		life->garbage = fmod(life->garbage, life->headroom);
		life->headroom = p->gc_ratio > 0 ? p->gc_ratio * live : p->gc_headroom_bytes;
		life->floor_rest = fabs(p->gc_floor_share * life->headroom * rng_normal(sim->rng));
	}
	return fmin(life->garbage + life->floor_rest, life->headroom);
}

static double lazy_part(struct sim *sim, struct life *life)
{
	const struct program *p = life->program;
	if (p->lazy_bytes <= 0)
		return 0;
	life->lazy += (p->lazy_bytes - life->lazy) * (1 - exp(-sim->dt_s / p->lazy_tau_s));
	if (rng_chance(sim->rng, p->lazy_reclaim_per_d * sim->dt_s / DAY))
		life->lazy *= rng_range(sim->rng, 0, 0.5);
	return life->lazy;
}

static double leak_step(struct sim *sim, struct life *life, const struct leak *leak, double per_s)
{
	const struct load *load = &life->program->load;
	const double hours = sim->dt_s / HOUR;
	if (leak->exponent > 0) {
		const double age = life->age_s - leak->begin_age_s;
		const double before = pow(fmax(0, age - sim->dt_s) / leak->scale_s, leak->exponent);
		return leak->per_h * leak->scale_s / HOUR *
		       (pow(age / leak->scale_s, leak->exponent) - before);
	}
	switch (leak->driver) {
	case DRIVE_WORK:
		return leak->per_h * hours * per_s / load->mean_per_s;
	case DRIVE_BURSTS:
		if (sim->now_s >= life->burst_until_s)
			return 0;
		return leak->per_h * hours * DAY / (load->burst_per_day * load->burst_length_s);
	case DRIVE_JOBS: {
		const double every = life->program->job_every_s;
		const long done = (long)floor((sim->now_s - life->program->job_at_s) / every);
		const bool now = done > life->jobs_done && done >= 0;
		life->jobs_done = done;
		return now ? leak->per_h * every / HOUR * rng_range(sim->rng, 0.7, 1.3) : 0;
	}
	case DRIVE_TIME:
		break;
	}
	return leak->per_h * hours;
}

static bool leak_active(const struct sim *sim, const struct life *life, const struct leak *leak)
{
	return life->age_s > leak->begin_age_s && (leak->end_s <= 0 || sim->now_s < leak->end_s);
}

static void note_pid(struct truth *truth, int pid)
{
	const size_t used = strlen(truth->pids);
	if (used < sizeof truth->pids - 12)
		snprintf(truth->pids + used, sizeof truth->pids - used, used ? ",%d" : "%d", pid);
}

/* Lets the leaks of a life run for a step; keeps the books. */
static void leaks_run(struct sim *sim, struct place *place, double per_s)
{
	struct life *life = &place->life;
	struct truth *truth = sim->truth;
	bool active = false;
	for (int i = 0; i < life->program->leak_count; i++) {
		const struct leak *leak = &life->program->leaks[i];
		if (!leak_active(sim, life, leak)) {
			if (leak->end_s > 0 && sim->now_s >= leak->end_s && leak->released > 0)
				life->leaked[i] *= 1 - leak->released * fmin(1, sim->dt_s / (10 * MINUTE));
			continue;
		}
		const double more = leak_step(sim, life, leak, per_s);
		life->leaked[i] += more;
		active = true;
		if (i > 0)
			continue;
		truth->leaked += more;
		truth->leaking_s += sim->dt_s;
		truth->end_s = sim->now_s;
		if (truth->begin_s < 0)
			truth->begin_s = sim->now_s - sim->dt_s;
	}
	if (active && !life->leaking)
		note_pid(truth, life->pid);
	life->leaking |= active;
	if (!life->leaking)
		truth->clean_process_s += sim->dt_s;
	truth->process_s += sim->dt_s;
}

static void t_star_check(struct sim *sim, const struct life *life, const struct reading *reading)
{
	struct truth *truth = sim->truth;
	const struct program *p = life->program;
	if (!life->leaking || truth->t_star_s >= 0)
		return;
	const struct leak *leak = &p->leaks[0];
	double level = reading->u - life->leaked[0];
	double noise = p->noise_bytes;
	switch (leak->metric) {
	case LEAK_FDS:
		level = reading->fds - life->leaked[0];
		noise = p->fds_wave;
		break;
	case LEAK_THREADS:
		level = reading->threads - life->leaked[0];
		noise = 0;
		break;
	case LEAK_CONNECTIONS:
		level = reading->connections - life->leaked[0];
		noise = 0.3 * level;
		break;
	case LEAK_SHMEM:
		level = reading->shmem - life->leaked[0];
		noise = 0;
		break;
	case LEAK_VM:
		level = reading->vm_data - life->leaked[0];
		break;
	case LEAK_ANON:
		break;
	}
	truth->level_bytes = level;
	truth->noise_bytes = noise;
	double leaked = truth->leaked;
	if (leak->unit_bytes > 0 &&
	    leaked * leak->unit_bytes > world_floor(LEAK_ANON, reading->u, p->noise_bytes))
		leaked = INFINITY; /* seen in the memory before it is in the count */
	if (leaked < world_floor(leak->metric, level, noise))
		return;
	truth->t_star_s = fmax(6 * HOUR, sim->now_s - truth->begin_s);
}

static double leaked_of(const struct life *life, enum leak_metric metric)
{
	double sum = 0;
	for (int i = 0; i < life->program->leak_count; i++)
		if (life->program->leaks[i].metric == metric)
			sum += life->leaked[i];
	return sum;
}

/* Memory held by leaked objects that are counted otherwise. */
static double leaked_unit_bytes(const struct life *life)
{
	double sum = 0;
	for (int i = 0; i < life->program->leak_count; i++)
		if (life->program->leaks[i].unit_bytes > 0)
			sum += floor(life->leaked[i]) * life->program->leaks[i].unit_bytes;
	return sum;
}

static void count_objects(struct sim *sim, struct life *life, double per_s, struct reading *out)
{
	const struct program *p = life->program;
	const double live = p->hold_s * per_s;
	double connections = p->connections_base + live + sqrt(live) * 0.5 * rng_normal(sim->rng);
	if (p->pool_max > 0) {
		life->pool_connections = fmax(life->pool_connections, fmin(connections, p->pool_max));
		connections = life->pool_connections;
	}
	connections = floor(fmax(0, connections)) + floor(leaked_of(life, LEAK_CONNECTIONS));
	if (p->thread_pool_max > 0)
		life->pool_threads = p->thread_pool_max * (1 - exp(-life->age_s / p->thread_pool_tau_s));
	life->wave = 0.8 * life->wave + 0.6 * rng_normal(sim->rng);
	out->connections = connections;
	out->threads =
		floor(p->threads_base + life->pool_threads) + floor(leaked_of(life, LEAK_THREADS));
	out->fds = floor(fmax(3, p->fds_base + p->fds_wave * life->wave)) + connections +
	           floor(leaked_of(life, LEAK_FDS));
}

static double u_now(struct sim *sim, struct life *life, double per_s, const struct reading *objects)
{
	const struct program *p = life->program;
	double live = p->base_bytes * life->size * clamp(life->age_s / fmax(p->start_s, 1), 0.05, 1);
	live += warm_part(p, life->age_s, sim->now_s) * life->size;
	live += cache_part(life, per_s * sim->dt_s) + load_part(sim, life, per_s);
	live += session_part(life, per_s * sim->dt_s, sim->dt_s);
	live += job_part(sim, life) + steps_part(p, sim->now_s);
	live += objects->connections * p->connection_bytes + objects->threads * p->thread_bytes;
	live += leaked_of(life, LEAK_ANON) + leaked_unit_bytes(life);
	double u = live + garbage_part(sim, life, per_s, live) + lazy_part(sim, life);
	u = fmax(u + noise_part(sim, life), MIB);
	if (p->thp_at_s > 0 && sim->now_s > p->thp_at_s) {
		const double since_s = sim->now_s - p->thp_at_s;
		life->filled = p->thp_over_s > 0 ? fmin(since_s / p->thp_over_s, 1)
		                                 : 1 - exp(-since_s / (20 * MINUTE));
		u *= 1 + p->thp_bloat * life->filled;
	}
	if (p->thp_share > 0)
		u = (1 - p->thp_share) * u + ceil(p->thp_share * u / HUGE_PAGE) * HUGE_PAGE;
	if (p->quantum_bytes > 0)
		u = round(u / p->quantum_bytes) * p->quantum_bytes;
	return u;
}

static double swap_now(const struct sim *sim, const struct program *p, double u)
{
	double swap = 0;
	if (p->resident_cap_bytes > 0 && u > p->resident_cap_bytes)
		swap = u - p->resident_cap_bytes;
	if (p->swap_out_share > 0 && sim->now_s > p->swap_out_at_s) {
		double out = 1 - exp(-(sim->now_s - p->swap_out_at_s) / p->swap_tau_s);
		if (p->swap_in_at_s > 0 && sim->now_s > p->swap_in_at_s)
			out *= exp(-(sim->now_s - p->swap_in_at_s) / p->swap_tau_s);
		swap += p->swap_out_share * p->base_bytes * out;
	}
	return fmin(swap, 0.95 * u);
}

static double file_now(struct sim *sim, struct life *life, double leaked)
{
	const struct program *p = life->program;
	double file = p->file_bytes;
	if (p->file_growth_bytes_per_h > 0)
		file = fmin(file + p->file_growth_bytes_per_h * sim->now_s / HOUR, p->file_cap_bytes);
	if (p->file_reclaim_per_d > 0) {
		/* a sawtooth of its own: the kernel takes most of it, use brings it back */
		const double phase = fmod(sim->now_s * p->file_reclaim_per_d / DAY, 1);
		file *= 0.3 + 0.7 * phase;
	}
	if (p->file_yields)
		file = fmax(2 * MIB, file - leaked);
	return file;
}

static void read_memory(struct sim *sim, struct life *life, struct reading *out)
{
	const struct program *p = life->program;
	const double leaked = leaked_of(life, LEAK_ANON) + leaked_unit_bytes(life);
	const double u = out->u;
	out->swap = swap_now(sim, p, u);
	out->anon = fmax(0, u - out->swap + p->reading_bytes * rng_normal(sim->rng));
	out->file = file_now(sim, life, leaked);
	out->shmem = p->shmem_bytes + leaked_of(life, LEAK_SHMEM);
	if (p->shmem_touch_bytes > 0)
		out->shmem += p->shmem_touch_bytes * (1 - exp(-life->age_s / p->shmem_touch_tau_s));
	const bool forked = p->fork_every_s > 0 && fmod(sim->now_s, p->fork_every_s) < p->fork_length_s;
	out->private_dirty = out->anon * (forked ? 0.03 : 0.985);
	out->lazyfree = life->lazy;
	out->idle = p->leaked_share * leaked +
	            p->cold_share * fmax(0, u - leaked) * (1 + 0.2 * rng_normal(sim->rng));
	out->heap = p->brk_heap ? 0.85 * u : fmin(264 * KIB, u);
	const double stacks = out->threads * 8.2 * MIB;
	out->huge = p->thp_share * u * (p->thp_at_s > 0 ? life->filled : 1);
	/* address space is seldom given back; holes are part of it */
	const double holes = (1 + p->thp_bloat) / (1 + p->thp_bloat * life->filled);
	life->most_u = fmax(life->most_u, u * holes);
	out->vm_data = life->most_u * 1.05 + stacks + leaked_of(life, LEAK_VM) + 20 * MIB;
	out->vm_size = out->vm_data + out->shmem + fmax(out->file, p->file_cap_bytes) + 60 * MIB;
}

/* Lets one life run for a step and reads it. */
static void life_step(struct sim *sim, struct place *place, struct reading *out)
{
	struct life *life = &place->life;
	const struct program *p = life->program;
	*out = (struct reading){ 0 };
	life->age_s = sim->now_s - life->start_s;
	const double per_s = load_now(sim, life);
	const double requests = per_s * sim->dt_s;
	life->requests += requests;
	leaks_run(sim, place, per_s);
	count_objects(sim, life, per_s, out);
	out->u = u_now(sim, life, per_s, out);
	life->cpu_s += (p->cpu_per_request_s * requests +
	                p->cpu_idle_share * p->cpu_per_request_s * p->load.mean_per_s * sim->dt_s) *
	               (1 + 0.03 * rng_normal(sim->rng));
	life->faults += p->faults_per_request * requests * (1 + 0.05 * rng_normal(sim->rng)) +
	                fmax(0, out->u - life->last_u) / PAGE;
	life->read += p->read_bytes_per_request * requests * (1 + 0.05 * rng_normal(sim->rng));
	life->last_u = out->u;
	read_memory(sim, life, out);
	t_star_check(sim, life, out);
}

static void life_begin(struct sim *sim, struct place *place, double start_s)
{
	const struct slot *slot = place->slot;
	const struct program *p = slot->changes && place->lives > 0 ? &slot->second : &slot->program;
	const int pid = slot->same_pid && place->lives > 0 ? place->life.pid : sim->next_pid;
	sim->next_pid += rng_int(sim->rng, 1, 400);
	if (sim->next_pid > 32767)
		sim->next_pid = 300 + sim->next_pid % 1000;
	const double old_s = sim->now_s - start_s;
	place->life = (struct life){ .program = p, .pid = pid, .start_s = start_s, .death_s = -1 };
	struct life *life = &place->life;
	life->size = 1 + slot->base_jitter * rng_range(sim->rng, -1, 1);
	life->noise = p->noise_rho > 0 ? p->noise_bytes * rng_normal(sim->rng) : 0;
	life->load_noise = rng_normal(sim->rng);
	life->cache = old_s > DAY ? p->cache_cap_bytes : 0;
	life->lazy = old_s > DAY ? p->lazy_bytes * rng_unit(sim->rng) : 0;
	life->garbage = rng_unit(sim->rng) * (old_s > DAY ? p->gc_headroom_bytes : 0);
	life->cpu_s = old_s * p->cpu_per_request_s * p->load.mean_per_s;
	life->faults = old_s * p->faults_per_request * p->load.mean_per_s + 4000;
	life->read = old_s * p->read_bytes_per_request * p->load.mean_per_s;
	life->jobs_done =
		p->job_every_s > 0 ? (long)floor((sim->now_s - p->job_at_s) / p->job_every_s) : 0;
	if (slot->life_s > 0)
		life->death_s =
			start_s + slot->life_s * (1 + slot->life_jitter * rng_range(sim->rng, -1, 1));
	place->alive = true;
	place->lives++;
	sim->truth->processes++;
}

static void life_end(struct sim *sim, struct place *place)
{
	place->alive = false;
	place->next_start_s = sim->now_s + fmax(place->slot->down_s, 1);
}

static char *put_u64(char *at, uint64_t value)
{
	char digits[20];
	int n = 0;
	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		*at++ = digits[--n];
	return at;
}

/* Non-negative, with `decimals` places. */
static char *put_fixed(char *at, double value, int decimals)
{
	uint64_t scale = 1;
	for (int i = 0; i < decimals; i++)
		scale *= 10;
	const uint64_t whole = (uint64_t)(fmax(value, 0) * (double)scale + 0.5);
	at = put_u64(at, whole / scale);
	if (!decimals)
		return at;
	*at++ = '.';
	uint64_t rest = whole % scale;
	for (scale /= 10; scale; scale /= 10) {
		*at++ = (char)('0' + rest / scale);
		rest %= scale;
	}
	return at;
}

enum column {
	COL_TIME,
	COL_PID,
	COL_START,
	COL_RSS,
	COL_ANON,
	COL_FILE,
	COL_SHMEM,
	COL_SWAP,
	COL_DIRTY,
	COL_IDLE,
	COL_LAZYFREE,
	COL_HUGE,
	COL_VM_SIZE,
	COL_VM_DATA,
	COL_HEAP,
	COL_THREADS,
	COL_FDS,
	COL_CONNECTIONS,
	COL_FAULTS,
	COL_CPU,
	COL_READ,
	COL_LIMIT,
	COL_COUNT
};

static const struct {
	const char *name;
	enum columns widest; /* the scantest set of columns that still has it */
	int decimals;
} columns[COL_COUNT] = {
	[COL_TIME] = { "time", COLUMNS_MINIMAL, 3 },
	[COL_PID] = { "pid", COLUMNS_MINIMAL, 0 },
	[COL_START] = { "start_time", COLUMNS_MINIMAL, 2 },
	[COL_RSS] = { "rss_bytes", COLUMNS_PULSE, 0 },
	[COL_ANON] = { "anon_bytes", COLUMNS_MINIMAL, 0 },
	[COL_FILE] = { "file_bytes", COLUMNS_PULSE, 0 },
	[COL_SHMEM] = { "shmem_bytes", COLUMNS_PULSE, 0 },
	[COL_SWAP] = { "swap_bytes", COLUMNS_PULSE, 0 },
	[COL_DIRTY] = { "private_dirty_bytes", COLUMNS_ALL, 0 },
	[COL_IDLE] = { "idle_bytes", COLUMNS_ALL, 0 },
	[COL_LAZYFREE] = { "lazyfree_bytes", COLUMNS_ALL, 0 },
	[COL_HUGE] = { "anon_huge_bytes", COLUMNS_ALL, 0 },
	[COL_VM_SIZE] = { "vm_size_bytes", COLUMNS_PULSE, 0 },
	[COL_VM_DATA] = { "vm_data_bytes", COLUMNS_PULSE, 0 },
	[COL_HEAP] = { "heap_bytes", COLUMNS_ALL, 0 },
	[COL_THREADS] = { "threads", COLUMNS_PULSE, 0 },
	[COL_FDS] = { "fds", COLUMNS_PULSE, 0 },
	[COL_CONNECTIONS] = { "connections", COLUMNS_ALL, 0 },
	[COL_FAULTS] = { "minor_faults", COLUMNS_PULSE, 0 },
	[COL_CPU] = { "cpu_seconds", COLUMNS_MINIMAL, 2 },
	[COL_READ] = { "read_bytes", COLUMNS_MINIMAL, 0 },
	[COL_LIMIT] = { "limit_bytes", COLUMNS_ALL, 0 },
};

struct layout {
	enum column order[COL_COUNT];
	int count;
};

static bool column_shown(const struct scene *scene, enum column c)
{
	switch (c) {
	case COL_IDLE:
		return scene->show_idle;
	case COL_LAZYFREE:
		return scene->show_lazyfree;
	case COL_HUGE:
		return scene->show_huge;
	case COL_LIMIT:
		return scene->limit_bytes > 0;
	case COL_HEAP:
		return scene->show_heap && columns[c].widest >= scene->columns;
	case COL_TIME:
	case COL_PID:
	case COL_START:
	case COL_RSS:
	case COL_ANON:
	case COL_FILE:
	case COL_SHMEM:
	case COL_SWAP:
	case COL_DIRTY:
	case COL_VM_SIZE:
	case COL_VM_DATA:
	case COL_THREADS:
	case COL_FDS:
	case COL_CONNECTIONS:
	case COL_FAULTS:
	case COL_CPU:
	case COL_READ:
	case COL_COUNT:
		break;
	}
	return columns[c].widest >= scene->columns;
}

static struct layout layout_new(const struct scene *scene, FILE *out)
{
	struct layout layout = { .count = 0 };
	for (enum column c = 0; c < COL_COUNT; c++)
		if (column_shown(scene, c))
			layout.order[layout.count++] = c;
	struct rng rng = rng_new("columns", scene->shuffle);
	for (int i = layout.count - 1; scene->shuffle && i > 0; i--) {
		const int j = rng_int(&rng, 0, i);
		const enum column kept = layout.order[i];
		layout.order[i] = layout.order[j];
		layout.order[j] = kept;
	}
	for (int i = 0; i < layout.count; i++)
		fprintf(out, "%s%s", i ? "," : "", columns[layout.order[i]].name);
	fputc('\n', out);
	return layout;
}

static double to_pages(double bytes)
{
	return floor(fmax(0, bytes) / PAGE) * PAGE;
}

/* NAN stands for a blank cell. */
static void row_fill(const struct sim *sim, const struct life *life, const struct reading *reading,
                     double clock_s, double value[COL_COUNT])
{
	const struct scene *scene = sim->scene;
	/* dear reads of a large process are made seldom */
	const bool deep = reading->u < 4 * GIB || fmod(sim->now_s, 10 * MINUTE) < scene->interval_s;
	value[COL_TIME] = clock_s;
	value[COL_PID] = life->pid;
	value[COL_START] = scene->t0_s + life->start_s;
	value[COL_ANON] = to_pages(reading->anon);
	value[COL_FILE] = to_pages(reading->file);
	value[COL_SHMEM] = to_pages(reading->shmem);
	value[COL_RSS] = value[COL_ANON] + value[COL_FILE] + value[COL_SHMEM];
	value[COL_SWAP] = to_pages(reading->swap);
	value[COL_DIRTY] = deep ? to_pages(reading->private_dirty) : (double)NAN;
	value[COL_IDLE] = deep ? to_pages(reading->idle) : (double)NAN;
	value[COL_LAZYFREE] = deep ? to_pages(reading->lazyfree) : (double)NAN;
	value[COL_HUGE] = deep ? to_pages(reading->huge) : (double)NAN;
	value[COL_HEAP] = deep ? to_pages(reading->heap) : (double)NAN;
	value[COL_VM_SIZE] = to_pages(reading->vm_size);
	value[COL_VM_DATA] = to_pages(reading->vm_data);
	value[COL_THREADS] = reading->threads;
	value[COL_FDS] = reading->fds;
	value[COL_CONNECTIONS] = reading->connections;
	value[COL_FAULTS] = life->faults;
	value[COL_CPU] = life->cpu_s;
	value[COL_READ] = life->read;
	value[COL_LIMIT] = scene->limit_bytes;
}

static void row_write(const struct layout *layout, const double value[COL_COUNT], FILE *out)
{
	char line[512];
	char *at = line;
	for (int i = 0; i < layout->count; i++) {
		const enum column c = layout->order[i];
		if (i)
			*at++ = ',';
		if (!isnan(value[c]))
			at = put_fixed(at, value[c], columns[c].decimals);
	}
	*at++ = '\n';
	fwrite(line, 1, (size_t)(at - line), out);
}

static bool asleep(const struct scene *scene, double now_s)
{
	for (int i = 0; i < scene->suspend_count; i++)
		if (now_s >= scene->suspend_at_s[i] && now_s < scene->suspend_at_s[i] + scene->suspend_s)
			return true;
	return false;
}

static double clock_offset(const struct scene *scene, double now_s)
{
	double offset = 0;
	for (int i = 0; i < scene->clock_step_count; i++)
		if (now_s >= scene->clock_steps[i].at_s)
			offset += scene->clock_steps[i].bytes;
	return offset;
}

/* A process that exits can be read once more with nothing left in it. */
static void write_last_reading(struct sim *sim, struct place *place, double clock_s,
                               const struct layout *layout, FILE *out)
{
	const struct reading nothing = { .threads = 1 };
	double value[COL_COUNT];
	if (!rng_chance(sim->rng, 0.3))
		return;
	row_fill(sim, &place->life, &nothing, clock_s, value);
	row_write(layout, value, out);
	sim->truth->rows++;
}

static bool life_is_over(const struct sim *sim, const struct place *place)
{
	return place->alive && place->life.death_s >= 0 && sim->now_s >= place->life.death_s;
}

static void place_renew(struct sim *sim, struct place *place)
{
	if (!place->alive && sim->now_s >= place->next_start_s) {
		const bool first = place->lives == 0 && place->slot->born_s < 0;
		life_begin(sim, place, first ? place->slot->born_s : sim->now_s);
	}
}

static void place_step(struct sim *sim, struct place *place, bool seen, double clock_s,
                       const struct layout *layout, FILE *out)
{
	const double limit = sim->scene->limit_bytes;
	struct reading reading;
	if (life_is_over(sim, place)) {
		life_end(sim, place);
		if (seen)
			write_last_reading(sim, place, clock_s, layout, out);
		return;
	}
	place_renew(sim, place);
	if (!place->alive)
		return;
	life_step(sim, place, &reading);
	if (limit > 0 && reading.u >= limit) {
		if (sim->truth->limit_at_s < 0)
			sim->truth->limit_at_s = sim->now_s;
		if (place->slot->dies_at_limit) {
			life_end(sim, place);
			return;
		}
	}
	if (!seen)
		return;
	double value[COL_COUNT];
	row_fill(sim, &place->life, &reading, clock_s, value);
	row_write(layout, value, out);
	sim->truth->rows++;
}

static void sim_begin(struct sim *sim)
{
	const struct scene *scene = sim->scene;
	*sim->truth = (struct truth){ .begin_s = -1, .t_star_s = -1, .limit_at_s = -1 };
	sim->next_pid = rng_int(sim->rng, 400, 30000);
	for (int i = 0; i < scene->slot_count; i++)
		sim->places[i] =
			(struct place){ .slot = &scene->slots[i], .next_start_s = scene->slots[i].born_s };
}

int world_run(const struct scene *scene, struct rng *rng, FILE *out, struct truth *truth)
{
	struct sim sim = { .scene = scene, .rng = rng, .truth = truth };
	sim_begin(&sim);
	const struct layout layout = layout_new(scene, out);
	double gap_until_s = -1;
	double interval_s = scene->interval_s;
	for (sim.now_s = 0; sim.now_s < scene->duration_s; sim.now_s += interval_s) {
		if (scene->later_interval_s > 0 && sim.now_s > scene->duration_s / 2)
			interval_s = scene->later_interval_s;
		sim.dt_s = interval_s;
		if (asleep(scene, sim.now_s))
			continue;
		if (rng_chance(rng, scene->gaps_per_day * interval_s / DAY))
			gap_until_s = sim.now_s - scene->gap_mean_s * log(1 - rng_unit(rng));
		const double jitter = scene->jitter_share * interval_s * rng_unit(rng);
		const double clock_s = scene->t0_s + sim.now_s + jitter + clock_offset(scene, sim.now_s);
		for (int i = 0; i < scene->slot_count; i++)
			place_step(&sim, &sim.places[i], sim.now_s >= gap_until_s, clock_s, &layout, out);
	}
	return ferror(out) ? -EIO : 0;
}
