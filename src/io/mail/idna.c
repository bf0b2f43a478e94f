/* idna.c - domains in UTF-8 as the names that DNS has
 *
 * What this room is for: two functions of libidn2, which every Debian has (curl, apt and glibc's own resolver use it). The tables of UTS 46
 *   are a book; a second edition of them would only be a second opinion on which domain a name means.
 * What flows through:    one domain.
 * What must hold:        see idna.h. */
#include "io/mail/idna.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

/* idn2.h: IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL */
#define LOOKUP_FLAGS (1 | 8)

static int (*lookup)(const uint8_t *domain, uint8_t **ret, int flags);
static void (*release)(void *);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_calls(void)
{
	/* A static program has no loader; a library would bring a second libc with it. */
	void *library = getauxval(AT_BASE) ? dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL) : NULL;
	void *first = library ? dlsym(library, "idn2_lookup_u8") : NULL;
	void *second = library ? dlsym(library, "idn2_free") : NULL;
	if (!first || !second)
		return;
	memcpy(&lookup, &first, sizeof(first));
	memcpy(&release, &second, sizeof(second));
}

const char *idna_to_ascii(struct slice domain, struct buf *out)
{
	AUTO(buf_done) struct buf text = { .max = 4096 };
	uint8_t *ascii = NULL;
	const char *why = NULL;
	ASSERT(pthread_once(&once, find_calls) == 0);
	if (!lookup)
		return "a domain beyond ASCII needs the package libidn2-0, or is written as "
		       "xn--...";
	if (buf_add(&text, domain) < 0)
		return "its domain is too long";
	if (lookup((const uint8_t *)text.p, &ascii, LOOKUP_FLAGS) != 0)
		return "its domain is none that IDNA allows";
	if (buf_add(out, slice_str((const char *)ascii)) < 0)
		why = "its domain is too long";
	release(ascii);
	return why;
}
