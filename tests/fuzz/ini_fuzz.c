/* An INI file, through a file without a name. */
#include "fuzz.h"
#include "config/config.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	char path[32];
	struct pl_config_faults faults = { 0 };

	/* see config_fuzz.c */
	for (size_t i = 0; i < size; i++)
		if (data[i] == '{' || data[i] == '*' || data[i] == '+')
			return 0;
	if (fd < 0)
		fd = memfd_create("ini", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	struct pl_config *config = pl_config_new();
	if (!config)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fuzz_expect(pl_config_read_ini(config, path, &faults) == 0);
	pl_config_finish(config, &faults);
	pl_config_free(config);
	return 0;
}
