/* hook_address.h - where a webhook listens: 127.0.0.1:8080/hooks/orders */
#pragma once
#include "base/slice.h"

struct hook_address {
	struct slice text; /* owns nothing: borrows what was read */
	char host[64];     /* for http_server_open */
	uint16_t port;     /* 0: any free one */
	bool everywhere;   /* on all interfaces */
	struct slice path; /* without the '*' at its end */
	bool below;        /* it had one: all that begins with path */
};
/* HOST:PORT/PATH; without HOST all interfaces, without /PATH "/". 0, or -EINVAL with *why, static text. The text must stay. */
MUST int hook_address_read(struct slice text, struct hook_address *ret, const char **why);
/* Is it a delivery's path? Compared as it was sent: nothing is decoded, so nothing can be hidden in %2e%2e. */
bool hook_address_takes(const struct hook_address *, struct slice path);
