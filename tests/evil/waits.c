/* waits.c - Retry-After with anything in it
 *
 * What this room is for: a wish that pauses a lane must not be able to stop it for good, nor to turn time back.
 * What flows through:    scripts (script.h); wait_ns is what http_retry_after_ns must make of it.
 * What must hold:        seconds and HTTP dates (RFC 9110 10.2.3), up to ten years; all else is no wish at all. */
#include "script.h"

#define BUSY(lines)                                                                           \
	{ SAY("HTTP/1.1 429 Busy\r\n" lines "Content-Length: 8\r\n\r\n" ID) }, .status = 429, \
									       .keeps = true
#define WAIT(value) BUSY("Retry-After:" value "\r\n")

static const struct script scripts[] = {
	{ "no wish", BUSY(""), .legal = true },
	{ "2 s", WAIT(" 2"), .wait_ns = 2 * HK_SEC, .legal = true },
	{ "blanks around", WAIT(" \t 2 \t "), .wait_ns = 2 * HK_SEC, .legal = true },
	{ "1e9 s", WAIT(" 1000000000"), .legal = true },
	{ "ten years", WAIT(" 315360000"), .wait_ns = 315360000 * HK_SEC },
	{ "2^63 s", WAIT(" 9223372036854775808") },
	{ "2^63 ns in s", WAIT(" 9223372037") },
	{ "forty digits", WAIT(" 9999999999999999999999999999999999999999") },
	{ "0 s", WAIT(" 0") },
	{ "a negative wait", WAIT(" -5") },
	{ "minus 2^63", WAIT(" -9223372036854775808") },
	{ "half a second", WAIT(" 0.5"), .wait_ns = HK_SEC / 2 },
	{ "an exponent", WAIT(" 1e9") },
	{ "hexadecimal", WAIT(" 0x10") },
	{ "a unit", WAIT(" 5s") },
	{ "text", WAIT(" soon") },
	{ "empty", WAIT("") },
	{ "NaN", WAIT(" NaN") },
	{ "infinity", WAIT(" inf") },
	{ "a list", WAIT(" 1, 2") },
	{ "several", BUSY("Retry-After: 3\r\nRetry-After: 7\r\n"), .wait_ns = 3 * HK_SEC },
	{ "several, the first garbage", BUSY("Retry-After: soon\r\nRetry-After: 7\r\n") },
	{ "a date in the past", WAIT(" Sun, 06 Nov 1994 08:49:37 GMT"), .legal = true },
	{ "a date ahead", WAIT(" Wed, 01 Jan 2031 00:00:00 GMT"), .wait_ns = -1, .legal = true },
	{ "a date of RFC 850", WAIT(" Wednesday, 01-Jan-31 00:00:00 GMT"), .wait_ns = -1 },
	{ "a date of asctime", WAIT(" Wed Jan  1 00:00:00 2031"), .wait_ns = -1 },
	{ "the year 9999", WAIT(" Fri, 31 Dec 9999 23:59:59 GMT") },
	{ "February 31", WAIT(" Mon, 31 Feb 2031 00:00:00 GMT") },
	{ "another time zone", WAIT(" Wed, 01 Jan 2031 00:00:00 +0200") },
	{ "an ISO date", WAIT(" 2031-01-01T00:00:00Z") },
	{ "a date without its end", WAIT(" Wed, 01 Jan 2031 00:") },
	{ "percent n", WAIT(" %n%n%s%s") },
};

const struct family evil_waits = { "waits", scripts, ARRAY_SIZE(scripts) };
