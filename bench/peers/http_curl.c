/* http_curl.c - the same job on libcurl's multi interface
 *
 * What this room is for: the peer every C program would reach for. It takes the field by searching for its name, which is
 *   less work than a JSON parser does; what is measured is libcurl.
 * What flows through:    http-curl IDS OUT URL CONCURRENCY. IDS holds {"id": n} lines; URL ends before the id.
 * What must hold:        each easy handle carries one exchange at a time and is used again for the next. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY = 4096, LINE = 256, URL = 512 };

struct slot {
	CURL *easy;
	long id;
	size_t n;
	char body[BODY];
};

struct job {
	FILE *ids, *out;
	const char *url;
	CURLM *multi;
	int active;
};

static void fail(const char *what)
{
	fprintf(stderr, "http-curl: %s\n", what);
	exit(1);
}

static size_t keep(char *p, size_t size, size_t n, void *arg)
{
	struct slot *s = arg;
	size_t bytes = size * n;

	if (s->n + bytes >= BODY)
		return 0;
	memcpy(s->body + s->n, p, bytes);
	s->n += bytes;
	s->body[s->n] = '\0';
	return bytes;
}

/* Gives the slot its next id; without one left the slot stays idle. */
static void slot_start(struct slot *s, struct job *j)
{
	char line[LINE], url[URL];

	if (!fgets(line, sizeof(line), j->ids))
		return;
	if (sscanf(line, "{\"id\": %ld}", &s->id) != 1)
		fail("a line without an id");
	snprintf(url, sizeof(url), "%s%ld", j->url, s->id);
	s->n = 0;
	curl_easy_setopt(s->easy, CURLOPT_URL, url);
	curl_multi_add_handle(j->multi, s->easy);
	j->active++;
}

static void slot_finish(struct slot *s, struct job *j, CURLcode result)
{
	static const char name[] = "\"ref\":\"";
	char *start = result == CURLE_OK ? strstr(s->body, name) : NULL;
	if (!start)
		fail(result == CURLE_OK ? "an answer without the field"
					: curl_easy_strerror(result));
	start += sizeof(name) - 1;
	fprintf(j->out, "{\"id\": %ld, \"ref\": \"%.*s\"}\n", s->id, (int)strcspn(start, "\""),
		start);
	curl_multi_remove_handle(j->multi, s->easy);
	j->active--;
	slot_start(s, j);
}

static void drive(struct job *j)
{
	int running, left;

	while (j->active > 0) {
		if (curl_multi_perform(j->multi, &running) != CURLM_OK)
			fail("curl_multi_perform");
		for (CURLMsg *m; (m = curl_multi_info_read(j->multi, &left));) {
			struct slot *s;
			CURLcode result = m->data.result;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
			slot_finish(s, j, result);
		}
		if (j->active > 0 && curl_multi_poll(j->multi, NULL, 0, 1000, NULL) != CURLM_OK)
			fail("curl_multi_poll");
	}
}

int main(int argc, char **argv)
{
	if (argc != 5)
		fail("usage: http-curl IDS OUT URL CONCURRENCY");
	long concurrency = strtol(argv[4], NULL, 10);
	struct job j = { .ids = fopen(argv[1], "r"), .out = fopen(argv[2], "w"), .url = argv[3] };
	if (!j.ids || !j.out || concurrency < 1)
		fail("cannot open the files");
	j.multi = curl_multi_init();
	curl_multi_setopt(j.multi, CURLMOPT_MAXCONNECTS, concurrency);
	struct slot *slots = calloc((size_t)concurrency, sizeof(*slots));
	for (long i = 0; slots && i < concurrency; i++) {
		slots[i].easy = curl_easy_init();
		curl_easy_setopt(slots[i].easy, CURLOPT_PRIVATE, &slots[i]);
		curl_easy_setopt(slots[i].easy, CURLOPT_WRITEFUNCTION, keep);
		curl_easy_setopt(slots[i].easy, CURLOPT_WRITEDATA, &slots[i]);
		curl_easy_setopt(slots[i].easy, CURLOPT_FAILONERROR, 1L);
		slot_start(&slots[i], &j);
	}
	drive(&j);
	return fclose(j.out) == 0 ? 0 : 1;
}
