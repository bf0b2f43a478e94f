/* serve.h - what the servers of the examples have in common: one handler, on a loopback port, until SIGTERM
 *
 * Life cycle: the port, 0 for any free one, is bound; the URL stands on stdout as soon as a client may come; then requests are
 *   answered until SIGINT or SIGTERM.
 * What must hold: whoever reads the first line of stdout can connect. */
#pragma once
#include "io/http/http_server.h"

struct service {
	const char *name; /* of the program, for messages */
	int port;
	http_handler *handle;
	void *arg;
};
int serve(const struct service *) SUSPENDS; /* the program's exit code */
