/*
 * What the command says on stderr. Names of files and processes in it are what others chose: none
 * of it reaches the terminal as a control sequence.
 */
#ifndef PL_CLI_SAY_H
#define PL_CLI_SAY_H

#include <stddef.h>

/* Control characters of a line become '?', and so does what is no UTF-8. */
void pl_cli_clean_line(char *line, size_t len);

/* As printf() to stderr; control characters become '?', but for the end of the last line. */
__attribute__((format(printf, 1, 2))) void pl_cli_say(const char *format, ...);

/*
 * Makes UTF-8 of text: bytes past ASCII that are not become '?', as do DEL and the controls past
 * ASCII, which terminals obey. Those below the blank stay.
 */
void pl_cli_mend_utf8(char *text, size_t len);

#endif
