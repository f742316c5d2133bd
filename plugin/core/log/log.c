#include "log/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 1024
#define FIRST_DISTANCE_S 300.0
#define LAST_DISTANCE_S 86400.0

__attribute__((format(printf, 3, 0))) static void
write_line(const struct pl_log *log, enum pl_severity severity, const char *format, va_list args)
{
	char line[LINE_SIZE];

	if (!log || !log->write)
		return;
	vsnprintf(line, sizeof(line), format, args);
	for (char *c = line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	log->write(log->ctx, severity, line);
}

void pl_log_write(const struct pl_log *log, enum pl_severity severity, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(log, severity, format, args);
	va_end(args);
}

void pl_log_complain(const struct pl_log *log, struct pl_complaint *complaint, double now_s,
                     enum pl_severity severity, const char *format, ...)
{
	va_list args;

	if (complaint->active && now_s < complaint->next_s)
		return;
	if (!complaint->active)
		complaint->distance_s = FIRST_DISTANCE_S;
	else if (complaint->distance_s < LAST_DISTANCE_S / 2)
		complaint->distance_s *= 2;
	else
		complaint->distance_s = LAST_DISTANCE_S;
	complaint->active = true;
	complaint->next_s = now_s + complaint->distance_s;
	va_start(args, format);
	write_line(log, severity, format, args);
	va_end(args);
}

void pl_log_release(const struct pl_log *log, struct pl_complaint *complaint,
                    enum pl_severity severity, const char *format, ...)
{
	va_list args;

	if (!complaint->active)
		return;
	*complaint = (struct pl_complaint){ 0 };
	va_start(args, format);
	write_line(log, severity, format, args);
	va_end(args);
}
