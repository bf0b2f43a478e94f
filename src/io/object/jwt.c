/* jwt.c - RS256 by OpenSSL
 *
 * What this room is for: service accounts prove who they are without sending their key.
 * What flows through:    claims in, one line of text out; once an hour.
 * What must hold:        see jwt.h. OpenSSL's queue of errors is left empty: TLS reads it too. */
#include "io/object/jwt.h"
#include "base/json.h"
#include "io/db/db_base64.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

struct jwt_key {
	EVP_PKEY *key;
};

/* An encrypted key must not ask the terminal for its password. */
static int no_password(char *out, int cap, int writing, void *arg)
{
	(void)out;
	(void)cap;
	(void)writing;
	(void)arg;
	return -1;
}

struct jwt_key *jwt_key_new(struct slice pem, const char **why)
{
	BIO *bio = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	*why = key ? "not an RSA key" : "not a PEM private key";
	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		EVP_PKEY_free(key);
		return NULL;
	}
	struct jwt_key *k = xmalloc(sizeof(*k));
	*k = (struct jwt_key){ key };
	return k;
}

void jwt_key_free(struct jwt_key *k)
{
	if (k)
		EVP_PKEY_free(k->key);
	freep(&k);
}

void jwt_key_freep(struct jwt_key **k)
{
	jwt_key_free(take(*k));
}

/* The other alphabet of RFC 4648 (section 5), without padding. */
static int put_base64url(struct slice bytes, struct buf *out)
{
	size_t from = out->n;
	int r = db_base64_put(bytes, out);
	if (r < 0)
		return r;
	for (size_t i = from; i < out->n; i++)
		out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
	while (out->n > from && out->p[out->n - 1] == '=')
		buf_truncate(out, out->n - 1);
	return 0;
}

static int put_header(struct slice key_id, struct buf *out)
{
	AUTO(buf_done) struct buf json = { 0 };
	struct json_writer w = json_writer(&json);
	json_open(&w, '{');
	json_key(&w, "alg");
	json_put_string(&w, S("RS256"));
	json_key(&w, "typ");
	json_put_string(&w, S("JWT"));
	if (key_id.n) {
		json_key(&w, "kid");
		json_put_string(&w, key_id);
	}
	json_close(&w, '}');
	int r = json_writer_end(&w);
	return r < 0 ? r : put_base64url(buf_slice(&json), out);
}

static int sign(EVP_PKEY *key, struct slice text, struct buf *out)
{
	size_t n = (size_t)EVP_PKEY_get_size(key);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int r = buf_reserve(out, n);
	if (r == 0 &&
	    (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	     EVP_DigestSign(context, (unsigned char *)out->p + out->n, &n,
			    (const unsigned char *)text.p, text.n) != 1))
		r = -EIO;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	if (r == 0)
		buf_added(out, n);
	return r;
}

int jwt_put(const struct jwt_key *k, struct slice key_id, struct slice claims, struct buf *out)
{
	AUTO(buf_done) struct buf text = { 0 }, signature = { 0 };
	int r = put_header(key_id, &text);
	r = r < 0 ? r : buf_add_char(&text, '.');
	r = r < 0 ? r : put_base64url(claims, &text);
	r = r < 0 ? r : sign(k->key, buf_slice(&text), &signature);
	r = r < 0 ? r : buf_add_char(&text, '.');
	r = r < 0 ? r : put_base64url(buf_slice(&signature), &text);
	return r < 0 ? r : buf_add(out, buf_slice(&text));
}
