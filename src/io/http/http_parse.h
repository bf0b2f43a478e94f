/* http_parse.h - HTTP/1.1 messages out of bytes (RFC 9112): a state machine without descriptors or clocks
 *
 * What this room is for: both sides' reading. The client parses answers with it, the server requests, the fuzzer anything.
 * Life cycle: http_parse_init; for each message http_parse_start, then http_parse_next over whatever bytes came until
 *   HTTP_END or HTTP_BAD; http_parse_done. At the end of the stream http_parse_eof says what that means.
 * What must hold:
 *  (1) how the bytes are cut into pushes makes no difference to what comes out.
 *  (2) after HTTP_END nothing more was taken from the input: what is left belongs to the next message, or to nobody.
 *  (3) a message that could be understood in two ways is refused, not guessed at: folded lines, blanks before the colon,
 *      two lengths, codings other than chunked. Only what RFC 9112 tells a reader to tolerate is tolerated.
 *  (4) header bytes (interim answers and trailers included), their number, and the overhead of chunks are bounded.
 *  (5) method, target and the headers' names and values have a 0 behind them and none inside: they are C strings, too. */
#pragma once
#include "base/buf.h"
#include "io/http.h"

#define HTTP_MAX_HEADERS 4096 /* header lines of one message */
#define HTTP_MAX_INTERIM 32   /* 1xx answers before the real one */

enum http_role { HTTP_ANSWER, HTTP_REQUEST };
enum http_event {
	HTTP_MORE, /* all input was taken; more is needed */
	HTTP_HEAD, /* status or request line and headers are there */
	HTTP_DATA, /* *piece is the next part of the body; borrows the input */
	HTTP_END,  /* the message is complete */
	HTTP_BAD,  /* refused: error and why */
};

struct http_parse {
	/* From HTTP_HEAD until the next start. Slices borrow from the block. */
	int status;                  /* answers */
	int minor;                   /* HTTP/1.minor */
	struct slice method, target; /* requests */
	struct http_header *headers;
	size_t header_count;
	struct slice content_encoding; /* empty: none */
	uint64_t length;               /* Content-Length, when has_length */
	bool has_length, chunked, until_close;
	bool keep_alive; /* the connection may carry another message after this one */
	/* From HTTP_BAD on. */
	int error;       /* -EBADMSG: not HTTP as it must be; -EMSGSIZE: a ceiling; -ENOMEM */
	const char *why; /* static text, lower case */

	/* The rest is the machine's own. */
	enum http_role role;
	bool upgrades; /* set by who asks for it, after init: a 101 is the answer, and what is behind its head is no HTTP */
	int state;
	bool no_body, line_text, line_cr, size_cr, has_size;
	unsigned interim, host_lines, connection_close, connection_keep;
	uint64_t left, body_bytes, overhead;
	size_t lines, head_bytes, max_head;
	char *block; /* owns: text of the head, then the header array */
	size_t block_n, block_cap;
};

void http_parse_init(struct http_parse *, enum http_role, size_t max_head_bytes);
void http_parse_done(struct http_parse *); /* AUTO */
/* Before each message. no_body: this is the answer to HEAD. Keeps the block's memory. */
void http_parse_start(struct http_parse *, bool no_body);
/* Takes from the front of *in. HTTP_END and HTTP_BAD are repeated until the next start. */
enum http_event http_parse_next(struct http_parse *, struct slice *in, struct slice *piece);
/* The peer ended its stream: HTTP_END when that ends the body, else HTTP_MORE: the message is cut off. */
enum http_event http_parse_eof(const struct http_parse *);
/* Not a byte of a message seen since start? */
bool http_parse_untouched(const struct http_parse *);

/* Short cut for large bodies: so many bytes of plain body come next, and may be read to where they belong ... */
uint64_t http_parse_direct(const struct http_parse *);
void http_parse_took(struct http_parse *, uint64_t n); /* ... if the machine is told. n <= direct */

/* Gives the block in which the headers live; free() it. The slices stay valid, the parser forgets them. */
void *http_parse_take_block(struct http_parse *);

bool http_is_token(struct slice); /* RFC 9110 5.6.2: header names, methods */
bool http_is_value(struct slice); /* no CR, LF, NUL */
