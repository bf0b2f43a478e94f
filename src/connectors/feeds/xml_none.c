/* xml_none.c - built without libxml2's headers: feeds in XML cannot be read
 *
 * What this room is for: a build that lacks a package says so where somebody asks for it, and nowhere else.
 * What must hold:        xml.h's functions are all here; whoever calls xml_new first gets a sentence. */
#include "connectors/feeds/xml.h"
#include "base/banned.h"

int xml_find(struct err *err)
{
	return fail(err, FAULT_CONFIG,
		    "this hocket was built without libxml2's headers: install libxml2-dev and "
		    "build it again");
}

int xml_new(const struct xml_events *events, void *arg, struct slice charset, struct xml **ret,
	    struct err *err)
{
	(void)events;
	(void)arg;
	(void)charset;
	*ret = NULL;
	return xml_find(err);
}

void xml_free(struct xml *x)
{
	ASSERT(!x);
}

void xml_freep(struct xml **x)
{
	xml_free(*x);
}

int xml_push(struct xml *x, struct slice bytes, struct err *err)
{
	(void)x;
	(void)bytes;
	return xml_find(err);
}

int xml_end(struct xml *x, struct err *err)
{
	(void)x;
	return xml_find(err);
}

unsigned xml_html_entity(struct slice name)
{
	(void)name;
	return 0;
}
