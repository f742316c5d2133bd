/*
 * A C program without any types at run time: its structs hold pointers to functions and to string
 * constants. It renews a population of several kinds (churn) and leaks one: --leak a second.
 * --kind 0 leaks structs with a function, 1 with a string, 2 raw buffers of --size bytes; 3 leaks
 * nothing new, but makes a few thousand buffers ever larger.
 */
#include <stdint.h>
#include <time.h>

#include "../../programs/program.h"

struct job {
	struct job *next;
	int (*run)(const struct job *job);
	uint64_t id;
	char text[40];
};

struct event {
	const char *name;
	uint64_t at;
	void *data;
};

struct watcher {
	uint64_t id;
	void *data;
	int (*on_change)(const struct job *job);
	int (*on_close)(const struct job *job);
};

struct ticket {
	struct ticket *next;
	uint64_t id;
	int (*on_expiry)(const struct job *job);
	char note[72];
};

struct label {
	struct label *next;
	const char *reason;
	uint64_t counts[6];
};

int compress_job(const struct job *job);
int upload_job(const struct job *job);
int notice_change(const struct job *job);
int notice_close(const struct job *job);
int expire_ticket(const struct job *job);

int compress_job(const struct job *job)
{
	return (int)job->id * 3;
}

int upload_job(const struct job *job)
{
	return (int)job->id + job->text[0];
}

int notice_change(const struct job *job)
{
	return (int)(job->id ^ 5);
}

int notice_close(const struct job *job)
{
	return (int)(job->id % 7);
}

int expire_ticket(const struct job *job)
{
	return (int)(job->id % 11);
}

static const char *const event_names[] = { "queued", "started", "finished", "failed" };
static void *leaked_list;
static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void *new_job(void)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		program_die("calloc");
	job->run = next_random() % 2 ? compress_job : upload_job;
	job->id = next_random() % 100000;
	memset(job->text, 'j', sizeof(job->text));
	return job;
}

static void *new_event(void)
{
	struct event *event = malloc(sizeof(*event));

	if (!event)
		program_die("malloc");
	*event = (struct event){ event_names[next_random() % 4], next_random(), event };
	return event;
}

static void *new_watcher(void)
{
	struct watcher *watcher = malloc(sizeof(*watcher));

	if (!watcher)
		program_die("malloc");
	*watcher = (struct watcher){ next_random() % 1000, watcher, notice_change, notice_close };
	return watcher;
}

static void *new_text(void)
{
	const size_t size = 20 + next_random() % 700;
	char *text = malloc(size);

	if (!text)
		program_die("malloc");
	memset(text, 't', size);
	return text;
}

static void *new_object(void)
{
	static void *(*const makers[])(void) = { new_job, new_event, new_watcher, new_text };

	return makers[next_random() % 4]();
}

#define SWELLING 2000

/* A buffer that is there already becomes larger. */
static void swell_one(void)
{
	static struct {
		char *bytes;
		size_t size;
	} buffers[SWELLING];
	const size_t i = next_random() % SWELLING;
	char *grown = realloc(buffers[i].bytes, buffers[i].size + 48);

	if (!grown)
		program_die("realloc");
	memset(grown + buffers[i].size, 'g', 48);
	buffers[i].bytes = grown;
	buffers[i].size += 48;
}

static void leak_one(long kind, size_t size)
{
	struct ticket *ticket;
	struct label *label;
	void **buffer;

	if (kind == 0) {
		ticket = malloc(sizeof(*ticket));
		if (!ticket)
			program_die("malloc");
		*ticket = (struct ticket){ leaked_list, next_random() % 1000, expire_ticket, "note" };
		leaked_list = ticket;
	} else if (kind == 1) {
		label = malloc(sizeof(*label));
		if (!label)
			program_die("malloc");
		*label = (struct label){ leaked_list, "quota exceeded", { 1, 2, 3 } };
		leaked_list = label;
	} else if (kind == 3) {
		swell_one();
	} else {
		buffer = malloc(size);
		if (!buffer)
			program_die("malloc");
		memset(buffer, 'b', size);
		*buffer = leaked_list;
		leaked_list = buffer;
	}
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	long for_s = 300, kind = 0, leak = 500, churn = 20000, population = 300000, size = 4096;
	const struct program_option options[] = {
		{ "for", "S", PROGRAM_FOR_S_MAX, &for_s, NULL },
		{ "kind", "K", 3, &kind, NULL },
		{ "leak", "N", 1000000, &leak, NULL },
		{ "churn", "N", 10000000, &churn, NULL },
		{ "population", "N", 20000000, &population, NULL },
		{ "size", "BYTES", 1 << 26, &size, NULL },
		{ 0 },
	};
	double churned = 0;
	double leaked = 0;
	double begin_s;
	void **live;

	(void)argc;
	program_options(argv, options);
	program_begin(for_s, NULL);
	live = calloc((size_t)population, sizeof(*live));
	if (!live)
		program_die("calloc");
	for (long i = 0; i < population; i++)
		live[i] = new_object();
	begin_s = now_s();
	program_ready(0);
	for (;;) {
		const double age_s = now_s() - begin_s;

		for (; churned < age_s * (double)churn; churned++) {
			const size_t i = next_random() % (size_t)population;

			free(live[i]);
			live[i] = new_object();
		}
		for (; leaked < age_s * (double)leak; leaked++)
			leak_one(kind, (size_t)size);
		usleep(2000);
	}
}
