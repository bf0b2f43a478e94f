/* xml.c - libxml2, found at run time and kept on a short lead
 *
 * What this room is for: see xml.h.
 * What flows through:    pieces of a document into libxml2, its SAX2 events into three functions.
 * What must hold:
 *  (1) the handler has no function that loads or declares anything: what libxml2 does not hear of, it cannot expand.
 *  (2) the first bytes are collected until the declaration can be read: HTTP's charset counts only where the document says nothing. The
 *      declaration itself, and all <?...?>, the parser does not see (mend.h), but for UTF-16, which it knows by its first bytes.
 *  (3) once a mistake was seen, no event follows: libxml2 goes on for a while behind some of them.
 *  (4) the time is that of the bytes, whatever they are: what makes libxml2 go over the same again and again is a mistake.
 *  (5) opened once a process, never closed, and used by the loop's thread only. */
#include "connectors/feeds/xml.h"
#include "base/banned.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "connectors/feeds/mend.h"
#include "io/library.h"
#include <libxml/HTMLparser.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <pthread.h>
#include <stdlib.h>

#define XML_CALLS(CALL)                  \
	CALL(htmlEntityLookup)           \
	CALL(xmlCreatePushParserCtxt)    \
	CALL(xmlCtxtGetLastError)        \
	CALL(xmlCtxtUseOptions)          \
	CALL(xmlDictSize)                \
	CALL(xmlFindCharEncodingHandler) \
	CALL(xmlFreeDoc)                 \
	CALL(xmlFreeEnumeration)         \
	CALL(xmlFreeParserCtxt)          \
	CALL(xmlGetPredefinedEntity)     \
	CALL(xmlInitParser)              \
	CALL(xmlParseChunk)              \
	CALL(xmlStopParser)              \
	CALL(xmlSAX2GetColumnNumber)     \
	CALL(xmlSAX2GetLineNumber)       \
	CALL(xmlSetGenericErrorFunc)     \
	CALL(xmlSwitchToEncoding)

static struct {
#define CALL(call) __typeof__(call) *call;
	XML_CALLS(CALL)
#undef CALL
} lib;

static const struct library_call calls[] = {
#define CALL(call) { #call, offsetof(__typeof__(lib), call) },
	XML_CALLS(CALL)
#undef CALL
};

enum { HEAD_BYTES = 1024, PART_BYTES = 16 << 10, SIGNS_MAX = 1000, NAMES_MAX = 20000 };

struct xml {
	xmlParserCtxtPtr parser;
	const struct xml_events *events;
	void *arg;
	struct buf head;    /* the first bytes, until the parser exists */
	struct buf charset; /* as HTTP says */
	struct buf values;  /* of an element's attributes */
	struct mend mend;
	struct buf mended; /* what the parser gets: a part, which is at most five times as long */
	bool begun, broken;
	bool ended; /* the root is closed: what is behind it is not read */
	size_t depth;
	struct {           /* what libxml2 has of a tag, while it waits for the rest */
		size_t at; /* in the document */
		size_t n, signs;
	} tag;
	struct err err;   /* with broken */
	xmlEntity entity; /* what an HTML name stands for, for as long as libxml2 looks at it */
	char character[8];
};

/* ---- finding it ------------------------------------------------------------------------------ */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *missing; /* NULL: all is there */

/* Some mistakes in an encoding libxml2 would write to stderr. */
static void say_nothing(void *arg, const char *text, ...)
{
	(void)arg;
	(void)text;
}

static void find_calls(void)
{
	missing = library_find("libxml2.so.2", calls, ARRAY_SIZE(calls), &lib,
			       "was built without a part of it");
	if (missing)
		return;
	lib.xmlInitParser();
	lib.xmlSetGenericErrorFunc(NULL, say_nothing);
}

int xml_find(struct err *err)
{
	ASSERT(pthread_once(&once, find_calls) == 0);
	if (!missing)
		return 0;
	return fail(err, FAULT_CONFIG,
		    "feeds need libxml2, which %s: install the package libxml2 (a dynamic program "
		    "finds it)",
		    missing);
}

unsigned xml_html_entity(struct slice name)
{
	char text[16];
	if (name.n == 0 || name.n >= sizeof(text) || xml_find(NULL) < 0)
		return 0;
	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	const htmlEntityDesc *found = lib.htmlEntityLookup((const xmlChar *)text);
	return found ? found->value : 0;
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void stop(struct xml *x)
{
	x->broken = true;
	lib.xmlStopParser(x->parser);
}

static void fail_here(struct xml *x, const char *what)
{
	if (x->broken || x->ended)
		return;
	fail(&x->err, FAULT_PROTOCOL, "%d:%d: %s", lib.xmlSAX2GetLineNumber(x->parser),
	     lib.xmlSAX2GetColumnNumber(x->parser), what);
	stop(x);
}

/* libxml2's words are a sentence with a line break; what it has in further lines is no news. */
static void note_error(void *arg, xmlErrorPtr e)
{
	struct xml *x = arg;
	if (x->broken || x->ended || e->level != XML_ERR_FATAL)
		return;
	struct slice words, rest;
	(void)slice_cut(slice_trim(slice_str(e->message)), '\n', &words, &rest);
	fail(&x->err, FAULT_PROTOCOL, "%d:%d: %.*s", e->line, e->int2,
	     SLICE(utf8_head(words, 160)));
	x->broken = true;
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct slice words(const xmlChar *text)
{
	return slice_str((const char *)text);
}

static struct xml_name name_of(const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	return (struct xml_name){ .ns = uri ? words(uri) : words(prefix), .local = words(local) };
}

enum { ATTRIBUTES_MAX = 64 };
#define TOO_MANY "an element with more than 1,000 attributes or namespaces"

/* libxml2 leaves each '&' of a value as "&#38;", so that whoever expands entities may do that later. */
static struct slice plain_value(struct xml *x, struct slice value)
{
	struct slice rest = value;
	size_t from = x->values.n;
	if (!memmem(value.p, value.n, "&#38;", 5))
		return value;
	while (rest.n) {
		const char *at = memmem(rest.p, rest.n, "&#38;", 5);
		size_t n = at ? (size_t)(at - rest.p) + 1 : rest.n;
		ASSERT(buf_add(&x->values, slice_head(rest, n)) == 0); /* there is room */
		rest = slice_from(rest, at ? n + 4 : n);
	}
	return slice_from(buf_slice(&x->values), from);
}

static size_t values_bytes(const xmlChar **from, size_t n)
{
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += (size_t)(from[i * 5 + 4] - from[i * 5 + 3]);
	return bytes;
}

/* Five pointers each: name, prefix, URI, the value's first byte and what is behind its last. Those above the limit are left out. */
static size_t collect_attributes(struct xml *x, const xmlChar **from, int count,
				 struct xml_attribute *ret)
{
	size_t n = count < ATTRIBUTES_MAX ? (size_t)count : ATTRIBUTES_MAX;
	buf_clear(&x->values);
	if (buf_reserve(&x->values, values_bytes(from, n) + 1) < 0)
		return 0; /* more than libxml2 lets pass */
	for (size_t i = 0; i < n; i++, from += 5)
		ret[i] = (struct xml_attribute){
			.name = name_of(from[0], from[1], from[2]),
			.value = plain_value(x, (struct slice){ (const char *)from[3],
								(size_t)(from[4] - from[3]) }),
		};
	return n;
}

static void on_start(void *arg, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
		     int namespaces, const xmlChar **declared, int count, int defaulted,
		     const xmlChar **attributes)
{
	struct xml *x = arg;
	struct xml_attribute list[ATTRIBUTES_MAX];
	(void)namespaces;
	(void)declared;
	(void)defaulted;
	if (x->broken || x->ended)
		return;
	if (++x->depth > XML_DEPTH) {
		fail_here(x, "elements lie more than 128 deep");
		return;
	}
	if (count > SIGNS_MAX || x->parser->nsNr > 2 * SIGNS_MAX) {
		fail_here(x, TOO_MANY);
		return;
	}
	struct xml_name name = name_of(local, prefix, uri);
	x->events->start(x->arg, &name, list, collect_attributes(x, attributes, count, list));
}

static void on_end(void *arg, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
	struct xml *x = arg;
	(void)local;
	(void)prefix;
	(void)uri;
	if (x->broken || x->ended)
		return;
	ASSERT(x->depth > 0);
	x->depth--;
	x->events->end(x->arg);
	x->ended = x->depth == 0;
}

static void on_text(void *arg, const xmlChar *text, int n)
{
	struct xml *x = arg;
	if (!x->broken && !x->ended && n > 0)
		x->events->text(x->arg, (struct slice){ (const char *)text, (size_t)n });
}

/* ---- what libxml2 is too patient with -------------------------------------------------------- */

/* Who declares values of attributes has them added to each element, however many and however long they are. */
static void on_attribute_declared(void *arg, const xmlChar *element, const xmlChar *name, int type,
				  int how, const xmlChar *value, xmlEnumerationPtr takes)
{
	(void)element;
	(void)name;
	(void)type;
	(void)how;
	lib.xmlFreeEnumeration(takes);
	if (value)
		fail_here(arg, "the document declares values of attributes, which are not used");
}

/* libxml2 compares each attribute of a tag with all others, in one go: a million of them would take it an hour. A tag is read when it is there
 * whole, so its '=' are counted as it grows. */
static void look_at_tag(struct xml *x)
{
	const xmlParserInput *in = x->parser->input;
	if (!in || x->parser->instate != XML_PARSER_START_TAG)
		return;
	size_t at = in->consumed + (size_t)(in->cur - in->base), n = (size_t)(in->end - in->cur);
	if (at != x->tag.at || n < x->tag.n)
		x->tag.n = x->tag.signs = 0;
	for (size_t i = x->tag.n; i < n; i++)
		x->tag.signs += in->cur[i] == '=';
	x->tag.at = at;
	x->tag.n = n;
	if (x->tag.signs > SIGNS_MAX)
		fail_here(x, TOO_MANY);
}

/* ---- entities -------------------------------------------------------------------------------- */

static xmlEntityPtr html_entity(struct xml *x, const xmlChar *name)
{
	unsigned code = xml_html_entity(words(name));
	if (code == 0)
		return NULL;
	x->character[utf8_put(code, x->character)] = 0;
	x->entity = (xmlEntity){
		.type = XML_ENTITY_DECL,
		.name = name,
		.orig = (xmlChar *)x->character,
		.content = (xmlChar *)x->character,
		.length = (int)strlen(x->character),
		.etype = XML_INTERNAL_PREDEFINED_ENTITY,
	};
	return &x->entity;
}

static xmlEntityPtr on_entity(void *arg, const xmlChar *name)
{
	struct xml *x = arg;
	xmlEntityPtr own = lib.xmlGetPredefinedEntity(name);
	xmlEntityPtr found = own ? own : html_entity(x, name);
	if (!found && !x->broken) {
		char what[120];
		snprintf(what, sizeof(what), "the entity '&%.60s;', which is not expanded",
			 (const char *)name);
		fail_here(x, what);
	}
	return found;
}

/* What is not here is not done: declarations are read over, nothing is loaded. */
static xmlSAXHandler handler = {
	.getEntity = on_entity,
	.attributeDecl = on_attribute_declared,
	.characters = on_text,
	.ignorableWhitespace = on_text,
	.cdataBlock = on_text,
	.initialized = XML_SAX2_MAGIC,
	.startElementNs = on_start,
	.endElementNs = on_end,
	.serror = note_error,
};

/* ---- the head: which encoding ---------------------------------------------------------------- */

/* Or UTF-32. */
static bool is_utf16(struct slice head)
{
	return slice_starts(head, S("\xfe\xff")) || slice_starts(head, S("\xff\xfe")) ||
	       slice_starts(head, S("\0<")) || slice_starts(head, S("<\0")) ||
	       slice_starts(head, S("\0\0"));
}

/* What <?xml ... encoding="..."?> says; empty: nothing. */
static struct slice declared_encoding(struct slice head)
{
	struct slice text, value = { 0 }, rest;
	const char *from = memmem(head.p, head.n, "<?xml", 5);
	if (!from || !slice_cut(slice_from(head, (size_t)(from - head.p)), '>', &text, &rest))
		return value;
	const char *at = memmem(text.p, text.n, "encoding", 8);
	if (!at || !slice_cut(slice_from(text, (size_t)(at - text.p)), '=', &rest, &text))
		return value;
	text = slice_trim(text);
	if (text.n && slice_cut(slice_from(text, 1), text.p[0], &value, &rest))
		return slice_trim(value);
	return (struct slice){ 0 };
}

static bool begins_as_one_of(struct slice name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(slice_head(name, strlen(names[i])), slice_str(names[i])))
			return true;
	return false;
}

/* UTF-16 that has no zero bytes is another encoding under a wrong name. Nothing of the name is known to libxml2: UTF-8, then. */
static int set_encoding(struct xml *x, struct slice name)
{
	static const char *const windows[] = { "iso-8859-1", "iso8859-1", "latin1", "windows-1252",
					       "cp1252" };
	static const char *const others[] = { "utf", "us-ascii", "ucs", "iso-10646" };
	static const char *const shifted[] = { "iso-2022", "hz" };
	char text[64];
	if (name.n == 0 || name.n >= sizeof(text) ||
	    begins_as_one_of(name, others, ARRAY_SIZE(others)))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++)
		if (slice_eq_nocase(name, slice_str(windows[i]))) {
			x->mend.kind = MEND_WINDOWS;
			return 0;
		}
	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	xmlCharEncodingHandlerPtr known = lib.xmlFindCharEncodingHandler(text);
	if (!known)
		return 0;
	x->mend.kind =
		begins_as_one_of(name, shifted, ARRAY_SIZE(shifted)) ? MEND_NOTHING : MEND_ASCII;
	return lib.xmlSwitchToEncoding(x->parser, known);
}

static int parse(struct xml *x, struct slice part, bool end)
{
	buf_clear(&x->mended);
	if (mend_add(&x->mend, part, end, &x->mended) < 0)
		return -1;
	struct slice text = buf_slice(&x->mended);
	int r = text.n || end ? lib.xmlParseChunk(x->parser, text.n ? text.p : "", (int)text.n, end)
			      : 0;
	if (r == XML_ERR_INVALID_ENCODING)
		fail_here(x, "bytes that its encoding does not have"); /* said to nobody else */
	xmlErrorPtr last = r ? lib.xmlCtxtGetLastError(x->parser) : NULL;
	if (last && last->level == XML_ERR_FATAL)
		note_error(x, last);
	if (x->broken || x->ended)
		return 0;
	look_at_tag(x);
	if (lib.xmlDictSize(x->parser->dict) > NAMES_MAX)
		fail_here(x, "more than 20,000 different names");
	return 0;
}

static int give(struct xml *x, struct slice bytes, bool last, struct err *err)
{
	while (!x->broken && !x->ended && (bytes.n > 0 || last)) {
		struct slice part = slice_head(bytes, PART_BYTES);
		bytes = slice_from(bytes, part.n);
		bool end = last && bytes.n == 0;
		if (parse(x, part, end) < 0)
			return fail(err, FAULT_IO, "out of memory");
		if (end)
			break;
	}
	if (!x->broken)
		return 0;
	if (err)
		*err = x->err;
	return -1;
}

/* With the first four bytes libxml2 tells UTF-16 from others, which are decided here: all of them are UTF-8 with mistakes, if nothing
 * else. */
static int begin(struct xml *x, struct err *err)
{
	struct slice head = buf_slice(&x->head);
	bool wide = is_utf16(head), marked = slice_starts(head, S("\xef\xbb\xbf"));
	struct slice name = declared_encoding(head), first = slice_head(head, wide ? 4 : 0);
	x->begun = true;
	x->parser = lib.xmlCreatePushParserCtxt(&handler, x, first.p, (int)first.n, NULL);
	if (!x->parser)
		return fail(err, FAULT_IO, "out of memory");
	lib.xmlCtxtUseOptions(x->parser, XML_PARSE_NONET);
	x->mend.kind = wide ? MEND_NOTHING : MEND_UTF8;
	if (wide)
		return give(x, slice_from(head, first.n), false, err);
	if (!marked && set_encoding(x, name.n ? name : buf_slice(&x->charset)) < 0)
		return fail(err, FAULT_PROTOCOL, "1:1: its encoding '%.*s' is not known",
			    SLICE(slice_head(name, 40)));
	mend_head(&x->head);
	return give(x, head, false, err);
}

/* ---- */

int xml_new(const struct xml_events *events, void *arg, struct slice charset, struct xml **ret,
	    struct err *err)
{
	*ret = NULL;
	if (xml_find(err) < 0)
		return -1;
	struct xml *x = xcalloc(1, sizeof(*x));
	x->events = events;
	x->arg = arg;
	x->charset.max = 64;
	if (buf_add(&x->charset, charset) < 0)
		buf_clear(&x->charset); /* no encoding has so long a name */
	*ret = x;
	return 0;
}

void xml_free(struct xml *x)
{
	if (!x)
		return;
	if (x->parser) {
		if (x->parser->myDoc)
			lib.xmlFreeDoc(x->parser->myDoc);
		lib.xmlFreeParserCtxt(x->parser);
	}
	buf_done(&x->head);
	buf_done(&x->charset);
	buf_done(&x->values);
	buf_done(&x->mended);
	mend_done(&x->mend);
	free(x);
}

void xml_freep(struct xml **x)
{
	xml_free(take(*x));
}

int xml_push(struct xml *x, struct slice bytes, struct err *err)
{
	if (x->begun)
		return give(x, bytes, false, err);
	struct slice part = slice_head(bytes, HEAD_BYTES - x->head.n);
	if (buf_add(&x->head, part) < 0)
		return fail(err, FAULT_IO, "out of memory");
	if (x->head.n < HEAD_BYTES)
		return 0;
	return begin(x, err) < 0 ? -1 : give(x, slice_from(bytes, part.n), false, err);
}

int xml_end(struct xml *x, struct err *err)
{
	if (!x->begun && begin(x, err) < 0)
		return -1;
	return give(x, S(""), true, err);
}
