/* glob.h - files by a pattern: logs/2026-*.jsonl.gz
 *
 * What this room is for: which files a source of many reads, and what is said when there is none.
 *   *  any characters, ?  one, [a-f] [!0-9]  one of these: never a '/', and no dot at a name's beginning, as in the shell
 *   ** as a whole name: any number of folders, none too; hidden folders and links to folders are not entered
 * What must hold:
 *  (1) the files come in the order of their names' bytes, each once; of a file and a link to it only the file.
 *  (2) what exists under the very name that is written is meant, whatever characters it has; so `[*]` finds a star.
 *  (3) nothing is left out silently: a folder or file that cannot be read, and a link to nothing, are errors. Folders that match
 *      are passed over. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define GLOB_FILES_MAX 100000u

struct glob {
	char **v; /* owns */
	size_t n;
	/* its own: */
	struct glob_file *files;
	size_t cap;
};
void glob_done(struct glob *);

bool glob_is_pattern(struct slice path);
/* Would the pattern find this path, if it were a file? Both from the root. */
bool glob_matches(struct slice pattern, struct slice path);

/* Adds the files of a pattern, or the file of that name. Blocks: for a thread. -1 with *err: nothing matches, or it cannot be read. */
MUST int glob_add(struct glob *, const char *pattern, struct err *);
/* After the last glob_add: sorts, drops what came twice. */
void glob_finish(struct glob *);
