/* feed.c - fuzz target: what a server sends as a feed
 *
 * What must hold: records are JSON, and text in them is UTF-8; in one piece or in small ones, the same entries come and the same end. */
#include "base/banned.h"
#include "base/hash.h"
#include "base/json.h"
#include "connectors/feeds/feed.h"
#include "connectors/feeds/known.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct seen_entries {
	uint64_t hash;
	size_t n;
};

static void on_entry(void *arg, struct entry *e, const struct feed_about *about)
{
	struct seen_entries *s = arg;
	AUTO(buf_done) struct buf json = { 0 };
	uint64_t digest;
	ASSERT(entry_digest(e, true, &digest) == 0);
	ASSERT(entry_put_json(e, about, &json) == 0);
	ASSERT(json_check(buf_slice(&json), NULL) == 0);
	ASSERT(e->too_large || e->guid.n > 0);
	s->hash = hash_add(s->hash, buf_slice(&json));
	s->n++;
}

static int read_all(struct slice bytes, size_t step, struct seen_entries *ret)
{
	struct err err = { 0 };
	const struct feed_options o = { .url = S("http://h/f"),
					.found = S("http://h/dir/f"),
					.most = 1 << 16,
					.on_entry = on_entry,
					.arg = ret };
	AUTO(feed_freep) struct feed *feed = feed_new(&o);
	*ret = (struct seen_entries){ .hash = HASH_START };
	int r = 0;
	while (bytes.n && r == 0) {
		struct slice part = slice_head(bytes, step);
		bytes = slice_from(bytes, part.n);
		r = feed_push(feed, part, &err);
	}
	r = r < 0 ? r : feed_end(feed, &err);
	ASSERT(r == 0 || (err.fault != FAULT_NONE && err.text[0]));
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = { (const char *)bytes, n };
	struct seen_entries one, two;
	AUTO(known_done) struct known known = { 0 };
	int r = read_all(text, SIZE_MAX, &one);
	ASSERT(read_all(text, 7, &two) == r && one.hash == two.hash && one.n == two.n);
	(void)!known_read(&known, text);
	return 0;
}
