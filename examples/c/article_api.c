/* article_api.c - the other side of the examples: an HTTP server in fifty lines */
#include "article_api.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEARS = 20 };

static int answer(const struct hk_http_incoming *in, struct hk_http_reply *reply, void *arg)
{
	struct article_api *api = arg;
	bool found = strncmp(in->path, "/articles/", 10) == 0;
	long id = found ? strtol(in->path + 10, NULL, 10) : 0;
	int r;

	if (!found || id % 10 == 7) {
		reply->status = 404;
		return hk_http_reply_printf(reply, "{\"error\":\"no such article\"}");
	}
	if (api->in_flight >= BEARS) {
		api->refused++;
		reply->status = 429;
		return hk_http_reply_printf(reply, "{\"error\":\"too many requests\"}");
	}
	api->in_flight++;
	r = hk_sleep(50 * HK_MS); /* a slow API: this is what asynchronous I/O is for */
	api->in_flight--;
	if (r < 0)
		return r;
	api->served++;
	return hk_http_reply_printf(reply, "{\"id\":%ld,\"title\":\"Article number %ld\"}", id, id);
}

static int serve(void *arg)
{
	struct article_api *api = arg;
	struct hk_http_error error;

	/* Serves until the group is cancelled. */
	return hk_http_server_run(api->server, &error);
}

int article_api_start(struct article_api *api, struct hk_group *group)
{
	struct hk_http_error error;

	*api = (struct article_api){ 0 };
	if (hk_http_server_open("127.0.0.1", 0, answer, api, NULL, &api->server, &error) < 0) {
		fprintf(stderr, "the example's server: %s\n", error.text);
		return -EADDRNOTAVAIL;
	}
	api->port = hk_http_server_port(api->server);
	return hk_spawn(group, serve, api);
}

void article_api_free(struct article_api *api)
{
	hk_http_server_free(api->server);
}
