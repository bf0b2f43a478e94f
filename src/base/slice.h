/* slice.h - a borrowed run of bytes: pointer and length, no terminator promised
 *
 * What this room is for: passing text without copying it.
 * What must hold: a slice never owns; who made the bytes outlives it. n == 0 allows p == NULL. */
#pragma once
#include "base/lang.h"

struct slice {
	const char *p;
	size_t n;
};

#define S(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

/* printf("%.*s", SLICE(s)) */
#define SLICE(s) ((int)((s).n > 0x7fffffff ? 0x7fffffff : (s).n)), (s).p ? (s).p : ""

struct slice slice_str(const char *s); /* borrows; NULL gives the empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_str(struct slice a, const char *b);
bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII only: header names, hosts */
int slice_cmp(struct slice a, struct slice b);        /* bytes, then length: a total order */
bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
struct slice slice_trim(struct slice s);            /* spaces, tabs, CR and LF at both ends */
struct slice slice_from(struct slice s, size_t at); /* the rest from `at` on; at <= n */
struct slice slice_head(struct slice s, size_t n);  /* at most the first n bytes */

/* Cuts at the first `at`: *head is before it, *rest behind it. False: not found, *head is all
 * and *rest empty. head or rest may point to s. */
bool slice_cut(struct slice s, char at, struct slice *head, struct slice *rest);
