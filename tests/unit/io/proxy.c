/* proxy.c - tests of src/io/proxy.c and ranges.c: who goes through a proxy, and what proxies may answer */
#include "io/proxy.h"
#include "check.h"
#include "io/ranges.h"
#include "rt/in_loop.h"
#include "scripted.h"
#include "io/http.h"

#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void set_environment(const char *http, const char *https, const char *none)
{
	static const char *const names[] = { "http_proxy",    "HTTP_PROXY", "https_proxy",
					     "HTTPS_PROXY",   "no_proxy",   "NO_PROXY",
					     "REQUEST_METHOD" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	if (http)
		setenv("HTTP_PROXY", http, 1);
	if (https)
		setenv("HTTPS_PROXY", https, 1);
	if (none)
		setenv("NO_PROXY", none, 1);
}

/* ---- who ------------------------------------------------------------------------------------------- */

static const char *proxy_of(const char *url)
{
	static char host[256];
	struct proxies *p = NULL;
	struct err err = { 0 };
	struct url u;
	const char *why;
	CHECK_INT(proxies_from_environment(&p, &err), 0);
	CHECK_INT(url_parse(slice_str(url), &u, &why), 0);
	const struct proxy *found = p ? proxies_find(p, &u) : NULL;
	snprintf(host, sizeof(host), "%s", found ? found->host : "direct");
	proxies_free(p);
	return host;
}

TEST(by_scheme)
{
	set_environment(NULL, NULL, NULL);
	CHECK_STR(proxy_of("http://a.example/"), "direct");
	set_environment("http://one:3128", NULL, NULL);
	CHECK_STR(proxy_of("http://a.example/"), "one");
	CHECK_STR(proxy_of("https://a.example/"), "direct");
	set_environment(NULL, "two:3128", NULL); /* without a scheme */
	CHECK_STR(proxy_of("http://a.example/"), "direct");
	CHECK_STR(proxy_of("https://a.example/"), "two");
}

TEST(lower_case_wins)
{
	set_environment("http://one", "http://two", "a.example");
	setenv("http_proxy", "http://three", 1);
	setenv("https_proxy", "", 1); /* empty is absent */
	setenv("no_proxy", "b.example", 1);
	CHECK_STR(proxy_of("http://a.example/"), "three");
	CHECK_STR(proxy_of("https://a.example/"), "two");
	CHECK_STR(proxy_of("http://b.example/"), "direct");
}

TEST(a_web_server_sets_http_proxy)
{
	set_environment("http://one", "http://two", NULL);
	setenv("REQUEST_METHOD", "GET", 1);
	CHECK_STR(proxy_of("http://a.example/"), "direct");
	CHECK_STR(proxy_of("https://a.example/"), "two");
	setenv("http_proxy", "http://three", 1);
	CHECK_STR(proxy_of("http://a.example/"), "three");
}

TEST(this_machine_is_never_asked_for)
{
	set_environment("http://one", "http://one", NULL);
	CHECK_STR(proxy_of("http://localhost:8080/"), "direct");
	CHECK_STR(proxy_of("https://LocalHost/"), "direct");
	CHECK_STR(proxy_of("http://api.localhost/"), "direct");
	CHECK_STR(proxy_of("http://127.0.0.9/"), "direct");
	CHECK_STR(proxy_of("http://[::1]:80/"), "direct");
	CHECK_STR(proxy_of("http://notlocalhost/"), "one");
	CHECK_STR(proxy_of("http://10.0.0.1/"), "one");
}

static void check_none(const char *none, const char *url, bool direct)
{
	set_environment("http://one", "http://one", none);
	CHECK_STR(proxy_of(url), direct ? "direct" : "one");
	if (strcmp(proxy_of(url), direct ? "direct" : "one") != 0)
		printf("# ... NO_PROXY=%s, %s\n", none, url);
}

TEST(no_proxy)
{
	check_none("*", "http://a.example/", true);
	check_none("example", "http://a.example/", true);
	check_none("a.example", "http://a.example/", true);
	check_none("a.example", "http://A.Example/", true);
	check_none("a.example", "http://b.a.example/", true);
	check_none(".a.example", "http://b.a.example/", true);
	check_none("*.a.example", "http://b.a.example/", true);
	check_none("a.example", "http://ba.example/", false);
	check_none("a.example", "http://a.example.com/", false);
	check_none("b.a.example", "http://a.example/", false);
	check_none("x.example , a.example", "http://a.example/", true);
	check_none(",, ,", "http://a.example/", false);
	check_none(".", "http://a.example/", false);
	check_none("a.example:8080", "http://a.example:8080/", true);
	check_none("a.example:8080", "http://a.example/", false);
	check_none("a.example:443", "https://a.example/", true);
	check_none("a.example:x", "http://a.example/", false);
	check_none("10.1.2.3", "http://10.1.2.3/", true);
	check_none("10.0.0.0/8", "http://10.1.2.3/", true);
	check_none("10.0.0.0/8", "http://11.1.2.3/", false);
	check_none("10.0.0.0/8", "http://a.example/", false); /* names are not looked up for this */
	check_none("fd00::/8", "http://[fd12::1]/", true);
	check_none("[fd12::1]", "http://[fd12::1]/", true);
}

static void check_mistake(const char *value, const char *says)
{
	struct proxies *p = NULL;
	struct err err = { 0 };
	set_environment(NULL, value, NULL);
	CHECK_INT(proxies_from_environment(&p, &err), -1);
	CHECK_STR(fault_name(err.fault), "config");
	CHECK(strstr(err.text, "HTTPS_PROXY") && strstr(err.text, says));
	CHECK(!strstr(err.text, "hunter2"));
	if (!strstr(err.text, says))
		printf("# ... it says: %s\n", err.text);
}

TEST(mistakes)
{
	check_mistake("socks5://me:hunter2@proxy:1080", "http://HOST:PORT");
	check_mistake("https://me:hunter2@proxy:1080", "plain HTTP");
	check_mistake("http://me:hunter2@proxy:port", "the port is not a number");
	check_mistake("me:hunter2@", "no host");
	check_mistake("http://me:hunter2 @proxy", "a blank in the URL");
}

/* ---- ranges and kinds of addresses ------------------------------------------------------------------- */

static bool has(const char *range, const char *address)
{
	struct net_range r;
	union dns_address a;
	CHECK(dns_address_parse(slice_str(address), &a));
	return net_range_parse(slice_str(range), &r) && net_range_has(&r, &a);
}

TEST(ranges)
{
	static const char *const bad[] = { "",       "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
					   "10.0.0", "::/129",      "a.example", "[::1",
					   "/8",     "10.0.0.0/8/8" };
	struct net_range r;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!net_range_parse(slice_str(bad[i]), &r));
	CHECK(has("10.0.0.0/8", "10.255.255.255"));
	CHECK(!has("10.0.0.0/8", "11.0.0.0"));
	CHECK(has("172.16.0.0/12", "172.31.255.255"));
	CHECK(!has("172.16.0.0/12", "172.32.0.0"));
	CHECK(has("0.0.0.0/0", "1.2.3.4"));
	CHECK(!has("0.0.0.0/0", "::1"));
	CHECK(has("1.2.3.4", "1.2.3.4"));
	CHECK(!has("1.2.3.4", "1.2.3.5"));
	CHECK(has("fe80::/10", "febf::1"));
	CHECK(!has("fe80::/10", "fec0::1"));
	CHECK(has("[::1]", "::1"));
}

static void check_kind(const char *address, enum net_kind want)
{
	union dns_address a;
	CHECK(dns_address_parse(slice_str(address), &a));
	CHECK_INT(net_kind(&a), want);
	if (net_kind(&a) != want)
		printf("# ... of %s\n", address);
}

TEST(kinds_of_addresses)
{
	static const char *const public[] = { "8.8.8.8",       "172.15.255.255", "172.32.0.0",
					      "192.167.1.1",   "100.63.0.1",     "100.128.0.1",
					      "223.255.255.1", "2606:4700::1",   "2a00::1",
					      "::ffff:8.8.8.8" };
	static const char *const loopback[] = {
		"127.0.0.1",       "127.255.255.255", "::1",        "::ffff:127.0.0.1",
		"64:ff9b::7f00:1", "2002:7f00:1::",   "::127.0.0.1"
	};
	static const char *const private[] = { "10.0.0.1",    "172.16.0.1",     "172.31.255.255",
					       "192.168.1.1", "100.64.0.1",     "fc00::1",
					       "fdff::1",     "::ffff:10.0.0.1" };
	static const char *const special[] = {
		"0.0.0.0",   "169.254.169.254", "192.0.2.1", "198.18.0.1",
		"224.0.0.1", "255.255.255.255", "::",        "fe80::1",
		"ff02::1",   "2001:db8::1",     "2001::1",   "::ffff:169.254.169.254"
	};
	for (size_t i = 0; i < ARRAY_SIZE(public); i++)
		check_kind(public[i], NET_PUBLIC);
	for (size_t i = 0; i < ARRAY_SIZE(loopback); i++)
		check_kind(loopback[i], NET_LOOPBACK);
	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		check_kind(private[i], NET_PRIVATE);
	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		check_kind(special[i], NET_SPECIAL);
}

/* ---- what proxies answer --------------------------------------------------------------------------------- */

struct scene {
	struct answer answer;
	const char *url;
	enum fault fault; /* FAULT_NONE: status 200 */
	const char *says;
	const char *wants; /* in what the proxy was sent */
};

static int play(void *arg) SUSPENDS
{
	struct scene *s = arg;
	struct scripted server = { .answers = &s->answer, .answer_count = 1 };
	struct http_client *c = NULL;
	struct err err = { 0 };
	struct hk_group g;
	char proxy[80];
	CHECK(scripted_open(&server) >= 0);
	hk_group_open(&g, NULL);
	CHECK_INT(hk_spawn(&g, scripted_run, &server), 0);
	snprintf(proxy, sizeof(proxy), "http://me:hunter%%32@127.0.0.1:%u", server.port);
	set_environment(proxy, proxy, NULL);
	CHECK_INT(http_client_new(&(struct http_client_options){ .environment_proxies = true }, &c,
				  &err),
		  0);
	for (int i = 0; i < 2; i++) {
		AUTO(http_response_done) struct http_response res = { 0 };
		struct http_request q = { .method = S("GET"),
					  .url = slice_str(s->url),
					  .clocks = { .connect_ns = 5 * HK_SEC } };
		int r = http_exchange(c, &q, &res, &err);
		CHECK_INT(r, s->fault ? -1 : 0);
		CHECK_STR(fault_name(err.fault), fault_name(s->fault));
		if (s->fault) {
			CHECK(strstr(err.text, s->says) != NULL);
			CHECK(strstr(err.text, "proxy '127.0.0.1' port") != NULL);
			CHECK(!err.sent); /* CONNECT is not the request */
		}
		if (s->fault && !strstr(err.text, s->says))
			printf("# ... it says: %s\n", err.text);
		CHECK(!strstr(err.text, "hunter") && !strstr(err.text, "bWU6"));
	}
	CHECK_INT(buf_add_char(&server.last, 0), 0);
	CHECK(strstr(server.last.p, s->wants) != NULL);
	CHECK(strstr(server.last.p, "\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n") != NULL);
	CHECK_INT(server.connections, s->fault ? 2 : 1); /* http: kept and used again */
	http_client_free(c);
	hk_group_cancel(&g);
	CHECK_INT(hk_group_close(&g, 0), 0);
	scripted_close(&server);
	set_environment(NULL, NULL, NULL);
	return 0;
}

static void check_scene(struct scene s)
{
	if (!s.url)
		s.url = "https://api.example/x?y=1";
	if (!s.wants)
		s.wants = "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n";
	CHECK_INT(hk_run(play, &s, &(struct hk_run_options){ .virtual_clock = true }), 0);
}

TEST(http_in_absolute_form)
{
	check_scene((struct scene){ .answer = { OK2 },
				    .url = "http://api.example/x?y=1",
				    .wants = "GET http://api.example/x?y=1 HTTP/1.1\r\nHost: "
					     "api.example\r\n" });
	check_scene((struct scene){ .answer = { OK2 },
				    .url = "http://[fd00::1]:81",
				    .wants = "GET http://[fd00::1]:81/ HTTP/1.1\r\nHost: "
					     "[fd00::1]:81\r\n" });
}

TEST(tunnels_that_are_none)
{
	check_scene((struct scene){ .answer = { "HTTP/1.1 407 Proxy Authentication "
						"Required\r\nContent-Length: 5\r\n\r\nnope!" },
				    .fault = FAULT_CONFIG,
				    .says = "USER:PASSWORD@" });
	check_scene((struct scene){ .answer = { "HTTP/1.1 403 No\r\n\r\n", .then = CLOSE },
				    .fault = FAULT_FORBIDDEN,
				    .says = "(status 403)" });
	check_scene((struct scene){ .answer = { "HTTP/1.1 502 Bad\r\n\r\n", .then = CLOSE },
				    .fault = FAULT_REFUSED,
				    .says = "(status 502)" });
	check_scene((struct scene){ .answer = { "HTTP/1.1 200 OK\r\n\r\nextra" },
				    .fault = FAULT_PROTOCOL,
				    .says = "makes no sense" });
	check_scene((struct scene){
		.answer = { "SSH-2.0-x\r\n" }, .fault = FAULT_PROTOCOL, .says = "makes no sense" });
	check_scene((struct scene){ .answer = { "HTTP/1.1 200 O", .then = CLOSE },
				    .fault = FAULT_RESET,
				    .says = "hung up" });
	check_scene((struct scene){ .answer = { "HTTP/1.1 200 O", .then = HANG },
				    .fault = FAULT_CONNECT_TIMEOUT,
				    .says = "found no way to 'api.example' in time" });
	check_scene((struct scene){ .url = "https://[fd00::1]:8443/",
				    .wants = "CONNECT [fd00::1]:8443 HTTP/1.1\r\nHost: "
					     "[fd00::1]:8443\r\n",
				    .answer = { "HTTP/1.1 503 Later\r\n\r\n", .then = CLOSE },
				    .fault = FAULT_REFUSED,
				    .says = "(status 503)" });
}

static int nobody_there(void *arg) SUSPENDS
{
	struct http_client *c = NULL;
	struct err err = { 0 };
	struct http_response res;
	char proxy[64];
	(void)arg;
	int fd = hk_listen("127.0.0.1", 0, 1);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", hk_socket_port(fd));
	CHECK_INT(hk_close(fd), 0);
	set_environment(proxy, "no-such-proxy.invalid:1", NULL);
	CHECK_INT(http_client_new(&(struct http_client_options){ .environment_proxies = true }, &c,
				  &err),
		  0);
	struct http_request q = { .method = S("GET"), .url = S("http://api.example/") };
	CHECK_INT(http_exchange(c, &q, &res, &err), -1);
	CHECK_STR(fault_name(err.fault), "refused");
	CHECK(strstr(err.text, "connecting to proxy '127.0.0.1' port") != NULL);
	q.url = S("https://api.example/");
	CHECK_INT(http_exchange(c, &q, &res, &err), -1);
	CHECK_STR(fault_name(err.fault), "dns");
	CHECK(strstr(err.text, "proxy 'no-such-proxy.invalid'") != NULL);
	http_client_free(c);
	set_environment(NULL, NULL, NULL);
	return 0;
}

TEST(a_proxy_that_is_not_there)
{
	CHECK_INT(hk_run(nobody_there, NULL, NULL), 0);
}

static const struct test tests[] = {
	T(by_scheme),
	T(lower_case_wins),
	T(a_web_server_sets_http_proxy),
	T(this_machine_is_never_asked_for),
	T(no_proxy),
	T(mistakes),
	T(ranges),
	T(kinds_of_addresses),
	T(http_in_absolute_form),
	T(tunnels_that_are_none),
	T(a_proxy_that_is_not_there),
};

int main(void)
{
	alarm(120);
	return RUN_TESTS(tests);
}
