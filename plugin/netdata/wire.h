/*
 * Writes Netdata's plugin protocol into a buffer.
 *
 * Knows the words that every version from 1.37 on understands, and prints no other: an unknown one
 * ends the plugin. Ids and texts are cleaned here, whoever calls, so that nothing printed can be
 * read as a second command. Refuses to know charts, and files but for pl_wire_flush().
 */
#ifndef PL_NETDATA_WIRE_H
#define PL_NETDATA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PL_WIRE_ID_SIZE 200 /* of the id of a chart, with its NUL: Netdata 1.37 cuts it there */

/* Zero-initialise. Once out of memory it stays failed, and pl_wire_flush() says so. */
struct pl_wire {
	char *data;
	size_t len;
	size_t size;
	bool failed;
};

enum pl_chart_type { PL_CHART_LINE, PL_CHART_AREA, PL_CHART_STACKED };

/* A chart, as CHART wants it. Texts are borrowed during the call. */
struct pl_wire_chart {
	const char *id; /* without the type, which is always "procleak" */
	const char *title;
	const char *units;
	const char *family;
	const char *context; /* without "procleak." */
	enum pl_chart_type type;
	int priority;
	int update_every_s;
	bool obsolete; /* the chart has vanished */
};

struct pl_wire_dimension {
	const char *id;
	const char *name;
	bool incremental; /* a counter: Netdata draws its rate */
	uint32_t multiplier;
	uint32_t divisor;
};

void pl_wire_free(struct pl_wire *wire);

void pl_wire_chart(struct pl_wire *wire, const struct pl_wire_chart *chart);
/* Of the chart that was last defined; to be followed by pl_wire_label_commit(). */
void pl_wire_label(struct pl_wire *wire, const char *name, const char *value);
void pl_wire_label_commit(struct pl_wire *wire);
void pl_wire_dimension(struct pl_wire *wire, const struct pl_wire_dimension *dimension);

void pl_wire_begin(struct pl_wire *wire, const char *chart_id);
void pl_wire_set(struct pl_wire *wire, const char *dimension_id, int64_t value);
void pl_wire_gap(struct pl_wire *wire, const char *dimension_id);
void pl_wire_end(struct pl_wire *wire);

/* Offers a function to the dashboard: callable where the daemon allows it. */
void pl_wire_function(struct pl_wire *wire, const char *name, int timeout_s, const char *help,
                      const char *tags);
/*
 * The answer to a call, around its body. `transaction` is what the daemon gave (hexadecimal digits
 * and
 * '-'; anything else is answered to nobody: false is returned and nothing printed).
 */
bool pl_wire_result_begin(struct pl_wire *wire, const char *transaction, int status,
                          double expires_s);
/* Printed as it is. No line of it may be longer than 8 KiB, or begin with a letter or a quote: the
 * daemon looks for the end of the result in each first word, with or without its quotes. */
void pl_wire_result_body(struct pl_wire *wire, const char *bytes, size_t len);
void pl_wire_result_end(struct pl_wire *wire);

/* "Do not start me again." */
void pl_wire_disable(struct pl_wire *wire);

/* An empty line: sign of life. */
void pl_wire_alive(struct pl_wire *wire);

/*
 * Writes all of it to a file descriptor and empties the buffer. Returns 0, or -errno (-ENOMEM when
 * something was lost before); -EPIPE when nobody reads any more. The buffer is empty either way.
 */
int pl_wire_flush(struct pl_wire *wire, int fd);

#endif
