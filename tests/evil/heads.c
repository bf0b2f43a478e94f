/* heads.c - status lines and headers as they must not be
 *
 * What this room is for: everything before the body: who does not speak HTTP/1.1, who speaks it oddly, who never stops.
 * What flows through:    scripts (script.h).
 * What must hold:        a head that can be understood in two ways is refused; what RFC 9112 tells a reader to bear is borne. */
#include "script.h"

#define OK_WITH(header) STATUS header "\r\nContent-Length: 8\r\n\r\n" ID

/* 256 KiB of a value. */
static int long_value(struct buf *out, unsigned id)
{
	int r = buf_reserve(out, 256 << 10);
	(void)id;
	if (r < 0)
		return r;
	memset(out->p, 'x', 256 << 10);
	buf_added(out, 256 << 10);
	return 0;
}

static int header_of_200_kib(struct buf *out, unsigned id)
{
	return buf_printf(out, STATUS "X-Long: %0204800u\r\nContent-Length: 8\r\n\r\n%08u", 0u, id);
}

static int header_lines(struct buf *out, unsigned id, unsigned n)
{
	int r = buf_add(out, S(STATUS));
	for (unsigned i = 0; i < n && r == 0; i++)
		r = buf_printf(out, "X-%u: %u\r\n", i, i);
	return r < 0 ? r : buf_printf(out, "Content-Length: 8\r\n\r\n%08u", id);
}

static int headers_4000(struct buf *out, unsigned id)
{
	return header_lines(out, id, 4000);
}

static int headers_5000(struct buf *out, unsigned id)
{
	return header_lines(out, id, 5000);
}

static const struct script scripts[] = {
	/* not HTTP/1.1 at all */
	{ "HTTP/0.9", { SAY("<html>" ID "</html>"), CLOSE }, .class = "protocol" },
	{ "HTTP/2 settings",
	  { SAY("\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff"), HANG },
	  .class = "protocol" },
	{ "HTTP/2 preface",
	  { SAY("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HANG },
	  .class = "protocol" },
	{ "HTTP/2 in the status line",
	  { SAY("HTTP/2 200 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "SSH speaks first",
	  { SAY("SSH-2.0-OpenSSH_9.2p1\r\n"), HANG },
	  .greets = true,
	  .class = "protocol" },
	{ "SMTP speaks first",
	  { SAY("220 mail ESMTP\r\n"), HANG },
	  .greets = true,
	  .class = "protocol" },
	{ "ICY", { SAY("ICY 200 OK\r\nContent-Length: 8\r\n\r\n" ID) }, .class = "protocol" },
	{ "a TLS alert",
	  { SAY("\x15\x03\x01\0\x02\x02\x46"), CLOSE },
	  .class = "protocol",
	  .says = "https" },
	{ "a request for an answer",
	  { SAY("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), HANG },
	  .class = "protocol" },
	{ "binary garbage", { SAY("\x93\0\xff\x1b[2J\a\a\0\0\n\n"), HANG }, .class = "protocol" },

	/* status lines */
	{ "garbage before the answer", { SAY("garbage\r\n" GOOD) }, .class = "protocol" },
	{ "an empty line before the answer", { SAY("\r\n" GOOD) }, .class = "protocol" },
	{ "a byte order mark before the answer",
	  { SAY("\xef\xbb\xbf" GOOD) },
	  .class = "protocol" },
	{ "lower-case status line",
	  { SAY("http/1.1 200 ok\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "no status", { SAY("HTTP/1.1\r\nContent-Length: 8\r\n\r\n" ID) }, .class = "protocol" },
	{ "a status of two digits",
	  { SAY("HTTP/1.1 20 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "a status of four digits",
	  { SAY("HTTP/1.1 2000 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "a negative status",
	  { SAY("HTTP/1.1 -20 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "status 000",
	  { SAY("HTTP/1.1 000 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "status 999",
	  { SAY("HTTP/1.1 999 Denied\r\nContent-Length: 8\r\n\r\n" ID) },
	  .status = 999,
	  .keeps = true,
	  .legal = true },
	{ "two blanks before the status",
	  { SAY("HTTP/1.1  200 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "a tab before the status",
	  { SAY("HTTP/1.1\t200 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "no reason",
	  { SAY("HTTP/1.1 200\r\nContent-Length: 8\r\n\r\n" ID) },
	  .keeps = true,
	  .legal = true },
	{ "line feeds alone",
	  { SAY("HTTP/1.1 200 OK\nContent-Length: 8\n\n" ID) },
	  .keeps = true,
	  .legal = true },
	{ "HTTP/1.7", { SAY("HTTP/1.7 200 OK\r\nContent-Length: 8\r\n\r\n" ID) }, .keeps = true },
	{ "HTTP/1.10",
	  { SAY("HTTP/1.10 200 OK\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "NUL in the reason",
	  { SAY("HTTP/1.1 200 O\0K\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "CR in the reason",
	  { SAY("HTTP/1.1 200 OK\rContent-Length: 2\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "endless status line", { SAY("HTTP/1.1 200 "), FLOOD("long ") }, .class = "too_large" },

	/* header lines */
	{ "NUL in a value", { SAY(OK_WITH("X-A: b\0c")) }, .class = "protocol" },
	{ "NUL in a name", { SAY(OK_WITH("X\0A: b")) }, .class = "protocol" },
	{ "CR in a value", { SAY(OK_WITH("X-A: b\rContent-Length: 2")) }, .class = "protocol" },
	{ "a folded line", { SAY(OK_WITH("X-A: b\r\n c")) }, .class = "protocol" },
	{ "a folded first line",
	  { SAY(STATUS " X-A: b\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "a folded length",
	  { SAY(STATUS "Content-Length:\r\n 8\r\n\r\n" ID) },
	  .class = "protocol" },
	{ "a blank before the colon", { SAY(OK_WITH("X-A : b")) }, .class = "protocol" },
	{ "no colon", { SAY(OK_WITH("what is this")) }, .class = "protocol" },
	{ "no name", { SAY(OK_WITH(": b")) }, .class = "protocol" },
	{ "a name of UTF-8", { SAY(OK_WITH("Gr\xc3\xbc\xc3\x9f: b")) }, .class = "protocol" },
	{ "values beyond ASCII",
	  { SAY(OK_WITH("X-A: \xff\xfe\x80")) },
	  .keeps = true,
	  .legal = true },
	{ "an empty value", { SAY(OK_WITH("X-A:")) }, .keeps = true, .legal = true },
	{ "names in odd case",
	  { SAY(STATUS "cOnTeNt-LeNgTh: 8\r\n\r\n" ID) },
	  .keeps = true,
	  .legal = true },
	{ "4,000 headers", { MAKE(headers_4000) }, .keeps = true },
	{ "5,000 headers", { MAKE(headers_5000) }, .class = "too_large" },
	{ "a header of 200 KiB", { MAKE(header_of_200_kib) }, .keeps = true },
	{ "a header of 1 MiB",
	  { SAY(STATUS "X-Long: "), MAKE(long_value), MAKE(long_value), MAKE(long_value),
	    MAKE(long_value), SAY("\r\nContent-Length: 8\r\n\r\n" ID) },
	  .class = "too_large" },
	{ "endless header",
	  { SAY(STATUS "X-A: "), FLOOD("xxxxxxxxxxxxxxxx") },
	  .class = "too_large" },
	{ "endless headers", { SAY(STATUS), FLOOD("X-A: b\r\n") }, .class = "too_large" },
	{ "endless header name", { SAY(STATUS), FLOOD("xxxxxxxxxxxxxxxx") }, .class = "too_large" },
	{ "endless carriage returns",
	  { SAY(STATUS), FLOOD("\r\r\r\r\r\r\r\r") },
	  .class = "too_large|protocol" },

	/* interim answers */
	{ "interim answers",
	  { SAY("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" GOOD) },
	  .keeps = true,
	  .legal = true },
	{ "an interim answer with a length",
	  { SAY("HTTP/1.1 103 Early\r\nContent-Length: 8\r\n\r\n" GOOD) },
	  .keeps = true,
	  .legal = true },
	{ "an interim answer with a body",
	  { SAY("HTTP/1.1 103 Early\r\nContent-Length: 8\r\n\r\n" NOBODYS GOOD) },
	  .class = "protocol" },
	{ "endless interim answers",
	  { FLOOD("HTTP/1.1 100 Continue\r\n\r\n") },
	  .class = "protocol" },
	{ "endless large interim answers",
	  { FLOOD("HTTP/1.1 103 Early\r\nX-A: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n") },
	  .class = "protocol|too_large" },
	{ "101 to a WebSocket",
	  { SAY("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
		"upgrade\r\n\r\n\x81\2hi") },
	  .class = "protocol" },
	{ "101 to HTTP/2",
	  { SAY("HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n\0\0\0\4\0\0\0\0\0"),
	    HANG },
	  .class = "protocol" },
};

const struct family evil_heads = { "heads", scripts, ARRAY_SIZE(scripts) };
