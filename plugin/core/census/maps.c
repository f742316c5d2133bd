#include "census/maps.h"

#include <errno.h>
#include <string.h>

#include "parse/scan.h"

#define GUARD_BYTES_MAX (UINT64_C(64) << 10)
#define ARENA_BYTES (UINT64_C(64) << 20) /* glibc aligns its arenas to this: HEAP_MAX_SIZE */

static bool read_permissions(struct pl_scan word, struct pl_census_mapping *out)
{
	if (pl_scan_left(&word) != 4)
		return false;
	out->readable = word.at[0] == 'r';
	out->writable = word.at[1] == 'w';
	out->executable = word.at[2] == 'x';
	out->shared = word.at[3] == 's';
	return true;
}

/* "55f443da9000-55f443dd8000 r--p 00000000 fe:00 247101   /usr/bin/bash" */
static bool read_line(struct pl_scan line, struct pl_census_mapping *out)
{
	struct pl_scan word;

	if (!pl_scan_hex(&line, &out->start) || !pl_scan_literal(&line, "-", 1) ||
	    !pl_scan_hex(&line, &out->end) || out->end <= out->start)
		return false;
	if (!pl_scan_word(&line, &word) || !read_permissions(word, out))
		return false;
	pl_scan_blanks(&line);
	if (!pl_scan_hex(&line, &out->offset_bytes) || !pl_scan_word(&line, &word))
		return false;
	pl_scan_blanks(&line);
	if (!pl_scan_u64(&line, &out->inode))
		return false;
	pl_scan_blanks(&line);
	out->name = line.at;
	out->name_len = pl_scan_left(&line);
	return true;
}

ssize_t pl_census_maps_parse(const char *text, size_t len, struct pl_census_mapping *out,
                             size_t capacity)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	size_t count = 0;

	while (pl_scan_line(&scan, &line)) {
		struct pl_census_mapping mapping = { 0 };

		if (!read_line(line, &mapping))
			return -EBADMSG;
		if (count > 0 && mapping.start < out[count - 1].end)
			continue;
		if (count == capacity)
			return -E2BIG;
		out[count++] = mapping;
	}
	return pl_scan_left(&scan) == 0 ? (ssize_t)count : -EBADMSG;
}

static bool begins(const struct pl_census_mapping *mapping, const char *prefix)
{
	const size_t len = strlen(prefix);

	return mapping->name_len >= len && memcmp(mapping->name, prefix, len) == 0;
}

bool pl_census_maps_heap(const struct pl_census_mapping *mapping,
                         const struct pl_census_mapping *before, uint64_t stack_bytes,
                         uint64_t *start)
{
	uint64_t from = mapping->start;

	if (mapping->shared || !mapping->readable || !mapping->writable || mapping->inode != 0)
		return false;
	if (mapping->name_len > 0 && !begins(mapping, "[heap]") && !begins(mapping, "[anon:"))
		return false;
	if (before && before->end == from && before->inode == 0 && !before->readable &&
	    !before->writable && before->end - before->start <= GUARD_BYTES_MAX &&
	    from % ARENA_BYTES != 0)
		from = mapping->end - from > stack_bytes ? from + stack_bytes : mapping->end;
	*start = from;
	return from < mapping->end;
}

static bool same_file(const struct pl_census_mapping *a, const struct pl_census_mapping *b)
{
	return a->inode == b->inode && a->name_len == b->name_len &&
	       memcmp(a->name, b->name, a->name_len) == 0;
}

/* A mapped file may be data that the process reads at random; a program has a part that runs. */
static bool has_code(const struct pl_census_mapping *mappings,
                     const struct pl_census_module *module)
{
	for (size_t i = 0; i < module->mapping_count; i++)
		if (mappings[module->first_mapping + i].executable)
			return true;
	return false;
}

size_t pl_census_maps_modules(const struct pl_census_mapping *mappings, size_t count,
                              struct pl_census_module *out, size_t capacity)
{
	size_t used = 0;

	for (size_t i = 0; i < count && used < capacity;) {
		struct pl_census_module module = { mappings[i].start, mappings[i].end, i, 1 };
		size_t next = i + 1;

		if (mappings[i].inode == 0) {
			i++;
			continue;
		}
		/* a gap of the file's own, such as alignment, may lie between */
		for (; next < count; next++) {
			if (same_file(&mappings[next], &mappings[i])) {
				module.high = mappings[next].end;
				module.mapping_count = next - i + 1;
			} else if (mappings[next].inode != 0) {
				break;
			}
		}
		i += module.mapping_count;
		if (has_code(mappings, &module))
			out[used++] = module;
	}
	return used;
}

const struct pl_census_module *pl_census_maps_find(const struct pl_census_module *modules,
                                                   size_t count, uint64_t address)
{
	size_t low = 0;

	while (count > 0) {
		const size_t half = count / 2;

		if (modules[low + half].high <= address) {
			low += half + 1;
			count -= half + 1;
		} else if (modules[low + half].low > address) {
			count = half;
		} else {
			return &modules[low + half];
		}
	}
	return NULL;
}

const struct pl_census_mapping *pl_census_mapping_find(const struct pl_census_mapping *mappings,
                                                       size_t count, uint64_t address)
{
	size_t low = 0;

	while (count > 0) {
		const size_t half = count / 2;

		if (mappings[low + half].end <= address) {
			low += half + 1;
			count -= half + 1;
		} else if (mappings[low + half].start > address) {
			count = half;
		} else {
			return &mappings[low + half];
		}
	}
	return NULL;
}

/* "\012": the kernel writes newlines of a name as octal. */
static bool is_escape(const char *text, size_t left)
{
	return left >= 4 && text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
	       text[2] <= '7' && text[3] >= '0' && text[3] <= '7';
}

ssize_t pl_census_maps_path(const struct pl_census_mapping *mapping, char *out, size_t size)
{
	static const char deleted[] = " (deleted)";
	size_t len = mapping->name_len;
	size_t used = 0;

	if (len >= sizeof(deleted) - 1 &&
	    memcmp(mapping->name + len - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1) == 0)
		len -= sizeof(deleted) - 1;
	for (size_t i = 0; i < len; i++) {
		char c = mapping->name[i];

		if (is_escape(mapping->name + i, len - i)) {
			c = (char)((mapping->name[i + 1] - '0') * 64 + (mapping->name[i + 2] - '0') * 8 +
			           (mapping->name[i + 3] - '0'));
			i += 3;
		}
		if (used + 1 >= size)
			return -ENAMETOOLONG;
		out[used++] = c;
	}
	if (used >= size)
		return -ENAMETOOLONG;
	out[used] = '\0';
	return (ssize_t)used;
}
