/* ranges.c - which addresses are meant, and what kind of address one is
 *
 * What this room is for: two questions about addresses, asked when a connection is made and never before: a name says nothing about
 *   where it leads.
 * What flows through:    text into ranges; an address against a table of them.
 * What must hold:        see ranges.h. The table is searched in order; the first range that has the address decides. */
#include "io/ranges.h"
#include "base/units.h"
#include <arpa/inet.h>
#include <string.h>

static const unsigned char *bytes_of(const union dns_address *a, unsigned *ret_bits)
{
	bool v6 = a->any.sa_family == AF_INET6;
	*ret_bits = v6 ? 128 : 32;
	return v6 ? (const unsigned char *)&a->v6.sin6_addr
		  : (const unsigned char *)&a->v4.sin_addr;
}

bool net_range_parse(struct slice text, struct net_range *ret)
{
	struct slice host, bits;
	unsigned most;
	int64_t n;
	bool has_bits = slice_cut(text, '/', &host, &bits);
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = slice_head(slice_from(host, 1), host.n - 2);
	*ret = (struct net_range){ 0 };
	if (!dns_address_parse(host, &ret->at))
		return false;
	(void)bytes_of(&ret->at, &most);
	ret->bits = most;
	if (!has_bits)
		return true;
	if (units_int(bits, &n) < 0 || n < 0 || n > most)
		return false;
	ret->bits = (unsigned)n;
	return true;
}

bool net_range_has(const struct net_range *r, const union dns_address *a)
{
	unsigned most, whole = r->bits / 8, rest = r->bits % 8;
	const unsigned char *x = bytes_of(a, &most), *y = bytes_of(&r->at, &most);
	if (a->any.sa_family != r->at.any.sa_family || memcmp(x, y, whole) != 0)
		return false;
	return rest == 0 || ((x[whole] ^ y[whole]) >> (8 - rest)) == 0;
}

/* ---- kinds ------------------------------------------------------------------------------------------- */

static const struct {
	unsigned char at[4], bits;
	enum net_kind kind;
} v4_kinds[] = {
	{ { 127 }, 8, NET_LOOPBACK },         { { 10 }, 8, NET_PRIVATE },
	{ { 172, 16 }, 12, NET_PRIVATE },     { { 192, 168 }, 16, NET_PRIVATE },
	{ { 100, 64 }, 10, NET_PRIVATE },     { { 0 }, 8, NET_SPECIAL },
	{ { 169, 254 }, 16, NET_SPECIAL },    { { 192, 0, 0 }, 24, NET_SPECIAL },
	{ { 192, 0, 2 }, 24, NET_SPECIAL },   { { 192, 88, 99 }, 24, NET_SPECIAL },
	{ { 198, 18 }, 15, NET_SPECIAL },     { { 198, 51, 100 }, 24, NET_SPECIAL },
	{ { 203, 0, 113 }, 24, NET_SPECIAL }, { { 224 }, 4, NET_SPECIAL },
	{ { 240 }, 4, NET_SPECIAL },
};

static enum net_kind v4_kind(const unsigned char ip[4])
{
	uint32_t x = (uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3];
	for (size_t i = 0; i < ARRAY_SIZE(v4_kinds); i++) {
		const unsigned char *at = v4_kinds[i].at;
		uint32_t y = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
			     at[3];
		if (((x ^ y) >> (32 - v4_kinds[i].bits)) == 0)
			return v4_kinds[i].kind;
	}
	return NET_PUBLIC;
}

/* An IPv6 address that stands for an IPv4 one, and where that is inside. */
static bool holds_v4(const unsigned char ip[16], const unsigned char **ret)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291 */
	static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };    /* RFC 6052 */
	static const unsigned char compatible[12] = { 0 };                    /* RFC 4291 */
	bool to4 = ip[0] == 0x20 && ip[1] == 0x02;                            /* RFC 3056 */
	*ret = to4 ? ip + 2 : ip + 12;
	if (to4 || memcmp(ip, mapped, 12) == 0 || memcmp(ip, nat64, 12) == 0)
		return true;
	return memcmp(ip, compatible, 12) == 0 && (ip[12] || ip[13]); /* but not :: and ::1 */
}

static enum net_kind v6_kind(const unsigned char ip[16])
{
	static const unsigned char loopback[16] = { [15] = 1 };
	const unsigned char *v4;
	if (memcmp(ip, loopback, 16) == 0)
		return NET_LOOPBACK;
	if (holds_v4(ip, &v4))
		return v4_kind(v4);
	if ((ip[0] & 0xfe) == 0xfc)
		return NET_PRIVATE;
	if ((ip[0] & 0xe0) != 0x20) /* only 2000::/3 has been given out */
		return NET_SPECIAL;
	if (ip[0] == 0x20 && ip[1] == 0x01 &&
	    (ip[2] & 0xfe) == 0) /* 2001::/23: Teredo and others */
		return NET_SPECIAL;
	if (ip[0] == 0x20 && ip[1] == 0x01 && ip[2] == 0x0d && ip[3] == 0xb8)
		return NET_SPECIAL;
	return NET_PUBLIC;
}

enum net_kind net_kind(const union dns_address *a)
{
	unsigned bits;
	const unsigned char *ip = bytes_of(a, &bits);
	return bits == 32 ? v4_kind(ip) : v6_kind(ip);
}
