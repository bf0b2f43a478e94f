/* script.h - one misbehaviour of a server: what it does, and what a client must make of it
 *
 * What this room is for: a list of everything a far side can do to a client, in a form that is read at a glance and played in
 *   four ways: over sockets of the kernel, over simulated ones, in pieces of any size, byte by byte.
 * How to read one:       the request, the moves in their order, what must come of it. Zeros are the usual: a GET on a fresh
 *   connection, read whole; an answer of status 200 whose body is the request's number.
 * What must hold:        in every text ######## is the number of the request that is being answered (eight digits, so that lengths
 *   are known), $$$$$ the server's own port. 66666666 is nobody's number: who reads it has another's answer. */
#pragma once
#include "base/buf.h"
#include <hocket/types.h>

enum move_kind {
	MOVE_END, /* go on: read the next request, and answer it decently */
	MOVE_SAY,
	MOVE_MAKE,  /* say what a function makes */
	MOVE_DRIP,  /* byte by byte, ns apart */
	MOVE_RAW,   /* say beneath TLS */
	MOVE_FLOOD, /* the text again and again, until the client has gone */
	MOVE_PAUSE,
	MOVE_TLS, /* what tls_far.h can do */
	MOVE_FIN, /* our end; what the client says is still read */
	MOVE_CLOSE,
	MOVE_RESET,
	MOVE_HANG, /* nothing more, until the client goes */
};

struct tls_far;
struct tls_manner;

struct move {
	enum move_kind kind;
	const char *text;
	size_t n;
	size_t most; /* only so many of its bytes; 0: all */
	int64_t ns;
	int (*make)(struct buf *out, unsigned id); /* 0, -errno */
	int (*tls)(struct tls_far *);
};

/* clang-format off */
#define SAY(t)      { .kind = MOVE_SAY, .text = t, .n = sizeof(t) - 1 }
#define DRIP(t, ns_){ .kind = MOVE_DRIP, .text = t, .n = sizeof(t) - 1, .ns = ns_ }
#define FLOOD(t)    { .kind = MOVE_FLOOD, .text = t, .n = sizeof(t) - 1 }
#define MAKE(fn)    { .kind = MOVE_MAKE, .make = fn }
#define RAW(t)      { .kind = MOVE_RAW, .text = t, .n = sizeof(t) - 1 }
#define TLS(fn)     { .kind = MOVE_TLS, .tls = fn }
#define NOTIFY      TLS(tls_far_notify)
#define PAUSE(ns_)  { .kind = MOVE_PAUSE, .ns = ns_ }
#define FIN         { .kind = MOVE_FIN }
#define CLOSE       { .kind = MOVE_CLOSE }
#define RESET       { .kind = MOVE_RESET }
#define HANG        { .kind = MOVE_HANG }
/* clang-format on */

#define ID      "########"
#define NOBODYS "66666666"
#define PORT    "$$$$$"
#define STATUS  "HTTP/1.1 200 OK\r\n"
#define LENGTH8 STATUS "Content-Length: 8\r\n\r\n"
#define GOOD    LENGTH8 ID
#define CHUNKED STATUS "Transfer-Encoding: chunked\r\n\r\n"
#define WRONG   LENGTH8 NOBODYS

struct script {
	const char *name;
	struct move moves[6];

	/* the request */
	const char *method; /* NULL: GET */
	size_t body_bytes;
	uint64_t max_body; /* 0: 256 KiB */
	bool warm;         /* on a connection that was used before */
	bool keyed;
	bool https;
	bool proxied; /* https, by CONNECT: the far side is the proxy and, behind it, the server */
	const struct tls_manner
		*manner; /* https: of the first connection; NULL: there is no handshake */

	/* the far side */
	bool greets; /* the first connection is spoken to before it says anything */
	bool unread; /* moves once the request's head is there */
	bool once;   /* asked again, it answers decently */
	bool later; /* some of it comes after the answer is complete: the next request waits for that */

	/* what must come of it */
	const char
		*class; /* NULL: an answer; else the error's class, or several: "truncated|reset" */
	int status;     /* of the answer; 0: 200 */
	const char *body;    /* NULL: the number */
	bool keeps;          /* the connection may be used again */
	bool legal;          /* curl must read the same */
	unsigned asked;      /* how often the server was asked; 0: does not matter */
	const char *says;    /* in the error's text */
	int64_t wait_ns;     /* what Retry-After comes to; -1: any time ahead */
	bool whole_requests; /* only where bytes come as they are sent: its outcome hangs on that */
};

struct family {
	const char *name;
	const struct script *scripts;
	size_t n;
};
extern const struct family evil_heads, evil_lengths, evil_chunks, evil_bombs, evil_silence,
	evil_ends, evil_redirects, evil_waits, evil_tls, evil_handshakes, evil_proxies, evil_cuts;

/* Of evil_cuts: each is an answer and an end, and stands for as many scripts as the answer has bytes. */
#define CUT_ID 1000 /* of the request that is cut off */
struct cut {
	struct script script;
	char body[16]; /* the script's */
};
size_t cut_bytes(const struct script *whole);                          /* of the answer */
void cut_make(const struct script *whole, size_t at, struct cut *ret); /* at 0 .. bytes */
