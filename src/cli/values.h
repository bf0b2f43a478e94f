/* values.h - a file as values to try an expression on: JSON, CSV rows, lines of text
 *
 * What this room is for: `hocket jq` reads what sources read, one value after the other, without a run; and JSON that is no record,
 *   such as an API's answer in a file.
 * What must hold: (1) a value stays until the next one is asked for. (2) a bad one is told with its line, and reading goes on behind
 *   it, if there is a line to go on with. */
#pragma once
#include "connectors/files/csv.h"
#include "connectors/files/input.h"

enum values_form { VALUES_JSON, VALUES_CSV, VALUES_LINES };
struct values {
	struct input *input; /* borrows; begun */
	enum values_form form;
	uint64_t line; /* of the value that was given, from 1 */
	uint64_t n;    /* so many were given, bad ones included */

	uint64_t next_line;
	size_t used;            /* bytes of the window that the last one took */
	bool many_lines, began; /* JSON: the first value has more than one line: so may all */
	struct csv_row row;
	struct buf *columns;
	size_t column_count;
	struct buf text; /* the value, where it is made */
};
void values_init(struct values *, struct input *, enum values_form);
void values_done(struct values *);
enum { VALUES_END, VALUES_ONE, VALUES_BAD };
/* VALUES_ONE: checked JSON in *ret. VALUES_BAD: *err says why. -1: nothing more can be read. */
MUST int values_next(struct values *, struct slice *ret, struct err *) SUSPENDS;
