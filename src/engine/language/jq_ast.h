/* jq_ast.h - a program as a tree, with the place of every part
 *
 * What this room is for: what the parser makes, the plan annotates and the evaluator walks.
 * What must hold: (1) the tree lives in the program's arena and does not change once compiled. (2) names are resolved: every
 *   variable has a slot, every call a function that exists. (3) no tree is deeper than EXPR_MAX_DEPTH; natively evaluated ones
 *   not deeper than EXPR_NATIVE_DEPTH, because each level is a few hundred bytes of a fiber's stack. */
#pragma once
#include "engine/expr.h"
#include "engine/language/jq_val.h"

#define EXPR_MAX_DEPTH    400
#define EXPR_NATIVE_DEPTH 100

enum expr_kind {
	EXPR_SELF,    /* . */
	EXPR_RECURSE, /* .. */
	EXPR_CONST,   /* value */
	EXPR_OUTER,   /* $res $rows $meta: op */
	EXPR_VAR,     /* $x: slot */
	EXPR_FIELD,   /* a.name */
	EXPR_INDEX,   /* a[b] */
	EXPR_SLICE,   /* a[b:c] */
	EXPR_ITERATE, /* a[] */
	EXPR_STRING,  /* kids: parts; op: format */
	EXPR_FORMAT,  /* @name: op */
	EXPR_ARRAY,   /* [a]; a may be NULL */
	EXPR_OBJECT,  /* kids: key, value, key, value */
	EXPR_NEGATE,  /* -a */
	EXPR_PIPE,    /* a | b */
	EXPR_COMMA,   /* a, b */
	EXPR_BINARY,  /* a op b */
	EXPR_AND,
	EXPR_OR,
	EXPR_ALT,    /* a // b */
	EXPR_UPDATE, /* a = b, a |= b, a += b ... */
	EXPR_IF,     /* a then b else c */
	EXPR_TRY,    /* a catch b; b may be NULL */
	EXPR_AS, /* a as slot | b; kids: patterns that are more than a name; c: a variable that counts (templates) */
	EXPR_REDUCE,  /* a as slot (b; c) */
	EXPR_FOREACH, /* a as slot (b; c; kids) */
	EXPR_DEF,     /* def a; b */
	EXPR_CALL,    /* fn, or a function of the program's own; kids: arguments */
	EXPR_LABEL,
	EXPR_BREAK,
	EXPR_PROGRAM, /* jq_new_object: another compiled program, run by libjq */
};
enum binary_op { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_EQ, OP_NE, OP_LT, OP_GT, OP_LE, OP_GE };
enum format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_CSV,
	FORMAT_TSV,
	FORMAT_HTML,
	FORMAT_URI,
	FORMAT_SH,
	FORMAT_BASE64,
	FORMAT_BASE64D,
	FORMAT_COUNT
};

/* What a program names from outside; a bit each. */
enum outer { OUTER_RES, OUTER_ROWS, OUTER_META, OUTER_VARS, OUTER_SECRET, OUTER_COUNT };

struct native;
struct expr {
	enum expr_kind kind;
	uint8_t op;
	bool optional; /* ? behind an index */
	bool literal;  /* a part of EXPR_STRING that is the string's own text */
	bool one;      /* gives exactly one value, or raises; set by the plan */
	uint16_t depth;
	int slot; /* VAR, AS, REDUCE: which variable, -1: a pattern; FIELD: which path of the record, -1: none */
	size_t at, n; /* place in the text */
	struct expr *a, *b, *c;
	struct expr **kids;
	size_t count;
	struct val value;
	struct slice name;   /* FIELD, CALL */
	struct slice quoted; /* constant object keys and strings as JSON text */
	const struct native *fn;
	const struct jq *program;
};

/* Paths of plain fields from the record, found together in one pass over it. */
struct path {
	struct slice key;
	int slot;
	struct path *child, *next;
};

/* What libjq must be told about the text, in the text's order: .e1, which it takes for a number; an integer beyond 2^53; a
 * fraction, whose digits it does not keep (the text stays). */
enum edit_kind { EDIT_FIELD, EDIT_BIG_NUMBER, EDIT_FRACTION };
struct edit {
	enum edit_kind kind;
	size_t at, n; /* in jq.text */
	struct edit *next;
};

struct library;
struct jq {
	struct arena *arena;
	struct expr *root;
	struct slice text;    /* of the program, copied */
	struct slice vars;    /* $vars: an object */
	struct slice secrets; /* the members of the object behind $secret, without its brackets */
	struct edit *edits, **last_edit;
	struct path *paths;
	size_t path_count, var_count;
	unsigned outer;     /* bits of enum outer: what is named */
	bool own_functions; /* def: libjq runs it */
	bool native, about,
		constant; /* constant: neither the record nor anything of an evaluation is read */
	const struct expr *reads; /* the part that reads `.`; NULL: nothing does */
	struct library *library;  /* libjq's side of it */
	struct jq **parts;        /* jq_new_object: the programs it took */
	size_t part_count;
};

/* ---- functions (jq_names.c, jq_fn.c) --------------------------------------------------------------- */
struct eval;
enum special { /* FN_PLAIN: from values; the others take programs as arguments, the last five for each item */
	       FN_PLAIN,
	       FN_EMPTY,
	       FN_ERROR,
	       FN_MAP,
	       FN_SELECT,
	       FN_ANY,
	       FN_ALL,
	       FN_FIRST,
	       FN_LIMIT,
	       FN_RANGE,
	       FN_RANGE2,
	       FN_RECURSE,
	       FN_TYPED,
	       FN_SORT_BY,
	       FN_GROUP_BY,
	       FN_UNIQUE_BY,
	       FN_MIN_BY,
	       FN_MAX_BY,
};
struct native {
	const char *name;
	unsigned arity;
	enum special special;
	/* FN_PLAIN: from the input and the values of the arguments */
	int (*plain)(struct eval *, const struct val *in, const struct val *args, struct val *ret);
	unsigned types; /* FN_TYPED: bits of enum json_type that pass */
};
const struct native *native_find(struct slice name, size_t arity); /* NULL: libjq's */

enum name_fault { NAME_KNOWN, NAME_UNKNOWN, NAME_ARITY, NAME_REFUSED };
/* Is this a function of jq 1.6 that programs may call? Else says why not, in text. */
enum name_fault names_function(struct slice name, size_t arity, char *text, size_t room);
/* A builtin that does not look at its input: empty, now, range. */
bool names_reads_nothing(struct slice name);
int names_format(struct slice name); /* enum format, or -1 */
const char *names_nearest_format(struct slice name);

/* ---- parser and plan ------------------------------------------------------------------------------------ */
/* Parses text from `from` on. embedded: an interpolation, which ends at its ')'; *ret_end lies behind it. */
MUST int expr_parse(struct jq *, struct slice text, size_t from, bool embedded,
		    const struct expr_names *, size_t *ret_end, struct expr_error *);
/* Annotates: one, native, paths, reads. Runs again when trees are joined. */
void expr_plan(struct jq *);

/* jq_program.c: for fuzzing (without libjq: a program that is not native cannot be run), and for templates */
MUST int jq_parse_text(struct slice text, size_t from, bool embedded, const struct expr_names *,
		       struct jq **ret, size_t *ret_end, struct expr_error *);
MUST int jq_program_compile_part(struct slice text, size_t from, const struct expr_names *,
				 struct jq **ret, size_t *ret_end, struct expr_error *);
bool jq_constant(const struct jq *);
int jq_fail(struct err *,
	    struct slice words); /* FAULT_JQ in jq's words, which begin with a capital there; -1 */

/* What expr.h promises of jq_each, jq_one and jq_truth, here and now: on the loop or in any thread. */
MUST int near_each(const struct jq *, const struct env *, jq_yield *, void *arg, struct err *);
MUST int near_one(const struct jq *, const struct env *, struct buf *out, struct err *);
MUST int near_truth(const struct jq *, const struct env *, struct err *);

/* jq_far.c: runs fn, which evaluates the program with near_, in a thread when the env is big. false: it is small, or there is no
 * thread for it: fn has not run. */
MUST bool jq_run_far(const struct jq *, const struct env *, int (*fn)(void *), void *arg) SUSPENDS;

/* jq_lib.c */
MUST int library_compile(struct jq *, size_t place,
			 struct expr_error *); /* place: where the text begins, for the error */
MUST int library_each(const struct jq *, const struct env *, jq_yield *, void *arg, struct err *);
void library_free(struct library *);
