/* choice.h - which dead letters are meant: by id, by a program, or all
 *
 * What must hold: a choice names letters, never places in a list: what is chosen twice is the same, whatever died meanwhile. */
#pragma once
#include "engine/expr.h"
#include "engine/state/listing.h"

enum { LETTER_ID_MIN = 4 }; /* so much of an id must be given */
struct choice {
	const struct jq *where; /* NULL: all. `.` is what letter_put_json writes */
	const char *const *ids; /* what an id begins with; none: all */
	size_t id_count;
	bool closed_too; /* those that were replayed, and older letters of the same record */
};
/* $meta.id of what died. Letters of format 1 have none: it is made of where the record came from. */
const char *letter_id(const struct kept_letter *, char id[static 20]);
/* For each that is chosen, in the order of the list: fn returns 0, or -1 with *err to stop. What it gets is borrowed for the call.
 * 0, or -1 with *err; FAULT_CONFIG when an id is nobody's. */
typedef int letter_fn(void *arg, const struct letter_key *, const struct kept_letter *,
		      struct err *) SUSPENDS;
MUST int choice_each(struct state *, const char *pipeline, const struct choice *, letter_fn *fn,
		     void *arg, struct err *) SUSPENDS;
/* Does each id mean one letter? Another input under the same name gives its records the ids of the first. -1 lists the candidates. */
MUST int choice_check_ids(struct state *, const char *pipeline, const struct choice *,
			  struct err *) SUSPENDS;
/* The keys of those that are chosen. */
MUST int choice_list(struct state *, const char *pipeline, const struct choice *,
		     struct letter_list *ret, struct err *) SUSPENDS;
