/* redirects.c - where answers point
 *
 * What this room is for: Location, with everything that can stand in it.
 * What flows through:    scripts (script.h). /fine is answered decently by the same server.
 * What must hold:        five hops at most; nothing but http and https; no credentials that a redirect brought along. */
#include "script.h"

#define TO(where) "HTTP/1.1 302 F\r\nLocation: " where "\r\nContent-Length: 3\r\n\r\nold"
#define FINE      "/fine?id=" ID

static int long_location(struct buf *out, unsigned id, size_t n)
{
	int r = buf_printf(out,
			   "HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: /fine?id=%08u&x=", id);
	for (size_t i = 0; i < n && r == 0; i++)
		r = buf_add_char(out, 'x');
	return r < 0 ? r : buf_add(out, S("\r\n\r\n"));
}

static int location_of_4_kib(struct buf *out, unsigned id)
{
	return long_location(out, id, 4 << 10);
}

static int location_of_100_kib(struct buf *out, unsigned id)
{
	return long_location(out, id, 100 << 10);
}

static const struct script scripts[] = {
	{ "to a good place", { SAY(TO(FINE)) }, .keeps = true, .legal = true },
	{ "to a whole URL",
	  { SAY(TO("http://127.0.0.1:" PORT FINE)) },
	  .keeps = true,
	  .legal = true },
	{ "without a scheme", { SAY(TO("//127.0.0.1:" PORT FINE)) }, .keeps = true, .legal = true },
	{ "up and down", { SAY(TO("a/../.././/../fine?id=" ID)) }, .keeps = true, .legal = true },
	{ "with a fragment", { SAY(TO(FINE "#part")) }, .keeps = true, .legal = true },
	{ "once to itself",
	  { SAY(TO("/evil?id=" ID)) },
	  .once = true,
	  .keeps = true,
	  .legal = true,
	  .asked = 2 },
	{ "a loop",
	  { SAY(TO("/evil?id=" ID)) },
	  .class = "protocol",
	  .keeps = true,
	  .asked = 6,
	  .says = "5 redirects" },
	{ "a loop of permanent ones",
	  { SAY("HTTP/1.1 308 P\r\nLocation: /evil?id=" ID "\r\nContent-Length: 0\r\n\r\n") },
	  .class = "protocol",
	  .keeps = true,
	  .asked = 6 },
	{ "a loop that closes",
	  { SAY("HTTP/1.1 301 M\r\nLocation: /evil?id=" ID
		"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
	    CLOSE },
	  .class = "protocol",
	  .asked = 6 },
	{ "an empty Location", { SAY(TO("")) }, .class = "protocol", .keeps = true },
	{ "a fragment alone", { SAY(TO("#part")) }, .class = "protocol", .keeps = true },
	{ "no Location",
	  { SAY("HTTP/1.1 302 F\r\nContent-Length: 8\r\n\r\n" ID) },
	  .status = 302,
	  .keeps = true,
	  .legal = true },
	{ "300 with a Location",
	  { SAY("HTTP/1.1 300 M\r\nLocation: /evil\r\nContent-Length: 8\r\n\r\n" ID) },
	  .status = 300,
	  .keeps = true },
	{ "304 with a Location",
	  { SAY("HTTP/1.1 304 N\r\nLocation: /evil\r\n\r\n") },
	  .status = 304,
	  .body = "",
	  .keeps = true },
	{ "200 with a Location",
	  { SAY(STATUS "Location: /evil\r\nContent-Length: 8\r\n\r\n" ID) },
	  .keeps = true,
	  .legal = true },
	{ "to nobody's port",
	  { SAY(TO("http://127.0.0.1:1/")) },
	  .class = "refused",
	  .keeps = true },
	{ "to port 0",
	  { SAY(TO("http://127.0.0.1:0/")) },
	  .class = "protocol|refused",
	  .keeps = true },
	{ "to port 65536",
	  { SAY(TO("http://127.0.0.1:65536/")) },
	  .class = "protocol",
	  .keeps = true },
	{ "to port 80 + 2^16",
	  { SAY(TO("http://127.0.0.1:4294967376/")) },
	  .class = "protocol",
	  .keeps = true },
	{ "to no host", { SAY(TO("http:///fine")) }, .class = "protocol", .keeps = true },
	{ "to an open bracket", { SAY(TO("http://[::1/")) }, .class = "protocol", .keeps = true },
	{ "to a file", { SAY(TO("file:///etc/passwd")) }, .class = "protocol", .keeps = true },
	{ "to ftp", { SAY(TO("ftp://127.0.0.1/")) }, .class = "protocol", .keeps = true },
	{ "to gopher",
	  { SAY(TO("gopher://127.0.0.1:" PORT "/_x")) },
	  .class = "protocol",
	  .keeps = true },
	{ "to javascript", { SAY(TO("javascript:alert(1)")) }, .class = "protocol", .keeps = true },
	{ "to data", { SAY(TO("data:text/plain,hi")) }, .class = "protocol", .keeps = true },
	{ "to https, which nobody speaks",
	  { SAY(TO("https://127.0.0.1:" PORT FINE)) },
	  .class = "timeout(tls)",
	  .keeps = true },
	{ "with user and password",
	  { SAY(TO("http://user:secret@127.0.0.1:" PORT FINE)) },
	  .keeps = true },
	{ "with another's host before the at",
	  { SAY(TO("http://example.com@127.0.0.1:" PORT FINE)) },
	  .keeps = true },
	{ "with a blank",
	  { SAY(TO("/fine?id=" ID "&x=a b")) },
	  .class = "protocol",
	  .keeps = true },
	{ "with a tab", { SAY(TO("/fine?id=" ID "&x=a\tb")) }, .class = "protocol", .keeps = true },
	{ "with a control character",
	  { SAY(TO("/fine?id=" ID "&x=\x01")) },
	  .class = "protocol",
	  .keeps = true },
	{ "with CR", { SAY(TO("/fine?id=" ID "\rX-A: b")) }, .class = "protocol" },
	{ "with encoded CR LF",
	  { SAY(TO("/fine?id=" ID "&x=%0d%0aX-Smuggled:%20yes%0d%0a%0d%0aGET%20/evil")) },
	  .keeps = true,
	  .legal = true },
	{ "with NUL", { SAY(TO("/fine\0")) }, .class = "protocol" },
	{ "with a backslash",
	  { SAY(TO("http:\\\\127.0.0.1\\")) },
	  .class = "protocol|refused",
	  .keeps = true },
	{ "with UTF-8", { SAY(TO("/fine?id=" ID "&x=\xc3\xbc")) }, .keeps = true },
	{ "of 4 KiB", { MAKE(location_of_4_kib) }, .keeps = true, .legal = true },
	{ "of 100 KiB", { MAKE(location_of_100_kib) }, .class = "protocol", .keeps = true },
	{ "two Locations",
	  { SAY("HTTP/1.1 302 F\r\nLocation: " FINE "\r\nLocation: /evil?id=" ID
		"\r\nContent-Length: 0\r\n\r\n") },
	  .keeps = true },
	{ "cut off",
	  { SAY("HTTP/1.1 302 F\r\nLocation: " FINE "\r\nContent-Length: 8\r\n\r\nold"), CLOSE },
	  .class = "truncated" },
	{ "with an endless body",
	  { SAY("HTTP/1.1 302 F\r\nLocation: " FINE "\r\n\r\n"), FLOOD("0123456789abcdef") },
	  .class = "too_large" },
	{ "of POST",
	  { SAY("HTTP/1.1 307 T\r\nLocation: " FINE "\r\nContent-Length: 8\r\n\r\n" ID) },
	  .method = "POST",
	  .body_bytes = 10,
	  .status = 307,
	  .keeps = true },
};

const struct family evil_redirects = { "redirects", scripts, ARRAY_SIZE(scripts) };
