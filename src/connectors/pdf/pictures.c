/* pictures.c - the bytes behind an image's name
 *
 * What this room is for: see pictures.h.
 * What flows through:    a name from the Markdown, which is not trusted; bytes, or the end of a sentence that says why not.
 * What must hold:        at most IMAGE_MAX bytes are read of anything; nothing that is not a regular file is opened to be read. */
#include "connectors/pdf/pictures.h"
#include "base/banned.h"
#include "base/json.h"
#include "io/beneath.h"
#include "io/db/db_base64.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_MAX (32u << 20)

static int no(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return -1;
}

/* ---- data: URLs ------------------------------------------------------------------------------------ */

static int get_data(struct slice name, struct buf *out, char *why, size_t size)
{
	struct slice head, text;
	if (!slice_cut(name, ',', &head, &text) || !slice_ends(head, S(";base64")))
		return no(why, size, "is no data: URL in base64");
	if (db_base64_read(text, out) < 0)
		return no(why, size, "is not base64");
	return 0;
}

/* ---- blobs ------------------------------------------------------------------------------------------ */

static int get_blob(const struct rec *rec, struct slice name, struct buf *out, char *why,
		    size_t size)
{
	AUTO(buf_done) struct buf ref = { .max = 65536 };
	int r = buf_add(&ref, S("{\"$blob\":"));
	r = r < 0 ? r : json_quote(name, &ref);
	r = r < 0 ? r : buf_add_char(&ref, '}');
	const struct blob *blob = r < 0 ? NULL : rec_blob(rec, buf_slice(&ref));
	if (!blob)
		return no(why, size, "is no blob of the record");
	return buf_add(out, blob->bytes) < 0 ? no(why, size, "is larger than 32 MiB") : 0;
}

/* ---- files -------------------------------------------------------------------------------------------- */

static int read_file(int fd, struct buf *out)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	if ((uint64_t)st.st_size > IMAGE_MAX)
		return -EMSGSIZE;
	for (;;) {
		int r = buf_reserve(out, 65536);
		ssize_t n = r < 0 ? r : read(fd, out->p + out->n, 65536);
		if (n <= 0)
			return r < 0 ? r : n < 0 ? -errno : 0;
		buf_added(out, (size_t)n);
	}
}

static int open_beneath(const char *folder, const char *name)
{
	const char *last = name;
	int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	int at = beneath_folder(root, name, false, &last);
	(void)close(root); /* only entered */
	if (at < 0)
		return at;
	int fd = openat(at, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = fd < 0 ? -errno : fd;
	(void)close(at);
	return r;
}

/* "my%20picture.png": as links are written. */
static char *unescape(struct slice name)
{
	char *out = xstrndup(name.p, name.n), *to = out;
	for (char *from = out; *from; from++) {
		const char *digits = "0123456789abcdef", *high, *low;
		bool escape = from[0] == '%' && from[1] && from[2];
		high = escape ? strchr(digits, from[1] | 0x20) : NULL;
		low = high ? strchr(digits, from[2] | 0x20) : NULL;
		*to++ = low ? (char)((high - digits) << 4 | (low - digits)) : *from;
		from += low ? 2 : 0;
	}
	*to = 0;
	return out;
}

static int get_file(const char *folder, struct slice name, struct buf *out, char *why, size_t size)
{
	struct err err = { 0 };
	while (slice_starts(name, S("./")))
		name = slice_from(name, 2);
	AUTO(freep) char *path = unescape(name);
	if (beneath_check(slice_str(path), 0, &err) < 0)
		return no(why, size, "is no file beneath the pipeline's folder");
	int fd = open_beneath(folder, path), r = fd < 0 ? fd : read_file(fd, out);
	if (fd >= 0)
		(void)close(fd); /* only read */
	if (r == -EMSGSIZE)
		return no(why, size, "is larger than 32 MiB");
	if (r < 0)
		snprintf(why, size, "cannot be read: %s",
			 r == -ELOOP ? "it is a link" : strerror(-r));
	return r < 0 ? -1 : 0;
}

static bool has_scheme(struct slice name)
{
	const char *colon = name.n ? memchr(name.p, ':', name.n) : NULL;
	size_t n = colon ? (size_t)(colon - name.p) : 0;
	for (size_t i = 0; i < n; i++)
		if ((name.p[i] | 0x20) < 'a' || (name.p[i] | 0x20) > 'z')
			return false;
	return n > 1;
}

int pictures_get(void *arg, struct slice name, struct buf *out, char *why, size_t why_size)
{
	const struct pictures *p = arg;
	out->max = IMAGE_MAX;
	if (slice_starts(name, S("data:")))
		return get_data(name, out, why, why_size);
	if (slice_starts(name, S("blob:")))
		return get_blob(p->rec, slice_from(name, 5), out, why, why_size);
	if (has_scheme(name) || slice_starts(name, S("//")))
		return no(why, why_size,
			  "is not fetched: pages have no network; download it in a step before, "
			  "and write blob:NAME");
	return get_file(p->folder, name, out, why, why_size);
}
