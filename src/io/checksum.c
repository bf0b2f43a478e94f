/* checksum.c - MD5, SHA-256 and HMAC as object stores, their signatures and those of hooks want them
 *
 * What this room is for: one small door to OpenSSL for all stores.
 * What flows through:    bytes in, sums out; nothing is kept.
 * What must hold:        see checksum.h. A process in which MD5 is forbidden (FIPS) stops here with a sentence, at the first sum: a store
 *   cannot prove its objects without it. */
#include "io/checksum.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *algorithm(enum checksum_kind kind)
{
	return kind == CHECKSUM_MD5 ? EVP_md5() : EVP_sha256();
}

int checksum_init(struct checksum *c, enum checksum_kind kind)
{
	c->context_ = EVP_MD_CTX_new();
	if (!c->context_)
		return -ENOMEM;
	if (EVP_DigestInit_ex(c->context_, algorithm(kind), NULL) == 1)
		return 0;
	checksum_done(c);
	return -ENOMEM;
}

void checksum_add(struct checksum *c, struct slice bytes)
{
	int r = EVP_DigestUpdate(c->context_, bytes.p, bytes.n);
	ASSERT(r == 1);
}

void checksum_end(struct checksum *c, uint8_t *ret)
{
	unsigned n = 0;
	int r = EVP_DigestFinal_ex(c->context_, ret, &n);
	ASSERT(r == 1 && (n == MD5_BYTES || n == SHA256_BYTES));
	checksum_done(c);
}

void checksum_done(struct checksum *c)
{
	EVP_MD_CTX_free(c->context_);
	c->context_ = NULL;
}

void checksum_md5(struct slice bytes, uint8_t ret[static MD5_BYTES])
{
	unsigned n = 0;
	int r = EVP_Digest(bytes.p, bytes.n, ret, &n, EVP_md5(), NULL);
	ASSERT(r == 1 && n == MD5_BYTES);
}

void checksum_sha256(struct slice bytes, uint8_t ret[static SHA256_BYTES])
{
	unsigned n = 0;
	int r = EVP_Digest(bytes.p, bytes.n, ret, &n, EVP_sha256(), NULL);
	ASSERT(r == 1 && n == SHA256_BYTES);
}

size_t checksum_hmac_of(enum hmac_kind kind, struct slice key, struct slice text,
			uint8_t ret[static HMAC_BYTES_MAX])
{
	const EVP_MD *md = kind == HMAC_SHA256   ? EVP_sha256()
			   : kind == HMAC_SHA512 ? EVP_sha512()
						 : EVP_sha1();
	unsigned n = 0;
	ASSERT(key.n <= INT32_MAX);
	/* A NULL key would mean the key of the call before. */
	const char *p = key.p ? key.p : "";
	unsigned char *r = HMAC(md, p, (int)key.n, (const unsigned char *)text.p, text.n, ret, &n);
	ASSERT(r && n <= HMAC_BYTES_MAX);
	return n;
}

void checksum_hmac(struct slice key, struct slice text, uint8_t ret[static SHA256_BYTES])
{
	uint8_t mac[HMAC_BYTES_MAX];
	size_t n = checksum_hmac_of(HMAC_SHA256, key, text, mac);
	ASSERT(n == SHA256_BYTES);
	memcpy(ret, mac, n);
}

bool checksum_same(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

int checksum_put_hex(const uint8_t *bytes, size_t n, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	int r = buf_reserve(out, 2 * n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		out->p[out->n + 2 * i] = hex[bytes[i] >> 4];
		out->p[out->n + 2 * i + 1] = hex[bytes[i] & 15];
	}
	if (r == 0)
		buf_added(out, 2 * n);
	return r;
}
