/* http_headers.h - request headers from options, and what an answer's headers say
 *
 * What this room is for: `headers:` and `auth:` mean the same in `from: http` and in the step; both also read answers alike.
 * What must hold:
 *  (1) credentials are evaluated into a request and nowhere else; no message contains a header's value.
 *  (2) a value with CR, LF or NUL never leaves: FAULT_BAD_VALUE naming the header.
 *  (3) credentials go only to the origin they were written for: headers_for_stranger() is what any other one gets. */
#pragma once
#include "engine/port.h"
#include "io/http.h"
#include "io/url.h"

struct digest;
struct oauth_options;
struct http_auth {
	struct tpl *bearer, *basic, *header;
	struct oauth_options *oauth2; /* the header comes with the exchange: http_oauth.h */
};
struct header_options {
	struct opt_map headers; /* v: struct tpl *[] */
	struct http_auth *auth;
};
extern const struct opt http_auth_options[];

/* Two lines of an option table; `when` is `.at_plan = true` or `.at_plan = false`. */
#define HEADER_OPTIONS(T, member, when)                                                      \
	OPT("headers", T, member.headers, OPT_MAP, struct opt_map, .of = OPT_TEMPLATE,       \
	    .secret = true, .tuning = true, when, .doc = "more request headers"),            \
		OPT("auth", T, member.auth, OPT_TABLE, struct http_auth *,                   \
		    .sub = http_auth_options, .sub_size = sizeof(struct http_auth),          \
		    .tuning = true,                                                          \
		    .doc = "credentials: {bearer: TOKEN}, {basic: USER:PASSWORD}, {header: " \
			   "'NAME: VALUE'} or {oauth2: {...}}")

/* RFC 4648 section 4. */
struct slice headers_base64(struct arena *, struct slice);

void headers_check(const struct header_options *, struct diag *); /* in plan() */
/* The option that holds credentials ("auth", "headers"); NULL: there are none. */
const char *headers_credentials(const struct header_options *);

struct header_list {
	struct http_header *v; /* in the arena */
	size_t n;
	struct http_header *bearer; /* NULL: none is wanted */
};
/* Room for two more headers is left behind v[n - 1]. With oauth2 the last one is Authorization, still empty: *ret->bearer. */
MUST int headers_make(const struct header_options *, const struct env *, struct arena *,
		      struct header_list *ret, struct err *) SUSPENDS;
/* A header of another option: in plan(), and behind all others. FAULT_CONFIG when `headers` has it too. */
void headers_check_own(const char *name, const char *option, struct diag *);
MUST int headers_add_own(struct header_list *, struct slice name, struct slice value, struct err *);
/* What of them decides what is answered: all, but for credentials that are the same for every record. */
void headers_digest(const struct header_options *, const struct header_list *, struct digest *);
/* Only what says nothing about who asks: Accept..., User-Agent, Content-... */
void headers_for_stranger(const struct header_list *, struct arena *, struct header_list *ret);
bool headers_find(const struct header_list *, const char *name, struct slice *ret);
/* The lane of such a request: its origin, with a mark of the credentials that it carries. Says nothing about what they are. */
MUST int headers_lane(const struct header_options *, const struct header_list *, const struct url *,
		      struct buf *out); /* NULL options: a stranger's */

/* Appends the headers as a JSON object, names in lower case, equal ones joined by ", ". 0, or buf_add's errors. */
MUST int headers_put_json(const struct http_response *, struct buf *out);

/* "application/json" of "Application/JSON; charset=utf-8"; empty: no or an odd content type. */
struct slice media_type(const struct http_response *, struct arena *);
bool media_is_json(struct slice type);
bool media_is_text(struct slice type);
