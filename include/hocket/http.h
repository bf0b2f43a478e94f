/* hocket/http.h - HTTP/1.1 client and server (RFC 9110, RFC 9112)
 *
 * What this room is for: concurrent API calls, and a small server to answer them. The client keeps warm connections per origin,
 *   speaks TLS, inflates gzip, deflate, brotli and zstd, follows redirects of GET and HEAD.
 * Life cycle: one client a program, made in a task, shared by all tasks of its loop; one response a request, freed by
 *   hk_http_response_done. A server is opened, run in a task of its own until that is cancelled, freed.
 * What must hold: (1) a connection is used again only after a complete exchange; no answer can reach another request. (2) a
 *   status is an answer, not an error: 404 returns 0. (3) no retry and no rate here, except that a kept connection which the
 *   server had closed is replaced once. (4) deadlines are scopes (scope.h); clocks say which part of an exchange was too slow.
 *   (5) every buffer has a ceiling. (6) a header that would break out of its line is refused before anything is sent.
 *   (7) < 0 always comes with *error; the number is the one beside the fault's name. */
#ifndef HOCKET_HTTP_H
#define HOCKET_HTTP_H
#include <hocket/types.h>

HK_BEGIN

/* ---- what went wrong ---- */

enum hk_http_fault {
	HK_HTTP_OK,
	HK_HTTP_CANCELLED,       /* -ECANCELED: the task, or its scope's deadline passed */
	HK_HTTP_BAD_REQUEST,     /* -EINVAL: refused before sending: URL, method or header */
	HK_HTTP_DNS,             /* -EHOSTUNREACH: the name has no address */
	HK_HTTP_REFUSED,         /* -ECONNREFUSED: nobody listens, or no way there */
	HK_HTTP_CONNECT_TIMEOUT, /* -ETIMEDOUT */
	HK_HTTP_TLS,             /* -EPROTO */
	HK_HTTP_CERTIFICATE,     /* -EKEYREJECTED */
	HK_HTTP_RESET,           /* -ECONNRESET: it broke before the answer was whole */
	HK_HTTP_TIMEOUT,         /* -ETIMEDOUT: one of the clocks below */
	HK_HTTP_TRUNCATED,       /* -ENODATA: it ended before its announced length */
	HK_HTTP_PROTOCOL,        /* -EBADMSG: no HTTP came, or a redirect not to be followed */
	HK_HTTP_TOO_LARGE,       /* -EMSGSIZE: a ceiling */
	HK_HTTP_LOCAL            /* -errno of our own memory, descriptors, address, ca_file */
};
const char *hk_http_fault_name(enum hk_http_fault); /* "connect_timeout" */

struct hk_http_error {
	enum hk_http_fault fault;
	bool sent;      /* with a fault: the far side may have acted on the request */
	char text[480]; /* lower case, names its subject, says what to do: for a person */
};

/* ---- client ---- */

struct hk_http_client;
struct hk_http_client_options {
	unsigned idle_per_origin; /* kept connections; 0: 1,024 */
	int64_t idle_ns;          /* how long one is kept; 0: 30 s */
	const char *ca_file;      /* PEM; NULL: SSL_CERT_FILE, else the system's */
	const char *user_agent;   /* NULL: "hocket/VERSION" */
	bool environment_proxies; /* honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in lower case, too */
};
/* options and error may be NULL everywhere. 0, < 0. In a task. */
HK_MUST int hk_http_client_new(const struct hk_http_client_options *, struct hk_http_client **ret,
			       struct hk_http_error *);
void hk_http_client_free(struct hk_http_client *); /* no request may be on the way; accepts NULL */

struct hk_http_header {
	const char *name, *value; /* 0-terminated */
};
struct hk_http_request {
	const char *method; /* NULL: GET, or POST with a body */
	const char *url;    /* http:// or https:// */
	/* Host, Content-Length, Accept-Encoding, User-Agent and Accept are added unless given. */
	const struct hk_http_header *headers;
	size_t header_count;
	const void *body; /* borrows; NULL: none */
	size_t body_n;
	/* Clocks: for connecting, for the TLS handshake, until the first byte of the answer, between any two pieces. 0: only
	 * the caller's scope ends it. */
	int64_t connect_ns, tls_ns, first_byte_ns, idle_ns;
	uint64_t max_body_bytes; /* as received; 0: 64 MiB; inflated at most 4 times that */
	bool idempotent;         /* sending twice is harmless, whatever the method */
	bool insecure;           /* no certificate check */
	bool no_redirects;       /* else GET and HEAD follow up to 5, never from https to http */
};
struct hk_http_response {
	int status;
	struct hk_http_header *headers; /* names as received */
	size_t header_count;
	char *body; /* inflated, 0-terminated */
	size_t body_n;
	const char *url; /* after redirects; NULL when there were none */
	int64_t first_byte_ns, total_ns;
	void *storage_;
};
/* One exchange. 0 with an answer of any status, < 0 with an empty response. What the response points to lives until it is
 * done, which it may be in any case. */
HK_MUST int hk_http_exchange(struct hk_http_client *, const struct hk_http_request *,
			     struct hk_http_response *ret, struct hk_http_error *) HK_SUSPENDS;
HK_MUST int hk_http_get(struct hk_http_client *, const char *url, struct hk_http_response *ret,
			struct hk_http_error *) HK_SUSPENDS;
void hk_http_response_done(struct hk_http_response *);
/* The first header of that name, in any case; NULL: none. */
const char *hk_http_response_header(const struct hk_http_response *, const char *name);

/* ---- server ---- */

/* What came; borrows from the connection until the handler returns. All strings are 0-terminated. */
struct hk_http_incoming {
	const char *method;
	const char *path;  /* percent-encoded as received */
	const char *query; /* without the '?'; "" when there is none */
	const struct hk_http_header *headers;
	size_t header_count;
	const char *body; /* a 0 behind body_n bytes, too */
	size_t body_n;
	const void *storage_;
};
struct hk_http_reply {
	int status;               /* 0: 200 */
	const char *content_type; /* NULL: application/json. Borrows until the answer is written */
	bool close;               /* the connection after this answer */
	void *storage_;
};
/* Runs in a task of its own connection; may wait. 0, or < 0: answered with 500 and reported as an unread failure, with method
 * and path. So is a status that is not 200 .. 599, and a content_type with a line break. */
typedef int hk_http_handler(const struct hk_http_incoming *, struct hk_http_reply *,
			    void *arg) HK_SUSPENDS;
/* Adds to the reply's body. 0, -ENOMEM, -EMSGSIZE above 64 MiB. */
HK_MUST int hk_http_reply_add(struct hk_http_reply *, const void *, size_t);
HK_MUST int hk_http_reply_printf(struct hk_http_reply *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds a header line; copies. 0, -ENOMEM, -EMSGSIZE above 32 KiB of them. -EINVAL: a name or value that is not well-formed, or one
 * that is the server's to write: Connection, Content-Length, Content-Type, Date, Transfer-Encoding. */
HK_MUST int hk_http_reply_header(struct hk_http_reply *, const char *name, const char *value);
const char *hk_http_incoming_header(const struct hk_http_incoming *, const char *name);
/* A query parameter, percent-decoded; malloc'd, free() it. NULL: not there, or it has a %00 inside. */
char *hk_http_incoming_query(const struct hk_http_incoming *, const char *name);

struct hk_http_server;
struct hk_http_server_options {
	uint64_t max_body_bytes;  /* 0: 16 MiB; more is answered with 413 */
	int64_t idle_ns;          /* 0: 60 s */
	unsigned max_connections; /* 0: 10,000 */
};
/* Binds and listens; port 0: any free one. 0, < 0. In a task. */
HK_MUST int hk_http_server_open(const char *address, uint16_t port, hk_http_handler *, void *arg,
				const struct hk_http_server_options *, struct hk_http_server **ret,
				struct hk_http_error *);
int hk_http_server_port(const struct hk_http_server *);
/* Serves until its task is cancelled: -ECANCELED, with every connection closed. Other < 0: the listener failed. */
HK_MUST int hk_http_server_run(struct hk_http_server *, struct hk_http_error *) HK_SUSPENDS;
void hk_http_server_free(struct hk_http_server *); /* when it does not run any more; accepts NULL */

HK_END
#endif
