/* sigv4.c - signatures as AWS published them: its test suite (service "service") and the examples of S3's manual */
#include "../check.h"
#include "io/checksum.h"
#include "io/object/sigv4.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct example {
	const char *what, *method, *path, *query;
	struct http_header headers[6];
	const char *payload; /* the hash; NULL: of nothing */
	const char *names, *signature;
};

#define H(name, value)             \
	{                          \
		S_(name) S_(value) \
	}
#define S_(text) { text, sizeof(text) - 1 },

static const struct http_header host = H("Host", "example.amazonaws.com");
static const struct http_header date = H("X-Amz-Date", "20150830T123600Z");

static const struct example suite[] = {
	{ "get-vanilla",
	  "GET",
	  "/",
	  "",
	  { { { 0 }, { 0 } } },
	  NULL,
	  "host;x-amz-date",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-query-order-key-case",
	  "GET",
	  "/",
	  "Param2=value2&Param1=value1",
	  { { { 0 }, { 0 } } },
	  NULL,
	  "host;x-amz-date",
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-vanilla-utf8-query",
	  "GET",
	  "/",
	  "%E1%88%B4=bar",
	  { { { 0 }, { 0 } } },
	  NULL,
	  "host;x-amz-date",
	  "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
	{ "get-unreserved",
	  "GET",
	  "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	  "",
	  { { { 0 }, { 0 } } },
	  NULL,
	  "host;x-amz-date",
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-header-value-trim",
	  "GET",
	  "/",
	  "",
	  { H("My-Header1", " value1"), H("My-Header2", " \"a   b   c\"") },
	  NULL,
	  "host;my-header1;my-header2;x-amz-date",
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "post-vanilla",
	  "POST",
	  "/",
	  "",
	  { { { 0 }, { 0 } } },
	  NULL,
	  "host;x-amz-date",
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-header-key-sort",
	  "POST",
	  "/",
	  "",
	  { H("My-Header1", "value1") },
	  NULL,
	  "host;my-header1;x-amz-date",
	  "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
	{ "post-x-www-form-urlencoded",
	  "POST",
	  "/",
	  "",
	  { H("Content-Type", "application/x-www-form-urlencoded") },
	  "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
	  "content-type;host;x-amz-date",
	  "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
};

static void check_authorization(const struct example *e, const struct sigv4 *q, const char *scope)
{
	AUTO(buf_done) struct buf got = { 0 }, want = { 0 };
	CHECK_INT(sigv4_put_authorization(q, &got), 0);
	CHECK_INT(buf_printf(&want,
			     "AWS4-HMAC-SHA256 Credential=%.*s/%s, SignedHeaders=%s, Signature=%s",
			     SLICE(q->access_key), scope, e->names, e->signature),
		  0);
	if (!slice_eq(buf_slice(&got), buf_slice(&want)))
		printf("# %s\n", e->what);
	CHECK_SLICE(buf_slice(&got), buf_slice(&want));
}

TEST(the_published_suite)
{
	for (size_t i = 0; i < ARRAY_SIZE(suite); i++) {
		const struct example *e = &suite[i];
		struct http_header headers[8] = { date, host };
		size_t n = 2;
		for (size_t k = 0; k < ARRAY_SIZE(e->headers) && e->headers[k].name.n; k++)
			headers[n++] = e->headers[k];
		struct sigv4 q = { .scheme = &sigv4_aws,
				   .access_key = S("AKIDEXAMPLE"),
				   .secret_key = S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
				   .region = S("us-east-1"),
				   .service = S("service"),
				   .time = S("20150830T123600Z"),
				   .method = slice_str(e->method),
				   .path = slice_str(e->path),
				   .query = slice_str(e->query),
				   .headers = headers,
				   .header_count = n,
				   .payload = slice_str(e->payload ? e->payload : EMPTY) };
		check_authorization(e, &q, "20150830/us-east-1/service/aws4_request");
	}
}

#define WELCOME "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static const struct example manual[] = {
	{ "GET Object",
	  "GET",
	  "/test.txt",
	  "",
	  { H("Range", "bytes=0-9"), H("x-amz-content-sha256", EMPTY) },
	  NULL,
	  "host;range;x-amz-content-sha256;x-amz-date",
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "PUT Object",
	  "PUT",
	  "/test%24file.text",
	  "",
	  { H("Date", "Fri, 24 May 2013 00:00:00 GMT"), H("x-amz-content-sha256", WELCOME),
	    H("x-amz-storage-class", "REDUCED_REDUNDANCY") },
	  WELCOME,
	  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "GET Bucket Lifecycle",
	  "GET",
	  "/",
	  "lifecycle=",
	  { H("x-amz-content-sha256", EMPTY) },
	  NULL,
	  "host;x-amz-content-sha256;x-amz-date",
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "List Objects",
	  "GET",
	  "/",
	  "max-keys=2&prefix=J",
	  { H("x-amz-content-sha256", EMPTY) },
	  NULL,
	  "host;x-amz-content-sha256;x-amz-date",
	  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

TEST(the_examples_of_the_manual)
{
	static const struct http_header place[] = { H("Host", "examplebucket.s3.amazonaws.com"),
						    H("X-Amz-Date", "20130524T000000Z") };
	for (size_t i = 0; i < ARRAY_SIZE(manual); i++) {
		const struct example *e = &manual[i];
		struct http_header headers[8] = { place[0], place[1] };
		size_t n = 2;
		for (size_t k = 0; k < ARRAY_SIZE(e->headers) && e->headers[k].name.n; k++)
			headers[n++] = e->headers[k];
		struct sigv4 q = { .scheme = &sigv4_aws,
				   .access_key = S("AKIAIOSFODNN7EXAMPLE"),
				   .secret_key = S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
				   .region = S("us-east-1"),
				   .service = S("s3"),
				   .time = S("20130524T000000Z"),
				   .method = slice_str(e->method),
				   .path = slice_str(e->path),
				   .query = slice_str(e->query),
				   .headers = headers,
				   .header_count = n,
				   .payload = slice_str(e->payload ? e->payload : EMPTY) };
		check_authorization(e, &q, "20130524/us-east-1/s3/aws4_request");
	}
}

TEST(fields_are_ordered_by_name_then_value)
{
	AUTO(buf_done) struct buf got = { 0 };
	struct sigv4 q = { .method = S("GET"),
			   .path = S("/"),
			   .query = S("b=2&a-b=1&a=2&a=1&a%20=0&B=3"),
			   .headers = &host,
			   .header_count = 1,
			   .payload = S("UNSIGNED-PAYLOAD") };
	CHECK_INT(sigv4_put_canonical(&q, &got), 0);
	CHECK_SLICE(buf_slice(&got), S("GET\n/\nB=3&a=1&a=2&a%20=0&a-b=1&b=2\n"
				       "host:example.amazonaws.com\n\nhost\nUNSIGNED-PAYLOAD"));
}

TEST(times_are_written_without_marks)
{
	AUTO(buf_done) struct buf got = { 0 };
	CHECK_INT(sigv4_put_time(INT64_C(1440938160) * 1000000000 + 999999999, &got), 0);
	CHECK_SLICE(buf_slice(&got), S("20150830T123600Z"));
}

/* RFC 4231, test cases 1, 2 and 6; RFC 1321. */
TEST(sums_are_the_published_ones)
{
	static const struct {
		const char *key, *text, *want;
	} hmacs[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
		  "\x0b",
		  "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};
	uint8_t sum[SHA256_BYTES];
	for (size_t i = 0; i < ARRAY_SIZE(hmacs); i++) {
		AUTO(buf_done) struct buf hex = { 0 };
		checksum_hmac(slice_str(hmacs[i].key), slice_str(hmacs[i].text), sum);
		CHECK_INT(checksum_put_hex(sum, sizeof sum, &hex), 0);
		CHECK_SLICE(buf_slice(&hex), slice_str(hmacs[i].want));
	}
	AUTO(buf_done) struct buf hex = { 0 };
	checksum_md5(S("message digest"), sum);
	CHECK_INT(checksum_put_hex(sum, MD5_BYTES, &hex), 0);
	CHECK_SLICE(buf_slice(&hex), S("f96b697d7cb7938d525a2f31aaf161d0"));
}

static const struct test tests[] = {
	T(the_published_suite),
	T(the_examples_of_the_manual),
	T(fields_are_ordered_by_name_then_value),
	T(times_are_written_without_marks),
	T(sums_are_the_published_ones),
};

int main(void)
{
	return RUN_TESTS(tests);
}
