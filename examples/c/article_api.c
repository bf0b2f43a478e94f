/* article_api.c - the other side of the examples: an HTTP server in fifty lines */
#include "article_api.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BEARS = 20 };

/* "/articles/17" is 17; what is none of ours is -1. */
static int article_of(const char *path)
{
	int id = 0;

	if (strncmp(path, "/articles/", 10) != 0)
		return -1;
	for (path += 10; *path >= '0' && *path <= '9' && id < 100000; path++)
		id = id * 10 + (*path - '0');
	return *path ? -1 : id;
}

static int answer(const struct hk_http_incoming *in, struct hk_http_reply *reply, void *arg)
{
	struct article_api *api = arg;
	int id = article_of(in->path), r;

	if (id < 0 || id % 10 == 7) {
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
	return hk_http_reply_printf(reply, "{\"id\":%d,\"title\":\"Article number %d\"}", id, id);
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
