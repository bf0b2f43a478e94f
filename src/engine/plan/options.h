/* options.h - YAML values into option structs, by table
 *
 * What this room is for: one walk over an option table serves every connector, the common options and their sub-tables.
 * What must hold: (1) every mistake is placed and named; parsing goes on behind it. (2) what options point to belongs to
 *   the plan: bytes in its arena, programs and templates in its list. (3) a struct is only used if no mistake was added. */
#pragma once
#include "base/utf8.h"
#include "engine/port.h"
#include "engine/plan/yaml.h"

struct owned { /* a compiled program or template, freed with the plan */
	struct owned *next;
	struct jq *jq;
	struct tpl *tpl;
	struct sheet *sheet;
};
struct side_text { /* of a file that the pipeline names: a part of what it is */
	const struct node *node;
	struct slice text;
	struct side_text *next;
};
/* side_file.c: the whole of a regular file that the pipeline names. -EISDIR, -EINVAL: it is none; -EMSGSIZE: longer than out may be. */
MUST int side_file_load(const char *path, struct buf *out);
struct planner {
	struct arena *arena;
	struct diag *diag;
	struct slice file;  /* the whole text */
	const char *folder; /* absolute */
	const struct registry *registry;
	const struct secrets *secrets;
	struct slice vars; /* JSON object */
	struct owned *owned;
	struct side_text *sides;
	bool once;         /* sources are read once, whatever `every` says */
	bool spelt;        /* a password of a URL stood in an option, since the caller looked */
	const char *shown; /* the pipeline file's name, for messages about files beside it */
	/* A verb's value that is a mapping and must not be; NULL: there is none */
	const struct node *inside;
	const char *beside; /* the form that was probably meant by it */
};

/* ---- options.c: tables ---------------------------------------------------------------------------------
 * Fills `into` from a mapping's members (NULL: none). What is absent gets its fallback, or is missed at `at` in the name of
 * `owner` ("sink 'sqlite'"). Options of `shadow` (may be NULL) are left out. */
void options_fill(struct planner *, const struct opt *table, const struct opt *shadow,
		  const struct node *map, const struct node *at, const char *owner, void *into);
const struct opt *options_find(const struct opt *table, struct slice name); /* NULL table: NULL */
/* Puts the nearest of the tables' names behind an unknown one. */
const char *options_nearest(const struct opt *const *tables, size_t n, struct slice name);
/* One value by its option; `at` is the field. false: a mistake was added. */
bool option_parse(struct planner *, const struct opt *, const struct node *, void *at);
/* A mapping where an option of another type may stand: by that sub-table, into *at, a pointer to its struct. */
bool option_parse_mapping(struct planner *, const struct opt *, const struct opt *sub,
			  size_t sub_size, const struct node *, void *at);

/* ---- option_value.c: scalars ----------------------------------------------------------------------------- */
bool option_parse_scalar(struct planner *, const struct opt *, const struct node *, void *at);
/* ".a.b": how many bytes of text it takes; 0: it is none. */
size_t field_path_parse(struct planner *, struct slice text, struct field_path *ret);
/* A mistake at this value, with a hint or NULL. Returns false. */
bool option_refuse(struct planner *, const struct node *, const char *hint, const char *fmt, ...)
	PRINTF(4, 5);
/* "'concurrency' wants a whole number, not a list". Returns false. */
bool option_refuse_kind(struct planner *, const struct opt *, const struct node *,
			const char *wants);

/* ---- option_expr.c: programs and templates ---------------------------------------------------------------- */
bool option_parse_expr(struct planner *, const struct opt *, const struct node *, void *at);

/* option_sheet.c */
bool option_parse_sheet(struct planner *, const struct opt *, const struct node *,
			struct sheet **ret);

/* The program in node's text from byte `from` on, owned by the plan; NULL: a mistake was added. */
struct jq *option_compile(struct planner *, const struct opt *, const struct node *, size_t from);

/* ---- option_rate.c ------------------------------------------------------------------------------------------- */
bool option_parse_rate(struct planner *, const struct opt *, const struct node *,
		       struct rate_option *ret);

/* ---- option_schedule.c --------------------------------------------------------------------------------------- */
bool option_parse_schedule(struct planner *, const struct opt *, const struct node *,
			   struct schedule *ret);

/* ---- vars.c: `vars:` and --set ------------------------------------------------------------------------------ */
/* JSON object text; always one, also after mistakes, so that programs can be checked. Changes the nodes. */
struct slice vars_parse(struct planner *, struct node *vars, const char *const *sets, size_t n);

/* ---- later.c: words that the language has and this version has not ------------------------------------------ */
enum later {
	LATER_TOP = 1,
	LATER_SOURCE = 2, /* as a verb */
	LATER_STEP = 4,
	LATER_SINK = 8,
	LATER_OPTION = 16,    /* of anything */
	LATER_OF_SOURCE = 32, /* common options that only some places have yet */
	LATER_OF_PURE = 64,
	LATER_OF_SINK = 128,
};
bool later_word(struct slice word, enum later where);

/* A word as it is quoted in a message: not longer than a line bears. */
#define SHOWN(s) SLICE(utf8_head((s), 100))
