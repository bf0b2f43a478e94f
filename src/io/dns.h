/* dns.h - names to addresses, off the loop, with a short memory
 *
 * What this room is for: getaddrinfo() blocks, so it runs in the pool; a thousand requests to one host ask once.
 * What must hold: (1) an answer is used for 30 s, a failure for 1 s. (2) one look-up per name at a time: who comes
 *   later waits for it. Whoever is cancelled leaves at once; the answer is remembered though it came too late. (3) numeric
 *   addresses are never looked up. (4) at most DNS_MAX names are remembered. */
#pragma once
#include "base/slice.h"
#include <netinet/in.h>
#include <sys/socket.h>

#define DNS_MAX       4096
#define DNS_ADDRESSES 8 /* of one name; more are ignored */
#define DNS_NAME_MAX  255

struct dns;
union dns_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};
struct dns_answer {
	unsigned n;
	union dns_address at[DNS_ADDRESSES]; /* in the resolver's order; port 0 */
};

/* Asks the world, in a thread of a pool: NULL, or why (static) there is no address. May block. */
typedef const char *dns_ask(void *arg, const char *host, struct dns_answer *ret);

struct dns *dns_new(void); /* asks the system */
struct dns *dns_new_asking(dns_ask *, void *arg);
/* No task may be in dns_lookup; calls of cancelled ones may still be on the way, and use ask's arg. Accepts NULL. */
void dns_free(struct dns *);
/* 0; -ECANCELED; -ENOENT with *why (static): the name has no address, or nobody could say. */
MUST int dns_lookup(struct dns *, struct slice host, struct dns_answer *ret,
		    const char **why) SUSPENDS;
socklen_t dns_address_size(const union dns_address *);
void dns_address_set_port(union dns_address *, uint16_t);
/* A numeric address, without brackets; port 0. */
bool dns_address_parse(struct slice, union dns_address *ret);
/* The address as text, for messages: "127.0.0.1", "::1". */
const char *dns_address_text(const union dns_address *, char out[64]);
