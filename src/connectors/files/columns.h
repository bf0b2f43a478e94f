/* columns.h - the columns of a CSV file: names, keys in the record, types
 *
 * What must hold: no two columns have one name, and none is without: a record could not hold both. */
#pragma once
#include "connectors/files/cell.h"
#include "engine/port.h"

struct column {
	struct buf name;
	struct buf key; /* as in the record: "name": */
	enum cell_type type;
};
struct columns {
	struct column *v; /* owns */
	size_t n;
};
void columns_done(struct columns *);

/* `file` is for messages. */
MUST int columns_add(struct columns *, struct slice name, enum cell_type, const char *file,
		     struct err *);
const struct column *columns_find(const struct columns *, const char *name);
/* Each name must be a column's. */
MUST int columns_set_types(struct columns *, const struct opt_map *types, const char *file,
			   struct err *);
