/* store.h - what each kind of store is for object.c, which dispatches: a vtable and its own state
 *
 * What must hold: (1) a kind is one `const struct object_kind_ops` in its own files (gs_*.c, s3_*.c, file_store.c, memory_store.c); object.c knows
 *   their names and nothing else of them. (2) operations promise what object.h says; object.c has judged bucket and name, emptied *ret, and
 *   put a number in list->most. (3) free gives back all but the origin, which object.c does. */
#pragma once
#include "io/object.h"

struct object_ops {
	enum object_kind
		kind; /* whose rules the names of buckets follow; 0 (memory): Google's, or no bucket at all */
	void (*free)(struct object_store *);
	int (*put_object)(struct object_store *, const struct object_put *, struct object_upload **,
			  struct object_info *, struct err *) SUSPENDS;
	void (*forget_upload)(struct object_store *, struct object_upload *) SUSPENDS;
	int (*get_object)(struct object_store *, const struct object_get *, struct buf *,
			  struct object_info *, struct err *) SUSPENDS;
	int (*stat_object)(struct object_store *, struct slice bucket, struct slice name,
			   struct object_info *, struct err *) SUSPENDS;
	int (*list_objects)(struct object_store *, const struct object_list *, struct object_page *,
			    struct err *) SUSPENDS;
};
/* First member of each kind's own struct. */
struct object_store {
	const struct object_ops *ops;
	struct buf origin;
};
/* For stores: an info whose slices borrow from anywhere becomes one that owns them, or a page's next. 0, -ENOMEM, -EMSGSIZE. */
MUST int object_info_copy(const struct object_info *from, struct object_info *ret);
MUST int object_page_add(struct object_page *, const struct object_info *from);

/* Each makes its own; object_store_open chooses. */
MUST int gs_store_open(const struct object_store_options *, struct object_store **ret,
		       struct err *) SUSPENDS;
MUST int s3_store_open(const struct object_store_options *, struct object_store **ret,
		       struct err *) SUSPENDS;
MUST int file_store_open(const struct object_store_options *, struct object_store **ret,
			 struct err *) SUSPENDS;
MUST int memory_store_open(struct object_store **ret);
