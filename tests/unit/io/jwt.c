/* jwt.c - tests of signed statements (src/io/object/jwt.c): verified by OpenSSL itself, and what is no key */
#include "io/object/jwt.h"
#include "check.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* A key of 2,048 bits, made for this test: PKCS #8 and PKCS #1, as PEM. */
static EVP_PKEY *make_key(struct buf *pkcs8, struct buf *pkcs1)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	ASSERT(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	long n = BIO_get_mem_data(bio, &p);
	ASSERT(buf_add(pkcs8, (struct slice){ p, (size_t)n }) == 0);
	BIO_reset(bio);
	ASSERT(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	n = BIO_get_mem_data(bio, &p);
	ASSERT(buf_add(pkcs1, (struct slice){ p, (size_t)n }) == 0);
	BIO_free(bio);
	return key;
}

/* Plain, and slow: shares nothing with the code that writes. */
static size_t from_base64url(struct slice s, unsigned char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = 0;
	unsigned bits = 0, have = 0;
	for (size_t i = 0; i < s.n; i++) {
		const char *at = strchr(digits, s.p[i]);
		ASSERT(at && s.p[i]);
		bits = bits << 6 | (unsigned)(at - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (unsigned char)(bits >> have);
		}
	}
	return n;
}

static bool verifies(EVP_PKEY *key, struct slice text, struct slice signature)
{
	unsigned char bytes[1024];
	size_t n = from_base64url(signature, bytes);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestVerify(c, bytes, n, (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(c);
	return good;
}

static void check_jwt(EVP_PKEY *verifier, struct slice pem)
{
	AUTO(jwt_key_freep) struct jwt_key *key = NULL;
	AUTO(buf_done) struct buf out = { 0 };
	struct slice header, rest, claims = { 0 }, signature = { 0 };
	unsigned char plain[1024];
	const char *why = NULL;
	key = jwt_key_new(pem, &why);
	CHECK(key != NULL);
	if (!key)
		return;
	CHECK_INT(jwt_put(key, S("k\"1"), S("{\"iss\":\"me~?>\"}"), &out), 0);
	CHECK(slice_cut(buf_slice(&out), '.', &header, &rest) &&
	      slice_cut(rest, '.', &claims, &signature));
	CHECK(!memchr(out.p, '=', out.n) && !memchr(out.p, '+', out.n) &&
	      !memchr(out.p, '/', out.n));
	size_t n = from_base64url(header, plain);
	CHECK_SLICE(((struct slice){ (char *)plain, n }),
		    S("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k\\\"1\"}"));
	n = from_base64url(claims, plain);
	CHECK_SLICE(((struct slice){ (char *)plain, n }), S("{\"iss\":\"me~?>\"}"));
	struct slice text = { out.p, (size_t)(signature.p - out.p) - 1 };
	CHECK(verifies(verifier, text, signature));
	text.n--;
	CHECK(!verifies(verifier, text, signature));
}

TEST(what_is_signed_is_what_is_sent)
{
	AUTO(buf_done) struct buf pkcs8 = { 0 }, pkcs1 = { 0 };
	EVP_PKEY *key = make_key(&pkcs8, &pkcs1);
	check_jwt(key, buf_slice(&pkcs8));
	check_jwt(key, buf_slice(&pkcs1));
	EVP_PKEY_free(key);
}

TEST(what_is_no_key)
{
	AUTO(buf_done) struct buf pem = { 0 }, none = { 0 };
	EVP_PKEY *rsa = make_key(&pem, &none), *curve = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	const char *why = NULL;
	CHECK(!jwt_key_new(S(""), &why));
	CHECK(!jwt_key_new(S("-----BEGIN PRIVATE KEY-----\nnope\n-----END PRIVATE KEY-----\n"),
			   &why));
	CHECK_STR(why, "not a PEM private key");
	CHECK(!jwt_key_new(slice_head(buf_slice(&pem), pem.n / 2), &why));
	ASSERT(PEM_write_bio_PKCS8PrivateKey(bio, curve, NULL, NULL, 0, NULL, NULL) == 1);
	long n = BIO_get_mem_data(bio, &p);
	CHECK(!jwt_key_new((struct slice){ p, (size_t)n }, &why));
	CHECK_STR(why, "not an RSA key");
	BIO_reset(bio);
	/* Locked by a password: the terminal is not asked. */
	ASSERT(PEM_write_bio_PKCS8PrivateKey(bio, rsa, EVP_aes_128_cbc(), "secret", 6, NULL,
					     NULL) == 1);
	n = BIO_get_mem_data(bio, &p);
	CHECK(!jwt_key_new((struct slice){ p, (size_t)n }, &why));
	CHECK_STR(why, "not a PEM private key");
	CHECK_INT((intmax_t)ERR_peek_error(), 0);
	BIO_free(bio);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(curve);
}

static const struct test tests[] = {
	T(what_is_signed_is_what_is_sent),
	T(what_is_no_key),
};

int main(void)
{
	return RUN_TESTS(tests);
}
