/* ws_handshake.c - keys, what proves that they were read, and the words around them
 *
 * What this room is for: a server that knows nothing of WebSockets, or a cache that answers in its place, must not be taken
 *   for one that does.
 * What flows through:    headers in, a verdict out; nothing is read or written here.
 * What must hold:        see ws_handshake.h. */
#include "io/ws/ws_handshake.h"
#include "io/db/db_base64.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static void put_base64(const void *bytes, size_t n, char *ret, size_t chars)
{
	AUTO(buf_done) struct buf text = { 0 };
	int r = db_base64_put((struct slice){ bytes, n }, &text);
	ASSERT(r == 0 && text.n == chars);
	memcpy(ret, text.p, chars + 1);
}

void ws_key_make(char ret[static WS_KEY_CHARS + 1])
{
	uint8_t nonce[16];
	ssize_t n = getrandom(nonce, sizeof(nonce), 0);
	ASSERT(n == sizeof(nonce));
	put_base64(nonce, sizeof(nonce), ret, WS_KEY_CHARS);
}

void ws_accept_make(struct slice key, char ret[static WS_ACCEPT_CHARS + 1])
{
	AUTO(buf_done) struct buf text = { 0 };
	uint8_t sha1[20];
	int r = buf_printf(&text, "%.*s%s", SLICE(key), magic);
	ASSERT(r == 0);
	r = EVP_Digest(text.p, text.n, sha1, NULL, EVP_sha1(), NULL);
	ASSERT(r == 1);
	put_base64(sha1, sizeof(sha1), ret, WS_ACCEPT_CHARS);
}

/* ---- lists of words ------------------------------------------------------------------------------------- */

/* The next word of "a, b"; false: there are no more. */
static bool next_word(struct slice *list, struct slice *ret)
{
	while (list->n > 0) {
		slice_cut(*list, ',', ret, list);
		*ret = slice_trim(*ret);
		if (ret->n > 0)
			return true;
	}
	return false;
}

static bool has_word(struct slice list, struct slice wanted, bool any_case)
{
	struct slice word;
	while (next_word(&list, &word))
		if (any_case ? slice_eq_nocase(word, wanted) : slice_eq(word, wanted))
			return true;
	return false;
}

/* Is the word in a header that lists words, in any case? "Connection: keep-alive, Upgrade". Of all headers with that name. */
static bool list_has(const struct http_header *h, size_t n, const char *name, struct slice word)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(h[i].name, slice_str(name)) && has_word(h[i].value, word, true))
			return true;
	return false;
}

/* How many headers of that name there are; *ret is the first one's value. */
static size_t find(const struct http_header *h, size_t n, const char *name, struct slice *ret)
{
	size_t found = 0;
	*ret = (struct slice){ 0 };
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(h[i].name, slice_str(name)) && found++ == 0)
			*ret = h[i].value;
	return found;
}

/* ---- the client's side (section 4.1, what the client must check) --------------------------------------------- */

static const char *judge_answer(const struct http_response *a, const char *key,
				struct slice protocols, struct slice *ret_protocol)
{
	char wanted[WS_ACCEPT_CHARS + 1];
	struct slice value;
	ws_accept_make(slice_str(key), wanted);
	if (!list_has(a->headers, a->header_count, "Upgrade", S("websocket")))
		return "its 101 is not for a WebSocket (no 'Upgrade: websocket')";
	if (!list_has(a->headers, a->header_count, "Connection", S("upgrade")))
		return "its 101 has no 'Connection: Upgrade'";
	if (find(a->headers, a->header_count, "Sec-WebSocket-Accept", &value) != 1 ||
	    !slice_eq_str(value, wanted))
		return "it does not prove that it read our key (Sec-WebSocket-Accept)";
	if (find(a->headers, a->header_count, "Sec-WebSocket-Extensions", &value) > 0 &&
	    slice_trim(value).n > 0)
		return "it uses an extension that was not offered";
	size_t chosen = find(a->headers, a->header_count, "Sec-WebSocket-Protocol", ret_protocol);
	if (chosen > 1 || (chosen == 1 && !has_word(protocols, *ret_protocol, false)))
		return "it chose a subprotocol that was not offered";
	return NULL;
}

int ws_answer_check(const struct http_response *a, const char *key, struct slice protocols,
		    struct slice *ret_protocol, struct slice url, struct err *err)
{
	const char *why = judge_answer(a, key, protocols, ret_protocol);
	return why ? fail(err, FAULT_PROTOCOL, "'%.*s': the WebSocket handshake failed: %s",
			  SLICE(slice_head(url, 200)), why)
		   : 0;
}

/* ---- the server's side (section 4.2.1) --------------------------------------------------------------------------- */

/* Base64 of 16 bytes. */
static bool is_key(struct slice key)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	return key.n == WS_KEY_CHARS && db_base64_read(key, &bytes) == 0 && bytes.n == 16;
}

int ws_request_check(struct slice method, const struct http_header *h, size_t n,
		     struct slice *ret_key, const char **why)
{
	struct slice version;
	*why = "this is an endpoint for WebSockets: Upgrade: websocket";
	if (!list_has(h, n, "Upgrade", S("websocket")))
		return 426;
	*why = "a WebSocket begins with GET";
	if (!slice_eq(method, S("GET")))
		return 405;
	*why = "no 'Connection: Upgrade'";
	if (!list_has(h, n, "Connection", S("upgrade")))
		return 400;
	*why = "only version 13 of the WebSocket protocol is spoken here";
	if (find(h, n, "Sec-WebSocket-Version", &version) != 1 || !slice_eq(version, S("13")))
		return 426;
	*why = "Sec-WebSocket-Key is not base64 of 16 bytes";
	if (find(h, n, "Sec-WebSocket-Key", ret_key) != 1 || !is_key(*ret_key))
		return 400;
	*why = NULL;
	return 0;
}

struct slice ws_protocol_choose(const struct http_header *h, size_t n, struct slice ours)
{
	for (size_t i = 0; i < n; i++) {
		struct slice list = h[i].value, word;
		if (!slice_eq_nocase(h[i].name, S("Sec-WebSocket-Protocol")))
			continue;
		while (next_word(&list, &word))
			if (has_word(ours, word, false))
				return word;
	}
	return (struct slice){ 0 };
}
