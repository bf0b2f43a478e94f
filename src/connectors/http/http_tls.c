/* http_tls.c - `tls:` and `insecure:`
 *
 * What this room is for: the words for io/trust.h, the same in `from: http` and in the step.
 * What flows through:    names of files, made absolute by the plan, into what the client keeps of them.
 * What must hold:        what contradicts itself is a mistake in the file. */
#include "connectors/http/http_tls.h"
#include "base/banned.h"

const struct opt tls_files_options[] = {
	OPT("ca", struct tls_files, ca, OPT_PATH, const char *,
	    .doc = "certificates (PEM) to believe instead of the system's"),
	OPT("cert", struct tls_files, cert, OPT_PATH, const char *,
	    .doc = "the certificate (PEM) to show, with those that lead to its CA"),
	OPT("key", struct tls_files, key, OPT_PATH, const char *,
	    .doc = "its key (PEM, without a password), if it is not in the same file"),
	OPT_END,
};

void tls_check(const struct tls_options *o, struct facts *facts, struct diag *diag)
{
	const struct tls_files *f = o->files;
	facts->insecure = o->insecure;
	if (!f)
		return;
	if (f->ca && o->insecure)
		diag_error(diag, "insecure",
			   "`tls: {ca: ...}` says whom to believe, `insecure` believes everybody: "
			   "choose one");
	if (f->key && !f->cert)
		diag_error(diag, "tls", "a key without its certificate: add cert: FILE");
	if (!f->ca && !f->cert && !f->key)
		diag_error(diag, "tls", "`tls` wants a file: ca, or cert and key");
}

int tls_open(const struct tls_options *o, struct site *site, const struct http_trust **ret,
	     struct err *err)
{
	const struct tls_files *f = o->files;
	*ret = NULL;
	if (!f)
		return 0;
	return http_client_trust(site_http(site),
				 &(struct http_trust_files){ f->ca, f->cert, f->key }, ret, err);
}
