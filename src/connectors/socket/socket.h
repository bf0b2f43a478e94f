/* socket.h - what source and sink `websocket:` share: whom to connect to, and as whom
 *
 * Life cycle: socket_plan in plan(); socket_open evaluates URL, headers and certificates once a run; socket_connect makes one
 *   connection, as often as it is wanted; socket_done.
 * What must hold: (1) `headers`, `auth`, `tls` and proxies mean what they mean for `http`. (2) no message shows a credential. */
#pragma once
#include "connectors/http/http_headers.h"
#include "connectors/http/http_oauth.h"
#include "connectors/http/http_tls.h"
#include "io/ws.h"

struct socket_options {
	struct tpl *url;
	struct header_options head;
	const char *subprotocol;
	int64_t ping_ns;
	uint64_t max_message;
	struct tls_options tls;
	char origin[288]; /* set by plan: where it leads, as http(s)://; empty: that is not known */
};

/* Lines of an option table, behind that of the URL; `member` is a struct socket_options. */
#define SOCKET_OPTIONS(T, member)                                                                  \
	HEADER_OPTIONS(T, member.head, .at_plan = true),                                           \
		OPT("subprotocol", T, member.subprotocol, OPT_STRING, const char *,                \
		    .doc = "the subprotocol to ask for; several with commas: the server chooses"), \
		OPT("ping", T, member.ping_ns, OPT_DURATION, int64_t, .tuning = true,              \
		    .fallback = "20s",                                                             \
		    .doc = "nothing came for so long: a ping; again nothing: the connection is "   \
			   "dead"),                                                                \
		OPT("max_message", T, member.max_message, OPT_SIZE, uint64_t, .tuning = true,      \
		    .fallback = "1MB", .doc = "the largest message that is taken"),                \
		TLS_OPTIONS(T, member.tls)
#define SOCKET_URL(T, member)                                                                  \
	OPT("websocket", T, member.url, OPT_URL, struct tpl *, .verb = true, .required = true, \
	    .secret = true, .at_plan = true, .doc = "ws:// or wss:// URL of the server")

void socket_plan(struct socket_options *, struct facts *, struct diag *);

struct socket { /* shared by a place's connections */
	struct site *site;
	const struct socket_options *o;
	struct arena *arena;
	struct slice url,
		shown; /* shown: without userinfo and query, and, when there is a secret in it, without its path; who it is */
	struct header_list headers;
	const struct http_trust *trust;
	struct oauth oauth;
};
MUST int socket_open(struct socket *, struct site *, const struct socket_options *,
		     struct err *) SUSPENDS;
void socket_done(struct socket *); /* half-opened, too */
MUST int socket_connect(struct socket *, const struct ws_options *, struct ws **ret,
			struct err *) SUSPENDS;

/* Evaluates trees (struct tpl *[]) and sends each: a string as that text, anything else as JSON. */
MUST int socket_say(struct ws *, const struct opt_list *trees, struct slice record,
		    struct err *) SUSPENDS;
/* A tree's value as the text of a message. */
MUST int socket_text(const struct tpl *, const struct env *, struct buf *out,
		     struct err *) SUSPENDS;
