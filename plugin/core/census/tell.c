#include "census/tell.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_NAME_LEN 90 /* of a name in one line; templates of C++ can be of any length */

const char *pl_census_kind_name(enum pl_census_kind kind)
{
	static const char *const names[] = { "type", "size", "pointer" };

	return names[kind];
}

static void add_key(yajl_gen gen, const char *key)
{
	yajl_gen_string(gen, (const unsigned char *)key, strlen(key));
}

/* Names come from the target's files and memory: what is no plain ASCII could be no UTF-8 either.
 */
static void add_text(yajl_gen gen, const char *key, const char *text)
{
	char clean[PL_CENSUS_REASON_SIZE];
	size_t len = 0;

	add_key(gen, key);
	if (!text || !*text) {
		yajl_gen_null(gen);
		return;
	}
	for (; len < sizeof(clean) && text[len]; len++)
		clean[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
	yajl_gen_string(gen, (const unsigned char *)clean, len);
}

static void add_number(yajl_gen gen, const char *key, double value, int decimals)
{
	char text[352]; /* the greatest double, in full */
	const int len = snprintf(text, sizeof(text), "%.*f", decimals, value);

	add_key(gen, key);
	if (isfinite(value))
		yajl_gen_number(gen, text, (size_t)len);
	else
		yajl_gen_null(gen);
}

static void add_entry(yajl_gen gen, const struct pl_census_entry *entry)
{
	const bool has_size = entry->object_bytes > 0;

	yajl_gen_map_open(gen);
	add_text(gen, "kind", pl_census_kind_name(entry->kind));
	add_text(gen, "name", entry->name);
	add_text(gen, "named_by", entry->named_by);
	add_text(gen, "detail", entry->detail);
	add_number(gen, "objects_per_second", entry->objects_per_s, 3);
	add_number(gen, "low", entry->low_per_s, 3);
	add_number(gen, "high", entry->high_per_s, 3);
	add_number(gen, "object_bytes", has_size ? (double)entry->object_bytes : NAN, 0);
	add_number(gen, "bytes_per_second", has_size ? entry->bytes_per_s : NAN, 0);
	add_number(gen, "share", has_size && entry->share >= 0 ? entry->share : NAN, 3);
	add_number(gen, "confidence", entry->confidence, 4);
	yajl_gen_map_close(gen);
}

void pl_census_tell_json(const struct pl_census_report *report, size_t entries_max, yajl_gen gen)
{
	yajl_gen_map_open(gen);
	add_key(gen, "entries");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < report->entry_count && i < entries_max; i++)
		add_entry(gen, &report->entries[i]);
	yajl_gen_array_close(gen);
	add_key(gen, "inconclusive");
	yajl_gen_bool(gen, report->inconclusive);
	add_text(gen, "reason", report->reason);
	add_text(gen, "runtime", report->runtime);
	add_text(gen, "allocator", report->allocator);
	add_number(gen, "interval_seconds", report->interval_s, 3);
	add_number(gen, "heap_bytes", report->heap_bytes, 0);
	add_number(gen, "heap_growth_bytes_per_second", report->heap_growth_per_s, 0);
	add_number(gen, "floor_objects_per_second", report->floor_objects_per_s, 1);
	add_number(gen, "floor_bytes_per_second", report->floor_bytes_per_s, 0);
	add_number(gen, "pages_read", (double)report->pages_read, 0);
	add_number(gen, "cpu_seconds", report->cpu_s, 4);
	add_number(gen, "lock_seconds", report->held_s, 4);
	yajl_gen_map_close(gen);
}

bool pl_census_tell_line(const struct pl_census_report *report, char *out, size_t size)
{
	const struct pl_census_entry *first = &report->entries[0];
	const int decimals = first->objects_per_s < 10 ? 1 : 0;
	char share[40] = "";

	out[0] = '\0';
	if (report->entry_count == 0)
		return false;
	if (first->object_bytes > 0 && first->share >= 0)
		snprintf(share, sizeof(share), ", %.0f %% of the growth", 100 * first->share);
	if (first->kind == PL_CENSUS_SIZE || first->object_bytes == 0)
		snprintf(out, size, "%.*f/s %.*s%s", decimals, first->objects_per_s, LINE_NAME_LEN,
		         first->name, share);
	else
		snprintf(out, size, "%.*f/s %.*s (%llu B each%s)", decimals, first->objects_per_s,
		         LINE_NAME_LEN, first->name, (unsigned long long)first->object_bytes, share);
	return true;
}

const char *pl_census_tell_error(int err)
{
	switch (-err) {
	case ESRCH:
		return "there is no such process, or it ended, or runs another program now";
	case EACCES:
	case EPERM:
		return "not permitted: another user's process needs CAP_SYS_PTRACE and "
			   "CAP_DAC_READ_SEARCH; kernel.yama.ptrace_scope must be below 3";
	case ENODATA:
		return "no page of its heap can be seen: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are needed "
			   "for another user's process";
	case ENOTSUP:
		return "32-bit programs are not understood";
	case E2BIG:
		return "it has too many mappings";
	case ENOMEM:
		return "out of memory";
	case ETIMEDOUT:
		return "reading its memory hung";
	case ETIME:
		return "DeepReadBudget left no time for it";
	case EDQUOT:
		return "MaxLockTime leaves no time for it";
	default:
		return strerror(-err);
	}
}

void pl_census_tell_failure(int err, struct pl_census_report *out)
{
	*out = (struct pl_census_report){ .inconclusive = true };
	snprintf(out->reason, sizeof(out->reason), "%s", pl_census_tell_error(err));
}
