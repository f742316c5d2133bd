#include "parse/schedule.h"

#include <errno.h>

#include "parse/scan.h"

#define FIELD_NICE 19
#define FIELD_POLICY 41
#define POLICY_MAX 31

int pl_parse_priority(const char *text, size_t len, struct pl_priority *out)
{
	const char *comm_end = len > 0 ? memrchr(text, ')', len) : NULL;
	struct pl_priority priority = { 0 };
	struct pl_scan scan;
	struct pl_scan word;

	if (!comm_end)
		return -EBADMSG;
	scan = pl_scan_text(comm_end + 1, len - (size_t)(comm_end + 1 - text));
	for (int field = 3; field <= FIELD_POLICY; field++) {
		uint64_t number;
		bool negative;

		if (!pl_scan_word(&scan, &word))
			return -EBADMSG;
		if (field != FIELD_NICE && field != FIELD_POLICY)
			continue;
		negative = pl_scan_literal(&word, "-", 1);
		if (!pl_scan_u64(&word, &number) || pl_scan_left(&word) != 0 || number > POLICY_MAX)
			return -EBADMSG;
		if (field == FIELD_NICE)
			priority.nice = negative ? -(int32_t)number : (int32_t)number;
		else
			priority.policy = (uint32_t)number;
	}
	*out = priority;
	return 0;
}

int pl_parse_cpu_stat(const char *text, size_t len, struct pl_throttling *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_throttling throttling = { 0 };
	struct pl_scan line;
	bool found = false;

	while (pl_scan_line(&scan, &line)) {
		uint64_t number;
		const bool is_count = pl_scan_literal(&line, "nr_throttled ", 13);
		const bool is_us = !is_count && pl_scan_literal(&line, "throttled_usec ", 15);
		const bool is_ns = !is_count && !is_us && pl_scan_literal(&line, "throttled_time ", 15);

		if (!is_count && !is_us && !is_ns)
			continue;
		if (!pl_scan_u64(&line, &number) || pl_scan_left(&line) != 0)
			return -EBADMSG;
		found |= is_count;
		if (is_count)
			throttling.count = number;
		else
			throttling.us = is_ns ? number / 1000 : number;
	}
	if (!found)
		return -EBADMSG;
	*out = throttling;
	return 0;
}
