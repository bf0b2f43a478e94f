/* article_api.h - a small API to call, served by a task of the program itself, so that the examples need no network
 *
 * GET /articles/17 answers after 50 ms with {"id":17,"title":"..."}; ids that end in 7 are missing (404). It bears 20 requests at a
 * time; whoever comes beyond that is told 429, as real APIs do. */
#pragma once
#include <hocket/hocket.h>

struct article_api {
	struct hk_http_server *server;
	int port, in_flight;
	unsigned served, refused;
};

/* Opens it and spawns the task that serves it into the group; cancel the group to end it. 0, < 0. */
int article_api_start(struct article_api *, struct hk_group *);
void article_api_free(struct article_api *);
