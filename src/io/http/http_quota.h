/* http_quota.h - what an answer says about when to come back: Retry-After, RateLimit, x-ratelimit-*
 *
 * What this room is for: nearly every API tells what is left of a quota before it refuses, each in its own dialect.
 * What must hold: (1) what is not understood whole says nothing: the 429 that follows will teach. (2) times that the far side
 *   names are read by its own clock, when it sends one (Date). (3) nothing here makes anybody wait longer than 25 hours. */
#pragma once
#include "io/http.h"

struct http_quota {
	int64_t left;     /* so many requests may still come ... */
	int64_t reset_ns; /* ... until then, from now */
};
/* The tightest of what is told. Dialects: RateLimit of all IETF drafts (one field or three, RateLimit-Policy), x-ratelimit-*,
 * x-rate-limit-* and *-ratelimit-* with a resource before or behind (…-remaining-tokens); resets as seconds from now, epoch in
 * seconds or milliseconds, "6m0s", RFC 3339, HTTP date, and -reset-after. */
bool http_quota_get(const struct http_response *, struct http_quota *ret);
