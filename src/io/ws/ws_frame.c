/* ws_frame.c - the state machine of WebSocket frames
 *
 * What this room is for: deciding what bytes mean, and nothing else: no answer is given here, no time passes.
 * What flows through:
 *
 *            2 .. 14 bytes               payload                    fin
 *   HEAD ----------------> checked ----------------> PAYLOAD ----------------> message or control frame
 *    ^                        |                         |  '-- not fin: more frames, control frames between them
 *    '------------------------+-- forbidden --> BAD     '-- above max: BAD (1009), or counted and dropped
 *
 * What must hold:        see ws_frame.h. Unmasking and masking move eight bytes at a time. */
#include "io/ws/ws_frame.h"
#include "base/utf8.h"
#include <string.h>

bool ws_code_sendable(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

/* ---- masks (RFC 6455 5.3) ------------------------------------------------------------------------------- */

void ws_mask(char *to, const char *from, size_t n, const uint8_t key[static 4], uint64_t at)
{
	uint8_t turned[8];
	uint64_t word, mask;
	size_t i = 0;
	for (size_t k = 0; k < 8; k++)
		turned[k] = key[(at + k) & 3];
	memcpy(&mask, turned, 8);
	for (; n - i >= 8; i += 8) {
		memcpy(&word, from + i, 8);
		word ^= mask;
		memcpy(to + i, &word, 8);
	}
	for (; i < n; i++)
		to[i] = (char)(from[i] ^ turned[i & 7]);
}

size_t ws_head_put(char out[static WS_HEAD_MAX], uint8_t opcode, uint64_t length,
		   const uint8_t key[4])
{
	size_t n = 2, wide = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8;
	uint8_t low = (uint8_t)(wide == 0 ? length : wide == 2 ? 126 : 127);
	out[0] = (char)(0x80 | opcode);
	out[1] = (char)(low | (key ? 0x80 : 0));
	for (size_t i = wide; i-- > 0;)
		out[n++] = (char)(length >> (8 * i));
	if (key) {
		memcpy(out + n, key, 4);
		n += 4;
	}
	return n;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

void ws_parse_init(struct ws_parse *p, bool server, uint64_t max_bytes, bool cuts)
{
	ASSERT(max_bytes > 0);
	*p = (struct ws_parse){ .masked = server, .max = max_bytes, .cuts = cuts };
	p->message.max = max_bytes < SIZE_MAX / 2 ? (size_t)max_bytes : SIZE_MAX / 2;
}

void ws_parse_done(struct ws_parse *p)
{
	buf_done(&p->message);
}

bool ws_parse_between(const struct ws_parse *p)
{
	return p->head_n == 0 && !p->in_payload && !p->inside;
}

static enum ws_event refuse(struct ws_parse *p, unsigned code, const char *why)
{
	if (!p->why) {
		p->code = code;
		p->why = why;
	}
	return WS_BAD;
}

/* ---- a frame's head (RFC 6455 5.2) --------------------------------------------------------------------------- */

static bool is_control(uint8_t opcode)
{
	return opcode & 8;
}

static size_t head_size(const struct ws_parse *p)
{
	if (p->head_n < 2)
		return 2;
	unsigned low = p->head[1] & 0x7f;
	return 2u + (low == 126 ? 2u : low == 127 ? 8u : 0u) + (p->head[1] & 0x80 ? 4u : 0u);
}

static uint64_t head_length(const struct ws_parse *p)
{
	unsigned low = p->head[1] & 0x7f;
	size_t wide = low == 126 ? 2 : low == 127 ? 8 : 0;
	uint64_t n = wide ? 0 : low;
	for (size_t i = 0; i < wide; i++)
		n = n << 8 | p->head[2 + i];
	return n;
}

/* A length is written in the fewest bytes: else it could be understood in two ways by who stands between. */
static uint64_t length_min(const struct ws_parse *p)
{
	unsigned low = p->head[1] & 0x7f;
	return low == 126 ? 126 : low == 127 ? UINT16_MAX + UINT64_C(1) : 0;
}

/* What the first two bytes forbid; NULL: nothing. */
static const char *judge_start(const struct ws_parse *p)
{
	uint8_t opcode = p->head[0] & 15;
	bool fin = p->head[0] & 0x80;
	if (p->head[0] & 0x70)
		return "a frame with bits of an extension that was not agreed on";
	if (is_control(opcode) ? opcode > WS_PONG : opcode > WS_BINARY)
		return "a frame with an opcode that means nothing";
	if (!!(p->head[1] & 0x80) != p->masked)
		return p->masked ? "a client's frame without a mask"
				 : "a server's frame with a mask";
	if (is_control(opcode) && (!fin || (p->head[1] & 0x7f) > WS_CONTROL_MAX))
		return "a control frame in pieces, or of more than 125 bytes";
	if (opcode == WS_CONTINUATION && !p->inside)
		return "a continuation of nothing";
	if (!is_control(opcode) && opcode != WS_CONTINUATION && p->inside)
		return "a message inside another one";
	return NULL;
}

static enum ws_event begin_payload(struct ws_parse *p)
{
	p->fin = p->head[0] & 0x80;
	p->opcode = p->head[0] & 15;
	p->left = head_length(p);
	p->at = 0;
	p->in_payload = true;
	if (p->masked)
		memcpy(p->key, p->head + p->head_n - 4, 4);
	p->head_n = 0;
	if (p->left >> 63)
		return refuse(p, WS_PROTOCOL, "a frame whose length begins with a 1 bit");
	if (p->left < length_min(p))
		return refuse(p, WS_PROTOCOL,
			      "a frame whose length takes more bytes than it needs");
	if (is_control(p->opcode)) {
		p->control_n = 0;
		return WS_MORE;
	}
	if (p->opcode != WS_CONTINUATION) {
		p->text = p->opcode == WS_TEXT;
		p->bytes = 0;
		buf_clear(&p->message);
	}
	p->inside = true;
	if (p->bytes + p->left < p->left || (!p->cuts && p->bytes + p->left > p->max))
		return refuse(p, WS_TOO_LARGE, "a message that is larger than allowed");
	p->bytes += p->left;
	return WS_MORE;
}

/* MORE: either the payload begins, or all input was taken. */
static enum ws_event take_head(struct ws_parse *p, struct slice *in)
{
	while (p->head_n < head_size(p)) {
		if (in->n == 0)
			return WS_MORE;
		p->head[p->head_n++] = (uint8_t)in->p[0];
		*in = slice_from(*in, 1);
		const char *why = p->head_n == 2 ? judge_start(p) : NULL;
		if (why)
			return refuse(p, WS_PROTOCOL, why);
	}
	return begin_payload(p);
}

/* ---- its payload ------------------------------------------------------------------------------------------------ */

static void take_control(struct ws_parse *p, struct slice piece)
{
	ASSERT(p->control_n + piece.n <= WS_CONTROL_MAX);
	if (p->masked)
		ws_mask(p->control + p->control_n, piece.p, piece.n, p->key, p->at);
	else if (piece.n)
		memcpy(p->control + p->control_n, piece.p, piece.n);
	p->control_n += piece.n;
}

/* As much of it as fits. 0, -ENOMEM. */
static int take_data(struct ws_parse *p, struct slice piece)
{
	struct buf *m = &p->message;
	piece = slice_head(piece, m->max - m->n);
	if (piece.n == 0)
		return 0;
	if (!p->masked)
		return buf_add(m, piece);
	int r = buf_reserve(m, piece.n);
	if (r < 0)
		return r;
	ws_mask(m->p + m->n, piece.p, piece.n, p->key, p->at);
	buf_added(m, piece.n);
	return 0;
}

static enum ws_event end_message(struct ws_parse *p)
{
	bool cut = p->bytes > p->data.n;
	p->inside = false;
	if (p->text && !cut && !utf8_valid(p->data))
		return refuse(p, WS_BAD_TEXT, "a text message that is not UTF-8");
	return WS_MESSAGE;
}

static enum ws_event end_close(struct ws_parse *p)
{
	const unsigned char *c = (const unsigned char *)p->data.p;
	if (p->data.n == 0)
		return WS_CONTROLS;
	if (p->data.n == 1 || !ws_code_sendable((unsigned)c[0] << 8 | c[1]))
		return refuse(p, WS_PROTOCOL,
			      "a Close frame with a code that must not stand there");
	if (!utf8_valid(slice_from(p->data, 2)))
		return refuse(p, WS_BAD_TEXT, "a Close frame whose reason is not UTF-8");
	return WS_CONTROLS;
}

static enum ws_event end_frame(struct ws_parse *p)
{
	p->in_payload = false;
	if (is_control(p->opcode)) {
		p->data = (struct slice){ p->control, p->control_n };
		return p->opcode == WS_CLOSE ? end_close(p) : WS_CONTROLS;
	}
	if (!p->fin)
		return WS_MORE;
	p->data = buf_slice(&p->message);
	return end_message(p);
}

/* A whole message in the input, as it is. */
static bool is_plain(const struct ws_parse *p, size_t n)
{
	return !p->masked && p->fin && p->at == 0 && n == p->left && p->bytes == p->left &&
	       p->left <= p->max && !is_control(p->opcode) && p->opcode != WS_CONTINUATION;
}

static enum ws_event take_payload(struct ws_parse *p, struct slice *in)
{
	struct slice piece = slice_head(*in, p->left < in->n ? (size_t)p->left : in->n);
	*in = slice_from(*in, piece.n);
	if (is_plain(p, piece.n)) {
		p->in_payload = false;
		p->data = piece;
		return end_message(p);
	}
	if (is_control(p->opcode))
		take_control(p, piece);
	else if (take_data(p, piece) < 0)
		return refuse(p, WS_TOO_LARGE, "a message for which there is no memory");
	p->left -= piece.n;
	p->at += piece.n;
	return p->left == 0 ? end_frame(p) : WS_MORE;
}

enum ws_event ws_parse_next(struct ws_parse *p, struct slice *in)
{
	if (p->why)
		return WS_BAD;
	for (;;) {
		enum ws_event e = WS_MORE;
		if (!p->in_payload)
			e = take_head(p, in);
		if (e == WS_MORE && p->in_payload)
			e = take_payload(p, in);
		if (e != WS_MORE || in->n == 0)
			return e;
	}
}
