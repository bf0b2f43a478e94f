/* target.h - which object a record means: gs://bucket/folder/\(.name).pdf
 *
 * What this room is for: what a template of an object's URL says before any record is read, and the object that it names for one.
 * What must hold:
 *  (1) the file says which store: the scheme is literal, so a record cannot turn an upload to a bucket into one to a local file.
 *  (2) names stay beneath the literal folder: no "." or ".." and no empty part comes out of data, and nothing is percent-encoded. */
#pragma once
#include "engine/port.h"
#include "io/object.h"

struct target {
	enum object_kind kind; /* 0: the file makes a mistake */
	size_t folder; /* so much of every URL is the same, up to the last '/' before the first interpolation */
	bool relative;  /* "file:out/x.pdf": counts from the pipeline's folder */
	char door[288]; /* "gs://bucket", "file:///srv/notes": for people */
};
/* In plan(). `option`: where it stands, NULL: the verb itself. Sets facts->door. `lists`: it names many, and may end with '/'. */
void target_plan(struct target *, const struct tpl *, bool lists, struct facts *, struct diag *);
/* "gs://" and the like, of a text that is complete. For files `folder` is put before what is relative. Appends the URL. */
MUST int target_put_url(const struct target *, struct slice text, const char *folder,
			struct buf *out, struct err *);
/* The record's object: its URL and the parts of it, in the arena. 0, or -1 with FAULT_BAD_VALUE, FAULT_JQ. */
MUST int target_make(const struct target *, const struct tpl *, struct site *, const struct env *,
		     struct arena *, struct object_url *ret, struct slice *ret_url,
		     struct err *) SUSPENDS;
/* All that a pattern (glob.h) can find begins like this. */
struct slice target_prefix(struct slice pattern);
/* Of files: the folder that nothing leaves, without the last '/' ("/" itself aside). The caller owns. */
char *target_root(const struct target *, const struct tpl *, const char *folder);
