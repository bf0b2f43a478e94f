/* digest.c - SHA-256, for keys that outlive the process and meet strangers
 *
 * What this room is for: base/hash.h is enough for tables; what is stored for a month, or decides whether somebody pays twice, wants
 *   a hash that nobody can make collide.
 * What flows through:    parts in, 32 bytes out; OpenSSL does the work.
 * What must hold:        see digest.h; the length goes in as eight bytes, least significant first, before the part. */
#include "io/digest.h"
#include "io/checksum.h"

#include <errno.h>
#include <openssl/evp.h>

int digest_init(struct digest *d)
{
	d->context_ = EVP_MD_CTX_new();
	if (!d->context_)
		return -ENOMEM;
	if (EVP_DigestInit_ex(d->context_, EVP_sha256(), NULL) == 1)
		return 0;
	digest_done(d);
	return -ENOMEM;
}

void digest_add(struct digest *d, struct slice part)
{
	unsigned char length[8];
	for (size_t i = 0; i < sizeof length; i++)
		length[i] = (unsigned char)((uint64_t)part.n >> (8 * i));
	/* Only a wrong call could make these fail. */
	int r = EVP_DigestUpdate(d->context_, length, sizeof length);
	ASSERT(r == 1);
	r = EVP_DigestUpdate(d->context_, part.p, part.n);
	ASSERT(r == 1);
}

void digest_end(struct digest *d, uint8_t ret[static DIGEST_BYTES])
{
	unsigned n = 0;
	int r = EVP_DigestFinal_ex(d->context_, ret, &n);
	ASSERT(r == 1 && n == DIGEST_BYTES);
	digest_done(d);
}

void digest_done(struct digest *d)
{
	EVP_MD_CTX_free(d->context_);
	d->context_ = NULL;
}

int digest_put_hex(const uint8_t digest[static DIGEST_BYTES], struct buf *out)
{
	return checksum_put_hex(digest, DIGEST_BYTES, out);
}
