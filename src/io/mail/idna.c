/* idna.c - domains in UTF-8 as the names that DNS has
 *
 * What this room is for: two functions of libidn2, which every Debian has (curl, apt and glibc's own resolver use it). The tables of UTS 46
 *   are a book; a second edition of them would only be a second opinion on which domain a name means.
 * What flows through:    one domain.
 * What must hold:        see idna.h. */
#include "io/mail/idna.h"
#include "io/library.h"
#include <pthread.h>

/* idn2.h: IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL */
#define LOOKUP_FLAGS (1 | 8)

static struct {
	int (*lookup)(const uint8_t *domain, uint8_t **ret, int flags);
	void (*release)(void *);
} idn;
static const struct library_call calls[] = {
	{ "idn2_lookup_u8", offsetof(__typeof__(idn), lookup) },
	{ "idn2_free", offsetof(__typeof__(idn), release) },
};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *missing; /* NULL: both are there */

static void find_calls(void)
{
	missing = library_find("libidn2.so.0", calls, ARRAY_SIZE(calls), &idn, "is too old");
}

const char *idna_to_ascii(struct slice domain, struct buf *out)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	uint8_t *ascii = NULL;
	const char *why = NULL;
	ASSERT(pthread_once(&once, find_calls) == 0);
	if (missing)
		return "a domain beyond ASCII needs the package libidn2-0, or is written as "
		       "xn--...";
	if (buf_add(&text, domain) < 0)
		return "its domain is too long";
	if (idn.lookup((const uint8_t *)text.p, &ascii, LOOKUP_FLAGS) != 0)
		return "its domain is none that IDNA allows";
	if (buf_add(out, slice_str((const char *)ascii)) < 0)
		why = "its domain is too long";
	idn.release(ascii);
	return why;
}
