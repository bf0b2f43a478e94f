/* idna.h - domains in UTF-8 as the names that DNS has: "bücher.example" is "xn--bcher-kva.example" (RFC 5891, UTS 46)
 *
 * What must hold: (1) the mapping is the one of browsers and getaddrinfo (libidn2, non-transitional): what differs would be another domain.
 *   (2) libidn2 is opened when the first such domain comes; without it they are refused, and told how to write them. */
#pragma once
#include "base/buf.h"

/* Appends the domain. NULL, or why not (static, completes "'...' is no mail address: "). */
const char *idna_to_ascii(struct slice domain, struct buf *out);
