/* The verdict on made-up processes, each a shape that the detector must tell. */
#include "series.h"
#include "tap.h"

static struct outcome judge(double for_s, double step_s, fill_fn *fill)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();

	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 1);
	return run_track(&track, &settings, 0, for_s, step_s, fill);
}

static void put(struct pl_values *v, enum pl_metric metric, double value)
{
	pl_values_set(v, metric, (uint64_t)value);
}

static double hiss(double t_s)
{
	return 0.3 * MIB * noise_at((uint64_t)t_s);
}

static void leak_slow(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 2 * MIB * t_s / HOUR + hiss(t_s));
}

static void flat(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 8 * hiss(t_s));
}

static void warm_up(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 600 * MIB * (1 - exp(-t_s / (3 * HOUR))) + hiss(t_s));
}

static void logarithm(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 60 * MIB * log(1 + t_s / 600) + hiss(t_s));
}

static void day(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 80 * MIB * sin(2 * M_PI * t_s / DAY) + hiss(t_s));
}

static void saw(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 200 * MIB * fmod(t_s, 13 * HOUR) / (13 * HOUR) + hiss(t_s));
}

static void one_step(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + (t_s > 2 * DAY ? 150 * MIB : 0) + hiss(t_s));
}

static void fixed_live(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 4 * MIB * fmin(t_s, 3 * DAY) / HOUR + hiss(t_s));
}

static void shared_leak(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + hiss(t_s));
	put(v, PL_M_SHMEM, 50 * MIB + 3 * MIB * t_s / HOUR);
}

/* What nobody maps is seen by rollups alone, here one an hour. */
static void unmapped_leak(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + hiss(t_s));
	put(v, PL_M_SHMEM, 10 * MIB);
	if (fmod(t_s, HOUR) < 300)
		put(v, PL_M_FD_SHMEM, 20 * MIB + 3 * MIB * t_s / HOUR);
}

/* What descriptors hold is mapped, too: it is there once. */
static void mapped_too(double t_s, struct pl_values *v)
{
	shared_leak(t_s, v);
	put(v, PL_M_FD_SHMEM, 50 * MIB + 3 * MIB * t_s / HOUR);
}

static void fd_leak(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + hiss(t_s));
	put(v, PL_M_FDS, 40 + floor(20 * t_s / HOUR));
}

static void swapped_leak(double t_s, struct pl_values *v)
{
	const double all = 300 * MIB + 2 * MIB * t_s / HOUR + hiss(t_s);

	put(v, PL_M_ANON, fmin(all, 310 * MIB));
	put(v, PL_M_SWAP, fmax(all - 310 * MIB, 0));
}

static void swap_in(double t_s, struct pl_values *v)
{
	const double in = fmin(t_s / DAY, 1) * 200 * MIB;

	put(v, PL_M_ANON, 300 * MIB + in);
	put(v, PL_M_SWAP, 200 * MIB - in);
}

/* Rollups come at times only, and tell of a backlog that was given back but not yet taken. */
static void lazyfree(double t_s, struct pl_values *v)
{
	const double backlog = fmin(t_s / HOUR * 3 * MIB, 400 * MIB);

	put(v, PL_M_ANON, 300 * MIB + backlog + hiss(t_s));
	if (fmod(t_s, HOUR) < 60)
		put(v, PL_M_LAZYFREE, backlog);
}

static void connections_leak(double t_s, struct pl_values *v)
{
	const double count = floor(30 * t_s / HOUR);

	put(v, PL_M_ANON, 300 * MIB + count * 100e3 + hiss(t_s));
	put(v, PL_M_CONNECTIONS, 10 + count);
	put(v, PL_M_FDS, 40 + count);
}

static void urgent(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 100 * MIB + 900 * MIB * t_s / (50 * 60) + hiss(t_s));
	put(v, PL_M_LIMIT, 1000 * MIB);
}

static void urgent_heap(double t_s, struct pl_values *v)
{
	urgent(t_s, v);
	put(v, PL_M_HEAP, 20 * MIB + 850 * MIB * t_s / (50 * 60));
}

/* Memory follows a load that grows by the week: fine. */
static void load_ramp(double t_s, struct pl_values *v)
{
	const double load = (1 + t_s / (5 * DAY)) * (1 + 0.4 * sin(2 * M_PI * t_s / DAY));
	static double cpu_us;

	cpu_us = t_s > 0 ? cpu_us + load * 60e6 : 0;
	put(v, PL_M_ANON, 300 * MIB + 100 * MIB * load + hiss(t_s));
	put(v, PL_M_CPU, cpu_us);
}

static void test_leaks(void)
{
	struct outcome o = judge(4 * DAY, 60, leak_slow);

	ok(o.alarms == 2 && !o.first.confirmed && o.last.confirmed,
	   "a slow leak alarms, and once more when it is confirmed");
	ok(o.first_alarm_s > 12 * HOUR && o.first_alarm_s < 24 * HOUR, "within a day, not at once");
	is_near(o.first.rate_bytes_per_hour / MIB, 2, 0.2, "its rate is told");
	ok(o.first.rate_low < 2 * MIB && o.first.rate_high > 2 * MIB, "within an interval");
	is_str(o.first.metric, "anon", "its metric");
	ok(strncmp(o.first.message, "prog[42] leaking ", 17) == 0, "its message names it");
	ok(fabs(o.first.since_s - 1.7e9) < 3 * HOUR, "it is known since when");
	o = judge(4 * DAY, 300, shared_leak);
	ok(o.alarms >= 1 && strcmp(o.first.metric, "shmem") == 0, "shared memory");
	is_str(o.first.where, "shmem", "is where it leaks");
	o = judge(4 * DAY, 300, unmapped_leak);
	ok(o.alarms >= 1 && strcmp(o.first.metric, "shmem") == 0, "shared memory that is not mapped");
	is_near(o.first.rate_bytes_per_hour / MIB, 3, 0.3, "and its rate");
	is_str(o.first.where, "memfd", "which is where it leaks");
	ok(strstr(o.first.message, "memfd or tmpfs files that nobody maps") != NULL, "in words");
	o = judge(4 * DAY, 300, mapped_too);
	is_near(o.first.rate_bytes_per_hour / MIB, 3, 0.3, "what is mapped as well counts once");
	is_str(o.first.where, "shmem", "and is where the regions say");
	o = judge(4 * DAY, 60, fd_leak);
	ok(o.alarms >= 1 && strcmp(o.first.metric, "fds") == 0, "descriptors");
	is_near(o.first.rate_bytes_per_hour, 20, 2, "their rate is a count");
	ok(judge(4 * DAY, 60, swapped_leak).alarms >= 1, "a leak into swap");
	o = judge(4 * DAY, 60, connections_leak);
	ok(o.alarms >= 1 && o.first.cause == PL_CAUSE_CONNECTIONS, "connections never closed");
}

static void test_fine(void)
{
	is_num(judge(14 * DAY, 60, flat).alarms, 0, "noise");
	is_num(judge(14 * DAY, 60, warm_up).alarms, 0, "warm-up of hours");
	is_num(judge(14 * DAY, 60, logarithm).alarms, 0, "logarithm");
	is_num(judge(14 * DAY, 60, day).alarms, 0, "daily cycle");
	is_num(judge(14 * DAY, 60, saw).alarms, 0, "sawtooth of 13 h");
	is_num(judge(14 * DAY, 60, one_step).alarms, 0, "one step");
	is_num(judge(4 * DAY, 60, swap_in).alarms, 0, "swap-in");
	is_num(judge(5 * DAY, 60, lazyfree).alarms, 0, "MADV_FREE backlog, seen by some samples only");
	is_num(judge(10 * DAY, 60, load_ramp).alarms, 0, "growing load");
}

static void test_recovery(void)
{
	const struct outcome o = judge(8 * DAY, 60, fixed_live);

	ok(o.alarms >= 1, "a leak that will be fixed alarms");
	is_num(o.recoveries, 1, "and is cleared");
	is_num(o.last.verdict, PL_VERDICT_STEADY, "for good");
	ok(strstr(o.last.message, "flat") || strstr(o.last.message, "no longer"), "with its reason");
}

static void fds_fixed_live(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + hiss(t_s));
	put(v, PL_M_FDS, 40 + floor(20 * fmin(t_s, 3 * DAY) / HOUR));
}

static void shared_fixed_live(double t_s, struct pl_values *v)
{
	shared_leak(fmin(t_s, 3 * DAY), v);
}

static void test_words_of_recovery(void)
{
	struct outcome o = judge(8 * DAY, 60, fds_fixed_live);

	is_num(o.recoveries, 1, "a leak of descriptors is cleared");
	is_str(o.last.message, "prog[42] no longer leaks fds", "as one of descriptors");
	is_str(o.last.metric, "fds", "in all that is said of it");
	is_str(o.last.reason, "stopped", "why, too");
	o = judge(8 * DAY, 60, shared_fixed_live);
	is_num(o.recoveries, 1, "a leak of shared memory is cleared");
	is_str(o.last.message, "prog[42] no longer leaks shared memory", "as one of shared memory");
	o = judge(8 * DAY, 60, fixed_live);
	is_str(o.last.message, "prog[42] no longer leaks anonymous memory",
	       "and one of memory as that");
}

static double since_day(double t_s, double days)
{
	return fmax(0, t_s - days * DAY);
}

static void threads_then_memory(double t_s, struct pl_values *v)
{
	put(v, PL_M_THREADS, 20 + floor(4 * fmin(t_s, 11 * DAY) / HOUR));
	put(v, PL_M_ANON, 300 * MIB + 6 * MIB * since_day(fmin(t_s, 11 * DAY), 5) / HOUR + hiss(t_s));
}

/* Memory that comes and goes every three days, while threads leak all the time. */
static void threads_and_saw(double t_s, struct pl_values *v)
{
	put(v, PL_M_THREADS, 20 + floor(4 * t_s / HOUR));
	put(v, PL_M_ANON, 300 * MIB + 6 * MIB * fmod(since_day(t_s, 5), 4 * DAY) / HOUR + hiss(t_s));
}

static void memory_then_fds(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 6 * MIB * t_s / HOUR + hiss(t_s));
	put(v, PL_M_FDS, 40 + floor(20 * since_day(t_s, 5) / HOUR));
}

/* What memory came with at first goes on when memory does no more. */
static void no_memory_later(double t_s, struct pl_values *v)
{
	connections_leak(t_s, v);
	put(v, PL_M_ANON, 300 * MIB + 6 * MIB * fmin(t_s, 3 * DAY) / HOUR + hiss(t_s));
}

static bool is_told(const struct outcome *o, unsigned n, const char *metric, bool confirmed)
{
	return n < o->alarms && strcmp(o->alarm_metric[n], metric) == 0 &&
	       o->alarm_confirmed[n] == confirmed;
}

static void test_joined(void)
{
	struct outcome o = judge(20 * DAY, 60, threads_then_memory);

	ok(is_told(&o, 0, "threads", false) && is_told(&o, 1, "threads", true),
	   "a leak of threads is told, and confirmed");
	ok(is_told(&o, 2, "anon", true), "that memory leaks, too, is told, and stays a FAILURE");
	is_num(o.alarms, 3, "once");
	is_num(o.silent, 0, "and nothing is reported that changes nothing");
	is_num(o.recoveries, 1, "all of it is over at once");
	is_str(o.last.message, "prog[42] no longer leaks anonymous memory and threads", "by name");
	o = judge(20 * DAY, 60, threads_and_saw);
	is_num(o.alarms, 3, "memory that leaks again and again is told once");
	ok(is_told(&o, 2, "anon", true), "beside the threads that do all the time");
	o = judge(12 * DAY, 60, memory_then_fds);
	ok(is_told(&o, 0, "anon", false) && is_told(&o, 1, "anon", true), "a leak of memory is told");
	ok(is_told(&o, 2, "fds", true), "and descriptors that leak later, though memory is the worst");
	ok(strncmp(o.last.message, "prog[42] leaking 20.0 fds/h (", 29) == 0, "as what they are");
	is_num(o.alarms, 3, "once");
	o = judge(12 * DAY, 60, connections_leak);
	is_num(o.alarms, 2, "not so the connections that memory was told to come with");
	is_num(o.silent, 0, "nor are they reported");
	o = judge(12 * DAY, 60, no_memory_later);
	is_num(o.alarms, 2, "nor when they go on alone");
	is_num(o.recoveries, 0, "which is not over");
}

/* A cause that became known after memory was told: what it names is not told beside it. */
static void test_joined_by_the_cause(void)
{
	struct pl_track track = { .ident = { 42, 1 }, .worst = PL_TRACKED_U, .alarm_told = true };

	track.verdict = PL_VERDICT_LEAKING;
	track.told_of = 1U << PL_TRACKED_U;
	track.judged[PL_TRACKED_U].verdict = PL_VERDICT_LEAKING;
	track.judged[PL_TRACKED_CONNECTIONS].verdict = PL_VERDICT_LEAKING;
	is_num(pl_track_joined(&track), PL_TRACKED_CONNECTIONS, "connections join memory");
	track.attribution.cause = PL_CAUSE_CONNECTIONS;
	is_num(pl_track_joined(&track), PL_TRACKED_COUNT, "not those that it comes with");
	track.told_of = 1U << PL_TRACKED_CONNECTIONS;
	is_num(pl_track_joined(&track), PL_TRACKED_U, "memory joins those that were told alone");
	track.ident.pid = 0;
	is_num(pl_track_joined(&track), PL_TRACKED_COUNT, "not in a sum, which grows by them");
}

static void test_urgent(void)
{
	const struct outcome o = judge(50 * 60, 10, urgent);

	is_num(o.alarms, 1, "a straight run into the limit alarms");
	ok(o.first_alarm_s < 25 * 60, "before half of the time is gone");
	is_num(o.first.verdict, PL_VERDICT_CRITICAL, "as critical");
	is_near(o.first.seconds_to_limit, 50 * 60 - o.first_alarm_s, 180, "with the time that is left");
	ok(o.first.limit, "and the limit");
	is_str(o.first.where, "anon", "nowhere in particular");
	is_str(judge(50 * 60, 10, urgent_heap).first.where, "heap",
	       "or in the heap, as far as minutes tell");
}

/* Memory would last for years; each connection takes a descriptor, too. */
static void connections_to_limit(double t_s, struct pl_values *v)
{
	connections_leak(t_s, v);
	put(v, PL_M_LIMIT, 64 * 1024.0 * MIB);
	put(v, PL_M_RLIMIT_NOFILE, 4096);
}

/* They pile up, and memory does not. */
static void bare_connections(double t_s, struct pl_values *v)
{
	connections_to_limit(t_s, v);
	put(v, PL_M_ANON, 300 * MIB + hiss(t_s));
}

static void slowing_down(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 100 * MIB + 400 * MIB * sqrt(t_s / (8 * HOUR)));
	put(v, PL_M_LIMIT, 4096 * MIB);
}

static void shared_to_limit(double t_s, struct pl_values *v)
{
	shared_leak(t_s, v);
	put(v, PL_M_LIMIT, 4096 * MIB);
}

static void test_first_limit(void)
{
	struct outcome o = judge(2 * DAY, 60, connections_to_limit);
	const double left_s = (4096 - 40) / 30.0 * HOUR - o.first_alarm_s;

	ok(o.alarms >= 1 && strcmp(o.first.metric, "anon") == 0, "memory and descriptors leak");
	is_str(o.first.limit, "RLIMIT_NOFILE", "what runs out first is named");
	is_near(o.first.seconds_to_limit, left_s, 0.1 * left_s, "and when");
	ok(o.first.seconds_to_limit_low < left_s && o.first.seconds_to_limit_high > left_s,
	   "within an interval");
	ok(strstr(o.first.message, "; RLIMIT_NOFILE 4096 in 4d ") != NULL, "as a count");
	o = judge(2 * DAY, 60, bare_connections);
	ok(o.alarms >= 1 && strcmp(o.first.metric, "connections") == 0, "connections alone");
	is_str(o.first.limit, "RLIMIT_NOFILE", "have the same limit");
	is_near(o.first.seconds_to_limit, left_s, 0.1 * left_s, "as far away");
	o = judge(8 * HOUR, 60, slowing_down);
	is_num(o.last.verdict, PL_VERDICT_GROWING, "what flattens grows");
	is_str(o.last.reason, "decelerating", "and is said to slow down");
	ok(o.last.seconds_to_limit < 0 && !o.last.limit, "so there is no date for its limit");
}

/* A JVM's heap of 400 MiB at first. */
static void java_heap(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 500 * MIB + 10 * MIB * t_s / HOUR + hiss(t_s));
	put(v, PL_M_LIMIT, 1000 * MIB);
}

static void read_java_heap(struct pl_track *t, double most_bytes)
{
	struct pl_ledger ledger = { .reading_count = 2,
		                        .runtimes = 1U << PL_RUNTIME_JVM,
		                        .heap_most_bytes = (float)most_bytes };

	ledger.base.used_bytes[PL_REGION_JAVA] = (uint64_t)(400 * MIB);
	ledger.now.used_bytes[PL_REGION_JAVA] = (uint64_t)(600 * MIB);
	pl_track_set_places(t, &ledger);
}

static struct outcome judge_java(double most_bytes)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();

	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 1);
	read_java_heap(&track, most_bytes);
	return run_track(&track, &settings, 0, 30 * HOUR, 60, java_heap);
}

static void test_java_heap(void)
{
	struct outcome o = judge_java(2000 * MIB);

	is_num(o.last.verdict, PL_VERDICT_CRITICAL, "a heap that may outgrow the limit is critical");
	is_str(o.last.limit, "limit", "because of that");
	o = judge_java(700 * MIB);
	is_num(o.last.verdict, PL_VERDICT_LEAKING,
	       "one that is full before leaks, and is not critical");
	is_str(o.last.limit, "-Xmx", "it runs into its own end");
	is_near(o.last.seconds_to_limit, 10 * HOUR, 2 * HOUR, "when that is reached");
	ok(strstr(o.last.message, "; 100 % Java heap; -Xmx 700 MiB in ") != NULL, "is told as such");
}

/* A worker that came to touch 150 MiB more of shared memory, `mapped_bytes` of it new. */
static struct outcome judge_shared(double mapped_bytes, double left_bytes, bool late)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();
	const double size_bytes = 200 * MIB + left_bytes;
	struct pl_ledger ledger = { .reading_count = 2,
		                        .base_shared_size_bytes = (float)(size_bytes - mapped_bytes),
		                        .shared_size_bytes = (float)size_bytes };

	ledger.base.used_bytes[PL_REGION_SHMEM] = (uint64_t)(50 * MIB);
	ledger.now.used_bytes[PL_REGION_SHMEM] = (uint64_t)(200 * MIB);
	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 1);
	if (!late)
		pl_track_set_places(&track, &ledger);
	struct outcome o = run_track(&track, &settings, 0, 30 * HOUR, 60, shared_to_limit);
	if (!late)
		return o;
	pl_track_set_places(&track, &ledger);
	return run_track(&track, &settings, 30 * HOUR, 36 * HOUR, 60, shared_to_limit);
}

/* ZGC before JDK 21: of each MiB that its heap grows by, three are mapped before long. */
static void views(double t_s, struct pl_values *v)
{
	const double heap = 200 * MIB + 4 * MIB * t_s / HOUR;

	put(v, PL_M_ANON, 90 * MIB);
	put(v, PL_M_FD_SHMEM, heap);
	put(v, PL_M_SHMEM, heap * fmin(1 + t_s / (4 * HOUR), 3));
}

static void test_views(void)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();
	struct pl_ledger ledger = { .reading_count = 2, .runtimes = 1U << PL_RUNTIME_JVM };

	ledger.base.used_bytes[PL_REGION_ZGC] = (uint64_t)(200 * MIB);
	ledger.now.used_bytes[PL_REGION_ZGC] = (uint64_t)(300 * MIB);
	ledger.base_shared_size_bytes = (float)(300 * MIB);
	ledger.shared_size_bytes = (float)(400 * MIB);
	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 1);
	pl_track_set_places(&track, &ledger);
	const struct outcome o = run_track(&track, &settings, 0, 30 * HOUR, 60, views);

	ok(o.alarms >= 1 && strcmp(o.first.metric, "shmem") == 0, "ZGC's heap leaks");
	is_near(o.last.rate_bytes_per_hour / MIB, 4, 0.1, "and counts once, however often mapped");
	ok(strstr(o.last.message, "nobody maps") == NULL, "and is mapped");
}

static void test_first_touch(void)
{
	struct outcome o = judge_shared(0, 300 * MIB, false);

	is_num(o.alarms, 0, "to touch shared memory that had been mapped is no leak");
	is_num(o.last.verdict, PL_VERDICT_STEADY, "nor growth");
	o = judge_shared(150 * MIB, 300 * MIB, false);
	ok(o.alarms >= 1 && strcmp(o.first.metric, "shmem") == 0, "to map ever more of it is");
	o = judge_shared(0, 5000 * MIB, false);
	ok(o.alarms >= 1, "and so is to touch more than the host has");
	o = judge_shared(0, 300 * MIB, true);
	is_num(o.recoveries, 1, "an alarm is taken back once that is known");
	is_num(o.last.verdict, PL_VERDICT_STEADY, "for good");
}

static void urgent_without_limit(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 100 * MIB + 900 * MIB * t_s / (50 * 60));
}

static void test_no_limit(void)
{
	is_num(judge(50 * 60, 10, urgent_without_limit).alarms, 0, "nothing is rushed without a limit");
}

/* Every 60th second of the slow leak, on a clock that runs 60 times as fast. */
static void leak_scaled(double t_s, struct pl_values *v)
{
	leak_slow(t_s * 60, v);
}

static void test_scale(void)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();

	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 60);
	const struct outcome o = run_track(&track, &settings, 0, 96 * 60, 1, leak_scaled);
	ok(o.alarms >= 1, "scaled time alarms");
	ok(o.first_alarm_s < 24 * 60, "in scaled hours");
	is_near(o.first.rate_bytes_per_hour / MIB, 120, 12, "at the real rate");
	is_near(o.first.time_s - o.first.since_s, o.first_alarm_s, 180, "since a real time");
}

/* By 3,600 times: each second is an hour. Each CPU second loses 20 KiB, and the day comes and goes.
 */
static void leak_by_work(double t_s, struct pl_values *v)
{
	const double day = 2 * M_PI * t_s / 24;
	const double cpu_s = 6000 * (t_s / 24 - 0.6 * (cos(day) - 1) / (2 * M_PI));

	put(v, PL_M_ANON, 300 * MIB + 20 * 1024 * cpu_s + hiss(t_s));
	put(v, PL_M_CPU, cpu_s * 1e6);
}

static void test_work(void)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();

	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 3600);
	const struct outcome o = run_track(&track, &settings, 0, 7 * 24, 1, leak_by_work);
	ok(o.alarms >= 1, "samples as far apart as blocks");
	is_num(o.last.cause, PL_CAUSE_WORK, "have a cause all the same");
	is_near(o.last.per_unit / 1024, 20, 3, "with the right number of bytes for each");
}

/* By 500 times. It needs some hundredths of a second of CPU, as the kernel counts, in a day. */
static void leak_at_rest(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 10 * MIB + 0.25 * MIB * t_s);
	put(v, PL_M_CPU, 10000 * ((t_s > 57) + (t_s > 105) + (t_s > 141)));
}

/* Beside two or three ticks any growth would seem to slow down. */
static void test_hardly_any_work(void)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();

	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 500);
	const struct outcome o = run_track(&track, &settings, 0, 160, 1, leak_at_rest);
	ok(o.alarms >= 1 && o.first_alarm_s < 127, "a straight growth without work alarms in time");
	is_num(o.recoveries, 0, "and that lasts");
	is_num(o.last.verdict, PL_VERDICT_LEAKING, "to the end");
}

/* One that is opened and never closed, each ten seconds, below the usual limit. */
static void leak_fds(double t_s, struct pl_values *v)
{
	flat(t_s, v);
	put(v, PL_M_FDS, fmin(60 + t_s / 10, 1024));
	put(v, PL_M_RLIMIT_NOFILE, 1024);
}

static double day_begins_s;

/* A pool that is filled within a quarter of an hour, and the clients of a day. */
static void fds_of_a_day(double t_s, struct pl_values *v)
{
	flat(t_s, v);
	put(v, PL_M_FDS,
	    50 + fmin(t_s / 3, 300) + 200 - 200 * cos(2 * M_PI * (t_s + day_begins_s) / DAY));
	put(v, PL_M_RLIMIT_NOFILE, 1024);
}

/* That is over within three hours: half an hour is too long a block to see it in time. */
static void test_fds_soon(void)
{
	const struct outcome o = judge(3 * HOUR, 10, leak_fds);

	ok(o.alarms >= 1 && o.first_alarm_s < 1.75 * HOUR, "an fd leak alarms before the limit");
	is_num(o.first.verdict, PL_VERDICT_CRITICAL, "as urgent");
	is_near(o.first_alarm_s + o.first.seconds_to_limit, 9640, 600, "and says when it ends");
	unsigned alarm_count = 0;

	for (day_begins_s = 0; day_begins_s < DAY; day_begins_s += 3 * HOUR)
		alarm_count += judge(2 * DAY, 60, fds_of_a_day).alarms;
	is_num(alarm_count, 0, "what comes with the day does not, whenever it begins");
}

static double floor_rate;

static void leak_at_floor(double t_s, struct pl_values *v)
{
	put(v, PL_M_ANON, 300 * MIB + 8 * hiss(t_s) + 1.5 * floor_rate * t_s / HOUR);
}

/* What is said to be seen by now is seen: a leak half as fast again alarms in that time. */
static void test_floor(void)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();
	struct pl_findings f;

	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 1);
	run_track(&track, &settings, 0, 6 * HOUR, 60, flat);
	pl_track_findings(&track, &f);
	ok(!pl_findings_get(&f, PL_FINDING_DETECTION_FLOOR, &floor_rate),
	   "no floor before a day could have been seen");
	run_track(&track, &settings, 6 * HOUR, 3 * DAY, 60, flat);
	pl_track_findings(&track, &f);
	ok(pl_findings_get(&f, PL_FINDING_DETECTION_FLOOR, &floor_rate), "then there is one");
	ok(floor_rate > 0.05 * MIB && floor_rate < 4 * MIB, "of a sensible size");
	ok(judge(3 * DAY, 60, leak_at_floor).alarms >= 1, "and a leak just above it is seen");
}

static void test_identity(void)
{
	static struct pl_track track;
	const struct pl_settings settings = usual_settings();
	struct pl_sample exiting = { .ident = { 42, 7 }, .time = { 1e6 + 60, 1.7e9 + 60 } };

	pl_track_init(&track, (struct pl_ident){ 42, 7 }, 1);
	run_track(&track, &settings, 0, 60, 60, flat);
	put(&exiting.values, PL_M_ANON, 0);
	put(&exiting.values, PL_M_RSS, 0);
	pl_track_add(&track, &exiting, &settings);
	is_num(track.sample_count, 1, "a last reading of zeros is no drop");
}

int main(void)
{
	test_leaks();
	test_fine();
	test_recovery();
	test_words_of_recovery();
	test_joined();
	test_joined_by_the_cause();
	test_urgent();
	test_first_limit();
	test_java_heap();
	test_first_touch();
	test_views();
	test_no_limit();
	test_scale();
	test_work();
	test_hardly_any_work();
	test_fds_soon();
	test_floor();
	test_identity();
	return tap_done();
}
