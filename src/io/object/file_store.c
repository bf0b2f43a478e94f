/* file_store.c - a folder as an object store
 *
 * What this room is for: `file:///srv/notes/a.pdf` takes and gives what a bucket would, on a disk.
 * What flows through:    names relative to the root, whole bodies in and out. All that touches the disk is one off-loaded call, in
 *   file_disk.c and file_list.c.
 * What must hold:
 *  (1) nothing outside the root is read or written: each part of a name is opened by itself, links are not followed (beneath.h). The root
 *      itself is the user's word; it may lie behind links.
 *  (2) a name changes hands when its bytes are on the disk, and not before; what fails leaves the old file, or none.
 *  (3) only regular files are read and replaced: a device, pipe or folder under the name stays what it is.
 *  (4) etag and md5 are one: the MD5 of the content, said by put, get and stat. A listing would have to read all files, and does not say
 *      it; generation (inode and time of the last change) it does. */
#include "base/clock.h"
#include "io/beneath.h"
#include "io/object/file_store.h"
#include "io/object/store.h"

#include <errno.h>
#include <hocket/offload.h>
#include <unistd.h>

struct file_store {
	struct object_store base; /* first */
	char *root;               /* owns; absolute */
};

static struct file_store *of(struct object_store *s)
{
	return container_of(s, struct file_store, base);
}

static void job_done(struct file_job *j)
{
	if (j->fd >= 0)
		(void)close(j->fd); /* was only read */
	j->fd = -1;
}

int file_generation(const struct stat *st, struct buf *out)
{
	uint64_t ns = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
	return buf_printf(out, "%llx-%llx", (unsigned long long)st->st_ino, (unsigned long long)ns);
}

static int64_t changed_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int tell(const struct file_job *j, struct object_info *ret)
{
	AUTO(buf_done) struct buf md5 = { 0 }, generation = { 0 }, updated = { 0 };
	int r = checksum_put_hex(j->md5, sizeof j->md5, &md5);
	r = r < 0 ? r : file_generation(&j->st, &generation);
	r = r < 0 ? r : clock_put_utc(&updated, changed_ns(&j->st));
	struct object_info info = { .name = slice_str(j->name),
				    .bytes = (uint64_t)j->st.st_size,
				    .etag = buf_slice(&md5),
				    .md5 = buf_slice(&md5),
				    .generation = buf_slice(&generation),
				    .updated = buf_slice(&updated),
				    .already = j->already };
	return r < 0 ? r : object_info_copy(&info, ret);
}

/* ---- put ------------------------------------------------------------------------------------- */

static int told(const struct file_job *j, int r, struct object_info *ret, struct err *err)
{
	/* What was off-loaded has put its words into err; what could not be off-loaded has none yet. */
	if (r < 0 && err && err->fault == FAULT_NONE)
		return fail_errno(err, FAULT_IO, r, "'%s/%s'", j->root, j->name);
	r = r < 0 ? r : tell(j, ret);
	return r < 0 ? -1 : 0;
}

static int file_put(struct object_store *s, const struct object_put *p,
		    struct object_upload **upload, struct object_info *ret,
		    struct err *err) SUSPENDS
{
	AUTO(freep) char *name = xstrndup(p->name.p, p->name.n);
	struct file_job j = { .root = of(s)->root, .name = name, .put = p, .fd = -1, .err = err };
	(void)upload; /* nothing is ever half on its way */
	if (beneath_check(p->name, 0, err) < 0)
		return -1;
	return told(&j, hk_offload(file_write_beneath, &j), ret, err);
}

static void file_forget(struct object_store *s, struct object_upload *u)
{
	(void)s;
	ASSERT(!u);
}

/* ---- get, stat, list ------------------------------------------------------------------------- */

static int missing(const struct file_job *j, const char *why, struct err *err)
{
	if (err)
		err->code = 404;
	return fail(err, FAULT_STATUS, "'%s/%s' is not there%s", j->root, j->name, why);
}

/* Opens it, and asks for room. */
static int begin(struct file_job *j, const struct object_get *g, uint64_t max,
		 struct err *err) SUSPENDS
{
	AUTO(buf_done) struct buf generation = { 0 };
	int r = hk_offload(file_open_beneath, j);
	if (r < 0)
		return r;
	r = file_generation(&j->st, &generation);
	if (r == 0 && g->generation.n && !slice_eq(buf_slice(&generation), g->generation))
		return missing(j, " as that generation", err);
	uint64_t bytes = (uint64_t)j->st.st_size;
	if (r == 0 && bytes > max)
		return fail(err, FAULT_TOO_LARGE, "'%s/%s' has %llu bytes, above the limit of %llu",
			    j->root, j->name, (unsigned long long)bytes, (unsigned long long)max);
	return r == 0 && g->room ? g->room(g->room_arg, NULL, bytes, bytes) : r;
}

static int file_get(struct object_store *s, const struct object_get *g, struct buf *bytes,
		    struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(freep) char *name = xstrndup(g->name.p, g->name.n);
	AUTO(job_done)
	struct file_job j = { .root = of(s)->root, .name = name, .fd = -1, .err = err };
	uint64_t max = g->max_bytes ? g->max_bytes : BUF_DEFAULT_MAX;
	if (beneath_check(g->name, 0, err) < 0)
		return -1;
	int r = begin(&j, g, max, err);
	ASSERT(bytes->n == 0);
	bytes->max = max;
	if (r == 0)
		r = buf_reserve(bytes,
				(size_t)j.st.st_size + 1); /* an empty one has a place, too */
	if (r == 0) {
		j.to = bytes->p;
		j.room = (size_t)j.st.st_size;
		r = hk_offload(file_read_whole, &j);
	}
	if (r == 0)
		buf_added(bytes, j.room);
	return told(&j, r, ret, err);
}

static int file_stat(struct object_store *s, struct slice bucket, struct slice name,
		     struct object_info *ret, struct err *err) SUSPENDS
{
	AUTO(freep) char *path = xstrndup(name.p, name.n);
	AUTO(job_done)
	struct file_job j = { .root = of(s)->root, .name = path, .fd = -1, .err = err };
	(void)bucket;
	if (beneath_check(name, 0, err) < 0)
		return -1;
	int r = hk_offload(file_open_beneath, &j);
	r = r < 0 ? r : hk_offload(file_sum, &j);
	return told(&j, r, ret, err);
}

static int file_list(struct object_store *s, const struct object_list *l, struct object_page *ret,
		     struct err *err) SUSPENDS
{
	struct file_listing listing = { .root = of(s)->root, .list = l, .page = ret, .err = err };
	int r = hk_offload(file_list_beneath, &listing);
	if (r < 0)
		object_page_done(ret);
	if (r < 0 && err && err->fault == FAULT_NONE)
		return fail_errno(err, FAULT_IO, r, "'%s'", listing.root);
	return r < 0 ? -1 : 0;
}

/* ---- its life -------------------------------------------------------------------------------- */

static void file_free(struct object_store *s)
{
	struct file_store *f = of(s);
	free(f->root);
	free(f);
}

static const struct object_ops file_ops = {
	.kind = OBJECT_FILE,
	.free = file_free,
	.put_object = file_put,
	.forget_upload = file_forget,
	.get_object = file_get,
	.stat_object = file_stat,
	.list_objects = file_list,
};

int file_store_open(const struct object_store_options *o, struct object_store **ret,
		    struct err *err)
{
	if (!o->root || o->root[0] != '/')
		return fail(err, FAULT_CONFIG, "the folder of a file store is absolute, not '%s'",
			    o->root ? o->root : "");
	struct file_store *f = xcalloc(1, sizeof *f);
	size_t n = strlen(o->root);
	while (n > 0 && o->root[n - 1] == '/')
		n--;
	f->base.ops = &file_ops;
	f->root = xstrndup(o->root, n);
	*ret = &f->base;
	return 0;
}
