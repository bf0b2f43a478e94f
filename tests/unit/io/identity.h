/* identity.h - keys and certificates made on the spot
 *
 *   struct identity ca = make_identity("test CA", NULL, 10, NULL);
 *   struct identity good = make_identity("localhost", "DNS:localhost,IP:127.0.0.1", 10, &ca); */
#pragma once
#include "base/lang.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ASSERT(e && X509_add_ext(cert, e, -1));
	X509_EXTENSION_free(e);
}

/* Valid from ten days ago to `days` from now; san NULL: a CA; issuer NULL: signed by itself. */
static struct identity make_identity(const char *name, const char *san, long days,
				     const struct identity *issuer)
{
	static long serial = 1;
	struct identity i = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
	const struct identity *by = issuer ? issuer : &i;
	X509_set_version(i.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(i.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(i.cert), -86400 * 10);
	X509_gmtime_adj(X509_getm_notAfter(i.cert), 86400 * days);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(i.cert), "CN", MBSTRING_UTF8,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(i.cert, X509_get_subject_name(by->cert));
	X509_set_pubkey(i.cert, i.key);
	if (san)
		add_extension(i.cert, by->cert, NID_subject_alt_name, san);
	else
		add_extension(i.cert, by->cert, NID_basic_constraints, "critical,CA:TRUE");
	ASSERT(X509_sign(i.cert, by->key, EVP_sha256()) > 0);
	return i;
}

static void identity_done(struct identity *i)
{
	EVP_PKEY_free(i->key);
	X509_free(i->cert);
}
