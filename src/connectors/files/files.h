/* files.h - the files that a source reads, one after the other
 *
 * What this room is for: what csv, jsonl and lines share: a path, a pattern or a list of them; each file is a split of its own.
 * Life cycle: files_check in plan, files_open, files_run (again after each retry), files_close.
 * What must hold:
 *  (1) the files are those that were there when the source was opened, or a later round began; they are read in the order of their names, each to the end
 *      that it then has.
 *  (2) a file that was read to its end before, and is as it was, is not looked through again, compressed or not.
 *  (3) a pattern that finds nothing, or a file of it that cannot be read, fails before anything is read. */
#pragma once
#include "connectors/files/glob.h"
#include "connectors/files/input.h"

struct files_options {
	struct opt_list paths; /* const char *[]: from the root */
	int packing;
	char door[256];
};
#define FILES_OPTIONS(T, member, verb_, doc_)                                                   \
	OPT(verb_, T, member.paths, OPT_LIST, struct opt_list, .of = OPT_PATH, .verb = true,    \
	    .required = true, .doc = doc_ ", a pattern (logs/*.gz, **, ?, [a-f]), or a list"),  \
		OPT("compress", T, member.packing, OPT_ENUM, int, .words = packing_words,       \
		    .fallback = "auto",                                                         \
		    .doc = "gzip or zstd; auto: what the name (.gz, .zst) or the file's first " \
			   "bytes say")
/* In plan(). */
void files_check(struct files_options *, const char *verb, struct facts *, struct diag *);
/* Would the source read this file? For a port's `reads`. */
bool files_match(const struct files_options *, const char *path);

struct files {
	struct site *site; /* borrows */
	const struct files_options *options;
	struct glob found;
	bool told;          /* that nothing is there yet */
	bool looked;        /* found is of now: no round has begun behind it */
	struct input input; /* the one that is being read */
};
/* The site lives as long. In a run without an end a pattern may find nothing yet. */
MUST int files_open(struct files *, struct site *, const struct files_options *,
		    struct err *) SUSPENDS;
void files_close(struct files *);

/* Reads one opened file, as the split of its path, from where that is to the end. */
typedef int files_read(const void *options, struct input *, struct intake *, struct err *) SUSPENDS;
MUST int files_run(struct files *, struct intake *, files_read *, const void *options,
		   struct err *) SUSPENDS;
