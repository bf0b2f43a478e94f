/* address.h - what the rooms of mail know of addresses beside io/mime.h
 *
 * What must hold: what passes mail_mailbox_check can stand between '<' and '>' of a command or a header field, and means one mailbox. */
#pragma once
#include "io/mime.h"

/* local@domain as mail_address_parse leaves it (RFC 5321 4.1.2, RFC 6531 3.3); a domain of UTF-8 is allowed. FAULT_BAD_VALUE. */
MUST int mail_mailbox_check(struct slice mailbox, struct err *);
bool mail_is_atext(unsigned char); /* RFC 5322 3.2.3; RFC 6532 3.2: beyond ASCII, too */
