#include "census/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAPS_BYTES_MAX ((size_t)16 << 20)
#define MAPPINGS_MAX 131072
#define MODULES_MAX 2048
#define STACK_BYTES_DEFAULT (UINT64_C(8) << 20)

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Each such read takes the target's mmap lock. */
static ssize_t read_locked(struct pl_census_target *target, int fd, void *buf, size_t size,
                           uint64_t offset)
{
	const double begin_s = now_s();
	const ssize_t n = pl_procfs_read_at(fd, buf, size, offset);

	target->held_s += now_s() - begin_s;
	return n;
}

static void forget_files(struct pl_census_target *target)
{
	for (size_t i = 0; target->files && i < target->space.module_count; i++)
		if (target->files[i].tried && target->files[i].fd >= 0)
			close(target->files[i].fd);
	free(target->files);
	target->files = NULL;
}

static void forget_maps(struct pl_census_target *target)
{
	forget_files(target);
	free(target->maps_text);
	free(target->mappings);
	free(target->modules);
	target->maps_text = NULL;
	target->mappings = NULL;
	target->modules = NULL;
	target->space = (struct pl_census_space){ .python = target->space.python };
}

void pl_census_target_close(struct pl_census_target *target)
{
	forget_maps(target);
	if (target->mem_fd >= 0)
		close(target->mem_fd);
	if (target->pagemap_fd >= 0)
		close(target->pagemap_fd);
	target->mem_fd = -1;
	target->pagemap_fd = -1;
}

static int same_process(const struct pl_census_target *target)
{
	struct pl_stat stat;
	const int err = pl_sample_stat(target->fs, target->ident.pid, &stat);

	if (err < 0)
		return err;
	if (stat.start_ticks != target->ident.start_ticks || stat.start_code != target->start_code ||
	    stat.state == 'Z')
		return -ESRCH;
	return 0;
}

int pl_census_target_open(struct pl_census_target *target, const struct pl_procfs *fs,
                          const struct pl_host *host, int32_t pid)
{
	struct pl_stat stat;
	int err = pl_sample_stat(fs, pid, &stat);

	*target = (struct pl_census_target){ .fs = fs,
		                                 .page_bytes = host->page_bytes,
		                                 .stack_bytes = STACK_BYTES_DEFAULT,
		                                 .mem_fd = -1,
		                                 .pagemap_fd = -1 };
	if (err < 0)
		return err;
	if (stat.kernel_thread || stat.state == 'Z')
		return -ESRCH;
	target->ident = (struct pl_ident){ pid, stat.start_ticks };
	target->start_code = stat.start_code;
	target->mem_fd = pl_procfs_open_file(fs, pid, "mem");
	target->pagemap_fd = pl_procfs_open_file(fs, pid, "pagemap");
	err = target->mem_fd < 0 ? target->mem_fd : target->pagemap_fd < 0 ? target->pagemap_fd : 0;
	if (err == 0)
		err = pl_census_target_refresh(target);
	if (err < 0)
		pl_census_target_close(target);
	return err;
}

/* Returns the length of the text, which is the caller's to free, or -errno. */
static ssize_t read_maps_text(const struct pl_census_target *target, char **out)
{
	for (size_t size = (size_t)256 << 10; size <= MAPS_BYTES_MAX; size *= 4) {
		char *text = malloc(size);
		ssize_t n;

		if (!text)
			return -ENOMEM;
		n = pl_procfs_read_whole(target->fs, target->ident.pid, "maps", text, size);
		if (n >= 0 && (size_t)n < size) {
			*out = text;
			return n;
		}
		free(text);
		if (n < 0)
			return n;
	}
	return -E2BIG;
}

static int read_maps(struct pl_census_target *target)
{
	const double begin_s = now_s();
	const ssize_t n = read_maps_text(target, &target->maps_text);
	ssize_t count;

	target->held_s += now_s() - begin_s;
	if (n < 0)
		return (int)n;
	count = pl_census_maps_parse(target->maps_text, (size_t)n, target->mappings, MAPPINGS_MAX);
	if (count < 0)
		return (int)count;
	target->space.mapping_count = (size_t)count;
	/* a process that ends has no mappings any more */
	return count > 0 ? 0 : -ESRCH;
}

int pl_census_target_refresh(struct pl_census_target *target)
{
	int err = same_process(target);

	if (err < 0)
		return err;
	forget_maps(target);
	target->mappings = malloc(MAPPINGS_MAX * sizeof(*target->mappings));
	target->modules = malloc(MODULES_MAX * sizeof(*target->modules));
	if (!target->mappings || !target->modules)
		return -ENOMEM;
	err = read_maps(target);
	if (err < 0)
		return err;
	target->space.mappings = target->mappings;
	target->space.modules = target->modules;
	target->space.module_count = pl_census_maps_modules(
		target->mappings, target->space.mapping_count, target->modules, MODULES_MAX);
	target->files = calloc(target->space.module_count + 1, sizeof(*target->files));
	if (!target->files)
		return -ENOMEM;
	/* what was read until here was of the same process, and of its present program */
	return same_process(target);
}

static bool heap_of(const struct pl_census_target *target, size_t i, uint64_t *start)
{
	return pl_census_maps_heap(&target->mappings[i], i > 0 ? &target->mappings[i - 1] : NULL,
	                           target->stack_bytes, start);
}

uint64_t pl_census_target_window_count(const struct pl_census_target *target)
{
	const uint64_t window_bytes = target->page_bytes * PL_CENSUS_WINDOW_PAGES;
	uint64_t count = 0;
	uint64_t start;

	for (size_t i = 0; i < target->space.mapping_count; i++)
		if (heap_of(target, i, &start))
			count += (target->mappings[i].end - 1) / window_bytes - start / window_bytes + 1;
	return count;
}

static bool is_chosen(uint64_t base, double share, uint64_t seed)
{
	uint64_t state = seed ^ base;

	return share >= 1 || (double)(pl_census_random(&state) >> 11) < share * 9007199254740992.0;
}

/* Looks at the part from..to of one window. */
static int look_at_window(struct pl_census_target *target, uint64_t from, uint64_t to,
                          struct pl_census_pages *out, uint64_t *swapped_count)
{
	const uint64_t window_bytes = target->page_bytes * PL_CENSUS_WINDOW_PAGES;
	const uint64_t base = from - from % window_bytes;
	const size_t first = (size_t)((from - base) / target->page_bytes);
	const size_t count = (size_t)((to - from) / target->page_bytes);
	uint64_t entries[PL_CENSUS_WINDOW_PAGES];
	struct pl_census_window *window = NULL;
	const ssize_t n = read_locked(target, target->pagemap_fd, entries, count * sizeof(entries[0]),
	                              from / target->page_bytes * sizeof(entries[0]));

	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < (size_t)n / sizeof(entries[0]); i++) {
		*swapped_count += (entries[i] & PAGEMAP_SWAPPED) != 0;
		if ((entries[i] & PAGEMAP_PRESENT) == 0)
			continue;
		if (!window)
			window = pl_census_pages_append(out, base);
		if (!window)
			return -ENOMEM;
		window->bits[(first + i) / 64] |= UINT64_C(1) << ((first + i) % 64);
	}
	return 0;
}

int pl_census_target_present(struct pl_census_target *target, double share, uint64_t seed,
                             struct pl_census_pages *out, uint64_t *swapped_count)
{
	const uint64_t window_bytes = target->page_bytes * PL_CENSUS_WINDOW_PAGES;
	struct pl_census_pages pages = { .page_bytes = target->page_bytes };
	uint64_t swapped = 0;
	int err = 0;

	for (size_t i = 0; err == 0 && i < target->space.mapping_count; i++) {
		const uint64_t end = target->mappings[i].end;
		uint64_t at;

		if (!heap_of(target, i, &at))
			continue;
		while (err == 0 && at < end) {
			const uint64_t base = at - at % window_bytes;
			const uint64_t to = end - base < window_bytes ? end : base + window_bytes;

			if (is_chosen(base, share, seed))
				err = look_at_window(target, at, to, &pages, &swapped);
			at = to;
		}
	}
	if (err < 0) {
		pl_census_pages_free(&pages);
		return err;
	}
	*out = pages;
	*swapped_count = swapped;
	return 0;
}

const struct pl_census_mapping *pl_census_target_mapping(const struct pl_census_target *target,
                                                         uint64_t address)
{
	return pl_census_mapping_find(target->space.mappings, target->space.mapping_count, address);
}

static bool is_present(struct pl_census_target *target, uint64_t address)
{
	uint64_t entry;

	return read_locked(target, target->pagemap_fd, &entry, sizeof(entry),
	                   address / target->page_bytes * sizeof(entry)) == sizeof(entry) &&
	       (entry & PAGEMAP_PRESENT) != 0;
}

bool pl_census_target_page(struct pl_census_target *target, uint64_t address, void *buf)
{
	return is_present(target, address) &&
	       read_locked(target, target->mem_fd, buf, (size_t)target->page_bytes, address) ==
	           (ssize_t)target->page_bytes;
}

static ssize_t read_file(void *ctx, void *buf, size_t size, uint64_t offset)
{
	const struct pl_census_file *file = ctx;
	size_t used = 0;

	while (used < size) {
		const ssize_t n =
			pl_procfs_read_at(file->fd, (char *)buf + used, size - used, offset + used);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static void open_file(struct pl_census_target *target, const struct pl_census_module *module,
                      struct pl_census_file *file)
{
	const struct pl_census_mapping *mapping = &target->mappings[module->first_mapping];
	const struct pl_census_source source = { read_file, file };

	file->tried = true;
	file->fd = -1;
	if (pl_census_maps_path(mapping, file->path, sizeof(file->path)) < 0)
		return;
	file->fd = pl_procfs_open_mapped(target->fs, target->ident.pid, mapping->start, mapping->end,
	                                 mapping->inode, file->path);
	if (file->fd < 0)
		return;
	if (pl_census_elf_open(&source, &file->elf) < 0) {
		close(file->fd);
		file->fd = -1;
		return;
	}
	file->biased = pl_census_elf_bias(&file->elf, mapping->start, mapping->offset_bytes,
	                                  target->page_bytes, &file->bias_bytes);
}

struct pl_census_file *pl_census_target_file(struct pl_census_target *target, uint64_t address)
{
	const struct pl_census_module *module =
		pl_census_maps_find(target->modules, target->space.module_count, address);
	struct pl_census_file *file;

	if (!module)
		return NULL;
	file = &target->files[module - target->modules];
	if (!file->tried)
		open_file(target, module, file);
	return file;
}

const char *pl_census_file_name(const struct pl_census_file *file)
{
	const char *slash = strrchr(file->path, '/');

	return slash && slash[1] ? slash + 1 : file->path;
}

/* What the process never touched is as it is in the file, unless it was to be written. */
static size_t read_behind(struct pl_census_target *target, uint64_t address, void *buf, size_t size)
{
	const struct pl_census_mapping *mapping =
		pl_census_mapping_find(target->mappings, target->space.mapping_count, address);
	struct pl_census_file *file =
		mapping && mapping->inode ? pl_census_target_file(target, address) : NULL;
	ssize_t n;

	if (!file || file->fd < 0)
		return 0;
	n = read_file(file, buf, size, address - mapping->start + mapping->offset_bytes);
	return n > 0 ? (size_t)n : 0;
}

size_t pl_census_target_read(struct pl_census_target *target, uint64_t address, void *buf,
                             size_t size)
{
	size_t used = 0;

	while (used < size) {
		const uint64_t at = address + used;
		const uint64_t page_left = target->page_bytes - at % target->page_bytes;
		const size_t part = size - used < page_left ? size - used : (size_t)page_left;
		size_t got = 0;

		if (is_present(target, at)) {
			const ssize_t n = read_locked(target, target->mem_fd, (char *)buf + used, part, at);

			got = n > 0 ? (size_t)n : 0;
		} else {
			got = read_behind(target, at, (char *)buf + used, part);
		}
		used += got;
		if (got < part)
			break;
	}
	return used;
}

bool pl_census_target_word(struct pl_census_target *target, uint64_t address, uint64_t *out)
{
	uint64_t word;

	if (pl_census_target_read(target, address, &word, sizeof(word)) != sizeof(word))
		return false;
	*out = word;
	return true;
}
