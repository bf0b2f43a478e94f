/* listing.h - dead letters read back: listed, taken up by a replay, dropped
 *
 * Which are *open*: of the letters of one record (the same id, the same text), in all runs of the pipeline, the newest counts; it is
 *   open until a replay that ended has taken it up. What a replay that was cut off has taken up is open still.
 * What must hold: (1) reading works beside a run, on a file that is opened to read. (2) what a replay takes up is written down
 *   before the replay begins, and does not change until it ends: the rank of a letter in that list is its ordinal. */
#pragma once
#include "engine/state/state.h"

struct arena;

struct letter_key { /* borrowed from its list */
	int64_t row;
	const char *split, *path;
	uint64_t ordinal;
};
struct letter_list {
	struct arena *arena;
	struct letter_key *keys;
	size_t n;
};
void letter_list_done(struct letter_list *);

/* Newest run first; of each run in input order. all: those that are not open, too. */
MUST int state_list_letters(struct state *, const char *pipeline, bool all, struct letter_list *ret,
			    struct err *) SUSPENDS;
/* What that replay has taken up, oldest run first: always the same order. */
MUST int state_list_replayed(struct state *, const char *run_id, struct letter_list *ret,
			     struct err *) SUSPENDS;

struct kept_letter { /* borrowed from its page */
	int64_t row;
	const char *run, *split, *path, *id, *step, *class, *message, *hash, *time;
	const char *replayed_by; /* "": nobody */
	uint64_t ordinal, line;
	struct slice record, at_step, blobs, attempts;
};
enum { LETTERS_A_PAGE = 32 };
struct letter_page {
	struct arena *arena;
	struct kept_letter letters[LETTERS_A_PAGE];
	size_t n;    /* letters; one that was dropped meanwhile is left out */
	size_t keys; /* that they answer: go on behind these */
};
void letter_page_done(struct letter_page *);
/* Of the first of these keys as many as fit into a page: about a MB, at least one. */
MUST int state_read_letters(struct state *, const struct letter_key *, size_t n,
			    struct letter_page *ret, struct err *) SUSPENDS;

/* A record as it came and as it reached the step, 64 MiB each at most, what was said of it, and a page's beginning before it. */
#define LETTER_JSON_MAX (192u << 20)
/* {"record": .., "step": .., "class": .., "message": .., "at_step": .., "attempts": [..], "source": .., "line": .., "time": ..,
 * "id": .., "run": ..}: `.` of --where, a line of an export and of the `dead:` copy. */
MUST int letter_put_json(const struct kept_letter *, struct buf *out);

/* The places of the pipeline as they were when that run began (engine/again/changed.h); empty: nobody has written it down. */
MUST int state_read_parts(struct state *, const char *run_id, struct buf *ret,
			  struct err *) SUSPENDS;

/* The pipeline's replay that was cut off (killed, or its disk or sink failed), or ended with paid calls under way: it goes on before
 * another begins. */
MUST int state_cut_off_replay(struct state *, const char *pipeline, struct state_run *ret,
			      struct err *) SUSPENDS;
/* A replay takes them up: before state_begin. */
MUST int state_take_up_letters(struct state *, const char *run_id, const struct letter_key *,
			       size_t n, struct err *) SUSPENDS;
/* The replay ends in order; these it did not get through, and they are open again. Its sinks' receipts are those of the pipeline's
 * newest run from now on. One commit. */
MUST int state_end_replay(struct state *, const char *run_id, const char *status,
			  const struct letter_key *left, size_t n, struct err *) SUSPENDS;
/* A replay that was cut off is not gone on with: the same, but nothing is said of its sinks. */
MUST int state_give_up_replay(struct state *, const char *run_id, const struct letter_key *left,
			      size_t n, struct err *) SUSPENDS;
/* Forgets them, and the older letters of the same records. */
MUST int state_drop_letters(struct state *, const char *pipeline, const struct letter_key *,
			    size_t n, struct err *) SUSPENDS;
/* Before anything is done: may a copy be put there? */
MUST int state_check_copy(const char *path, struct err *) SUSPENDS;
/* Writes the pipeline's open letters as JSON lines; PATH.part, then renamed. None: no file, and an old one is removed. */
MUST int state_copy_letters(struct state *, const char *pipeline, const char *path,
			    struct err *) SUSPENDS;
