/* public_http.h - what the public client and server share
 *
 * What must hold: the two files above this know no bytes and no state machine: they turn C strings into slices, slices into C
 *   strings, and one kind of error into the other. */
#pragma once
#include "io/http.h"
#include <hocket/http.h>

/* Tells the story of an inner failure; error may be NULL. Returns the code that goes with it, < 0. */
MUST int public_error(const struct err *, struct hk_http_error *error);
/* The other outcome: 0. */
MUST int public_ok(struct hk_http_error *error);
/* What a client is made of, held until it is released: it is not freed before. */
struct http_client *public_client_hold(struct hk_http_client *);
void public_client_release(struct hk_http_client *);
/* Each as C strings into out, which has room for them. Borrows: received names and values have a 0 behind them. */
void public_headers(const struct http_header *, size_t n, struct hk_http_header *out);
/* The first one of that name, in any case; NULL: none. */
const char *public_header(const struct hk_http_header *, size_t n, const char *name);
