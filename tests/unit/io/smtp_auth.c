/* smtp_auth.c - tests of src/io/mail/smtp_auth.c and of STARTTLS: who may come in, and who we say that we are */
#include "io/db/db_base64.h"
#include "smtp_scene.h"

static void check_opening(struct scene *s, const char *fault, const char *says) SUSPENDS
{
	scene_open(s);
	CHECK_INT(send_one(s), -1);
	CHECK_STR(fault_name(s->err.fault), fault);
	CHECK(!s->err.sent);
	if (!strstr(s->err.text, says))
		test_failures_++, printf("# it says: %s\n", s->err.text);
	CHECK_INT(s->far.times[far_place("MAIL")], 0);
	scene_close(s);
}

TEST_IN_LOOP(starttls_or_nothing)
{
	static const struct rule refuses[] = { { "STARTTLS", 0, "502 5.5.1 no\r\n", GO_ON } },
				 busy[] = { { "STARTTLS", 0, "454 4.7.0 later\r\n", GO_ON } },
				 injected[] = { { "STARTTLS", 0, "220 go\r\n250 x\r\n", GO_ON } },
				 later[] = { { "STARTTLS", 0, NULL, BABBLE } };
	struct scene s = { .required = true };
	check_opening(&s, "config", "offers no STARTTLS");
	s = (struct scene){ .required = true };
	s.far = (struct far){ .offers = "250-STARTTLS\r\n", .rules = refuses, .rules_n = 1 };
	check_opening(&s, "config", "offers no STARTTLS");
	s = (struct scene){ .options.tls = SMTP_TLS_OFFERED };
	s.far = (struct far){ .offers = "250-STARTTLS\r\n", .rules = injected, .rules_n = 1 };
	check_opening(&s, "protocol", "sent bytes behind its reply to STARTTLS");
	s = (struct scene){ .required = true };
	s.far = (struct far){ .offers = "250-STARTTLS\r\n", .rules = later, .rules_n = 1 };
	check_opening(&s, "protocol", "speaks no TLS behind its reply to STARTTLS");
	s = (struct scene){ .options.tls = SMTP_TLS_OFFERED };
	s.far = (struct far){ .offers = "250-STARTTLS\r\n", .rules = busy, .rules_n = 1 };
	check_opening(&s, "smtp", "454 4.7.0 later");
	s = (struct scene){ .options.tls = SMTP_TLS_OFFERED };
	s.far = (struct far){ .offers = "250-STARTTLS\r\n", .rules = refuses, .rules_n = 1 };
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	scene_close(&s);
}

static void check_auth(const char *offers, const struct rule *rules, size_t n,
		       struct smtp_options o, const char *want) SUSPENDS
{
	struct scene s = { .far = { .offers = offers, .rules = rules, .rules_n = n },
			   .options = o };
	s.options.plain_auth = true;
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	CHECK_SLICE(slice_trim(buf_slice(&s.far.auth)), slice_str(want));
	CHECK_INT(send_one(&s), 0);
	CHECK_INT(s.far.times[far_place("AUTH")], 1);
	scene_close(&s);
}

TEST_IN_LOOP(each_way_to_say_who_we_are)
{
	static const struct rule asks[] = { { "AUTH", 0, "334 VXNlcm5hbWU6\r\n", GO_ON },
					    { "answer", 1, "334 UGFzc3dvcmQ6\r\n", GO_ON } },
				 /* RFC 2195's own example */
		challenge[] = {
			{ "AUTH", 0,
			  "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n",
			  GO_ON }
		};
	struct smtp_options ada = { .user = S("ada"), .password = S("s\xc3\xa9same") };
	struct smtp_options tim = { .user = S("tim"), .password = S("tanstaaftanstaaf") };
	struct smtp_options token = { .user = S("a,b=c@x.org"), .bearer = S("tok.en") };
	check_auth("250-AUTH PLAIN LOGIN\r\n", NULL, 0, ada, "AUTH PLAIN AGFkYQBzw6lzYW1l");
	check_auth("250-AUTH=LOGIN\r\n", asks, 2, ada, "AUTH LOGIN YWRh c8Opc2FtZQ==");
	check_auth("250-AUTH PLAIN CRAM-MD5\r\n", challenge, 1, tim,
		   "AUTH CRAM-MD5 dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
	check_auth("250-AUTH PLAIN XOAUTH2\r\n", NULL, 0, token,
		   "AUTH XOAUTH2 dXNlcj1hLGI9Y0B4Lm9yZwFhdXRoPUJlYXJlciB0b2suZW4BAQ==");
}

TEST_IN_LOOP(a_token_in_the_new_way)
{
	struct scene s = {
		.far.offers = "250-AUTH XOAUTH2 OAUTHBEARER\r\n",
		.options = { .user = S("a,b=c@x.org"), .bearer = S("tok.en"), .plain_auth = true }
	};
	AUTO(buf_done) struct buf text = { 0 };
	struct slice said;
	scene_open(&s);
	CHECK_INT(send_one(&s), 0);
	said = slice_trim(buf_slice(&s.far.auth));
	CHECK(slice_starts(said, S("AUTH OAUTHBEARER ")));
	CHECK_INT(db_base64_read(slice_from(said, 17), &text), 0);
	char want[128];
	snprintf(want, sizeof(want),
		 "n,a=a=2Cb=3Dc@x.org,\001host=127.0.0.1\001port=%u\001auth=Bearer tok.en\001\001",
		 s.far.port);
	CHECK_SLICE(buf_slice(&text), slice_str(want));
	scene_close(&s);
}

/* A no to a token comes as a challenge with reasons; the reply comes when that was answered. */
TEST_IN_LOOP(a_token_that_is_refused)
{
	static const struct rule rules[] = { { "AUTH", 0, "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n",
					       GO_ON },
					     { "answer", 0, "535 5.7.8 no\r\n", GO_ON } };
	static const char *const offers[] = { "250-AUTH OAUTHBEARER\r\n", "250-AUTH XOAUTH2\r\n" };
	for (int i = 0; i < 2; i++) {
		struct scene s = { .far = { .offers = offers[i], .rules = rules, .rules_n = 2 },
				   .options = { .bearer = S("tok.en"), .plain_auth = true } };
		scene_open(&s);
		CHECK_INT(send_one(&s), -1);
		CHECK_STR(fault_name(s.err.fault), "config");
		CHECK(strstr(s.err.text, "535 5.7.8 no") && !strstr(s.err.text, "tok.en"));
		CHECK(slice_ends(buf_slice(&s.far.auth), i == 0 ? S(" AQ== ") : S("  ")));
		scene_close(&s);
	}
}

static void check_no_auth(const char *offers, const struct rule *rules, size_t n, bool plain,
			  const char *fault, const char *says) SUSPENDS
{
	struct scene s = {
		.far = { .offers = offers, .rules = rules, .rules_n = n },
		.options = { .user = S("ada"), .password = S("sesame"), .plain_auth = plain }
	};
	check_opening(&s, fault, says);
	CHECK(!strstr(s.err.text, "sesame"));
	CHECK(!strstr(s.err.text, "AGFkYQBzZXNhbWU"));
}

TEST_IN_LOOP(who_may_not_come_in)
{
	static const struct rule wrong[] = { { "AUTH", 0, "535 5.7.8 sesame is wrong\r\n",
					       GO_ON } },
				 echo[] = { { "AUTH", 0, "535 5.7.8 AGFkYQBzZXNhbWU= is wrong\r\n",
					      GO_ON } },
				 busy[] = { { "AUTH", 0, "454 4.7.0 later\r\n", GO_ON } },
				 asks[] = { { "AUTH", 0, "334 \r\n", GO_ON },
					    { "answer", 0, "535 5.7.8 no\r\n", GO_ON } },
				 garbage[] = { { "AUTH", 0, "334 ???\r\n", GO_ON } };
	check_no_auth("250-AUTH PLAIN\r\n", NULL, 0, false, "config", "is not sent without TLS");
	check_no_auth("250-AUTH GSSAPI\r\n", NULL, 0, true, "config", "offers none of the ways");
	check_no_auth("", NULL, 0, true, "config", "offers none of the ways");
	check_no_auth("250-AUTH PLAIN\r\n", wrong, 1, true, "config", "says 535  to AUTH");
	check_no_auth("250-AUTH PLAIN\r\n", echo, 1, true, "config", "says 535  to AUTH");
	check_no_auth("250-AUTH PLAIN\r\n", busy, 1, true, "smtp", "454 4.7.0 later");
	check_no_auth("250-AUTH LOGIN\r\n", asks, 2, true, "config", "535 5.7.8 no");
	check_no_auth("250-AUTH CRAM-MD5\r\n", garbage, 1, true, "protocol",
		      "its challenge is no base64");
}

static const struct test tests[] = {
	T(starttls_or_nothing),     T(each_way_to_say_who_we_are), T(a_token_in_the_new_way),
	T(a_token_that_is_refused), T(who_may_not_come_in),
};

int main(void)
{
	return RUN_TESTS(tests);
}
