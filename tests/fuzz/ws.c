/* ws.c - fuzz target: any bytes as WebSocket frames, of a client or a server (by the first byte), cut into pushes in three ways
 *
 * What must hold: however the bytes are cut, the same messages, control frames and refusals come out; no more than the ceiling is
 *   held; what is whole is text that is UTF-8; what was read, written again as one frame and read, is the same. */
#include "base/hash.h"
#include "base/utf8.h"
#include "io/ws/ws_frame.h"
#include "io/ws/ws_handshake.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MAX = 4096 };

static void read_again(const struct ws_parse *p, bool masked)
{
	static const uint8_t key[4] = { 0x5a, 1, 0, 0xff };
	AUTO(ws_parse_done) struct ws_parse again;
	size_t room = WS_HEAD_MAX + p->data.n;
	char *frame = xmalloc(room);
	uint8_t opcode = p->text ? WS_TEXT : WS_BINARY;
	size_t head = ws_head_put(frame, opcode, p->data.n, masked ? key : NULL);
	if (masked)
		ws_mask(frame + head, p->data.p, p->data.n, key, 0);
	else if (p->data.n)
		memcpy(frame + head, p->data.p, p->data.n);
	struct slice in = { frame, head + p->data.n };
	ws_parse_init(&again, masked, MAX, false);
	ASSERT(ws_parse_next(&again, &in) == WS_MESSAGE);
	ASSERT(slice_eq(again.data, p->data) && again.text == p->text && ws_parse_between(&again));
	free(frame);
}

static uint64_t note(const struct ws_parse *p, enum ws_event e, uint64_t hash)
{
	char about[3] = { (char)e, (char)p->text, (char)p->opcode };
	if (e == WS_BAD)
		return hash_add(hash, slice_str(p->why));
	if (e == WS_CONTROLS)
		about[1] = 0;
	else
		about[2] = 0;
	hash = hash_add(hash_add(hash, (struct slice){ about, 3 }), p->data);
	ASSERT(e != WS_MESSAGE || p->data.n <= MAX);
	if (e == WS_MESSAGE && p->text && p->bytes == p->data.n)
		ASSERT(utf8_valid(p->data));
	return hash;
}

static uint64_t run(struct slice all, bool server, bool cuts, size_t step)
{
	AUTO(ws_parse_done) struct ws_parse p;
	uint64_t hash = HASH_START;
	enum ws_event e = WS_MORE;
	ws_parse_init(&p, server, MAX, cuts);
	while (all.n > 0 && e != WS_BAD) {
		struct slice part = slice_head(all, step ? step : all.n);
		char *copy = xmalloc(part.n); /* so that the sanitizer sees its ends */
		memcpy(copy, part.p, part.n);
		struct slice in = { copy, part.n };
		all = slice_from(all, part.n);
		while ((e = ws_parse_next(&p, &in)) != WS_MORE) {
			hash = note(&p, e, hash);
			if (e == WS_BAD)
				break;
			if (e == WS_MESSAGE && p.bytes == p.data.n && step == 0)
				read_again(&p, server);
			if (in.n == 0)
				break;
		}
		free(copy);
	}
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return 0;
	struct slice all = { (const char *)bytes + 1, n - 1 };
	bool server = bytes[0] & 1, cuts = bytes[0] & 2;
	uint64_t whole = run(all, server, cuts, 0);
	ASSERT(run(all, server, cuts, 1) == whole);
	ASSERT(run(all, server, cuts, 7) == whole);
	struct slice key = slice_head(all, 24), chosen;
	const char *why;
	const struct http_header h[] = { { S("Upgrade"), all },
					 { S("Connection"), all },
					 { S("Sec-WebSocket-Key"), key },
					 { S("Sec-WebSocket-Protocol"), all } };
	(void)!ws_request_check(S("GET"), h, ARRAY_SIZE(h), &chosen, &why);
	chosen = ws_protocol_choose(h, ARRAY_SIZE(h), all);
	ASSERT(chosen.n <= all.n);
	return 0;
}
