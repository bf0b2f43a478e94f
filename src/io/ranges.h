/* ranges.h - which addresses are meant, and what kind of address one is
 *
 * What this room is for: "10.0.0.0/8" in NO_PROXY and `allow:`, and the question whether an address is a public one.
 * What must hold: an IPv4 address inside an IPv6 one (::ffff:127.0.0.1, 64:ff9b::/96, 2002::/16) is judged as the IPv4 address that
 *   packets will reach. */
#pragma once
#include "io/dns.h"

struct net_range {
	union dns_address at; /* port 0 */
	unsigned bits;        /* of it that count */
};

/* "10.0.0.0/8", "192.168.1.7", "fd00::/8", "[::1]". false: none of these. */
bool net_range_parse(struct slice, struct net_range *ret);
bool net_range_has(const struct net_range *, const union dns_address *);

/* Public is what the IANA registries of special-purpose addresses (RFC 6890) do not list. */
enum net_kind {
	NET_PUBLIC,
	NET_LOOPBACK, /* 127.0.0.0/8, ::1 */
	NET_PRIVATE,  /* RFC 1918, RFC 6598 (100.64.0.0/10), RFC 4193 (fc00::/7) */
	NET_SPECIAL, /* link-local, where clouds keep credentials; multicast, reserved, documentation ... */
};
enum net_kind net_kind(const union dns_address *);
