/* jq_val.h - a value while a program runs: text of the record as long as possible, made parts where the program made them
 *
 * What this room is for: a record is not parsed because a program looks at it. A value is a slice of JSON text until somebody
 *   iterates it by key or changes it; then one level of it is opened, its members still being text.
 * What must hold: (1) text is checked JSON without blanks around it. (2) everything made lives in the evaluation's arena.
 *   (3) made objects have no equal keys: the place of the first, the value of the last, as in jq. (4) the order of types is
 *   jq's order (null false true number string array object). (5) what is made is at most JSON_MAX_DEPTH deep. */
#pragma once
#include "base/json.h"

struct val {
	uint8_t type;   /* enum json_type */
	bool text;      /* s is JSON text; else made */
	uint16_t depth; /* made containers: levels made by the program; text counts 0 */
	uint32_t n;     /* made containers: elements, members */
	union {
		struct slice s; /* JSON text, or a made string's characters */
		double number;
		struct {
			struct val *items;
			struct slice *keys;
		};
	};
};

#define VAL_NULL          ((struct val){ .type = JSON_NULL })
#define VAL_BOOL(b)       ((struct val){ .type = (b) ? JSON_TRUE : JSON_FALSE })
#define VAL_NUMBER(d)     ((struct val){ .type = JSON_NUMBER, .number = (d) })
#define VAL_STRING(slice) ((struct val){ .type = JSON_STRING, .s = (slice) })

struct eval;

/* What was added behind `start`. */
static inline struct slice buf_since(const struct buf *b, size_t start)
{
	return b->n > start ? (struct slice){ b->p + start, b->n - start }
			    : (struct slice){ "", 0 };
}

static inline struct val val_text(struct slice json)
{
	return (struct val){ .type = (uint8_t)json_type(json), .text = true, .s = json };
}
static inline bool val_truthy(const struct val *v)
{
	return v->type != JSON_NULL && v->type != JSON_FALSE;
}
static inline bool val_is(const struct val *v, enum json_type type)
{
	return v->type == type;
}

const char *val_type_name(const struct val *); /* "boolean" for both */

/* What takes an eval may allocate in its arena; what returns int may raise: GO or RAISED (jq_eval.h). */
struct slice val_string(struct eval *, const struct val *string); /* decoded characters */
MUST int val_open(struct eval *, struct val *container);          /* text becomes made, one level */
MUST int val_get(struct eval *, const struct val *object, struct slice key, struct val *ret,
		 bool *found);
size_t val_count(struct eval *, const struct val *container);
int val_compare(struct eval *, const struct val *a, const struct val *b); /* jq's total order */
bool val_equal(struct eval *, const struct val *a,
	       const struct val *b); /* as compare, but nan equals nothing */

/* Appends JSON text: made parts compact, text as it stands. plain: text is written anew as jq would print it (no blanks, no
 * escapes that are not needed, no equal keys); numbers keep their digits. 0, -EMSGSIZE, -ENOMEM. */
MUST int val_write(struct eval *, const struct val *, bool plain, struct buf *out);
/* As jq shows values in its errors: at most `room` bytes, cut with "...". In the arena. */
struct slice val_shown(struct eval *, const struct val *, size_t room);

/* Arrays and objects that grow in the arena; used: items taken so far. */
MUST int val_array_add(struct eval *, struct val *array, const struct val *item);
MUST int val_object_set(struct eval *, struct val *object, struct slice key,
			const struct val *value);

/* ---- numbers (jq_number.c) --------------------------------------------------------------------- */
double number_parse(struct slice text);       /* what strtod makes of a JSON number */
MUST int number_put(double, struct buf *out); /* as jq 1.6 prints: shortest digits, nan as null */
bool number_is_json(struct slice text);       /* RFC 8259's form */
bool number_is_big(struct slice text); /* an integer beyond 2^53: a double would lose digits */
double val_number(const struct val *number);
int number_compare(const struct val *a,
		   const struct val *b); /* digits are compared where doubles cannot tell */
