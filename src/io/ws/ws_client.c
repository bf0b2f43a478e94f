/* ws_client.c - from a URL to a WebSocket
 *
 * What this room is for: the HTTP client does all that is HTTP's: names, proxies, certificates, credentials, clocks. Here stands what
 *   is asked for, and what an answer other than yes means.
 * What flows through:    ws:// as http://, the upgrade's headers behind the caller's, a connection out of the answer.
 * What must hold:
 *  (1) the caller's headers come first and in their order. (2) what the server says when it refuses becomes part of the message. */
#include "base/utf8.h"
#include "io/http/http_client_.h"
#include "io/url.h"
#include "io/ws/ws_.h"
#include "io/ws/ws_handshake.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REFUSAL_BYTES (64u << 10)
#define OURS          5 /* headers */

int ws_url_put_http(struct slice url, struct buf *out)
{
	static const struct slice words[][2] = { { S("ws://"), S("http://") },
						 { S("wss://"), S("https://") } };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = words[i][0].n;
		if (!slice_eq_nocase(slice_head(url, n), words[i][0]))
			continue;
		int r = buf_add(out, words[i][1]);
		return r < 0 ? r : buf_add(out, slice_from(url, n));
	}
	return -EINVAL;
}

/* ws://host/path, without what must not be shown. */
static int put_shown(struct slice http_url, struct buf *out)
{
	AUTO(buf_done) struct buf shown = { 0 };
	int r = url_put_shown(http_url, &shown);
	r = r < 0 ? r : buf_add(out, S("ws"));
	return r < 0 ? r : buf_add(out, slice_from(buf_slice(&shown), 4)); /* behind "http" */
}

struct dialogue {
	const struct ws_request *request;
	struct buf url, shown;
	struct http_header *headers; /* owns */
	size_t header_count;
	char key[WS_KEY_CHARS + 1];
	struct http_upgrade upgrade;
	struct http_response answer;
};

static void dialogue_done(struct dialogue *d)
{
	buf_done(&d->url);
	buf_done(&d->shown);
	free(d->headers);
	buf_done(&d->upgrade.rest);
	http_response_done(&d->answer);
}

static void add(struct dialogue *d, struct slice name, struct slice value)
{
	d->headers[d->header_count++] = (struct http_header){ name, value };
}

static void make_headers(struct dialogue *d)
{
	const struct ws_request *q = d->request;
	d->headers = xcalloc(q->header_count + OURS, sizeof(*d->headers));
	for (size_t i = 0; i < q->header_count; i++)
		add(d, q->headers[i].name, q->headers[i].value);
	ws_key_make(d->key);
	add(d, S("Connection"), S("Upgrade"));
	add(d, S("Upgrade"), S("websocket"));
	add(d, S("Sec-WebSocket-Version"), S("13"));
	add(d, S("Sec-WebSocket-Key"), slice_str(d->key));
	if (q->protocols.n)
		add(d, S("Sec-WebSocket-Protocol"), q->protocols);
}

static int make_urls(struct dialogue *d, struct err *err)
{
	struct slice url = d->request->url;
	struct url parts;
	const char *why = "write ws:// or wss://";
	int r = ws_url_put_http(url, &d->url);
	if (r == 0)
		r = url_parse(buf_slice(&d->url), &parts, &why);
	if (r == 0)
		r = d->request->shown.n ? buf_add(&d->shown, d->request->shown)
					: put_shown(buf_slice(&d->url), &d->shown);
	return r < 0 ? fail(err, FAULT_BAD_VALUE, "'%.*s' is not the URL of a WebSocket: %s",
			    SLICE(slice_head(url, 200)), why)
		     : 0;
}

/* Says what was answered, on one line, or where it leads. */
static int tell_refusal(const struct dialogue *d, struct err *err)
{
	const struct http_response *a = &d->answer;
	struct slice said = utf8_head(slice_trim(buf_slice(&a->body)), 160), location = { 0 };
	char line[164] = "";
	if (said.n && utf8_valid(said))
		memcpy(line, said.p, said.n);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	if (err) {
		err->code = a->status;
		err->sent = true;
		err->retry_after_ns = http_retry_after_ns(a);
	}
	bool moved = a->status / 100 == 3 && http_response_header(a, "Location", &location);
	return fail(err, a->status == 429 ? FAULT_RATE_LIMITED : FAULT_STATUS,
		    "'%.*s' answered %d instead of opening a WebSocket%s%s%s%.*s",
		    SLICE(slice_head(buf_slice(&d->shown), 200)), a->status, *line ? ": " : "",
		    line, moved ? "; it has moved to " : "", SLICE(slice_head(location, 200)));
}

static int exchange(struct http_client *c, struct dialogue *d, struct err *err) SUSPENDS
{
	const struct ws_request *q = d->request;
	struct http_request h = {
		.method = S("GET"),
		.url = buf_slice(&d->url),
		.headers = d->headers,
		.header_count = d->header_count,
		.clocks = q->clocks,
		.max_body_bytes = REFUSAL_BYTES,
		.guard = q->guard,
		.data_host = q->data_host,
		.trust = q->trust,
		.insecure = q->insecure,
		.no_redirects = true,
		.upgrade = &d->upgrade,
	};
	return q->exchange ? q->exchange(q->exchange_arg, c, &h, &d->answer, err)
			   : http_exchange(c, &h, &d->answer, err);
}

/* The HTTP client calls it 'http://...'. */
static int tell_as_ws(const struct dialogue *d, struct err *err)
{
	char text[sizeof(err->text)];
	const char *end =
		err && strncmp(err->text, "'http", 5) == 0 ? strchr(err->text + 1, '\'') : NULL;
	if (end) {
		memcpy(text, end, strlen(end) + 1);
		snprintf(err->text, sizeof(err->text), "'%.*s%s",
			 SLICE(slice_head(buf_slice(&d->shown), 200)), text);
	}
	return -1;
}

static int judge(struct http_client *c, struct dialogue *d, const struct ws_options *o,
		 struct ws **ret, struct err *err)
{
	struct slice protocol;
	if (!d->upgrade.conn)
		return tell_refusal(d, err);
	if (ws_answer_check(&d->answer, d->key, d->request->protocols, &protocol,
			    buf_slice(&d->shown), err) < 0) {
		http_upgrade_close(c, d->upgrade.conn);
		return -1;
	}
	struct ws *ws = ws_new(o, false, buf_slice(&d->shown), protocol);
	ws->client = c;
	ws->conn = d->upgrade.conn;
	ws->spare = &c->spare;
	ws->early = buf_take(&d->upgrade.rest);
	ws->rest = buf_slice(&ws->early);
	*ret = ws;
	return 0;
}

int ws_connect(struct http_client *c, const struct ws_request *q, const struct ws_options *o,
	       struct ws **ret, struct err *err)
{
	AUTO(dialogue_done) struct dialogue d = { .request = q };
	*ret = NULL;
	if (make_urls(&d, err) < 0)
		return -1;
	make_headers(&d);
	if (exchange(c, &d, err) < 0)
		return tell_as_ws(&d, err);
	return judge(c, &d, o, ret, err);
}
