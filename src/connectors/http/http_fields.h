/* http_fields.h - `query:` and `form:`: mappings that become name=value&name=value (application/x-www-form-urlencoded)
 *
 * What must hold: whatever a record contains stays inside its value: everything but unreserved characters is percent-encoded. */
#pragma once
#include "engine/port.h"

/* Appends the pairs, names in the file's order. null: the pair is left out; a list: its name once for each element. An object is
 * FAULT_BAD_VALUE. */
MUST int fields_put(const struct opt_map *templates, const struct env *, struct buf *out,
		    struct err *) SUSPENDS;
/* The same behind a URL: in its query, before its fragment. */
MUST int fields_put_query(const struct opt_map *templates, const struct env *, struct buf *url,
			  struct err *) SUSPENDS;
