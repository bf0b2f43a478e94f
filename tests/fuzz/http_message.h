/* http_message.h - the property that both HTTP fuzz targets hold the machine to
 *
 * What must hold: however the bytes are cut into pushes, the same comes out: events, status, headers, body, what is left,
 *   and the reason of a refusal; every slice lies inside the memory it borrows (the sanitizer's part) and is a C string. */
#pragma once
#include "base/hash.h"
#include "io/http/http_parse.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
	enum http_event end, eof;
	int status, error;
	const char *why;
	bool keep_alive;
	size_t left, header_count;
	uint64_t headers, body, body_bytes;
};

static void message_check_text(struct slice s)
{
	ASSERT(!s.p || (memchr(s.p, 0, s.n + 1) == s.p + s.n));
}

static void message_sum_headers(const struct http_parse *p, struct outcome *o)
{
	message_check_text(p->method);
	message_check_text(p->target);
	for (size_t i = 0; i < p->header_count; i++) {
		message_check_text(p->headers[i].name);
		message_check_text(p->headers[i].value);
	}
	o->header_count = p->header_count;
	o->headers = hash_add(hash_add(HASH_START, p->method), p->target);
	for (size_t i = 0; i < p->header_count; i++)
		o->headers =
			hash_add(hash_add(o->headers, p->headers[i].name), p->headers[i].value);
}

static struct outcome message_run(struct slice text, enum http_role role, bool no_body, size_t step)
{
	AUTO(http_parse_done) struct http_parse p;
	struct outcome o = { .body = HASH_START };
	enum http_event e = HTTP_MORE;
	http_parse_init(&p, role, 4 << 10);
	http_parse_start(&p, no_body);
	while (e == HTTP_MORE && text.n > 0) {
		size_t n = text.n < step ? text.n : step;
		char *copy = malloc(n);
		memcpy(copy, text.p, n);
		struct slice in = { copy, n }, piece;
		do {
			e = http_parse_next(&p, &in, &piece);
			if (e == HTTP_HEAD)
				message_sum_headers(&p, &o);
			if (e == HTTP_DATA)
				for (size_t i = 0; i < piece.n;
				     i++) /* byte by byte: pieces may differ */
					o.body = hash_add(o.body, (struct slice){ piece.p + i, 1 });
		} while (e == HTTP_HEAD || e == HTTP_DATA);
		text = slice_from(text, n - in.n);
		free(copy);
	}
	o.end = e;
	o.eof = http_parse_eof(&p);
	o.status = p.status;
	o.error = p.error;
	o.why = p.why;
	o.keep_alive = p.keep_alive;
	o.body_bytes = p.body_bytes;
	o.left = e == HTTP_BAD ? 0 : text.n; /* how far a refusal read is nobody's business */
	return o;
}

static bool message_same(const struct outcome *a, const struct outcome *b)
{
	return a->end == b->end && a->eof == b->eof && a->status == b->status &&
	       a->error == b->error && a->why == b->why && a->keep_alive == b->keep_alive &&
	       a->left == b->left && a->header_count == b->header_count &&
	       a->headers == b->headers && a->body == b->body && a->body_bytes == b->body_bytes;
}

static void message_check(const uint8_t *bytes, size_t n, enum http_role role)
{
	if (n < 1)
		return;
	struct slice text = { (const char *)bytes + 1, n - 1 };
	bool no_body = bytes[0] & 1;
	struct outcome whole = message_run(text, role, no_body, SIZE_MAX);
	struct outcome by_one = message_run(text, role, no_body, 1);
	struct outcome by_some = message_run(text, role, no_body, (bytes[0] >> 1) + 1u);
	if (whole.end == HTTP_BAD) {
		ASSERT(by_one.end == HTTP_BAD && by_some.end == HTTP_BAD && whole.why);
		ASSERT(whole.error == by_one.error && whole.error == by_some.error);
		/* Of several ceilings the first to be seen is told. */
		ASSERT(whole.error == -EMSGSIZE ||
		       (whole.why == by_one.why && whole.why == by_some.why));
		return;
	}
	ASSERT(message_same(&whole, &by_one) && message_same(&whole, &by_some));
}
