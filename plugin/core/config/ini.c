/*
 * INI files. libinih splits lines; this file hands them to it one by one, because on its own it
 * would split lines of more than 200 bytes, take an indented line for a continuation, cut names of
 * sections at 49 bytes and values at " ;", and stop at a NUL.
 */
#include "config/config.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FILE_SIZE_MAX (1 << 20)
#define LINE_SIZE 1024 /* what is kept of a line; libinih takes less */
#define HIDDEN '\x01'  /* stands for a ';' that libinih must not take for a comment */
#define SCOPE_SKIP (-2)

struct reader {
	FILE *file;
	const char *path;
	struct pl_config *config;
	struct pl_config_faults *faults;
	int scope; /* of the keys to come: as for pl_config_set(), or SCOPE_SKIP */
	unsigned line_number;
	size_t size; /* read so far */
	char where[300];
};

struct line {
	char text[LINE_SIZE];
	size_t len;
	bool too_long;
	bool has_nul;
	bool has_control;
};

/* Reads up to the end of a line, whatever its length. Returns false at the end of the file. */
static bool read_line(struct reader *reader, struct line *line)
{
	int c = EOF;

	memset(line, 0, sizeof(*line));
	while (reader->size <= FILE_SIZE_MAX && (c = getc(reader->file)) != EOF && c != '\n') {
		reader->size++;
		if (c == '\0')
			line->has_nul = true;
		if ((c < ' ' && c != '\t' && c != '\r') || c == 0x7f)
			line->has_control = true;
		if (line->len + 1 < sizeof(line->text))
			line->text[line->len++] = (char)c;
		else
			line->too_long = true;
	}
	reader->size += c == '\n';
	reader->line_number++;
	snprintf(reader->where, sizeof(reader->where), "%.250s:%u", reader->path, reader->line_number);
	if (reader->size > FILE_SIZE_MAX) {
		pl_config_fault(reader->faults, reader->where,
		                "the file is too large; the rest is ignored");
		return false;
	}
	return c == '\n' || line->len > 0;
}

/* Takes off blanks at both ends, and the byte order mark of the first line. */
static char *trim_line(const struct reader *reader, struct line *line)
{
	char *start = line->text;

	if (reader->line_number == 1 && strncmp(start, "\xef\xbb\xbf", 3) == 0)
		start += 3;
	start += strspn(start, " \t\r");
	line->len = strlen(start);
	while (line->len > 0 && strchr(" \t\r", start[line->len - 1]))
		start[--line->len] = '\0';
	return start;
}

/* Reads "[global]" and "[process NAME]". */
static int parse_section(struct reader *reader, char *start)
{
	char *end = strchr(start, ']');
	char *name = start + 1 + strspn(start + 1, " \t");
	const char *rest;
	size_t len;
	int scope;

	if (!end) {
		pl_config_fault(reader->faults, reader->where, "\"%.100s\" lacks its ']'", start);
		return SCOPE_SKIP;
	}
	rest = end + 1 + strspn(end + 1, " \t");
	if (*rest && *rest != '#' && *rest != ';') {
		pl_config_fault(reader->faults, reader->where, "\"%.100s\" stands behind a section", rest);
		return SCOPE_SKIP;
	}
	while (end > name && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	if (strcasecmp(name, "global") == 0)
		return PL_CONFIG_GLOBAL;
	len = strcspn(name, " \t");
	if (len != strlen("process") || strncasecmp(name, "process", len) != 0) {
		pl_config_fault(reader->faults, reader->where,
		                "unknown section [%.100s]; there are [global] and [process NAME]", name);
		return SCOPE_SKIP;
	}
	name += len + strspn(name + len, " \t");
	if (*name == '"' && end > name + 1 && end[-1] == '"') {
		end[-1] = '\0';
		name++;
	}
	scope = pl_config_match(reader->config, name, reader->where, reader->faults);
	return scope < 0 ? SCOPE_SKIP : scope;
}

/* What an unreadable line costs: all of a section if it is the heading, else its key. */
static void give_up_line(struct reader *reader, char *start, const char *reason)
{
	bool dropped;

	if (*start == '[')
		reader->scope = SCOPE_SKIP;
	start[strcspn(start, "=:")] = '\0';
	dropped = pl_config_give_up(reader->config, reader->scope, start);
	pl_config_fault(reader->faults, reader->where, "%s%s", reason,
	                dropped ? "; the match is left out" : "");
}

/* Returns true when the line is one of "key = value" that libinih may see. */
static bool check_line(struct reader *reader, const struct line *line, char *start, size_t room)
{
	char reason[64];

	if (line->has_nul || line->has_control) {
		give_up_line(reader, start,
		             line->has_nul ? "the line holds a NUL byte"
		                           : "the line holds a control character");
		return false;
	}
	if (*start == '#' || *start == ';' || *start == '\0')
		return false;
	if (line->too_long || line->len >= room) {
		snprintf(reason, sizeof(reason), "the line is longer than %zu bytes", room - 1);
		give_up_line(reader, start, reason);
		return false;
	}
	if (*start == '[') {
		reader->scope = parse_section(reader, start);
		return false;
	}
	if (reader->scope == SCOPE_SKIP)
		return false;
	if (!strpbrk(start, "=:")) {
		pl_config_fault(reader->faults, reader->where, "\"%.100s\" is not KEY = VALUE", start);
		return false;
	}
	return true;
}

/* libinih's fgets(): gives it lines that it cannot misread. */
static char *next_line(char *out, int size, void *stream)
{
	struct reader *reader = stream;
	struct line line;
	char *start;

	while (read_line(reader, &line)) {
		start = trim_line(reader, &line);
		/* room for "\n" and NUL */
		if (!check_line(reader, &line, start, (size_t)size - 1))
			continue;
		for (char *c = start; *c; c++) {
			if (*c == ';')
				*c = HIDDEN;
		}
		snprintf(out, (size_t)size, "%s\n", start);
		return out;
	}
	return NULL;
}

/*
 * libinih cuts keys at 49 bytes when it compares them, not here: `name` is whole. The section is
 * unused, since reader->scope knows it in full.
 */
static int take_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	char copy[LINE_SIZE];
	size_t len;
	char *start = copy;

	(void)section;
	snprintf(copy, sizeof(copy), "%s", value);
	for (char *c = copy; *c; c++) {
		if (*c == HIDDEN)
			*c = ';';
	}
	len = strlen(copy);
	if (len >= 2 && copy[0] == '"' && copy[len - 1] == '"') {
		copy[len - 1] = '\0';
		start++;
	}
	pl_config_set(reader->config, reader->scope, name, start, reader->where, reader->faults);
	return 1;
}

int pl_config_read_ini(struct pl_config *config, const char *path, struct pl_config_faults *faults)
{
	struct reader reader = {
		.path = path,
		.config = config,
		.faults = faults,
		.scope = PL_CONFIG_GLOBAL,
	};
	struct stat st;
	int error = 0;

	reader.file = fopen(path, "re");
	if (!reader.file)
		return -errno;
	if (fstat(fileno(reader.file), &st) == 0 && S_ISDIR(st.st_mode))
		error = -EISDIR;
	else if (ini_parse_stream(next_line, &reader, take_pair, &reader) < 0)
		error = -ENOMEM;
	else if (ferror(reader.file))
		error = -EIO;
	fclose(reader.file);
	return error;
}
