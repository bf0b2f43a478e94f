/* 2_fetch.c - every URL of the command line, at most ten at a time */
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>

struct page {
	struct hk_http_client *client;
	const char *url;
	int status;
	size_t bytes;
};

static int fetch(void *arg)
{
	struct page *page = arg;
	struct hk_http_response response;
	struct hk_http_error error;
	int r = hk_http_get(page->client, page->url, &response, &error);

	if (r < 0)
		fprintf(stderr, "%s\n", error.text);
	else
		page->status = response.status;
	page->bytes = response.body_n;
	hk_http_response_done(&response);
	return r;
}

static int program(void *arg)
{
	char **urls = arg;
	struct page pages[100];
	int results[100];
	struct hk_http_client *client;
	size_t n = 0;
	int failed;

	if (hk_http_client_new(NULL, &client, NULL) < 0)
		return -1;
	for (; n < 100 && urls[n]; n++)
		pages[n] = (struct page){ .client = client, .url = urls[n] };
	failed = hk_gather(fetch, pages, n, sizeof(pages[0]),
			   &(struct hk_gather_options){ .limit = 10, .results = results });
	for (size_t i = 0; i < n; i++)
		if (results[i] == 0)
			printf("%d %s: %zu bytes\n", pages[i].status, pages[i].url, pages[i].bytes);
	hk_http_client_free(client);
	return failed;
}

int main(int argc, char **argv)
{
	(void)argc;
	return hk_run(program, argv + 1, NULL) != 0;
}
