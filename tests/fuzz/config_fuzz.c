/* Keys and values, a NUL after each: in the global scope and in that of a match. */
#include "fuzz.h"
#include "config/config.h"

static bool next_text(const char **at, const char *end, const char **text)
{
	const char *nul = *at < end ? memchr(*at, '\0', (size_t)(end - *at)) : NULL;

	if (!nul)
		return false;
	*text = *at;
	*at = nul + 1;
	return true;
}

static void expect_line(void *ctx, const char *message)
{
	size_t *count = ctx;

	fuzz_expect(message != NULL && *message != '\0' && strchr(message, '\n') == NULL);
	++*count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	const char *end = at + size;
	const char *key;
	const char *value;
	size_t fault_count = 0;
	struct pl_config_faults faults = { .report = expect_line, .ctx = &fault_count };
	struct pl_config *config = pl_config_new();

	if (!config)
		return 0;
	int scope = PL_CONFIG_GLOBAL;
	while (next_text(&at, end, &key) && next_text(&at, end, &value)) {
		/* glibc's regcomp takes hours for nested repeats; a config's author has no reason to. */
		if (strpbrk(value, "{*+"))
			continue;
		if (strcmp(key, "match") == 0) {
			const int match = pl_config_match(config, value, NULL, &faults);
			scope = match >= 0 ? match : scope;
			continue;
		}
		const unsigned before = faults.count;
		const int err = pl_config_set(config, scope, key, value, "seed", &faults);
		fuzz_expect((err == 0) == (faults.count == before));
	}
	pl_config_finish(config, &faults);
	fuzz_expect(fault_count == faults.count);
	pl_config_free(config);
	return 0;
}
