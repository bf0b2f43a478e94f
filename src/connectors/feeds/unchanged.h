/* unchanged.h - which feeds have said that nothing had changed, while the others were still to be heard
 *
 * What this room is for: who is broken off at the first entry, because it was only looked whether there is one, or because the run was
 *   killed, should not ask those again that had nothing: they were asked a moment ago.
 * What flows through:    names of feeds that answered 304; a list (JSON) in the first page that is kept, for whoever reads that page.
 * What must hold:        it says less than there is, never more: a feed that it does not name is asked. */
#pragma once
#include "base/json.h"
#include "connectors/seen.h"

struct unchanged {  /* all zero: none */
	int64_t *v; /* owns: of each name a hash */
	size_t n, cap;
	struct seen set;
	bool told; /* a page has them */
};
void unchanged_done(struct unchanged *);
void unchanged_add(struct unchanged *, const char *name);
bool unchanged_has(const struct unchanged *, const char *name);
void unchanged_put(const struct unchanged *, struct json_writer *);
/* Adds those of a list; what makes no sense in it is nobody. */
void unchanged_read(struct unchanged *, struct slice list);
