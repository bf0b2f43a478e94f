/* hook_lock.h - may this delivery come in? Signatures, tokens, passwords
 *
 * What this room is for: whoever finds the address can send to it. So a delivery proves that its sender knows a secret: by a
 *   signature over its bytes (HMAC), or by showing the secret itself in a header.
 * Life cycle: hook_lock_open evaluates the options once; hook_lock_check looks at each delivery and changes nothing.
 * What must hold: (1) what is compared takes as long whether it is right or wrong. (2) no answer and no message says what would have
 *   been right. (3) the signature is made over the bytes as they came, before anything is parsed. */
#pragma once
#include "engine/port.h"
#include "io/http/http_server.h"

struct hook_signature_options {
	int scheme;
	const char *header, *prefix, *timestamp;
	int algorithm, encoding;
	int64_t tolerance_ns;
};
struct hook_auth_options {
	struct tpl *bearer, *basic, *header;
};
struct hook_lock_options {
	struct opt_list secrets; /* v: struct tpl *[] */
	struct hook_signature_options *signature;
	struct hook_auth_options *auth;
};
extern const struct opt hook_signature_table[], hook_auth_table[];

#define HOOK_LOCK_OPTIONS(T, member)                                                              \
	OPT("signature", T, member.signature, OPT_TABLE, struct hook_signature_options *,         \
	    .sub = hook_signature_table, .sub_size = sizeof(struct hook_signature_options),       \
	    .tuning = true,                                                                       \
	    .doc = "what proves that a delivery is genuine: github, stripe, slack, standard, or " \
		   "{header: X-Signature, ...}"),                                                 \
		OPT("secret", T, member.secrets, OPT_LIST, struct opt_list, .of = OPT_TEMPLATE,   \
		    .secret = true, .at_plan = true, .tuning = true,                              \
		    .doc = "the signature's secret; a list while it is changed: each of them is " \
			   "good"),                                                               \
		OPT("auth", T, member.auth, OPT_TABLE, struct hook_auth_options *,                \
		    .sub = hook_auth_table, .sub_size = sizeof(struct hook_auth_options),         \
		    .tuning = true,                                                               \
		    .doc = "what senders must show: {bearer: TOKEN}, {basic: USER:PASSWORD} or "  \
			   "{header: 'X-Token: ...'}")

void hook_lock_plan(const struct hook_lock_options *, struct diag *);

struct hook_lock {
	const struct hook_signature_options *signature; /* NULL: none is asked for */
	struct slice *keys;                             /* in the arena */
	size_t key_count;
	struct slice header, shows; /* auth: the header and its value; empty: none */
	const char *scheme;         /* before it in any case: "Bearer"; NULL: none */
	const char *challenge;      /* for WWW-Authenticate; NULL: none */
};
MUST int hook_lock_open(const struct hook_lock_options *, struct arena *, struct hook_lock *ret,
			struct err *) SUSPENDS;
/* 0: it may come in. Else the status of the answer, 401 (nothing was shown) or 403 (it is wrong), and *why, static text. */
int hook_lock_check(const struct hook_lock *, const struct http_incoming *, int64_t wall_ns,
		    const char **why);
/* Slack asks an address to say what it was told before it sends anything: the value, with its quotes. */
bool hook_lock_asks(const struct hook_lock *, struct slice json, struct slice *ret_challenge);
