/* semaphore.c - pattern 2: a cap on concurrency for an API that bears only so much
 *
 * Python: async with semaphore: response = await client.get(url)
 *
 * The API answers 429 beyond 20 requests at a time. First 200 at once: most are refused. Then with a semaphore of 20 permits: none
 * is. hk_gather_options.limit says the same in one word; the semaphore is for when different code shares one limit. */
#include "article_api.h"
#include <errno.h>
#include <stdio.h>

enum { REQUESTS = 200, AT_A_TIME = 20 };

struct batch {
	struct hk_http_client *client;
	struct hk_sem permits;
	int port, refused;
};
struct call {
	struct batch *batch;
	int id;
};

static int fetch(struct batch *b, int id)
{
	struct hk_http_response response;
	struct hk_http_error error;
	char url[80];
	int r;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/articles/%d0", b->port, id);
	r = hk_http_get(b->client, url, &response, &error);
	if (r < 0)
		fprintf(stderr, "%s\n", error.text);
	b->refused += r == 0 && response.status == 429;
	hk_http_response_done(&response);
	return r;
}

static int fetch_with_permit(void *arg)
{
	struct call *c = arg;
	int r = hk_sem_acquire(&c->batch->permits);

	if (r < 0)
		return r; /* cancelled while it waited: nothing to release */
	r = fetch(c->batch, c->id);
	hk_sem_release(&c->batch->permits);
	return r;
}

/* Without results: the first failure cancels the others and is returned. */
static int fetch_batch(struct hk_http_client *client, int port, int permits)
{
	struct batch batch = { .client = client, .port = port, .permits = HK_SEM(permits) };
	struct call calls[REQUESTS];
	int r;

	for (int i = 0; i < REQUESTS; i++)
		calls[i] = (struct call){ &batch, i };
	r = hk_gather(fetch_with_permit, calls, REQUESTS, sizeof(calls[0]),
		      &(struct hk_gather_options){ .where = HK_HERE });
	printf("%3d at a time: %s\n", permits,
	       r < 0           ? "failed"
	       : batch.refused ? "the API refused some"
			       : "all answered");
	return r < 0 ? r : batch.refused;
}

static int program(void *arg)
{
	struct hk_http_client *client = NULL;
	struct article_api api;
	struct hk_group servers;
	int r, wild = 0, capped = 0;

	(void)arg;
	hk_group_open(&servers, NULL);
	r = article_api_start(&api, &servers);
	if (r == 0)
		r = hk_http_client_new(NULL, &client, NULL);
	if (r == 0)
		r = wild = fetch_batch(client, api.port, REQUESTS);
	if (r >= 0)
		r = capped = fetch_batch(client, api.port, AT_A_TIME);
	hk_http_client_free(client);
	hk_group_cancel(&servers);
	if (hk_group_close(&servers, 0) < 0 && r >= 0)
		r = -EIO;
	article_api_free(&api);
	return r < 0 || wild == 0 || capped != 0 ? -EIO : 0;
}

int main(void)
{
	return hk_run(program, NULL, NULL) < 0;
}
