/* smtp_url.c - tests of src/io/mail/smtp_url.c: servers as URLs */
#include "check.h"
#include "io/smtp.h"

static void check_url(const char *text, const char *host, uint16_t port, enum smtp_tls tls,
		      const char *user, const char *password)
{
	AUTO(buf_done) struct buf storage = { 0 };
	struct smtp_options o = { 0 };
	struct err err = { 0 };
	CHECK_INT(smtp_url(slice_str(text), &o, &storage, &err), 0);
	CHECK_SLICE(o.host, slice_str(host));
	CHECK_INT(o.port, port);
	CHECK_INT(o.tls, tls);
	CHECK_SLICE(o.user, slice_str(user));
	CHECK_SLICE(o.password, slice_str(password));
}

TEST(urls)
{
	check_url("smtp://mx.example.org", "mx.example.org", 0, SMTP_TLS_REQUIRED, "", "");
	check_url("smtps://ada:sesame@mx.example.org/", "mx.example.org", 0, SMTP_TLS_AT_ONCE,
		  "ada", "sesame");
	check_url("SMTP://ada%40x.org:p%2Fw%3a%25@mx:2525", "mx", 2525, SMTP_TLS_REQUIRED,
		  "ada@x.org", "p/w:%");
	check_url("smtp://a:b@c:d@mx:25", "mx", 25, SMTP_TLS_REQUIRED, "a", "b@c:d");
	check_url("smtp://localhost:25", "localhost", 25, SMTP_TLS_NEVER, "", "");
	check_url("smtp://[::1]:25", "::1", 25, SMTP_TLS_NEVER, "", "");
	check_url("smtps://127.0.0.2", "127.0.0.2", 0, SMTP_TLS_AT_ONCE, "", "");
	check_url("smtp://[2001:db8::1]", "2001:db8::1", 0, SMTP_TLS_REQUIRED, "", "");
}

TEST(no_urls)
{
	static const char *const bad[] = { "",
					   "mx",
					   "http://mx",
					   "smtp://",
					   "smtp://u:sesame@",
					   "smtp://u:sesame@mx:0",
					   "smtp://u:sesame@mx:x",
					   "smtp://u:sesame@mx:65536",
					   "smtp://u:sesame@mx/path",
					   "smtp://u:sesame@mx?x=1",
					   "smtp://u:sesame%@mx",
					   "smtp://u:sesame%0a@mx",
					   "smtp://u:sesame@m x",
					   "smtp://u:sesame@[::1",
					   "smtp://u:sesame@[::1]x",
					   "smtp://u:sesame@m\xc3\xbcnchen",
					   "smtp://u:ses/ame@mx/" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO(buf_done) struct buf storage = { 0 };
		struct smtp_options o = { 0 };
		struct err err = { 0 };
		if (i + 1 < ARRAY_SIZE(bad))
			CHECK_INT(smtp_url(slice_str(bad[i]), &o, &storage, &err), -1);
		else
			CHECK_INT(smtp_url(slice_str(bad[i]), &o, &storage, &err),
				  0); /* a slash before the last '@' is the password's */
		CHECK(!strstr(err.text, "sesame"));
	}
}

static const struct test tests[] = {
	T(urls),
	T(no_urls),
};

int main(void)
{
	return RUN_TESTS(tests);
}
