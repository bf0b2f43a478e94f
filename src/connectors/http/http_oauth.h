/* http_oauth.h - `auth: {oauth2: ...}`: bearer tokens for client credentials (RFC 6749 section 4.4)
 *
 * Life cycle: one `struct oauth` a place, all zero at first; every request goes through oauth_exchange; oauth_done.
 * What must hold: (1) what io/token.h promises. (2) a 401 fetches a new token and asks once more, unless the token had just come: then the
 *   401 is the answer. (3) before its token a request has not been sent. */
#pragma once
#include "engine/port.h"
#include "io/token.h"

struct oauth_options {
	struct tpl *token_url, *client_id, *client_secret, *scope;
	struct opt_map params; /* v: struct tpl *[] */
	int send;              /* index into the words of the option */
};
extern const struct opt oauth_options[];

struct oauth {
	struct token token;
};
void oauth_done(struct oauth *);

/* http_exchange() with a token in *bearer, which is one of the request's headers and empty before and after. Options NULL: just
 * the exchange. */
MUST int oauth_exchange(struct oauth *, const struct oauth_options *, struct site *,
			const struct http_request *, struct http_header *bearer,
			struct http_response *ret, struct err *) SUSPENDS;
