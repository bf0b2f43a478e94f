/* jq_eval.h - one evaluation of one program: its memory, its names, its error
 *
 * What this room is for: what the files of the native evaluator share. Programs give any number of values, so evaluation is by
 *   continuation: each value is handed on, and going back to the caller asks for the next. Programs that always give one value
 *   (most do; the plan knows) are evaluated directly.
 * What must hold: (1) an evaluation takes a scratch from its thread's list and gives it back, so evaluations may nest. (2) an
 *   error is raised once; RAISED is passed up until try or the caller takes it. */
#pragma once
#include "engine/language/jq_ast.h"

enum { GO = 0, RAISED = -1, STOPPED = 1, BREAKING = 2 };

/* Memory that is reused by the next evaluation of this thread. */
struct scratch {
	struct arena *arena;
	struct buf
		buf; /* strings under construction: a stack, each user cuts back to where it began */
	struct scratch *next;
};
struct scratch *scratch_take(void);
void scratch_give(struct scratch *);

struct path_slot {
	enum {
		PATH_NOT_THERE,
		PATH_FOUND,
		PATH_BLOCKED
	} state; /* blocked: no object on the way; jq's words are found the slow way */
	struct slice value;
};
struct eval {
	const struct jq *program;
	const struct env *env;
	struct scratch *scratch;
	struct arena *arena;
	struct val record;
	struct val res, meta;
	bool res_made, meta_made;
	struct val *vars;
	struct path_slot *paths; /* NULL: not yet looked for */
	struct val error;        /* RAISED with fault FAULT_JQ: the value that catch sees */
	enum fault fault;        /* RAISED: of what kind; only FAULT_JQ is caught by try */
	unsigned breaks;         /* labels made so far */
	unsigned breaking;       /* BREAKING: to which label */
	int yielded;             /* STOPPED: what the caller's yield returned */
};

/* Who takes the values of a generator. Embedded in the taker's own state. */
struct taker {
	int (*put)(struct taker *, struct eval *, const struct val *);
};

/* Every value of e for the input, in order. GO, RAISED, STOPPED, BREAKING. */
MUST int eval_each(struct eval *, const struct expr *, const struct val *in, struct taker *);
/* The one value of an e for which e->one holds. GO, RAISED, STOPPED, BREAKING. */
MUST int eval_one(struct eval *, const struct expr *, const struct val *in, struct val *ret);
MUST int eval_write(struct eval *, const struct expr *, const struct val *in,
		    struct buf *out); /* the same as text */

MUST int eval_check_key(struct eval *,
			const struct val *key); /* an object's key: raises unless it is a string */

/* Raises: jq's own words. Always RAISED. */
int eval_raise(struct eval *, const char *fmt, ...) PRINTF(2, 3);
int eval_raise_on(struct eval *, const struct val *bad,
		  const char *what); /* number (1) has no keys */
int eval_raise_on2(struct eval *, const struct val *a, const struct val *b, const char *what);
int eval_too_large(struct eval *);
/* Raises FAULT_TOO_LARGE when the evaluation holds too much memory. */
MUST int eval_room(struct eval *);

/* jq_math.c */
MUST int math_binary(struct eval *, enum binary_op, const struct val *a, const struct val *b,
		     struct val *ret);
MUST int math_negate(struct eval *, const struct val *in, struct val *ret);
MUST int math_double(struct eval *, const struct val *number,
		     double *ret); /* raises for integers beyond 2^53 */
/* jq_index.c */
MUST int index_field(struct eval *, const struct val *in, struct slice key, struct val *ret);
MUST int index_value(struct eval *, const struct val *in, const struct val *key, struct val *ret);
MUST int index_slice(struct eval *, const struct val *in, const struct val *from,
		     const struct val *to, struct val *ret);
MUST int index_iterate(struct eval *, const struct val *in, bool optional, struct taker *);
/* jq_format.c */
MUST int format_put(struct eval *, enum format, const struct val *in,
		    struct buf *out); /* GO, RAISED */
/* jq_paths.c */
void paths_find(struct eval *);
MUST int format_string(struct eval *, enum format, const struct val *in,
		       struct val *ret); /* the same as a made string */
/* jq_math.c */
MUST int string_split(struct eval *, struct slice s, struct slice by, struct val *ret);
/* jq_order.c: keys are what each item is ordered by; an array of as many */
MUST int order_sort(struct eval *, const struct val *items, const struct val *keys,
		    struct val *ret);
MUST int order_group(struct eval *, const struct val *items, const struct val *keys,
		     bool firsts_only, struct val *ret);
MUST int order_extreme(struct eval *, const struct val *items, const struct val *keys, bool least,
		       struct val *ret);
/* jq_call.c */
MUST int call_one(struct eval *, const struct expr *call, const struct val *in, struct val *ret);
MUST int call_each(struct eval *, const struct expr *call, const struct val *in, struct taker *);
MUST int call_recurse(struct eval *, const struct val *in, struct taker *);
MUST int call_program(struct eval *, const struct expr *, struct taker *);
