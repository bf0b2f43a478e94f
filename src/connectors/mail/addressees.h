/* addressees.h - who a mail is from and to: what a record says, as addresses
 *
 * What must hold: what is no address is bad_value with the option's name and the address in the message, and no mail is made of it. */
#pragma once
#include "engine/port.h"
#include "io/mime.h"

enum { ADDRESSEES_MAX = 1000 };

struct addressees {
	struct mail_address *v;
	size_t n;
};
/* What the program gives, in the call's arena: "ada@example.org", "Ada <ada@example.org>", {"name", "email"}, a list of those; null, "" and
 * [] are nobody. A NULL program: nobody. 0, or -1 with *err, which begins with the option's name. */
MUST int addressees_ask(const struct jq *, const char *option, struct call *,
			struct addressees *ret, struct err *) SUSPENDS;

/* opt.literal of options with addresses: ada@example.org and Ada <ada@example.org> stand for themselves, and are checked with the file. */
int address_literal(struct slice text, struct err *);
