/* split.h - one ordered part of a source, and its low-water mark
 *
 * What this room is for: knowing from where to read on. Ordinals count admissions from 0; `low` is the first that is not
 *   settled, `from` the position before it; `passed` are the settled ones above it.
 * What must hold: (1) low passes an ordinal only when it is settled and its position is known. (2) with order kept, passed is
 *   empty. (3) a split read back from a mark admits the same records under the same ordinals. */
#pragma once
#include "engine/port.h"

struct passed { /* ordinals without a gap */
	uint64_t first, n;
	uint64_t line; /* of the last of them: */
	struct position position;
	bool known; /* false: read from a mark, not seen again yet */
};
struct split {
	struct split *next;
	const struct split *origin; /* what it is a clone of; NULL: of nothing */
	size_t source;   /* the index of the source that reads it, from 1; 0: none did yet */
	size_t number;   /* its place among the ledger's */
	unsigned stream; /* whose order it is in; 0: the sources' */
	bool made;       /* by a step: its records were not read */
	bool sorted;     /* its order is what it is for, whatever `order:` says */
	char *name;
	uint64_t name_hash;             /* for $meta.id */
	struct position from, admitted; /* low-water position; where admission stopped */
	bool has_from, has_admitted;
	bool anew; /* no position: from the start, and yet behind what is settled: other content under the same name */
	uint64_t low, ordinal; /* first unsettled; next to be admitted */
	/* Below low: those that were admitted once, are not done, and do not come again (split_start_anew) */
	uint64_t gaps;
	uint64_t low_line, line;
	/* Those below it were kept, admitted or not (intake_kept_last); 0: what is kept is admitted at once */
	uint64_t kept;
	struct passed *passed; /* ascending; two that touch differ in `known` */
	size_t passed_count, passed_cap;
	/* As the mark says: behind the last of them, until that is seen again */
	struct position reach;
	struct text *end; /* what its source noted at its end (intake_end); NULL: nothing */
	uint64_t end_at;  /* the ordinal that would have come next */
	/* Where a run behind this one begins (intake_onward); NULL: where it ends */
	struct text *onward;
	/* It was read to its end once, and is not there any more; an earlier run has said so. */
	bool gone, gone_told;
};

struct split *split_new(const char *name);
void split_free(struct split *);
struct split *split_clone(const struct split *); /* for the mark as it will be */
bool split_is_done(const struct split *, uint64_t ordinal);
/* What is done in the other is done here. */
bool split_covers(const struct split *, const struct split *other);
/* The next ordinal now is past it. */
void split_admitted(struct split *, struct position shares, uint64_t line);
/* The ordinal was settled before a crash: moves admission past it, and its position is known now. */
void split_skip(struct split *, struct position shares, uint64_t line);
void split_settle(struct split *, uint64_t ordinal, struct position shares, uint64_t line);

/* Nothing was admitted yet: the source begins where the mark is; without a position at its start, and passes over what is below. */
void split_begin_behind_mark(struct split *);
/* The first `low` are done, and nothing above; from where to read on is not known any more. */
void split_rewind(struct split *, uint64_t low);
void split_pass(struct split *, uint64_t first, uint64_t n); /* settled, read from a mark */
uint64_t split_passed(const struct split *); /* how many are settled above the mark */
/* All that was admitted is all that there is. */
void split_set_end(struct split *, struct slice proof);
void split_set_onward(struct split *, struct slice base);
/* The run is finished, and another one begins behind it: nothing was admitted yet. */
void split_go_onward(struct split *);
/* All that was admitted is settled, and it is read from its start once more: what comes has the next ordinals. */
void split_start_anew(struct split *);
/* The same, but where its source has said that it goes on; false: it has not said so, and nothing was changed. */
bool split_start_onward(struct split *);
