/* trust.c - whom to believe, and who we are
 *
 * What this room is for: servers of a company's own CA, and servers that want to see a certificate.
 * What flows through:    names of files in, a context for OpenSSL out; there are few, so they stand in a list.
 * What must hold:        see trust.h. */
#include "io/trust.h"
#include "io/tls.h"
#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static char *copy(const char *s)
{
	return s ? xstrndup(s, strlen(s)) : NULL;
}

static void trust_free(struct http_trust *t)
{
	if (!t)
		return;
	tls_context_free(t->tls);
	free(t->ca);
	free(t->cert);
	free(t->key);
	free(t);
}

static void trust_freep(struct http_trust **t)
{
	trust_free(*t);
}

/* What others than its origin get: nothing to show. */
static int find_stranger(struct http_trust **list, struct http_trust *t, struct err *err)
{
	if (!t->cert)
		t->stranger = t;
	if (!t->cert || !t->ca)
		return 0;
	return http_trust_find(list, &(struct http_trust_files){ .ca = t->ca }, &t->stranger, err);
}

int http_trust_find(struct http_trust **list, const struct http_trust_files *f,
		    const struct http_trust **ret, struct err *err)
{
	*ret = NULL;
	for (struct http_trust *t = *list; t; t = t->next) {
		if (same(t->ca, f->ca) && same(t->cert, f->cert) && same(t->key, f->key)) {
			*ret = t;
			return 0;
		}
	}
	AUTO(trust_freep) struct http_trust *t = xcalloc(1, sizeof(*t));
	t->ca = copy(f->ca);
	t->cert = copy(f->cert);
	t->key = copy(f->key);
	if (tls_context_new(f->ca, &t->tls, err) < 0 ||
	    (f->cert && tls_context_show(t->tls, f->cert, f->key, err) < 0) ||
	    find_stranger(list, t, err) < 0)
		return -1;
	t->next = *list;
	*ret = *list = t;
	(void)take(t);
	return 0;
}

void http_trust_free_all(struct http_trust *t)
{
	while (t) {
		struct http_trust *next = t->next;
		trust_free(t);
		t = next;
	}
}
