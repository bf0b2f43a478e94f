/* fake_api.c - fixed answers behind io's server
 *
 * What this room is for: tests of the HTTP connectors, with the far side's own count as the witness.
 * What must hold: one request, one line in the log. */
#include "fake_api.h"
#include "base/banned.h"
#include "io/http/http_server.h"
#include <hocket/group.h>
#include <stdlib.h>

static void put_replaced(const struct api *api, struct slice text, struct buf *out)
{
	while (text.n) {
		const char *at = memmem(text.p, text.n, "{PORT}", 6);
		size_t n = at ? (size_t)(at - text.p) : text.n;
		int r = buf_add(out, slice_head(text, n));
		r = r < 0 || !at ? r : buf_printf(out, "%d", api->port);
		ASSERT(r == 0);
		text = slice_from(text, at ? n + 6 : n);
	}
}

const char *api_text(const struct api *api, const char *text)
{
	static char room[4][300];
	static unsigned next;
	AUTO(buf_done) struct buf out = { 0 };
	char *ret = room[next++ % 4];
	put_replaced(api, slice_str(text), &out);
	snprintf(ret, sizeof(room[0]), "%s", out.n ? out.p : "");
	return ret;
}

static void log_request(struct api *api, const struct http_incoming *in)
{
	static const char *const watched[] = { "authorization", "cookie",          "x-key",
					       "content-type",  "accept-language", NULL };
	struct slice value;
	int r = buf_printf(&api->log, "%.*s %.*s", SLICE(in->method), SLICE(in->target));
	for (size_t i = 0; watched[i]; i++)
		if (r == 0 && http_incoming_header(in, watched[i], &value))
			r = buf_printf(&api->log, " %s=%.*s", watched[i], SLICE(value));
	if (r == 0 && in->body.n)
		r = buf_printf(&api->log, ": %.*s", SLICE(in->body));
	r = r < 0 ? r : buf_add_char(&api->log, '\n');
	ASSERT(r == 0);
}

/* The first route of that target that was not asked yet, else the last one. */
static size_t find_route(const struct api *api, struct slice target)
{
	size_t found = SIZE_MAX;
	for (size_t i = 0; api->routes[i].target; i++) {
		if (!slice_eq_str(target, api->routes[i].target))
			continue;
		found = i;
		if (!api->asked[i])
			break;
	}
	return found;
}

static void answer(void *arg, const struct http_incoming *in, struct http_reply *reply)
{
	static struct http_header extra;
	struct api *api = arg;
	log_request(api, in);
	size_t i = find_route(api, in->target);
	if (i == SIZE_MAX) {
		reply->status = 404;
		return;
	}
	const struct api_route *route = &api->routes[i];
	api->asked[i]++;
	reply->status = route->status;
	reply->content_type = route->type;
	put_replaced(api, slice_str(route->body), &reply->body);
	if (!route->header)
		return;
	extra = (struct http_header){ slice_str(route->header),
				      slice_str(api_text(api, route->value)) };
	reply->headers = &extra;
	reply->header_count = 1;
}

struct serving {
	struct api *api;
	void (*body)(struct api *, void *);
	void *arg;
	struct http_server *server;
};

static int serve(void *arg)
{
	struct serving *s = arg;
	struct err err = { 0 };
	return http_server_run(s->server, &err) < 0 && err.fault != FAULT_CANCELLED ? -1 : 0;
}

static void serve_and_run(void *arg)
{
	struct serving *s = arg;
	struct hk_group group;
	struct err err = { 0 };
	const struct http_client_options options = { 0 };
	int r = http_server_open("127.0.0.1", 0, answer, s->api, NULL, &s->server, &err);
	ASSERT(r == 0);
	s->api->port = http_server_port(s->server);
	r = http_client_new(&options, &fake_http, &err);
	ASSERT(r == 0);
	hk_group_open(&group, NULL);
	r = hk_spawn(&group, serve, s);
	ASSERT(r == 0);
	s->body(s->api, s->arg);
	http_client_free(take(fake_http));
	hk_group_cancel(&group);
	(void)!hk_group_close(&group, 0);
	http_server_free(s->server);
}

void with_api(struct api *api, const struct api_route *routes, void (*body)(struct api *, void *),
	      void *arg)
{
	struct serving s = { .api = api, .body = body, .arg = arg };
	*api = (struct api){ .routes = routes };
	fake_lanes[0] = 0;
	fake_lane_paused_ns = 0;
	in_loop(serve_and_run, &s);
	buf_done(&api->log);
}
