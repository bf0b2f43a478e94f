/* http_response.c - what a caller does with an answer
 *
 * What this room is for: the small questions about a complete answer.
 * What flows through:    header lines; nothing here suspends or touches the connection.
 * What must hold:        http_response_done accepts an empty response and leaves an empty one. */
#include "io/http.h"
#include <stdlib.h>

void http_response_done(struct http_response *r)
{
	free(r->storage_);
	buf_done(&r->body);
	buf_done(&r->url);
	*r = (struct http_response){ 0 };
}

bool http_response_header(const struct http_response *r, const char *name, struct slice *ret)
{
	struct slice wanted = slice_str(name);
	for (size_t i = 0; i < r->header_count; i++) {
		if (!slice_eq_nocase(r->headers[i].name, wanted))
			continue;
		*ret = r->headers[i].value;
		return true;
	}
	return false;
}
