/* cuts.c - answers that end at each of their bytes
 *
 * What this room is for: the one byte behind which an end was forgotten.
 * What flows through:    an answer and an end; from them a script (script.h) for each place where the end can come.
 * What must hold:        before the first byte it is a reset, which tells that the far side may not have begun to answer; behind it the
 *   answer is cut off; behind the last one it is whole. Only an answer that lasts until the close cannot tell its end from another. */
#include "script.h"
#include <stdio.h>
#include <zlib.h>

#define HINTS "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"

static int gzip(struct buf *out, unsigned id)
{
	char text[16], packed[64];
	z_stream z = { 0 };
	int n = snprintf(text, sizeof(text), "%08u", id);
	if (deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -1;
	z.next_in = (Bytef *)text;
	z.avail_in = (unsigned)n;
	z.next_out = (Bytef *)packed;
	z.avail_out = sizeof(packed);
	int done = deflate(&z, Z_FINISH);
	deflateEnd(&z);
	ASSERT(done == Z_STREAM_END);
	int r = buf_printf(
		out, STATUS "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
		(size_t)z.total_out);
	if (r == 0)
		r = buf_add(out, (struct slice){ packed, z.total_out });
	return r < 0 ? r : buf_add(out, S("\r\n0\r\n\r\n"));
}

#define ENDS(what, move, keeps_)                                                         \
	{ what ", closed", { move, CLOSE }, .keeps = keeps_, .later = true },            \
		{ what ", half closed", { move, FIN }, .keeps = keeps_, .later = true }, \
		{ what ", reset", { move, RESET }, .keeps = keeps_, .later = true },     \
	{                                                                                \
		what ", silent", { move, HANG }, .keeps = keeps_, .later = true          \
	}

static const struct script scripts[] = {
	ENDS("a length", SAY(GOOD), true),
	ENDS("chunks and a trailer", SAY(HINTS CHUNKED "8;a=b\r\n" ID "\r\n0\r\nX-T: u\r\n\r\n"),
	     true),
	ENDS("gzip in chunks", MAKE(gzip), true),
	ENDS("no body", SAY("HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"), true),
	ENDS("HTTP/1.0", SAY("HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n" ID), false),
	ENDS("until close", SAY(STATUS "X-A: b\r\n\r\n" ID), false),
};

const struct family evil_cuts = { "ends at every byte", scripts, ARRAY_SIZE(scripts) };

size_t cut_bytes(const struct script *whole)
{
	AUTO(buf_done) struct buf text = { 0 };
	if (!whole->moves[0].make)
		return whole->moves[0].n;
	int r = whole->moves[0].make(&text, CUT_ID);
	ASSERT(r == 0);
	return text.n;
}

/* Where the body begins of an answer that lasts until the close; 0: it is none of those. */
static size_t until_close(const struct script *whole)
{
	const struct move *m = &whole->moves[0];
	const char *head = m->text ? strstr(m->text, "X-A: b\r\n\r\n" ID) : NULL;
	return head ? (size_t)(head - m->text) + 10 : 0;
}

static const char *class_of(enum move_kind end, size_t at)
{
	if (end == MOVE_RESET)
		return "reset";
	if (end == MOVE_HANG)
		return at > 0 ? "timeout(idle)" : "timeout(first byte)";
	return at > 0 ? "truncated" : "reset";
}

void cut_make(const struct script *whole, size_t at, struct cut *ret)
{
	enum move_kind end = whole->moves[1].kind;
	size_t body = until_close(whole);
	bool ended = body > 0 ? at >= body && (end == MOVE_CLOSE || end == MOVE_FIN)
			      : at == cut_bytes(whole);
	ret->script = *whole;
	if (at == 0)
		ret->script.moves[0] = (struct move){ .kind = MOVE_PAUSE };
	ret->script.moves[0].most = at;
	if (!ended) {
		ret->script.class = class_of(end, at);
		ret->script.keeps = false;
		return;
	}
	(void)snprintf(ret->body, sizeof(ret->body), "%08u", CUT_ID);
	if (body > 0)
		ret->body[at - body] = 0;
	ret->script.body = ret->body;
	if (end == MOVE_HANG) /* nobody waits for more: the next request is answered */
		ret->script.moves[1] = (struct move){ 0 };
	if (strstr(whole->name, "no body")) {
		ret->script.status = 204;
		ret->script.body = "";
	}
}
