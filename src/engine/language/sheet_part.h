/* sheet_part.h - a sheet as its compiler makes it and its rendering reads it
 *
 * What must hold: (1) the program of the sheet gives a part's number where the part is reached; behind a value's number comes
 *   the list of what its expression gave, or the one value of an expression that always has one. (2) parts live in the program's arena. */
#pragma once
#include "engine/language/jq_ast.h"
#include "engine/language/sheet_markup.h"
#include "engine/sheet.h"

enum part_kind { PART_TEXT, PART_VALUE, PART_FOR, PART_IF };
struct sheet_part {
	enum part_kind kind;
	size_t at, n;      /* place in the template */
	struct slice text; /* literal; else the expression, with what is around it */
	unsigned line;     /* from 1 */
	bool trusted;      /* \raw( ) */
	bool single;       /* the value itself comes, not a list of values */
	struct expr *list; /* of a value: its list in the tree */
	enum escape how;
	struct sheet_part *body, *other, *next; /* other: \elif, \else */
};
struct sheet {
	struct jq *jq;
	enum sheet_kind kind;
	const char *name;
	struct sheet_part *first;  /* of the list; bodies hang below */
	struct sheet_part **parts; /* by number */
	size_t count;
};

/* sheet_places.c: sets how each value is written. false: a mistake was reported. */
MUST bool sheet_place(struct sheet *, size_t end, sheet_report *, void *arg);
