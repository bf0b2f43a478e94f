/* gs_store.c - tests of the Google Cloud Storage store (src/io/object/gs_*.c) that need its clock: tokens that end in the middle, many calls
 * at once, a time-out between two pieces. All else is in tests/e2e/test_gcs*.py, against servers that are not scripted. */
#include "io/object.h"
#include "check.h"
#include "rt/in_loop.h"
#include "scripted.h"
#include <openssl/evp.h>
#include <openssl/pem.h>

#define OK       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
#define TOKEN(t) OK "39\r\n\r\n{\"access_token\":\"" t "\",\"expires_in\":3600}"
#define INFO                                                                                     \
	OK "83\r\n\r\n{\"bucket\":\"notes\",\"name\":\"a\",\"size\":\"6\",\"crc32c\":\"NT3Yvg==" \
	   "\",\"generation\":\"17\"     }"
#define REFUSED  "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
#define TOO_MANY "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"

/* A service account whose token server is the scripted one. */
static void put_key_file(uint16_t port, struct buf *out)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	ASSERT(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	long n = BIO_get_mem_data(bio, &pem);
	ASSERT(buf_printf(out,
			  "{\"type\":\"service_account\",\"client_email\":\"me\",\"token_uri\":"
			  "\"http://127.0.0.1:%u/token\",\"private_key\":\"",
			  port) == 0);
	for (long i = 0; i < n; i++)
		ASSERT((pem[i] == '\n' ? buf_add(out, S("\\n")) : buf_add_char(out, pem[i])) == 0);
	ASSERT(buf_add(out, S("\"}")) == 0);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

struct stage { /* a store, and the far side that answers as it is told */
	struct scripted server;
	struct hk_group group;
	struct http_client *http;
	struct object_store *store;
};

static void stage_open(struct stage *s, const struct answer *answers, size_t n, bool account,
		       int64_t first_byte_ns) SUSPENDS
{
	AUTO(buf_done) struct buf key = { 0 };
	struct err err = { 0 };
	char endpoint[64];
	*s = (struct stage){ .server = { .answers = answers, .answer_count = n } };
	CHECK(scripted_open(&s->server) >= 0);
	hk_group_open(&s->group, NULL);
	CHECK_INT(hk_spawn(&s->group, scripted_run, &s->server), 0);
	CHECK_INT(http_client_new(NULL, &s->http, &err), 0);
	if (account)
		put_key_file(s->server.port, &key);
	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u/", s->server.port);
	struct object_store_options o = { .kind = OBJECT_GS,
					  .http = s->http,
					  .endpoint = slice_str(endpoint),
					  .credentials = buf_slice(&key),
					  .clocks = { .first_byte_ns = first_byte_ns },
					  .piece_bytes = 1 };
	CHECK_INT(object_store_open(&o, &s->store, &err), 0);
	CHECK_STR(err.text, "");
}

static void stage_close(struct stage *s) SUSPENDS
{
	object_store_free(s->store);
	http_client_free(s->http);
	hk_group_cancel(&s->group);
	CHECK_INT(hk_group_close(&s->group, 0), 0);
	scripted_close(&s->server);
}

static int stat_once(struct stage *s, struct err *err) SUSPENDS
{
	AUTO(object_info_done) struct object_info info = { 0 };
	*err = (struct err){ 0 };
	int r = object_stat(s->store, S("notes"), S("a"), &info, err);
	if (r == 0)
		CHECK_SLICE(info.crc32c, S("353dd8be"));
	return r;
}

TEST_IN_LOOP(a_token_that_ends_in_the_middle_is_renewed_once)
{
	static const struct answer answers[] = { { TOKEN("t1") }, { INFO },   { REFUSED },
						 { TOKEN("t2") }, { INFO },   { REFUSED },
						 { TOKEN("t3") }, { REFUSED } };
	struct stage s;
	struct err err;
	stage_open(&s, answers, ARRAY_SIZE(answers), true, 0);
	CHECK_INT(stat_once(&s, &err), 0);
	CHECK_INT(hk_sleep(60 * HK_SEC), 0);
	CHECK_INT(stat_once(&s, &err), 0);
	CHECK(memmem(s.server.last.p, s.server.last.n, "Bearer t2\r\n", 11) != NULL);
	CHECK_INT(s.server.requests, 5);
	CHECK_INT(hk_sleep(60 * HK_SEC), 0);
	CHECK_INT(stat_once(&s, &err), -1);
	CHECK_INT(err.fault, FAULT_STATUS);
	CHECK_INT(err.code, 401);
	CHECK_INT(s.server.requests, 8);
	stage_close(&s);
}

TEST_IN_LOOP(a_token_is_renewed_before_its_hour_is_over)
{
	static const struct answer answers[] = {
		{ TOKEN("t1") }, { INFO }, { TOKEN("t2") }, { INFO }
	};
	struct stage s;
	struct err err;
	stage_open(&s, answers, ARRAY_SIZE(answers), true, 0);
	CHECK_INT(stat_once(&s, &err), 0);
	CHECK_INT(hk_sleep(3580 * HK_SEC), 0);
	CHECK_INT(stat_once(&s, &err), 0);
	CHECK_INT(s.server.requests, 4);
	stage_close(&s);
}

static int stat_task(void *arg) SUSPENDS
{
	struct err err;
	CHECK_INT(stat_once(arg, &err), 0);
	return 0;
}

TEST_IN_LOOP(many_calls_share_one_token)
{
	static const struct answer answers[] = { { TOKEN("t1") }, { INFO } };
	struct stage s;
	struct hk_group calls;
	stage_open(&s, answers, ARRAY_SIZE(answers), true, 0);
	hk_group_open(&calls, NULL);
	for (int i = 0; i < 50; i++)
		CHECK_INT(hk_spawn(&calls, stat_task, &s), 0);
	CHECK_INT(hk_group_close(&calls, 0), 0);
	CHECK_INT(s.server.requests, 51);
	stage_close(&s);
}

TEST_IN_LOOP(a_token_server_that_is_busy_is_not_the_calls_fault)
{
	static const struct answer answers[] = { { TOO_MANY } };
	struct stage s;
	struct err err;
	stage_open(&s, answers, ARRAY_SIZE(answers), true, 0);
	CHECK_INT(stat_once(&s, &err), -1);
	CHECK_INT(err.fault, FAULT_STATUS);
	CHECK_INT(err.code, 429);
	CHECK_INT(err.retry_after_ns, 9 * HK_SEC);
	CHECK(!err.sent);
	stage_close(&s);
}

/* 300,000 bytes are two pieces of 256 KiB; the second is never answered, and asked for by the next attempt. */
TEST_IN_LOOP(a_piece_without_an_answer_is_asked_for)
{
	static const struct answer answers[] = {
		{ "HTTP/1.1 200 OK\r\nLocation: /up?upload_id=canary\r\nContent-Length: "
		  "0\r\n\r\n" },
		{ "HTTP/1.1 308 Resume\r\nRange: bytes=0-262143\r\nContent-Length: 0\r\n\r\n" },
		{ "", .then = HANG },
		{ "HTTP/1.1 308 Resume\r\nRange: bytes=0-262143\r\nContent-Length: 0\r\n\r\n" },
		{ "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n" },
	};
	struct stage s;
	struct err err = { 0 };
	AUTO(object_info_done) struct object_info info = { 0 };
	struct object_upload *upload = NULL;
	size_t n = 300000;
	AUTO(freep) char *data = xcalloc(n, 1);
	struct object_put put = { .bucket = S("notes"), .name = S("a"), .data = { data, n } };
	stage_open(&s, answers, ARRAY_SIZE(answers), false, 10 * HK_SEC);
	CHECK_INT(object_put(s.store, &put, &upload, &info, &err), -1);
	CHECK_INT(err.fault, FAULT_TIMEOUT);
	CHECK(err.sent && !strstr(err.text, "canary"));
	CHECK_INT(s.server.requests, 3);
	err = (struct err){ 0 };
	CHECK_INT(object_put(s.store, &put, &upload, &info, &err), -1);
	CHECK_INT(err.code, 403);
	CHECK_INT(s.server.requests, 5);
	CHECK(memmem(s.server.last.p, s.server.last.n, "bytes 262144-299999/300000", 26) != NULL);
	object_upload_free(s.store, upload);
	CHECK_INT(s.server.requests, 5); /* that session is over: nobody is told */
	stage_close(&s);
}

static const struct test tests[] = {
	T(a_token_that_ends_in_the_middle_is_renewed_once),
	T(a_token_is_renewed_before_its_hour_is_over),
	T(many_calls_share_one_token),
	T(a_token_server_that_is_busy_is_not_the_calls_fault),
	T(a_piece_without_an_answer_is_asked_for),
};

int main(void)
{
	return RUN_TESTS(tests);
}
