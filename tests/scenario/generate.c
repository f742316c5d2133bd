/*
 * generate: writes the corpus, a CSV trace and a line of labels for each.
 *
 *   generate [--set tune|report] [--seeds N] [--family NAME] [--shard I/N] DIRECTORY
 *   generate --list
 *
 * The tune set holds seeds 1..N of every family that is not held out; the report set seeds
 * 1001..1000+N of every family. Labels go to DIRECTORY/labels-I.jsonl.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "world.h"

#define REPORT_SEED_BASE 1000
#define DRAWS_MAX 60

struct request {
	const char *directory;
	const char *family;
	bool list; /* only say what there is */
	bool report;
	int seeds;
	int shard, shards;
};

/* A leak that is hardly there before the trace ends is nobody's to find: draw again. */
static bool is_fair(const struct scene *scene, const struct truth *truth)
{
	if (!scene->leaks)
		return true;
	if (truth->begin_s < 0)
		return false;
	if (scene->urgent)
		return truth->limit_at_s > truth->begin_s;
	return truth->t_star_s > 0 && truth->end_s - truth->begin_s >= 5 * truth->t_star_s;
}

static int run_once(const struct family *family, uint64_t seed, const char *path,
                    struct scene *scene, struct truth *truth)
{
	struct rng rng = rng_new(family->name, seed);
	family_draw(family, scene, &rng);
	FILE *out = fopen(path, "we");
	if (!out)
		return -errno;
	static char buffer[1 << 20];
	setvbuf(out, buffer, _IOFBF, sizeof buffer);
	int failed = world_run(scene, &rng, out, truth);
	if (fclose(out) && !failed)
		failed = -errno;
	return failed;
}

static void print_number(FILE *out, const char *key, double value)
{
	if (value < 0)
		fprintf(out, ",\"%s\":null", key);
	else
		fprintf(out, ",\"%s\":%.6g", key, value);
}

static void print_time(FILE *out, const char *key, const struct scene *scene, double at_s)
{
	if (at_s < 0)
		fprintf(out, ",\"%s\":null", key);
	else
		fprintf(out, ",\"%s\":%.0f", key, scene->t0_s + at_s);
}

static const char *metric_name(const struct scene *scene)
{
	static const char *const names[] = { [LEAK_ANON] = "anon",
		                                 [LEAK_SHMEM] = "shmem",
		                                 [LEAK_FDS] = "fds",
		                                 [LEAK_THREADS] = "threads",
		                                 [LEAK_CONNECTIONS] = "connections",
		                                 [LEAK_VM] = "vm_data" };
	return names[scene->slots[0].program.leaks[0].metric];
}

static void print_label(FILE *out, const struct family *family, const char *file,
                        const struct scene *scene, const struct truth *truth)
{
	fprintf(out, "{\"file\":\"%s\",\"family\":\"%s\",\"leak\":%s,\"t0\":%.0f", file, family->name,
	        scene->leaks ? "true" : "false", scene->t0_s);
	print_number(out, "duration_s", scene->duration_s);
	print_number(out, "interval_s", scene->interval_s);
	fprintf(out, ",\"processes\":%d,\"rows\":%ld", truth->processes, truth->rows);
	print_number(out, "process_weeks", truth->process_s / (7 * DAY));
	print_number(out, "clean_process_weeks", truth->clean_process_s / (7 * DAY));
	print_number(out, "limit_bytes", scene->limit_bytes > 0 ? scene->limit_bytes : -1);
	if (scene->leaks) {
		fprintf(out, ",\"metric\":\"%s\",\"metrics\":[%s],\"causes\":[%s],\"places\":[%s]",
		        metric_name(scene), scene->metrics, scene->causes, scene->places);
		print_number(out, "rate_per_hour", truth->leaked / (truth->leaking_s / HOUR));
		print_number(out, "leaked", truth->leaked);
		print_time(out, "begin", scene, truth->begin_s);
		print_time(out, "end", scene, truth->end_s);
		print_number(out, "t_star_s", truth->t_star_s);
		print_number(out, "level", truth->level_bytes);
		print_number(out, "noise", truth->noise_bytes);
		fprintf(out, ",\"pids\":[%s],\"rate_scored\":%s,\"fixed\":%s", truth->pids,
		        scene->rate_scored ? "true" : "false",
		        scene->slots[0].program.leaks[0].end_s > 0 ? "true" : "false");
		if (scene->urgent) {
			print_time(out, "limit_at", scene, truth->limit_at_s);
			print_time(out, "urgent_by", scene, (truth->begin_s + truth->limit_at_s) / 2);
		}
	}
	fputs("}\n", out);
}

static int make_trace(const struct request *request, const struct family *family, int seed,
                      FILE *labels)
{
	char file[128];
	char path[512];
	struct scene scene = { 0 };
	struct truth truth = { 0 };
	snprintf(file, sizeof file, "%s-%04d.csv", family->name, seed);
	if (snprintf(path, sizeof path, "%s/%s", request->directory, file) >= (int)sizeof path)
		return -ENAMETOOLONG;
	for (uint64_t draw = 0; draw < DRAWS_MAX; draw++) {
		const int failed = run_once(family, (uint64_t)seed + draw * 1000003, path, &scene, &truth);
		if (failed)
			return failed;
		if (is_fair(&scene, &truth)) {
			print_label(labels, family, file, &scene, &truth);
			return 0;
		}
	}
	fprintf(stderr, "generate: %s seed %d: no fair trace in %d draws\n", family->name, seed,
	        DRAWS_MAX);
	return -ERANGE;
}

static int make_set(const struct request *request, FILE *labels)
{
	int number = 0;
	for (int i = 0; i < family_count; i++) {
		const struct family *family = &families[i];
		if (request->family ? strcmp(request->family, family->name) != 0
		                    : family->held_out && !request->report)
			continue;
		for (int seed = 1; seed <= request->seeds; seed++) {
			if (number++ % request->shards != request->shard)
				continue;
			const int failed = make_trace(request, family,
			                              seed + (request->report ? REPORT_SEED_BASE : 0), labels);
			if (failed)
				return failed;
		}
	}
	return 0;
}

static void list_families(void)
{
	for (int i = 0; i < family_count; i++)
		printf("%s\t%s\t%s\n", families[i].name, families[i].held_out ? "report" : "tune,report",
		       families[i].shape);
}

static int parse_arguments(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "set", required_argument, NULL, 's' },    { "seeds", required_argument, NULL, 'n' },
		{ "family", required_argument, NULL, 'f' }, { "shard", required_argument, NULL, 'd' },
		{ "list", no_argument, NULL, 'l' },         { NULL, 0, NULL, 0 }
	};
	*request = (struct request){ .seeds = 6, .shards = 1 };
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 's')
			request->report = strcmp(optarg, "report") == 0;
		else if (c == 'n')
			request->seeds = atoi(optarg);
		else if (c == 'f')
			request->family = optarg;
		else if (c == 'l')
			request->list = true;
		else if (c != 'd' || sscanf(optarg, "%d/%d", &request->shard, &request->shards) != 2)
			return -EINVAL;
	}
	if (request->list)
		return 0;
	if (optind != argc - 1 || request->shards < 1)
		return -EINVAL;
	request->directory = argv[optind];
	return 0;
}

int main(int argc, char **argv)
{
	struct request request;
	char path[512];
	if (parse_arguments(argc, argv, &request)) {
		fputs("usage: generate [--list] [--set tune|report] [--seeds N] [--family NAME]"
		      " [--shard I/N] DIRECTORY\n",
		      stderr);
		return 2;
	}
	if (request.list) {
		list_families();
		return 0;
	}
	mkdir(request.directory, 0777);
	snprintf(path, sizeof path, "%s/labels-%d.jsonl", request.directory, request.shard);
	FILE *labels = fopen(path, "we");
	if (!labels) {
		perror(path);
		return 2;
	}
	int failed = make_set(&request, labels);
	if (fclose(labels) && !failed)
		failed = -errno;
	if (failed)
		fprintf(stderr, "generate: %s\n", strerror(-failed));
	return failed ? 1 : 0;
}
