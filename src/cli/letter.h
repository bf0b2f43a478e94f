/* letter.h - dead letters for people: a line of a table, a page, the counts of each kind */
#pragma once
#include "engine/again/choice.h"
#include "engine/plan.h"

/* ---- a table: rows are taken up, then printed with columns as wide as they need ---- */
struct letter_table;
struct letter_table *letter_table_new(void);
void letter_table_free(struct letter_table *); /* accepts NULL */
/* fate: what became of it, for a column of its own; NULL: there is none. */
void letter_table_add(struct letter_table *, const struct kept_letter *, const char *fate);
/* width: of the terminal; 0: messages are not cut. */
MUST int letter_table_put(const struct letter_table *, unsigned width, struct buf *out);
/* "3 dead: 2 at http (status 404), 1 at sqlite (bad_value)" and a line end. */
MUST int letter_counts_put(const struct letter_table *, struct buf *out);

/* Everything about one, and what can be done. */
MUST int letter_put(const struct plan *, const struct kept_letter *, struct buf *out);
