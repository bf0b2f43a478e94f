/* xml.h - XML from strangers: libxml2's push parser behind three events
 *
 * What this room is for: feeds come in every encoding and with every mistake; libxml2 knows the encodings, and mend.h takes the mistakes
 *   that everybody takes out of its sight. It is opened when the first feed is read: who reads none pays nothing, and a machine without it
 *   still runs everything else.
 * Life cycle: xml_new, xml_push as bytes come, xml_end behind the last, xml_free.
 * What flows through:    bytes in; elements and their text out, as UTF-8, whatever the encoding was.
 * What must hold:
 *  (1) nothing outside of the bytes is read: no DTD, no external entity, no network. (2) entities that a document declares are not
 *      expanded (billion laughs): what uses one is malformed. XML's own five are, and HTML's names (&nbsp;), which feeds use undeclared.
 *  (3) elements lie no deeper than XML_DEPTH. (4) the first mistake that is not mended ends it: FAULT_PROTOCOL, with line and
 *      column; all events before it were told. (5) what is behind the root's end is not looked at. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum { XML_DEPTH = 128 };

struct xml_name {
	struct slice ns; /* its URI; of a prefix that nobody declared, the prefix; empty: none */
	struct slice local;
};
struct xml_attribute {
	struct xml_name name;
	struct slice value;
};
/* All borrow until they return, and do not suspend. */
struct xml_events {
	void (*start)(void *arg, const struct xml_name *, const struct xml_attribute *, size_t n);
	void (*end)(void *arg);
	void (*text)(void *arg, struct slice);
};

/* Is the library there? -1 with FAULT_CONFIG, which says what to install. */
MUST int xml_find(struct err *);

struct xml;
/* charset: as HTTP says; empty: it does not. A byte order mark and the document's own declaration say it better. Of what nobody knows,
 * or nobody says, it is UTF-8. */
MUST int xml_new(const struct xml_events *, void *arg, struct slice charset, struct xml **ret,
		 struct err *);
void xml_free(struct xml *); /* accepts NULL */
void xml_freep(struct xml **);
MUST int xml_push(struct xml *, struct slice bytes, struct err *);
MUST int xml_end(struct xml *, struct err *);
/* The character that an HTML entity stands for ("nbsp"): 0: there is none of that name. */
unsigned xml_html_entity(struct slice name);
