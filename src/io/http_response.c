/* http_response.c - what a caller does with an answer
 *
 * What this room is for: the small questions about a complete answer.
 * What flows through:    header lines; nothing here suspends or touches the connection.
 * What must hold:        http_response_done accepts an empty response and leaves an empty one. */
#include "base/clock.h"
#include "base/units.h"
#include "io/http.h"
#include <hocket/run.h>
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

/* RFC 9110 10.2.3. More than ten years ahead is garbage too. */
int64_t http_retry_after_ns(const struct http_response *r)
{
	struct slice v;
	int64_t n;
	const int64_t most = INT64_C(10) * 366 * 86400;
	if (!http_response_header(r, "Retry-After", &v))
		return 0;
	if (units_int(v, &n) == 0)
		return n > 0 && n < most ? n * HK_SEC : 0;
	if (clock_parse_http_date(v, &n) < 0)
		return 0;
	n -= hk_wall_ns();
	return n > 0 && n / HK_SEC < most ? n : 0;
}
