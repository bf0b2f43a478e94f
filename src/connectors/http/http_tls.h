/* http_tls.h - `tls:` and `insecure:`: whom an http source or step believes, and what it shows of itself
 *
 * What must hold: a client certificate is shown to the origin it was written for only (io/trust.h); not checking certificates is
 *   a fact of the place, which every run says aloud. */
#pragma once
#include "engine/port.h"
#include "io/http.h"

struct tls_files {
	const char *ca, *cert, *key;
};
struct tls_options {
	struct tls_files *files;
	bool insecure;
};
extern const struct opt tls_files_options[];

/* Two lines of an option table. */
#define TLS_OPTIONS(T, member)                                                                  \
	OPT("tls", T, member.files, OPT_TABLE, struct tls_files *, .sub = tls_files_options,    \
	    .sub_size = sizeof(struct tls_files), .tuning = true,                               \
	    .doc = "a CA of one's own, and a certificate to show: {ca: FILE, cert: FILE, key: " \
		   "FILE}"),                                                                    \
		OPT("insecure", T, member.insecure, OPT_BOOL, bool, .tuning = true,             \
		    .doc = "do not check the server's certificate")

void tls_check(const struct tls_options *, struct facts *, struct diag *); /* in plan() */
/* In open(). *ret is NULL when nothing is given. */
MUST int tls_open(const struct tls_options *, struct site *, const struct http_trust **ret,
		  struct err *);
