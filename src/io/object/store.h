/* store.h - what each kind of store is for object.c, which dispatches: a vtable and its own state
 *
 * What must hold: (1) a kind is one `const struct object_kind_ops` in its own files (gs_*.c, s3_*.c, file_store.c, memory_store.c); object.c knows
 *   their names and nothing else of them. (2) operations promise what object.h says. */
#pragma once
#include "io/object.h"

struct object_ops {
	void (*free)(struct object_store *);
	int (*put)(struct object_store *, const struct object_put *, struct object_upload **,
		   struct object_info *, struct err *) SUSPENDS;
	void (*forget)(struct object_store *, struct object_upload *) SUSPENDS;
	int (*get)(struct object_store *, const struct object_get *, struct buf *,
		   struct object_info *, struct err *) SUSPENDS;
	int (*stat)(struct object_store *, struct slice bucket, struct slice name,
		    struct object_info *, struct err *) SUSPENDS;
	int (*list)(struct object_store *, const struct object_list *, struct object_page *,
		    struct err *) SUSPENDS;
};
/* First member of each kind's own struct. */
struct object_store {
	const struct object_ops *ops;
	struct buf origin;
};
/* Each makes its own; object_store_open chooses. */
MUST int gs_store_open(const struct object_store_options *, struct object_store **ret,
		       struct err *) SUSPENDS;
MUST int s3_store_open(const struct object_store_options *, struct object_store **ret,
		       struct err *) SUSPENDS;
MUST int file_store_open(const struct object_store_options *, struct object_store **ret,
			 struct err *) SUSPENDS;
MUST int memory_store_open(struct object_store **ret);
