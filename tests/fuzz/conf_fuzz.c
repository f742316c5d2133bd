/* Words of collectd.conf: every one lies in the text, and the scan comes to an end. */
#include "fuzz.h"

#include <stdlib.h>

#include "../../plugin/cli/conf_scan.h"

static void unquote(const struct pl_conf_token *token)
{
	char *plain = malloc(token->len);

	if (!plain)
		return;
	pl_conf_unquote(token, plain);
	fuzz_expect(strlen(plain) < token->len);
	free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_conf_scan scan;
	struct pl_conf_token token;
	size_t count = 0;

	pl_conf_scan_init(&scan, (const char *)data, size);
	do {
		token = pl_conf_scan_next(&scan);
		if (token.kind == PL_CONF_QUOTED)
			unquote(&token);
		fuzz_expect(count++ <= 2 * size + 2);
	} while (token.kind != PL_CONF_END && token.kind != PL_CONF_UNCLOSED);
	return 0;
}
