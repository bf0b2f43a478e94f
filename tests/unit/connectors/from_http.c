/* from_http.c - tests of the HTTP source: pages, positions, credentials, loops, bad answers */
#include "fake_api.h"
#include "base/banned.h"
#include "check.h"
#include <stdlib.h>

#define JSON "application/json"

struct reading {
	const char *options[4]; /* behind http=; {PORT} is the server's */
	struct intake in;
	struct err err;
	int result;
};

static void read_pages(const struct api *api, struct reading *r, const char *url)
{
	struct fake_site f;
	AUTO(buf_done) struct buf verb = { 0 };
	CHECK_INT(buf_printf(&verb, "http=%s", api_text(api, url)), 0);
	fake_site_open(&f, &from_http, verb.p, r->options[0], r->options[1], r->options[2], NULL);
	CHECK_INT(f.mistakes, 0);
	r->err = (struct err){ 0 };
	r->result = from_http.run(&f.site, &r->in, &r->err);
	fake_site_done(&f, &from_http);
}

static void check_log(const struct api *api, const char *want)
{
	CHECK_SLICE(buf_slice(&api->log), slice_str(want));
}

#define API_TEST(name, ...)                                                                   \
	static void name##_body(struct api *, void *);                                        \
	TEST(name)                                                                            \
	{                                                                                     \
		static const struct api_route routes[] = { __VA_ARGS__, { .target = NULL } }; \
		struct api api;                                                               \
		with_api(&api, routes, name##_body, NULL);                                    \
	}                                                                                     \
	static void name##_body(struct api *api, void *unused __attribute__((unused)))

#define HOME "http://127.0.0.1:{PORT}"

API_TEST(pages_follow_next,
	 { "/orders", 200, JSON,
	   "{ \"orders\": [ {\"id\": 1.10}, {\"id\":2} ], \"links\": {\"next\": "
	   "\"/orders?page=2\"} }" },
	 { "/orders?page=2", 200, JSON,
	   "{\"orders\":[],\"links\":{\"next\":\"" HOME "/orders?page=3\"}}" },
	 { "/orders?page=3", 200, JSON, "{\"orders\":[{\"id\":3}],\"links\":{}}" })
{
	struct reading r = { .options = { "each=.orders[]", "pages.next=.links.next" } };
	read_pages(api, &r, HOME "/orders");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 3);
	CHECK_STR(r.in.v[0].json, "{\"id\":1.10}");
	CHECK_STR(r.in.v[2].json, "{\"id\":3}");
	CHECK_INT(r.in.v[0].offset, 1);
	CHECK_INT(r.in.v[1].offset, 2);
	CHECK_INT(r.in.v[2].offset, 1);
	CHECK_INT(r.in.v[2].line, 3);
	CHECK_STR(r.in.v[2].base, api_text(api, HOME "/orders?page=3"));
	check_log(api, "GET /orders\nGET /orders?page=2\nGET /orders?page=3\n");
	CHECK(strstr(fake_lanes, "http://127.0.0.1:"));
	intake_done(&r.in);
}

API_TEST(without_each_a_list_is_its_elements, { "/list", 200, JSON, "[{\"a\":1},{\"a\":2}]" },
	 { "/one", 200, JSON, "{\"a\":[1]}" }, { "/none", 204, NULL, "" })
{
	struct reading r = { 0 };
	read_pages(api, &r, HOME "/list");
	CHECK_INT(r.in.n, 2);
	intake_done(&r.in);
	read_pages(api, &r, HOME "/one");
	CHECK_INT(r.in.n, 1);
	CHECK_STR(r.in.v[0].json, "{\"a\":[1]}");
	intake_done(&r.in);
	read_pages(api, &r, HOME "/none");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 0);
	intake_done(&r.in);
}

API_TEST(an_element_that_is_no_object_is_dead, { "/list", 200, JSON, "[{\"a\":1},7,{\"a\":3}]" })
{
	struct reading r = { .options = { "each=.[]" } };
	read_pages(api, &r, HOME "/list");
	CHECK_INT(r.in.n, 3);
	CHECK_INT(r.in.v[1].fault.fault, FAULT_BAD_VALUE);
	CHECK(strstr(r.in.v[1].fault.text, "each gave a number"));
	CHECK_INT(r.in.v[2].fault.fault, FAULT_NONE);
	intake_done(&r.in);
}

/* Whatever the API would say now: the second answer of each page is another one. */
API_TEST(a_resume_reads_what_was_kept_and_asks_for_no_page_twice,
	 { "/p", 200, JSON, "{\"v\":[{\"i\":1},{\"i\":2}],\"next\":\"?q=2\"}" },
	 { "/p?q=2", 200, JSON, "{\"v\":[{\"i\":3},{\"i\":4}],\"next\":null}" },
	 { "/p", 200, JSON, "{\"v\":[{\"i\":5}],\"next\":\"?q=9\"}" }, { "/p?q=2", 500, JSON, "" })
{
	for (size_t stop = 0; stop <= 4; stop++) {
		struct reading r = { .options = { "each=.v[]", "pages.next=.next" },
				     .in.stop_at = stop };
		buf_clear(&api->log);
		memset(api->asked, 0, sizeof api->asked);
		read_pages(api, &r, HOME "/p");
		if (stop > 0 && stop < 4)
			CHECK_INT(r.err.fault, FAULT_CANCELLED);
		intake_rewind(&r.in, stop);
		read_pages(api, &r, HOME "/p");
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 4 - stop);
		if (stop < 4) {
			CHECK_STR(r.in.v[r.in.n - 1].json, "{\"i\":4}");
			CHECK_INT(r.in.v[r.in.n - 1].line, 4);
		}
		check_log(api, "GET /p\nGET /p?q=2\n");
		intake_done(&r.in);
	}
}

/* `since=` now, for one. */
API_TEST(a_first_url_that_is_another_one_today_is_not_asked,
	 { "/p?since=1", 200, JSON, "[{\"i\":1}]" })
{
	struct reading r = { 0 };
	read_pages(api, &r, HOME "/p?since=1");
	intake_rewind(&r.in, 0);
	read_pages(api, &r, HOME "/p?since=2");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 1);
	CHECK_STR(r.in.v[0].base, api_text(api, HOME "/p?since=1"));
	check_log(api, "GET /p?since=1\n");
	intake_done(&r.in);
}

/* Its next page is relative to where the answer came from; headers say which. */
API_TEST(a_kept_page_knows_its_status_headers_and_address,
	 { "/p", 302, NULL, "", "Location", "/there/p" },
	 { "/there/p", 201, JSON, "[{\"i\":1}]", "X-Next", "q" }, { "/there/q", 200, JSON, "[]" })
{
	struct reading r = { .options = { "pages.next=$res.headers[\"x-next\"]",
					  "each=.[] | .status = $res.status" } };
	for (int i = 0; i < 2; i++) {
		read_pages(api, &r, HOME "/p");
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 1);
		CHECK_STR(r.in.v[0].json, "{\"i\":1,\"status\":201}");
		check_log(api, "GET /p\nGET /there/p\nGET /there/q\n");
		intake_rewind(&r.in, 0);
	}
	intake_done(&r.in);
}

API_TEST(what_is_no_page_is_not_kept, { "/p", 200, JSON, "{\"next\":7}" },
	 { "/p", 200, "text/html", "<html>" }, { "/p", 200, JSON, "{\"next\":null}" })
{
	struct reading r = { .options = { "pages.next=.next" } };
	for (int i = 0; i < 3; i++) {
		read_pages(api, &r, HOME "/p");
		CHECK_INT(r.in.page_count, i == 2);
		CHECK_INT(r.in.n, i == 2);
	}
	intake_done(&r.in);
}

API_TEST(a_retry_goes_on_where_admission_stopped,
	 { "/p", 200, JSON, "{\"v\":[{\"i\":1}],\"next\":\"/q\"}" },
	 { "/q", 503, "text/plain", "busy", "Retry-After", "7" },
	 { "/q", 200, JSON, "{\"v\":[{\"i\":2}]}" })
{
	struct reading r = { .options = { "each=.v[]", "pages.next=.next" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, -1);
	CHECK_INT(r.err.fault, FAULT_STATUS);
	CHECK_INT(r.err.code, 503);
	CHECK_INT(fault_policy(&r.err), POLICY_RETRY);
	CHECK_INT(r.err.retry_after_ns, 7 * INT64_C(1000000000));
	CHECK_INT(fake_lane_paused_ns, r.err.retry_after_ns);
	CHECK(strstr(r.err.text, "/q answered 503: busy"));
	CHECK_INT(r.in.n, 1);
	intake_rewind(&r.in, 1);
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 1);
	CHECK_STR(r.in.v[0].json, "{\"i\":2}");
	check_log(api, "GET /p\nGET /q\nGET /q\n");
	intake_done(&r.in);
}

API_TEST(a_circle_of_pages_is_refused, { "/a", 200, JSON, "{\"next\":\"/b\"}" },
	 { "/b", 200, JSON, "{\"next\":\"/a\"}" }, { "/self", 200, JSON, "{\"next\":\"/self\"}" })
{
	struct reading r = { .options = { "pages.next=.next" } };
	read_pages(api, &r, HOME "/a");
	CHECK_INT(r.err.fault, FAULT_CONFIG);
	CHECK(strstr(r.err.text, "in a circle") && strstr(r.err.text, "/a was read before"));
	CHECK_INT(r.in.n, 2);
	intake_done(&r.in);
	read_pages(api, &r, HOME "/self");
	CHECK_INT(r.err.fault, FAULT_CONFIG);
	CHECK_INT(r.in.n, 1);
	intake_done(&r.in);
}

enum { CHAIN = 200 };

static void read_chain(struct api *api, void *unused)
{
	struct reading r = { .options = { "pages.next=.next" } };
	(void)unused;
	read_pages(api, &r, HOME "/0");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, CHAIN);
	intake_done(&r.in);
}

TEST(many_pages_are_no_circle)
{
	static struct api_route routes[CHAIN + 1];
	static char targets[CHAIN][8], bodies[CHAIN][32];
	struct api api;
	for (int i = 0; i < CHAIN; i++) {
		snprintf(targets[i], sizeof(targets[i]), "/%d", i);
		snprintf(bodies[i], sizeof(bodies[i]),
			 i + 1 < CHAIN ? "{\"next\":\"/%d\"}" : "{\"last\":%d}", i + 1);
		routes[i] = (struct api_route){ targets[i], 200, JSON, bodies[i], NULL, NULL };
	}
	with_api(&api, routes, read_chain, NULL);
}

API_TEST(credentials_stay_at_home, { "/p", 200, JSON, "{\"next\":\"http://localhost:{PORT}/q\"}" },
	 { "/q", 200, JSON, "{\"next\":\"http://127.0.0.1:{PORT}/r\"}" }, { "/r", 200, JSON, "{}" })
{
	struct reading r = { .options = { "pages.next=.next", "auth.bearer=s3cret",
					  "headers.Cookie=c=1" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	check_log(api, "GET /p authorization=Bearer s3cret cookie=c=1\nGET /q\nGET /r "
		       "authorization=Bearer s3cret cookie=c=1\n");
	intake_done(&r.in);
}

API_TEST(other_credential_headers_stay_too,
	 { "/p", 200, JSON, "{\"next\":\"http://localhost:{PORT}/q\"}" }, { "/q", 200, JSON, "{}" })
{
	struct reading r = { .options = { "pages.next=.next", "auth.header=X-Key: s3cret",
					  "headers.Accept-Language=de" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	check_log(api, "GET /p x-key=s3cret accept-language=de\nGET /q accept-language=de\n");
	intake_done(&r.in);
}

API_TEST(headers_can_name_the_next_page, { "/p", 200, JSON, "[{\"a\":1}]", "X-Next", "/q" },
	 { "/q", 200, JSON, "[{\"a\":2}]" })
{
	struct reading r = { .options = { "pages.next=$res.headers[\"x-next\"]" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 2);
	intake_done(&r.in);
}

static void check_fault(const struct reading *r, enum fault fault, const char *why)
{
	CHECK_INT(r->result, -1);
	CHECK_INT(r->err.fault, fault);
	CHECK(strstr(r->err.text, why));
	if (!strstr(r->err.text, why))
		printf("# said: %s\n", r->err.text);
}

API_TEST(bad_answers_say_why, { "/html", 200, "text/html", "<html>" },
	 { "/number", 200, JSON, "{\"next\":5}" }, { "/ftp", 200, JSON, "{\"next\":\"ftp://x/\"}" },
	 { "/429", 429, "text/plain", "" }, { "/404", 404, "text/plain", "no such list" },
	 { "/jq", 200, JSON, "{\"v\":1}" })
{
	struct reading r = { .options = { "pages.next=.next" } };
	read_pages(api, &r, HOME "/html");
	check_fault(&r, FAULT_INVALID_JSON, "/html is not JSON");
	read_pages(api, &r, HOME "/number");
	check_fault(&r, FAULT_CONFIG, "pages.next gave a number");
	read_pages(api, &r, HOME "/ftp");
	check_fault(&r, FAULT_CONFIG, "is not a URL");
	read_pages(api, &r, HOME "/429");
	check_fault(&r, FAULT_RATE_LIMITED, "answered 429");
	read_pages(api, &r, HOME "/404");
	check_fault(&r, FAULT_STATUS, "answered 404: no such list");
	r.options[1] = "each=.v[]";
	read_pages(api, &r, HOME "/jq");
	check_fault(&r, FAULT_JQ, "");
	intake_done(&r.in);
}

API_TEST(a_page_above_max_body_is_too_large, { "/p", 200, JSON, "[{\"a\":\"0123456789\"}]" })
{
	struct reading r = { .options = { "max_body=10" } };
	read_pages(api, &r, HOME "/p");
	check_fault(&r, FAULT_TOO_LARGE, "");
	intake_done(&r.in);
}

API_TEST(a_page_has_its_part_of_the_memory, { "/p", 200, JSON, "[{\"a\":\"0123456789\"}]" })
{
	struct reading r = { 0 };
	fake_text_max = 10;
	read_pages(api, &r, HOME "/p");
	check_fault(&r, FAULT_TOO_LARGE, "a page may have 10 bytes, a sixteenth of `memory`");
	CHECK_INT(r.in.held_most, 0);
	fake_text_max = UINT64_MAX;
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.in.n, 1);
	CHECK(r.in.held_most > 2 * 20 && r.in.held == 0);
	intake_done(&r.in);
}

/* ---- the other forms of pages ---- */

API_TEST(a_link_header_leads_on,
	 { "/p", 200, JSON, "[{\"i\":1}]", "Link", "<?q=2>; rel=\"last next\"" },
	 { "/p?q=2", 200, JSON, "[{\"i\":2}]", "Link", "<?q=1>; rel=prev" },
	 { "/bad", 200, JSON, "[{\"i\":1}]", "Link", "<?q=2>; rel=\"next" })
{
	struct reading r = { .options = { "pages.link=next" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 2);
	check_log(api, "GET /p\nGET /p?q=2\n");
	intake_done(&r.in);
	read_pages(api, &r, HOME "/bad");
	check_fault(&r, FAULT_BAD_VALUE, "a quotation mark is never closed at byte 12");
	CHECK_INT(r.in.page_count, 0);
	intake_done(&r.in);
}

API_TEST(pages_are_counted_until_one_is_empty, { "/p?page=1", 200, JSON, "[{\"i\":1},{\"i\":2}]" },
	 { "/p?page=2", 200, JSON, "[{\"i\":3}]" }, { "/p?page=3", 200, JSON, "[]" })
{
	for (size_t stop = 0; stop <= 3; stop++) {
		struct reading r = { .options = { "pages.page=page" }, .in.stop_at = stop };
		buf_clear(&api->log);
		read_pages(api, &r, HOME "/p");
		intake_rewind(&r.in, stop);
		read_pages(api, &r, HOME "/p");
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 3 - stop);
		check_log(api, "GET /p?page=1\nGET /p?page=2\nGET /p?page=3\n");
		intake_done(&r.in);
	}
}

API_TEST(an_offset_moves_by_what_came,
	 { "/p?offset=0&limit=3", 200, JSON, "[{\"i\":1},{\"i\":2}]" },
	 { "/p?offset=2&limit=3", 200, JSON, "[{\"i\":3}]" },
	 { "/p?offset=3&limit=3", 200, JSON, "[]" })
{
	struct reading r = { .options = { "pages.offset=offset", "pages.size=3" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 3);
	intake_done(&r.in);
}

API_TEST(a_cursor_goes_into_the_query, { "/p?x=1", 200, JSON, "{\"i\":1,\"c\":\"a b&\"}" },
	 { "/p?x=1&after=a%20b%26", 200, JSON, "{\"i\":2,\"c\":17}" },
	 { "/p?x=1&after=17", 200, JSON, "{\"i\":3,\"c\":\"\"}" })
{
	struct reading r = { .options = { "pages.cursor=after", "pages.from=.c" } };
	read_pages(api, &r, HOME "/p?x=1");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 3);
	intake_done(&r.in);
}

API_TEST(a_page_that_repeats_is_told_or_ends_also_in_a_resumed_run,
	 { "/p?page=1", 200, JSON, "[{\"i\":1}]" }, { "/p?page=2", 200, JSON, "[{\"i\":2}]" },
	 { "/p?page=3", 200, JSON, "[{\"i\":2}]" })
{
	struct reading r = { .options = { "pages.page=page" } };
	read_pages(api, &r, HOME "/p");
	check_fault(&r, FAULT_CONFIG, "page=3 is the same as the page before it");
	CHECK_INT(r.in.n, 2);
	intake_rewind(&r.in, 2);
	r.options[1] = "pages.repeat=end";
	for (int i = 0; i < 2; i++) {
		read_pages(api, &r, HOME "/p");
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 0);
	}
	check_log(api, "GET /p?page=1\nGET /p?page=2\nGET /p?page=3\nGET /p?page=3\n");
	intake_done(&r.in);
}

API_TEST(more_that_says_neither_is_no_end, { "/yes", 200, JSON, "{\"more\":true}" },
	 { "/no", 200, JSON, "{\"more\":false,\"next\":\"/x\"}" },
	 { "/null", 200, JSON, "{\"next\":\"/x\"}" })
{
	struct reading r = { .options = { "pages.next=.next", "pages.more=.more" } };
	read_pages(api, &r, HOME "/yes");
	check_fault(&r, FAULT_BAD_VALUE, "there are more pages, and pages.next gives none");
	read_pages(api, &r, HOME "/null");
	check_fault(&r, FAULT_BAD_VALUE, "pages.more gave null");
	read_pages(api, &r, HOME "/no");
	CHECK_INT(r.result, 0);
	intake_done(&r.in);
}

/* ---- since ---- */

API_TEST(a_later_run_asks_from_the_largest_and_knows_what_comes_again,
	 { "/p", 200, JSON, "[{\"t\":3},{\"t\":5,\"v\":1},{\"t\":4}]" },
	 { "/p?from=5", 200, JSON, "[{\"t\":5,\"v\":1},{\"t\":5,\"v\":2},{\"t\":7}]" },
	 { "/p?from=7", 200, JSON, "[{\"t\":7}]" })
{
	struct reading r = { .options = { "since.query=from", "since.from=.t" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 3);
	intake_go_onward(&r.in);
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.in.n, 3);
	CHECK(r.in.v[0].known && !r.in.v[1].known && !r.in.v[2].known);
	intake_go_onward(&r.in);
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.in.n, 1);
	CHECK(r.in.v[0].known);
	check_log(api, "GET /p\nGET /p?from=5\nGET /p?from=7\n");
	intake_done(&r.in);
}

API_TEST(a_resumed_run_knows_the_same, { "/p", 200, JSON, "[{\"t\":3},{\"t\":5}]" },
	 { "/p?from=5", 200, JSON, "[{\"t\":5},{\"t\":6},{\"t\":5}]" })
{
	static const bool want[] = { true, false, false };
	for (size_t stop = 1; stop <= 3; stop++) {
		struct reading r = { .options = { "since.query=from", "since.from=.t" } };
		buf_clear(&api->log);
		read_pages(api, &r, HOME "/p");
		intake_go_onward(&r.in);
		r.in.stop_at = stop;
		read_pages(api, &r, HOME "/p");
		intake_rewind(&r.in, stop);
		read_pages(api, &r, HOME "/p");
		CHECK_INT(r.result, 0);
		CHECK_INT(r.in.n, 3 - stop);
		for (size_t i = 0; i < r.in.n; i++)
			CHECK_INT(r.in.v[i].known, want[stop + i]);
		CHECK(strstr(r.in.onward, "{\"since\":6,"));
		check_log(api, "GET /p\nGET /p?from=5\n");
		intake_done(&r.in);
	}
}

API_TEST(a_record_without_its_cursor_is_bad_and_named,
	 { "/p", 200, JSON, "[{\"t\":3},{\"u\":5},{\"t\":\"x\"}]" })
{
	struct reading r = { .options = { "since.query=from", "since.from=.t" } };
	read_pages(api, &r, HOME "/p");
	CHECK_INT(r.result, 0);
	CHECK_INT(r.in.n, 3);
	CHECK_INT(r.in.v[1].fault.fault, FAULT_BAD_VALUE);
	CHECK(strstr(r.in.v[1].fault.text, "record 2 of page 1: since.from gave null"));
	CHECK_STR(r.in.v[1].json, "{\"u\":5}");
	CHECK(strstr(r.in.v[2].fault.text, "gave a text, \"x\", where others have a number, 3"));
	intake_done(&r.in);
}

static size_t mistakes(const char *url, const char *option)
{
	struct fake_site f;
	fake_site_open(&f, &from_http, url, option, NULL);
	size_t n = f.mistakes;
	fake_site_done(&f, &from_http);
	return n;
}

TEST(options_are_checked)
{
	CHECK_INT(mistakes("http=https://x.org/a", NULL), 0);
	CHECK_INT(mistakes("http=GET https://x.org/a", NULL), 1);
	CHECK_INT(mistakes("http=x.org/a", NULL), 1);
	CHECK_INT(mistakes("http=https://x.org/a", "headers.Host=y"), 1);
	CHECK_INT(mistakes("http=https://x.org/a", "headers.bad name=y"), 1);
}

static const struct test tests[] = {
	T(pages_follow_next),
	T(without_each_a_list_is_its_elements),
	T(an_element_that_is_no_object_is_dead),
	T(a_resume_reads_what_was_kept_and_asks_for_no_page_twice),
	T(a_first_url_that_is_another_one_today_is_not_asked),
	T(a_kept_page_knows_its_status_headers_and_address),
	T(what_is_no_page_is_not_kept),
	T(a_retry_goes_on_where_admission_stopped),
	T(a_circle_of_pages_is_refused),
	T(many_pages_are_no_circle),
	T(credentials_stay_at_home),
	T(other_credential_headers_stay_too),
	T(headers_can_name_the_next_page),
	T(bad_answers_say_why),
	T(a_link_header_leads_on),
	T(pages_are_counted_until_one_is_empty),
	T(an_offset_moves_by_what_came),
	T(a_cursor_goes_into_the_query),
	T(a_page_that_repeats_is_told_or_ends_also_in_a_resumed_run),
	T(more_that_says_neither_is_no_end),
	T(a_later_run_asks_from_the_largest_and_knows_what_comes_again),
	T(a_resumed_run_knows_the_same),
	T(a_record_without_its_cursor_is_bad_and_named),
	T(a_page_above_max_body_is_too_large),
	T(a_page_has_its_part_of_the_memory),
	T(options_are_checked),
};

int main(void)
{
	return RUN_TESTS(tests);
}
