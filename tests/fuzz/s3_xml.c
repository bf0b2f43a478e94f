/* s3_xml.c - fuzz target: an answer of S3
 *
 * What must hold: paths are names with '/' between them, no deeper than the reader allows; a path ends after those beneath it; texts are
 *   UTF-8; what is read twice gives the same twice. */
#include "base/hash.h"
#include "base/utf8.h"
#include "io/object/s3_xml.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct seen {
	uint64_t hash;
	size_t root; /* how often an element without a parent ended */
};

static int look(void *arg, const char *path, struct slice text)
{
	struct seen *s = arg;
	size_t depth = 1;
	ASSERT(s->root == 0);
	ASSERT(path[0] && path[0] != '/' && strlen(path) < S3_XML_PATH);
	for (const char *p = path; *p; p++) {
		ASSERT(*p != '/' || (p[1] && p[1] != '/'));
		depth += *p == '/';
	}
	ASSERT(depth <= S3_XML_DEPTH && utf8_valid(text));
	s->root += depth == 1;
	s->hash = hash_add(hash_add(s->hash, slice_str(path)), text);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };
	struct seen one = { HASH_START, 0 }, two = { HASH_START, 0 };
	int r = s3_xml_read(text, look, &one);
	ASSERT(r < 0 || one.root == 1);
	ASSERT(s3_xml_read(text, look, &two) == r && one.hash == two.hash);
	return 0;
}
