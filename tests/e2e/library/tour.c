/* tour.c - a bit of everything that libhocket gives, as a stranger's C program; prints what came of it */
#include <errno.h>
#include <hocket/hocket.h>
#include <stdio.h>
#include <stdlib.h>

struct square {
	int n, result;
};

static int square(void *arg) HK_SUSPENDS
{
	struct square *s = arg;
	int r = hk_sleep((10 - s->n) * HK_MS); /* the last one is done first */
	s->result = s->n * s->n;
	return r;
}

static int squares(void) HK_SUSPENDS
{
	struct square s[10];
	int sum = 0, r;
	for (int i = 0; i < 10; i++)
		s[i] = (struct square){ i + 1, 0 };
	r = hk_gather(square, s, 10, sizeof(s[0]), &(struct hk_gather_options){ .limit = 4 });
	for (int i = 0; i < 10; i++)
		sum += s[i].result;
	printf("gather %d\n", r < 0 ? r : sum);
	return r;
}

struct pipe {
	struct hk_queue *queue;
	struct hk_sem *sem;
	int sum;
};

static int produce(void *arg) HK_SUSPENDS
{
	struct pipe *p = arg;
	int r = 0;
	for (int i = 1; r == 0 && i <= 10; i++)
		r = hk_queue_put(p->queue, &i);
	hk_queue_close(p->queue);
	return r;
}

static int consume(void *arg) HK_SUSPENDS
{
	struct pipe *p = arg;
	int item, r;
	while ((r = hk_queue_get(p->queue, &item)) == 0) {
		r = hk_sem_acquire(p->sem);
		if (r < 0)
			return r;
		p->sum += item;
		hk_sem_release(p->sem);
	}
	return r == -EPIPE ? 0 : r;
}

static int pipes(void) HK_SUSPENDS
{
	struct hk_group g;
	struct hk_sem one = HK_SEM(1);
	struct pipe p = { hk_queue_new(sizeof(int), 2), &one, 0 };
	int r;
	if (!p.queue)
		return -ENOMEM;
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, produce, &p);
	for (int i = 0; r == 0 && i < 3; i++)
		r = hk_spawn(&g, consume, &p);
	r = hk_group_close(&g, r);
	hk_queue_free(p.queue);
	printf("queue %d\n", r < 0 ? r : p.sum);
	return r;
}

static int deadline(void) HK_SUSPENDS
{
	struct hk_scope s;
	hk_scope_open(&s, HK_MS);
	int r = hk_scope_close(&s, hk_sleep(HK_FOREVER));
	printf("scope %s\n", r == -ETIMEDOUT ? "timed out" : "wrong");
	return r == -ETIMEDOUT ? 0 : -1;
}

static int compute(void *arg)
{
	return *(int *)arg * 2;
}

static int hello(const struct hk_http_incoming *in, struct hk_http_reply *reply, void *arg)
{
	(void)arg;
	return hk_http_reply_printf(reply, "{\"path\": \"%s\"}", in->path);
}

static int serve(void *arg) HK_SUSPENDS
{
	return hk_http_server_run(arg, NULL);
}

struct fetch {
	struct hk_http_client *client;
	const char *url;
};

static int fetch(void *arg) HK_SUSPENDS
{
	struct fetch *f = arg;
	struct hk_http_response response;
	struct hk_http_error error;
	int r = hk_http_get(f->client, f->url, &response, &error);
	if (r < 0)
		fprintf(stderr, "%s\n", error.text);
	else
		r = response.status == 200 && response.body_n == 16 ? 0 : -EBADMSG;
	hk_http_response_done(&response);
	return r;
}

static int talk(void) HK_SUSPENDS
{
	struct hk_http_server *server;
	struct hk_http_client *client;
	struct hk_http_error error;
	struct fetch calls[20];
	struct hk_group g;
	char url[64];
	int r = hk_http_server_open("127.0.0.1", 0, hello, NULL, NULL, &server, &error);
	if (r < 0)
		return r;
	r = hk_http_client_new(NULL, &client, &error);
	if (r < 0)
		return r;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/abc", hk_http_server_port(server));
	for (int i = 0; i < 20; i++)
		calls[i] = (struct fetch){ client, url };
	hk_group_open(&g, NULL);
	r = hk_spawn(&g, serve, server);
	if (r == 0)
		r = hk_gather(fetch, calls, 20, sizeof(calls[0]),
			      &(struct hk_gather_options){ .limit = 5 });
	hk_group_cancel(&g);
	r = hk_group_close(&g, r);
	hk_http_client_free(client);
	hk_http_server_free(server);
	printf("http %d\n", r);
	return r;
}

static int ask(void) HK_SUSPENDS
{
	struct hk_sql_pool *pool;
	struct hk_sql_error error;
	struct hk_sql_rows rows;
	int64_t product = 0;
	int r = hk_sql_pool_open("sqlite::memory:", NULL, &pool, &error);
	if (r < 0)
		return r;
	r = hk_sql_fetch(pool, "SELECT $1 * CAST($2 AS int) AS product",
			 HK_SQL_WITH(hk_sql_int(6), hk_sql_text("7")), &rows, &error);
	if (r == 0)
		r = hk_sql_get_int(&rows, 0, "product", &product);
	hk_sql_rows_done(&rows);
	hk_sql_pool_free(pool);
	printf("sql %d\n", r < 0 ? r : (int)product);
	return r;
}

static int tour(void *arg) HK_SUSPENDS
{
	int r = squares();
	if (r == 0)
		r = pipes();
	if (r == 0)
		r = deadline();
	if (r == 0)
		r = talk();
	if (r == 0)
		r = ask();
	printf("off-load %d\n", hk_offload(compute, arg));
	return r;
}

int main(void)
{
	int n = 21;
	return hk_run(tour, &n, NULL) == 0 ? 0 : EXIT_FAILURE;
}
