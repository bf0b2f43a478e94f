/* argv.h - a program and its arguments, as a file names them
 *
 * What must hold: nothing of it is ever seen by a shell, and nothing of it comes from a record. */
#pragma once
#include "engine/port.h"

struct argv {
	char **words; /* owns; ends with NULL */
	size_t n;
};
/* Of an OPT_LIST of OPT_TEMPLATE. A text with blanks alone is a shell's command line: that is said. */
void argv_check(const struct opt_list *, struct diag *);
/* The words; is the program there? 0, or -1 with *err. */
MUST int argv_open(struct argv *, const struct opt_list *, const char *folder,
		   struct err *) SUSPENDS;
void argv_done(struct argv *);
/* SHA-256 of the words, and of the texts of those that are files: a script that changes is another one. */
MUST int argv_digest(const struct argv *, const char *folder, uint8_t ret[static 32],
		     struct err *) SUSPENDS;
