/* gather.c - pattern 1: concurrent API calls, successes and failures told apart
 *
 * Python: results = await asyncio.gather(*tasks, return_exceptions=True)
 *
 * hk_gather() runs fetch() on every element of the array at the same time. With room for results all run to their end and each
 * has its own result; without, the first failure would cancel the rest and be returned. 18 articles take as long as one. */
#include "article_api.h"
#include <errno.h>
#include <stdio.h>

enum { ARTICLES = 18 };

struct article {
	struct hk_http_client *client;
	int port, id;
	char title[64];
};

static int fetch(void *arg)
{
	struct article *a = arg;
	struct hk_http_response response;
	struct hk_http_error error;
	char url[80];
	int r;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/articles/%d", a->port, a->id);
	r = hk_http_get(a->client, url, &response, &error);
	if (r < 0)
		fprintf(stderr, "%s\n", error.text); /* names the URL and what to do */
	else if (response.status != 200)
		r = -ENOENT;
	else if (sscanf(response.body, "{\"id\":%*d,\"title\":\"%63[^\"]", a->title) != 1)
		r = -EBADMSG;
	hk_http_response_done(&response);
	return r;
}

static int fetch_all(struct hk_http_client *client, int port)
{
	struct article articles[ARTICLES];
	int results[ARTICLES], failed;
	int64_t began = hk_now_exact_ns();

	for (int i = 0; i < ARTICLES; i++)
		articles[i] = (struct article){ client, port, i, "" };
	failed = hk_gather(fetch, articles, ARTICLES, sizeof(articles[0]),
			   &(struct hk_gather_options){ .results = results, .where = HK_HERE });
	for (int i = 0; i < ARTICLES; i++)
		if (results[i] < 0)
			printf("article %d failed: %d\n", i, results[i]);
	printf("fetched %d of %d articles; the last is \"%s\"\n", ARTICLES - failed, ARTICLES,
	       articles[16].title);
	printf("one after the other: %d ms; together: about %d ms\n", ARTICLES * 50,
	       (int)((hk_now_exact_ns() - began) / (50 * HK_MS)) * 50);
	return failed;
}

static int program(void *arg)
{
	struct hk_http_client *client = NULL;
	struct article_api api;
	struct hk_group servers;
	int r;

	(void)arg;
	hk_group_open(&servers, NULL);
	r = article_api_start(&api, &servers);
	if (r == 0)
		r = hk_http_client_new(NULL, &client, NULL);
	if (r == 0)
		r = fetch_all(client, api.port);
	hk_http_client_free(client);
	hk_group_cancel(&servers);
	if (hk_group_close(&servers, 0) < 0 && r >= 0)
		r = -EIO;
	article_api_free(&api);
	return r;
}

int main(void)
{
	return hk_run(program, NULL, NULL) == 2 ? 0 : 1; /* 7 and 17 are missing */
}
