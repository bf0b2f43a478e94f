/* state/held.h - records that a fold holds, in the windows that it will make something of
 *
 * What this room is for: "held records" of GUARANTEES.md, The order of commits. A member is put down before any sink's mark passes
 *   its record; from then on it is here, and costs no memory. A window is known by the first ordinal that it will give, in the
 *   split of its fold: what lies wholly below the mark's `low` there is tidied away in the commit that moves the mark.
 *   Folds by key have many windows open at once; there the members are kept under a number that the window has from its opening,
 *   and what it gives is known when it is closed. Elsewhere both are the same.
 * What must hold: (1) members and windows are put together, durable when state_put_held returns. (2) within a window members are
 *   numbered from 0 without a gap. (3) a window that is closed gets no more members; all but the last of a fold are closed, unless it
 *   is by key. (4) what the closed windows of a fold give has no gap above the mark. */
#pragma once
#include "base/arena.h"
#include "engine/state/state.h"

struct held_member {      /* borrowed */
	const char *fold; /* the name of its split */
	uint64_t window, at;
	const char *split; /* whose mark says that it is done: */
	uint64_t ordinal;
	const char *source; /* where it was read: */
	uint64_t line;
	struct slice path;
	uint64_t id;
	struct slice key, record, blobs; /* key: the fold's; sorts compare it as bytes */
	int64_t wall_ns;                 /* when it came */
};
struct held_window { /* closed */
	const char *fold;
	uint64_t first; /* ordinal of the first that it gives */
	uint64_t gives, n, bytes;
	uint64_t number; /* that its members are kept under */
};
/* In one commit; what is there already is replaced. not_synced: a commit of the state that comes before anything else goes by it
 * makes it durable. */
MUST int state_put_held(struct state *, const char *run_id, const struct held_member *, size_t n,
			const struct held_window *, size_t windows, bool not_synced,
			struct err *) SUSPENDS;

struct held_open { /* a window that is not closed; borrowed */
	uint64_t number, n, bytes;
	int64_t opened_ns; /* when its first member came */
	struct slice key;  /* of that one */
};
typedef void state_take_open(void *arg, const struct held_open *);
struct held_fold {
	const char *fold;
	bool gives_all; /* a window gives its members, not one record */
	/* Folds by key: is told of each window that is open, in the order in which they were opened. As keep(). */
	state_take_open *take_open;
	void *arg;
	uint64_t low;                    /* what the mark says of its split */
	uint64_t first;                  /* what the next window to be closed gives... */
	uint64_t n, bytes;               /* ...and what is in it; by key: in all that are open */
	uint64_t numbers;                /* by key: above all that are there */
	uint64_t waiting, waiting_bytes; /* members in those that are closed */
};
/* At the start of a run: drops the members that keep() does not want, those of records above the mark, and closes again what they had
 * closed; what is left is as it was when the mark was made. keep() runs on another thread while the caller is parked. */
typedef bool state_keep_member(void *arg, const char *split, uint64_t ordinal);
MUST int state_sift_held(struct state *, const char *run_id, struct held_fold *, size_t n,
			 state_keep_member *keep, void *arg, struct err *) SUSPENDS;

/* The closed window that gives this ordinal. */
MUST int state_find_window(struct state *, const char *run_id, const char *fold, uint64_t ordinal,
			   struct held_window *ret, struct err *) SUSPENDS;
/* The numbers of its members in the order of their keys, equal ones as they came. `ret` has room for window->n. */
MUST int state_sort_window(struct state *, const char *run_id, const struct held_window *,
			   bool descending, uint64_t *ret, struct err *) SUSPENDS;

struct held_row {                  /* borrowed from its page */
	struct held_window window; /* state_read_windows only */
	const char *source;
	uint64_t at, id, line;
	struct slice key, record, blobs;
	int64_t wall_ns;
};
enum { HELD_A_PAGE = 1024 };
struct held_page {
	struct arena *arena;
	struct held_row *rows;
	size_t n;
};
void held_page_done(struct held_page *);
/* Members of a window: those whose numbers stand in `order`, n of them; as many as fit into a page, about a MB, at least one. */
MUST int state_read_held(struct state *, const char *run_id, const struct held_window *,
			 const uint64_t *order, size_t n, struct held_page *ret,
			 struct err *) SUSPENDS;
/* Members of closed windows, one window behind the other, from member `at` of window `first` on: a page of them, none when there are
 * none. */
MUST int state_read_windows(struct state *, const char *run_id, const char *fold, uint64_t first,
			    uint64_t at, struct held_page *ret, struct err *) SUSPENDS;
/* How many members a run holds. */
MUST int state_count_held(struct state *, const char *run_id, uint64_t *ret, struct err *) SUSPENDS;
/* Whose they are: fn is told of each record once. It runs on another thread while the caller is parked. */
typedef void state_held_of(void *arg, const char *split, uint64_t ordinal);
MUST int state_each_held(struct state *, const char *run_id, state_held_of *fn, void *arg,
			 struct err *) SUSPENDS;
