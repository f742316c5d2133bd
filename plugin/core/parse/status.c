#include "parse/parse.h"

#include <errno.h>

#include "parse/fields.h"

static const struct pl_field rows[] = {
	PL_FIELD("HugetlbPages", KIB, HUGETLB), /* 4.4 */
	PL_FIELD("RssAnon", KIB, ANON),         /* this and the next two: 4.5 */
	PL_FIELD("RssFile", KIB, FILE),
	PL_FIELD("RssShmem", KIB, SHMEM),
	PL_FIELD("Threads", PLAIN, THREADS),
	PL_FIELD("VmRSS", KIB, RSS),
	PL_FIELD("VmSize", KIB, VM_SIZE),
	PL_FIELD("VmData", KIB, VM_DATA),
	PL_FIELD("VmSwap", KIB, SWAP),
	PL_FIELD("VmHWM", KIB, RSS_PEAK),
	PL_FIELD("VmLck", KIB, VM_LOCKED),
	PL_FIELD("VmPTE", KIB, PAGE_TABLES),
	PL_FIELD("nonvoluntary_ctxt_switches", PLAIN, CTX_FORCED),
	PL_FIELD("voluntary_ctxt_switches", PLAIN, CTX_VOLUNTARY),
};
static const struct pl_field_table table = {
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.first_row = { ['H'] = 1, ['R'] = 2, ['T'] = 5, ['V'] = 6, ['n'] = 13, ['v'] = 14 },
};

/* "Uid:\treal\teffective\tsaved\tfilesystem" */
static int read_uid(struct pl_scan line, uint32_t *uid)
{
	uint64_t real;

	if (!pl_scan_literal(&line, "\t", 1) || !pl_scan_u64(&line, &real) || real > UINT32_MAX)
		return -EBADMSG;
	if (pl_scan_left(&line) == 0 || *line.at != '\t')
		return -EBADMSG;
	*uid = (uint32_t)real;
	return 0;
}

static int read_line(struct pl_scan line, struct pl_status *status, bool *has_uid)
{
	size_t row = 0;
	uint64_t value = 0;

	if (pl_scan_literal(&line, "Uid:", 4)) {
		*has_uid = true;
		return read_uid(line, &status->uid);
	}
	const int found = pl_fields_read(&table, line, &row, &value);
	if (found <= 0)
		return found;
	const enum pl_metric metric = (enum pl_metric)rows[row].metric;
	if (pl_values_has(&status->values, metric))
		return -EBADMSG; /* the kernel says nothing twice */
	pl_values_set(&status->values, metric, value);
	return 0;
}

int pl_parse_status(const char *text, size_t len, struct pl_status *out)
{
	struct pl_scan scan = pl_scan_text(text, len);
	struct pl_scan line;
	struct pl_status status = { 0 };
	bool has_uid = false;

	/* The line Name holds no newline: the kernel escapes it (and '\\') since 2.6. */
	while (pl_scan_line(&scan, &line)) {
		const int err = read_line(line, &status, &has_uid);
		if (err < 0)
			return err;
	}
	/* Threads follows the memory lines in every kernel: without it they may have been cut off. */
	if (pl_scan_left(&scan) != 0 || !has_uid || !pl_values_has(&status.values, PL_M_THREADS))
		return -EBADMSG;
	status.has_memory =
		pl_values_has(&status.values, PL_M_RSS) || pl_values_has(&status.values, PL_M_VM_SIZE);
	*out = status;
	return 0;
}
