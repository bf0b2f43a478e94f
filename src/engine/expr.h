/* expr.h - compiled jq programs and templates: made by the option parser, run by engine and connectors, never suspend
 *
 * What this room is for: the one language of pipelines. Paths, literals, comparison, arithmetic, //, and, or, not, object and
 *   array construction, string interpolation, pipes, select, map, length, if are evaluated natively on JSON text; every other
 *   valid program runs in libjq, compiled once, on the loop's own stack. Both give the same bytes; numbers keep their digits.
 * What flows through: JSON text in, JSON text appended to the caller's buffer.
 * What must hold: (1) a compiled program is immutable, except that libjq's state behind it is one per loop. (2) our own parser
 *   reads all of jq 1.6's grammar, so that every mistake has a column. (3) `.` is the record (in `pages` and `each` of a source:
 *   the answer); $res, $rows, $vars, $meta, $secret are the only outer names; env, $ENV, input, inputs, import, include, debug,
 *   halt, input_filename, $__loc__, limit-free infinite loops aside, what touches the world is refused at compile time.
 * Where it differs from jq 1.6:
 *   numbers  keep their digits when they are only passed on: 1.10, 1e3, 12345678901234567890. Integers beyond 2^53 compare by
 *            their digits; arithmetic on one raises. In libjq a whole number written 1.0 comes back as 1, and a result that
 *            equals a fraction of the input is written as that was.
 *   text     a value that is passed on stands as it was written: "\u00e9" stays an escape.
 *   faults   of jq 1.6 that are not imitated: .e1 is a field; two slices of one array are not equal because they are equally
 *            long; index("") gives null; a time that is none raises. Kept: try catches what is raised behind it, too
 *            (try (1,2) | error), limit(0; f) gives one value, error(null) gives none. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct jq;
struct tpl;
struct secrets;

/* ---- what a program may name: fixed at compile time ------------------------------------------- */
struct expr_names {
	struct slice vars; /* JSON object text: $vars; empty: {} */
	const struct secrets
		*secrets; /* NULL: $secret is refused here ("$secret exists only in ...") */
	bool response;    /* $res may be named */
	bool rows;        /* $rows may be named */
	bool no_record;   /* evaluated before any record: `.` at the top is refused */
};

struct expr_error {
	size_t offset, length; /* place inside the text that was compiled, for the caret */
	char text[240];        /* lower case, with the nearest right name where there is one */
};

/* ---- what a program sees: given at each evaluation --------------------------------------------- */
struct env_response {
	int status;
	struct slice headers; /* JSON object text, names in lower case; empty: {} */
	struct slice body;    /* JSON text; empty: null */
};
struct env_meta {
	struct slice id, source; /* plain text */
	uint64_t position;
	unsigned attempt;
	int64_t wall_ns;
};
struct env {
	struct slice record; /* `.`: JSON text */
	const struct env_response *res;
	struct slice rows; /* JSON array text */
	const struct env_meta *meta;
};

/* ---- jq programs -------------------------------------------------------------------------------- */
MUST int jq_program_compile(struct slice program, const struct expr_names *, struct jq **ret,
			    struct expr_error *);
/* An object of programs (map: {id, total: ...}); takes the programs, borrows nothing. */
struct jq *jq_new_object(const struct slice *keys, struct jq **values_taken, size_t n);
void jq_free(struct jq *);
bool jq_native(const struct jq *);      /* no libjq needed: for `check -v`, tests and bench */
bool jq_wants_about(const struct jq *); /* names $res.status, $res.headers or $res as a whole */
bool jq_reads_input(
	const struct
	jq *); /* looks at `.`: else it is the same for every record but for $res, $rows, $meta */

/* In a task they park the caller while a big record is evaluated in a thread (jq_far.c); outside they do not. */
typedef int jq_yield(void *arg, struct slice value, struct err *);
/* All values in order; stops when yield returns != 0 and returns that. 0, or -1 with FAULT_JQ, FAULT_TOO_LARGE. */
MUST int jq_each(const struct jq *, const struct env *, jq_yield *, void *arg,
		 struct err *) SUSPENDS;
/* Exactly one value is wanted: 1 (appended to out), 0 no value, -1 (more than one value is FAULT_JQ: "gave 2 values"). */
MUST int jq_one(const struct jq *, const struct env *, struct buf *out, struct err *) SUSPENDS;
/* Is there a first value that is neither false nor null? 1, 0, -1. */
MUST int jq_truth(const struct jq *, const struct env *, struct err *) SUSPENDS;

/* ---- templates ----------------------------------------------------------------------------------- */
enum tpl_kind {
	TPL_TEXT, /* strings as they are, other values as JSON text, null as null */
	TPL_URL, /* an interpolation at the very start as it is; later ones percent-encoded as one segment */
	TPL_NAME, /* as they are, but null, lists and objects are refused: they name nothing */
};
MUST int tpl_compile(struct slice text, enum tpl_kind, const struct expr_names *, struct tpl **ret,
		     struct expr_error *);
/* JSON trees of templates (body:); take the children. Literals (numbers, true, null) come by tpl_new_json. */
struct tpl *tpl_new_json(struct slice json);
struct tpl *tpl_new_object(const struct slice *keys, struct tpl **values_taken, size_t n);
struct tpl *tpl_new_array(struct tpl **values_taken, size_t n);
void tpl_free(struct tpl *);

MUST int tpl_text(const struct tpl *, const struct env *, struct buf *out,
		  struct err *) SUSPENDS; /* 0, -1 */
/* As a JSON value: a template that is exactly one \( ), $secret.NAME or $vars.NAME keeps its type; other text is a string. */
MUST int tpl_json(const struct tpl *, const struct env *, struct buf *out, struct err *) SUSPENDS;
/* No interpolation but of constants: the same for every record. */
bool tpl_constant(const struct tpl *);
bool tpl_reads_input(const struct tpl *);  /* an interpolation looks at `.` */
struct slice tpl_head(const struct tpl *); /* the literal text before the first interpolation */
/* Drops a leading literal word and the blank after it ("POST "); what follows then counts as the very start. Plan time only. */
bool tpl_cut(struct tpl *, const char *word);

/* ---- secrets -------------------------------------------------------------------------------------- */
struct secrets *secrets_new(void);
/* Has no environment: where no file gives another the value of NAME is "secret-NAME"; of HOOK_URL "https://secret.example/HOOK_URL", of
 * PG_URL, DATABASE_URL, WAREHOUSE_DSN a postgres:// one. For `hocket test`. */
struct secrets *secrets_new_fake(void);
/* As secrets_new; what is given nowhere has a placeholder as there. For who only looks: nothing may be called with it. */
struct secrets *secrets_new_lenient(void);
void secrets_free(struct secrets *);
/* KEY=VALUE lines; # comments; values may be quoted. 0 or -1 with file:line. */
MUST int secrets_read(struct secrets *, const char *path, struct err *);
/* From what was read, else the environment. false: missing. Remembers the value for redaction. */
bool secrets_get(const struct secrets *, struct slice name, struct slice *ret);
/* Names that a placeholder stands for: "'PG_URL', 'API_KEY'"; nothing when there is none. */
MUST int secrets_put_missing(const struct secrets *, struct buf *out);
/* Was one of this name handed out? */
bool secrets_names(const struct secrets *, struct slice name);
/* Replaces every value of 8 characters or more that was handed out by "***". */
MUST int secrets_redact(const struct secrets *, struct slice text, struct buf *out);
