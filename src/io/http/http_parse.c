/* http_parse.c - HTTP/1.1 messages out of bytes
 *
 * What this room is for: to find where a message ends, beyond doubt. Everything that goes wrong on shared connections
 *   (mixed-up answers, smuggled requests) begins with two parties that count differently.
 * What flows through:    pushed bytes; heads are collected in one block (one allocation when a head arrives in one piece),
 *   bodies are passed on as slices of the input without a copy.
 *
 *            start
 *              v      interim 1xx
 *           +------+ <-----------+
 *           | HEAD |-------------+
 *           +------+--- HTTP_HEAD ---+-------------+-------------------+-----------------+
 *                                    | length      | chunked           | neither, answer | no body
 *                                    v             v                   v                 |
 *                               +--------+   +------------+ size 0  +-------+            |
 *                               | LENGTH |   | SIZE [EXT] |----+    | CLOSE |            |
 *                               +--------+   +------------+    |    +-------+            |
 *                                    |         |        ^      v        | eof            |
 *                                    |         v        |   +---------+ |                |
 *                                    |      +------+ +------+ TRAILER | |                |
 *                                    |      | DATA |>| CRLF ||-------+ |                |
 *                                    |      +------+ +------+    |      |                |
 *                                    +-------------------+-------+------+----------------+
 *                                                        v
 *                                                     +-----+      from everywhere: BAD
 *                                                     | END |
 *                                                     +-----+
 * What must hold: see http_parse.h. */
#include "io/http/http_parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum state {
	STATE_HEAD,
	STATE_LENGTH,
	STATE_CLOSE,
	STATE_SIZE,
	STATE_EXTENSION,
	STATE_CHUNK,
	STATE_CHUNK_END,
	STATE_TRAILER,
	STATE_END,
	STATE_BAD,
};

/* Within the machine: a step was made and there is nothing to tell yet. */
#define HTTP_ON ((enum http_event)99)

/* Bytes of sizes and extensions, beyond 16 for each byte of body. */
#define CHUNK_OVERHEAD (64u << 10)

/* RFC 9110 5.6.2 tchar. */
static const bool token_chars[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
	['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
	['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

bool http_is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!token_chars[(unsigned char)s.p[i]])
			return false;
	return s.n > 0;
}

bool http_is_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == 0)
			return false;
	return true;
}

static enum http_event refuse(struct http_parse *p, int error, const char *why)
{
	p->state = STATE_BAD;
	p->error = error;
	p->why = why;
	return HTTP_BAD;
}

static struct slice trim_blanks(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* ---- life ------------------------------------------------------------------------------------ */

void http_parse_init(struct http_parse *p, enum http_role role, size_t max_head_bytes)
{
	/* The rest is cleared by http_parse_start: nobody pays twice for it. */
	p->role = role;
	p->max_head = max_head_bytes;
	p->upgrades = false;
	p->block = NULL;
	p->block_n = p->block_cap = 0;
}

void http_parse_done(struct http_parse *p)
{
	free(p->block);
	p->block = NULL;
	p->block_cap = p->block_n = 0;
}

void http_parse_start(struct http_parse *p, bool no_body)
{
	char *block = p->block;
	size_t cap = p->block_cap;
	*p = (struct http_parse){ .role = p->role,
				  .max_head = p->max_head,
				  .upgrades = p->upgrades,
				  .no_body = no_body };
	p->block = block;
	p->block_cap = cap;
}

void *http_parse_take_block(struct http_parse *p)
{
	p->block_cap = p->block_n = 0;
	p->headers = NULL;
	p->header_count = 0;
	return take(p->block);
}

bool http_parse_untouched(const struct http_parse *p)
{
	return p->state == STATE_HEAD && p->head_bytes == 0;
}

/* ---- collecting a head ------------------------------------------------------------------------ */

static int block_reserve(struct http_parse *p, size_t n)
{
	if (n <= p->block_cap)
		return 0;
	char *block = realloc(p->block, n);
	if (!block)
		return -ENOMEM;
	p->block = block;
	p->block_cap = n;
	return 0;
}

/* Room for the text so far plus n bytes and the array of the headers in it, at an aligned place behind. */
static size_t block_size(const struct http_parse *p, size_t text)
{
	size_t align = _Alignof(struct http_header);
	return (text + align - 1) / align * align + p->lines * sizeof(struct http_header);
}

/* How many bytes of `in` belong to the head. *ended: the empty line is among them. A line is empty when nothing but
 * an optional CR stands before its LF (RFC 9112 2.2). */
static size_t head_length(struct http_parse *p, struct slice in, bool *ended)
{
	size_t at = 0;
	*ended = false;
	while (at < in.n) {
		const char *lf = memchr(in.p + at, '\n', in.n - at);
		size_t end = lf ? (size_t)(lf - in.p) : in.n;
		size_t n = end - at;
		if (n > 1 || (n == 1 && (p->line_cr || in.p[at] != '\r')))
			p->line_text = true;
		else if (n == 1)
			p->line_cr = true;
		if (!lf)
			return in.n;
		at = end + 1;
		bool empty = !p->line_text;
		p->line_text = p->line_cr = false;
		if (empty) {
			*ended = true;
			return at;
		}
		p->lines++;
	}
	return at;
}

/* Takes header lines from *in into the block. HTTP_ON: the head is complete. */
static enum http_event collect(struct http_parse *p, struct slice *in)
{
	bool ended;
	size_t n = head_length(p, *in, &ended);
	if (n > p->max_head - p->head_bytes)
		return refuse(p, -EMSGSIZE, "the headers are larger than allowed");
	if (p->lines > HTTP_MAX_HEADERS)
		return refuse(p, -EMSGSIZE, "more than 4,096 header lines");
	size_t text = p->block_n + n;
	size_t want = ended ? block_size(p, text) : text < 1024 ? 1024 : text * 2;
	if (want > p->block_cap && block_reserve(p, want) < 0)
		return refuse(p, -ENOMEM, "out of memory");
	memcpy(p->block + p->block_n, in->p, n);
	p->block_n = text;
	p->head_bytes += n;
	*in = slice_from(*in, n);
	return ended ? HTTP_ON : HTTP_MORE;
}

/* Cuts the next line off *text, without its end. The text is known to end with LF. */
static struct slice next_line(struct slice *text)
{
	struct slice line;
	slice_cut(*text, '\n', &line, text);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* ---- the fields that frame the message --------------------------------------------------------- */

static const char *on_content_length(struct http_parse *p, struct slice v)
{
	if (p->has_length)
		return "two Content-Length headers";
	if (v.n == 0 || v.n > 18)
		return "the Content-Length is not a number";
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return "the Content-Length is not a number";
		p->length = p->length * 10 + (uint64_t)(v.p[i] - '0');
	}
	p->has_length = true;
	return NULL;
}

static const char *on_transfer_encoding(struct http_parse *p, struct slice v)
{
	if (p->chunked)
		return "two Transfer-Encoding headers";
	if (!slice_eq_nocase(v, S("chunked")))
		return "a Transfer-Encoding other than chunked";
	p->chunked = true;
	return NULL;
}

/* Several lines are one list (RFC 9110 5.3): whoever looked at one of them would take coded bytes for plain ones. */
static const char *on_content_encoding(struct http_parse *p, struct slice v)
{
	if (p->content_encoding.n > 0)
		return "two Content-Encoding headers";
	p->content_encoding = v;
	return NULL;
}

static void on_connection(struct http_parse *p, struct slice v)
{
	while (v.n > 0) {
		struct slice one;
		slice_cut(v, ',', &one, &v);
		one = trim_blanks(one);
		if (slice_eq_nocase(one, S("close")))
			p->connection_close = 1;
		else if (slice_eq_nocase(one, S("keep-alive")))
			p->connection_keep = 1;
	}
}

/* The length first: most headers are none of these. */
static const char *on_header(struct http_parse *p, const struct http_header *h)
{
	switch (h->name.n) {
	case 4:
		p->host_lines += slice_eq_nocase(h->name, S("host"));
		return NULL;
	case 10:
		if (slice_eq_nocase(h->name, S("connection")))
			on_connection(p, h->value);
		return NULL;
	case 14:
		return slice_eq_nocase(h->name, S("content-length"))
			       ? on_content_length(p, h->value)
			       : NULL;
	case 16:
		return slice_eq_nocase(h->name, S("content-encoding"))
			       ? on_content_encoding(p, h->value)
			       : NULL;
	case 17:
		return slice_eq_nocase(h->name, S("transfer-encoding"))
			       ? on_transfer_encoding(p, h->value)
			       : NULL;
	default:
		return NULL;
	}
}

static const char *parse_header(struct slice line, struct http_header *ret)
{
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return "a header folded over two lines";
	size_t n = 0;
	while (n < line.n && token_chars[(unsigned char)line.p[n]])
		n++;
	if (n == 0 || n == line.n || line.p[n] != ':')
		return "a header line without a proper name before ':'";
	ret->name = slice_head(line, n);
	ret->value = trim_blanks(slice_from(line, n + 1));
	if (memchr(ret->value.p, '\r', ret->value.n) || memchr(ret->value.p, 0, ret->value.n))
		return "a header value with a CR or NUL inside";
	return NULL;
}

/* ---- first lines -------------------------------------------------------------------------------- */

static bool parse_version(struct slice s, int *ret_minor)
{
	if (s.n != 8 || !slice_starts(s, S("HTTP/1.")) || s.p[7] < '0' || s.p[7] > '9')
		return false;
	*ret_minor = s.p[7] - '0';
	return true;
}

/* "HTTP/1.1 200 OK"; the reason means nothing, and may be missing with its blank. */
static const char *parse_status_line(struct http_parse *p, struct slice line)
{
	static const char not_http[] = "the first line of the answer is not HTTP/1.1";
	if (line.n < 12 || !parse_version(slice_head(line, 8), &p->minor) || line.p[8] != ' ')
		return not_http;
	for (size_t i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return not_http;
		p->status = p->status * 10 + (line.p[i] - '0');
	}
	if (p->status < 100 || (line.n > 12 && line.p[12] != ' '))
		return not_http;
	if (memchr(line.p, '\r', line.n) || memchr(line.p, 0, line.n))
		return "a CR or NUL in the first line of the answer";
	return NULL;
}

static const char *parse_request_line(struct http_parse *p, struct slice line)
{
	static const char not_http[] = "the first line is not METHOD target HTTP/1.1";
	struct slice rest, version;
	if (!slice_cut(line, ' ', &p->method, &rest) || !slice_cut(rest, ' ', &p->target, &version))
		return not_http;
	if (!http_is_token(p->method) || p->target.n == 0 || !parse_version(version, &p->minor))
		return not_http;
	for (size_t i = 0; i < p->target.n; i++)
		if ((unsigned char)p->target.p[i] <= ' ' || p->target.p[i] == 0x7f)
			return "a control character in the target";
	return memchr(p->target.p, '#', p->target.n) ? "a '#' in the target" : NULL;
}

#define SIGN 7 /* bytes that tell HTTP from other protocols: "HTTP/1." */

/* What the peer speaks if it is not HTTP; NULL while it may be. Told at the first bytes, not after waiting for an end of
 * headers that never comes. */
static const char *not_http(const struct http_parse *p, struct slice in)
{
	char first[SIGN];
	size_t n = p->block_n < SIGN ? p->block_n : SIGN;
	size_t more = in.n < SIGN - n ? in.n : SIGN - n;
	if (n > 0)
		memcpy(first, p->block, n);
	memcpy(first + n, in.p, more);
	n += more;
	if (p->role == HTTP_REQUEST)
		return token_chars[(unsigned char)first[0]] ? NULL : "this is not an HTTP request";
	/* A TLS record, alert or handshake; the second byte is its version, and tells for certain. */
	bool tls = first[0] == 0x15 || first[0] == 0x16;
	if (tls && (n == 1 || first[1] == 3))
		return n == 1 ? NULL : "the answer is TLS; write https://";
	return memcmp(first, "HTTP/1.", n) == 0 ? NULL : "the answer is not HTTP/1.1";
}

/* ---- a complete head ------------------------------------------------------------------------------ */

/* RFC 9112 6.3, in its order. The keep-alive of 9.3 is decided with it. */
static enum http_event frame_answer(struct http_parse *p)
{
	if (p->chunked && (p->minor == 0 || p->has_length))
		p->keep_alive = false;
	if (p->no_body || p->status == 101 || p->status == 204 || p->status == 304) {
		p->state = STATE_END;
	} else if (p->chunked) {
		p->has_length = false;
		p->state = STATE_SIZE;
	} else if (p->has_length) {
		p->left = p->length;
		p->state = p->left > 0 ? STATE_LENGTH : STATE_END;
	} else {
		p->until_close = true;
		p->keep_alive = false;
		p->state = STATE_CLOSE;
	}
	return HTTP_HEAD;
}

static enum http_event frame_request(struct http_parse *p)
{
	if (p->chunked && (p->minor == 0 || p->has_length))
		return refuse(p, -EBADMSG,
			      "a Transfer-Encoding beside a Content-Length or in HTTP/1.0");
	if (p->host_lines > 1 || (p->host_lines == 0 && p->minor > 0))
		return refuse(p, -EBADMSG, "not exactly one Host header");
	p->left = p->length;
	p->state = p->chunked ? STATE_SIZE : p->left > 0 ? STATE_LENGTH : STATE_END;
	return HTTP_HEAD;
}

/* What is behind a name, value, method or target in the block - a colon, blank or line's end - has been read. */
static void end_text(struct http_parse *p, struct slice s)
{
	p->block[s.p + s.n - p->block] = 0;
}

static const char *parse_lines(struct http_parse *p)
{
	struct slice text = { p->block, p->block_n };
	struct slice first = next_line(&text);
	const char *why = p->role == HTTP_REQUEST ? parse_request_line(p, first)
						  : parse_status_line(p, first);
	p->headers =
		(struct http_header *)(void *)(p->block + (block_size(p, p->block_n) -
							   p->lines * sizeof(struct http_header)));
	while (!why) {
		struct slice line = next_line(&text);
		if (line.n == 0)
			break;
		struct http_header *h = &p->headers[p->header_count];
		why = parse_header(line, h);
		if (why)
			break;
		end_text(p, h->name);
		end_text(p, h->value);
		why = on_header(p, h);
		p->header_count++;
	}
	if (!why && p->role == HTTP_REQUEST) {
		end_text(p, p->method);
		end_text(p, p->target);
	}
	return why;
}

/* An interim answer is over; the next head begins. Its bytes stay counted. */
static enum http_event skip_interim(struct http_parse *p)
{
	if (p->status == 101)
		return refuse(p, -EBADMSG, "101 Switching Protocols without being asked");
	if (++p->interim > HTTP_MAX_INTERIM)
		return refuse(p, -EBADMSG, "more than 32 interim (1xx) answers");
	size_t bytes = p->head_bytes;
	unsigned interim = p->interim;
	http_parse_start(p, p->no_body);
	p->head_bytes = bytes;
	p->interim = interim;
	return HTTP_ON;
}

static enum http_event parse_head(struct http_parse *p)
{
	const char *why = parse_lines(p);
	if (why)
		return refuse(p, -EBADMSG, why);
	if (p->role == HTTP_ANSWER && p->status < 200 && !(p->upgrades && p->status == 101))
		return skip_interim(p);
	p->keep_alive = !p->connection_close && (p->minor > 0 || p->connection_keep);
	return p->role == HTTP_REQUEST ? frame_request(p) : frame_answer(p);
}

/* RFC 9112 2.2: a server ignores an empty line or two before a request. */
static void skip_empty_lines(struct http_parse *p, struct slice *in)
{
	while (in->n > 0 && p->head_bytes < 4 && (in->p[0] == '\r' || in->p[0] == '\n')) {
		p->head_bytes++;
		*in = slice_from(*in, 1);
	}
}

static enum http_event step_head(struct http_parse *p, struct slice *in)
{
	if (p->role == HTTP_REQUEST && p->block_n == 0)
		skip_empty_lines(p, in);
	if (in->n == 0)
		return HTTP_MORE;
	const char *why = p->block_n < SIGN ? not_http(p, *in) : NULL;
	if (why) {
		struct slice some = slice_head(*in, 64);
		(void)collect(p, &some); /* for the message: it is refused either way */
		return refuse(p, -EBADMSG, why);
	}
	enum http_event e = collect(p, in);
	return e == HTTP_ON ? parse_head(p) : e;
}

/* ---- bodies --------------------------------------------------------------------------------------- */

static enum http_event give(struct http_parse *p, struct slice *in, size_t n, struct slice *piece)
{
	*piece = slice_head(*in, n);
	*in = slice_from(*in, n);
	p->body_bytes += n;
	return HTTP_DATA;
}

static enum http_event step_counted(struct http_parse *p, struct slice *in, struct slice *piece,
				    enum state then)
{
	if (in->n == 0)
		return HTTP_MORE;
	size_t n = in->n < p->left ? in->n : (size_t)p->left;
	p->left -= n;
	if (p->left == 0)
		p->state = then;
	return give(p, in, n, piece);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One byte of what surrounds the chunks. */
static bool take_overhead(struct http_parse *p, struct slice *in, char *ret)
{
	*ret = in->p[0];
	*in = slice_from(*in, 1);
	return ++p->overhead <= CHUNK_OVERHEAD + 16 * p->body_bytes;
}

static enum http_event refuse_overhead(struct http_parse *p)
{
	return refuse(p, -EMSGSIZE, "chunk sizes and extensions far larger than the body");
}

/* The line of a chunk's size is over. */
static enum http_event size_done(struct http_parse *p)
{
	p->size_cr = p->line_cr;
	p->line_cr = false;
	p->has_size = false;
	p->state = p->left > 0 ? STATE_CHUNK : STATE_TRAILER;
	return HTTP_ON;
}

/* chunk-size = 1*HEXDIG, then blanks, an extension or the end of the line. */
static enum http_event step_size(struct http_parse *p, struct slice *in)
{
	char c;
	if (in->n == 0)
		return HTTP_MORE;
	if (!take_overhead(p, in, &c))
		return refuse_overhead(p);
	int digit = hex_digit(c);
	if (digit >= 0) {
		if (p->left >> 56)
			return refuse(p, -EBADMSG, "a chunk size beyond all measure");
		p->left = p->left << 4 | (unsigned)digit;
		p->has_size = true;
		return HTTP_ON;
	}
	if (!p->has_size || !(c == '\r' || c == '\n' || c == ';' || c == ' ' || c == '\t'))
		return refuse(p, -EBADMSG, "a chunk size that is not a hexadecimal number");
	if (c == '\n')
		return p->role == HTTP_REQUEST ? refuse(p, -EBADMSG, "a chunk size without CR LF")
					       : size_done(p);
	p->line_cr = c == '\r';
	p->state = STATE_EXTENSION;
	return HTTP_ON;
}

/* Everything up to the end of the line; extensions mean nothing to us. */
static enum http_event step_extension(struct http_parse *p, struct slice *in)
{
	char c;
	if (in->n == 0)
		return HTTP_MORE;
	if (!take_overhead(p, in, &c))
		return refuse_overhead(p);
	if (c == '\n') {
		if (!p->line_cr && p->role == HTTP_REQUEST)
			return refuse(p, -EBADMSG, "a chunk size without CR LF");
		return size_done(p);
	}
	if (p->line_cr || c == 0)
		return refuse(p, -EBADMSG, "a stray CR or NUL behind a chunk size");
	p->line_cr = c == '\r';
	return HTTP_ON;
}

/* LF alone only where the size's line had it, too: else a CR that the size counts in by mistake would be taken for data. */
static enum http_event step_chunk_end(struct http_parse *p, struct slice *in)
{
	char c;
	if (in->n == 0)
		return HTTP_MORE;
	if (!take_overhead(p, in, &c))
		return refuse_overhead(p);
	if (c == '\r' && !p->line_cr) {
		p->line_cr = true;
		return HTTP_ON;
	}
	if (c != '\n' || (p->size_cr && !p->line_cr))
		return refuse(p, -EBADMSG, "a chunk that does not end where its size says");
	p->line_cr = false;
	p->state = STATE_SIZE;
	return HTTP_ON;
}

/* Trailers are checked for nothing but their end and size, and dropped (RFC 9110 6.5.1). */
static enum http_event step_trailer(struct http_parse *p, struct slice *in)
{
	bool ended;
	if (in->n == 0)
		return HTTP_MORE;
	size_t n = head_length(p, *in, &ended);
	if (n > p->max_head - p->head_bytes)
		return refuse(p, -EMSGSIZE, "the trailers are larger than allowed");
	p->head_bytes += n;
	*in = slice_from(*in, n);
	if (ended)
		p->state = STATE_END;
	return HTTP_ON;
}

static enum http_event step(struct http_parse *p, struct slice *in, struct slice *piece)
{
	switch ((enum state)p->state) {
	case STATE_HEAD:
		return step_head(p, in);
	case STATE_LENGTH:
		return step_counted(p, in, piece, STATE_END);
	case STATE_CLOSE:
		return in->n == 0 ? HTTP_MORE : give(p, in, in->n, piece);
	case STATE_SIZE:
		return step_size(p, in);
	case STATE_EXTENSION:
		return step_extension(p, in);
	case STATE_CHUNK:
		return step_counted(p, in, piece, STATE_CHUNK_END);
	case STATE_CHUNK_END:
		return step_chunk_end(p, in);
	case STATE_TRAILER:
		return step_trailer(p, in);
	case STATE_END:
		return HTTP_END;
	case STATE_BAD:
		break;
	}
	ASSERT(p->state == STATE_BAD);
	return HTTP_BAD;
}

enum http_event http_parse_next(struct http_parse *p, struct slice *in, struct slice *piece)
{
	enum http_event e;
	*piece = (struct slice){ 0 };
	do
		e = step(p, in, piece);
	while (e == HTTP_ON);
	ASSERT(e != HTTP_MORE || in->n == 0);
	return e;
}

enum http_event http_parse_eof(const struct http_parse *p)
{
	if (p->state == STATE_BAD)
		return HTTP_BAD;
	return p->state == STATE_CLOSE || p->state == STATE_END ? HTTP_END : HTTP_MORE;
}

uint64_t http_parse_direct(const struct http_parse *p)
{
	return p->state == STATE_LENGTH ? p->left : 0;
}

void http_parse_took(struct http_parse *p, uint64_t n)
{
	ASSERT(p->state == STATE_LENGTH && n <= p->left);
	p->left -= n;
	p->body_bytes += n;
	if (p->left == 0)
		p->state = STATE_END;
}
