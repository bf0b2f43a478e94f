/* columns.c - the columns of a CSV file
 *
 * What this room is for: what is said about a header with which no record can be made.
 * What flows through:    names, in UTF-8 already.
 * What must hold:        a key is made once for each column, not for each row. */
#include "connectors/files/columns.h"
#include "base/banned.h"
#include "base/json.h"
#include <stdlib.h>

void columns_done(struct columns *c)
{
	for (size_t i = 0; i < c->n; i++) {
		buf_done(&c->v[i].name);
		buf_done(&c->v[i].key);
	}
	free(c->v);
	*c = (struct columns){ 0 };
}

static int check_name(const struct columns *c, struct slice name, const char *file, struct err *err)
{
	if (name.n == 0)
		return fail(err, FAULT_CONFIG,
			    "column %zu of '%s' has no name in the header; name all columns: "
			    "`header: [...]`, and `skip: 1` passes over this one",
			    c->n + 1, file);
	for (size_t i = 0; i < c->n; i++)
		if (slice_eq(buf_slice(&c->v[i].name), name))
			return fail(err, FAULT_CONFIG,
				    "columns %zu and %zu of '%s' are both called '%.*s'; name all "
				    "columns: `header: [...]`, and `skip: 1` passes over this one",
				    i + 1, c->n + 1, file, SLICE(name));
	return 0;
}

int columns_add(struct columns *c, struct slice name, enum cell_type type, const char *file,
		struct err *err)
{
	if (check_name(c, name, file, err) < 0)
		return -1;
	c->v = xrealloc(c->v, c->n + 1, sizeof(*c->v));
	struct column *column = &c->v[c->n++];
	*column = (struct column){ .type = type };
	int r = buf_add(&column->name, name);
	r = r < 0 ? r : json_quote(name, &column->key);
	r = r < 0 ? r : buf_add_char(&column->key, ':');
	return r < 0 ? fail_errno(err, FAULT_IO, r, "cannot hold the header of '%s'", file) : 0;
}

const struct column *columns_find(const struct columns *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (slice_eq_str(buf_slice(&c->v[i].name), name))
			return &c->v[i];
	return NULL;
}

int columns_set_types(struct columns *c, const struct opt_map *types, const char *file,
		      struct err *err)
{
	const int *kinds = types->v;
	for (size_t i = 0; i < types->n; i++) {
		const struct column *column = columns_find(c, types->keys[i]);
		if (!column)
			return fail(err, FAULT_CONFIG,
				    "`types` names the column '%s', which '%s' does not have",
				    types->keys[i], file);
		c->v[column - c->v].type = (enum cell_type)kinds[i];
	}
	return 0;
}
