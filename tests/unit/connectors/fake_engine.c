/* fake_engine.c - admit, splits, out and site for tests of connectors
 *
 * What this room is for: running one connector without the engine: everything it calls upwards is here, and everything that
 *   it gives is kept for the test to look at.
 * What must hold: what is here behaves as port.h says: admit takes the record in every case, splits remember positions. */
#include "fake_engine.h"
#include "base/banned.h"
#include "base/json.h"
#include "engine/plan/diag.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hocket/run.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t fake_lane_paused_ns;
struct http_client *fake_http;
char fake_lanes[512];

/* ---- intake ---------------------------------------------------------------------------------- */

static char *copy(struct slice s)
{
	return xstrndup(s.p ? s.p : "", s.n);
}

struct split *intake_split(struct intake *in, const char *name)
{
	snprintf(in->split.name, sizeof(in->split.name), "%s", name);
	return &in->split;
}

const struct position *split_from(const struct split *s)
{
	return s->begun ? &s->from : NULL;
}

const struct position *split_reach(const struct split *s)
{
	return s->reach.base ? &s->reach : NULL;
}

uint64_t split_line(const struct split *s)
{
	return s->line;
}

void intake_end(struct intake *in, struct split *s, struct slice proof)
{
	(void)in;
	(void)s;
	(void)proof;
}

void intake_onward(struct intake *in, struct split *s, struct slice base)
{
	(void)s;
	free(in->onward);
	in->onward = copy(base);
}

void intake_heard(struct intake *in)
{
	(void)in;
}

void intake_renew(struct intake *in)
{
	(void)in;
}

struct slice split_end(const struct split *s)
{
	(void)s;
	return (struct slice){ 0 };
}

int intake_check_gone(struct intake *in, bool (*theirs)(void *arg, const char *name), void *arg,
		      struct err *err)
{
	(void)in;
	(void)theirs;
	(void)arg;
	(void)err;
	return 0;
}

static void keep(struct intake *in, const struct arrival *a)
{
	if (in->n == in->cap) {
		in->cap = in->cap ? in->cap * 2 : 64;
		in->v = xrealloc(in->v, in->cap, sizeof(*in->v));
	}
	struct fake_arrival *f = &in->v[in->n];
	*f = (struct fake_arrival){ .json = copy(rec_json(a->rec)),
				    .line = a->line,
				    .offset = a->next.offset,
				    .checked = !a->unchecked };
	f->known = a->known;
	f->base = copy(a->next.base ? text_slice(a->next.base) : S(""));
	struct json_error where;
	if (a->fault)
		f->fault = *a->fault;
	else if (json_check(rec_json(a->rec), &where) < 0)
		fail(&f->fault, FAULT_INVALID_JSON, "%s:%d: %s", in->split.name, (int)a->line,
		     where.what);
}

int admit(struct intake *in, const struct arrival *a, struct err *err)
{
	if (in->stop_at && in->n == in->stop_at) {
		rec_unref(a->rec);
		return fail(err, FAULT_CANCELLED, "stopped");
	}
	if (!in->count_only)
		keep(in, a);
	in->n++;
	in->bytes += rec_json(a->rec).n;
	rec_unref(a->rec);
	return 0;
}

int intake_keep(struct intake *in, struct split *s, struct slice base, uint64_t records,
		struct slice about, struct slice value, struct err *err)
{
	(void)s;
	(void)records;
	(void)err;
	if (in->count_only)
		return 0;
	in->pages = xrealloc(in->pages, in->page_count + 1, sizeof(*in->pages));
	in->pages[in->page_count++] = (struct fake_page){ copy(base), copy(about), copy(value) };
	return 0;
}

int intake_kept(struct intake *in, struct split *s, struct slice base, struct buf *about,
		struct buf *value, struct err *err)
{
	(void)s;
	(void)err;
	for (size_t i = 0; i < in->page_count; i++)
		if (base.n == 0 || slice_eq_str(base, in->pages[i].base))
			return buf_add(about, slice_str(in->pages[i].about)) == 0 &&
			       buf_add(value, slice_str(in->pages[i].value)) == 0;
	return 0;
}

static void forget(struct intake *in)
{
	for (size_t i = 0; i < in->n && !in->count_only; i++) {
		free(in->v[i].json);
		free(in->v[i].base);
	}
	in->n = 0;
}

void intake_done(struct intake *in)
{
	forget(in);
	for (size_t i = 0; i < in->page_count; i++) {
		free(in->pages[i].base);
		free(in->pages[i].about);
		free(in->pages[i].value);
	}
	free(in->pages);
	free(in->onward);
	free(in->v);
	text_unref(in->split.from.base);
	*in = (struct intake){ 0 };
}

static void forget_pages(struct intake *in)
{
	for (size_t i = 0; i < in->page_count; i++) {
		free(in->pages[i].base);
		free(in->pages[i].about);
		free(in->pages[i].value);
	}
	in->page_count = 0;
}

void intake_go_onward(struct intake *in)
{
	ASSERT(in->onward && !in->count_only);
	text_unref(in->split.from.base);
	in->split.begun = true;
	in->split.from = (struct position){ text_new(slice_str(in->onward)), 0 };
	forget(in);
	forget_pages(in);
}

void intake_rewind(struct intake *in, size_t arrivals)
{
	ASSERT(arrivals <= in->n && !in->count_only);
	text_unref(take(in->split.from.base));
	in->split.begun = arrivals > 0;
	if (arrivals > 0) {
		const struct fake_arrival *last = &in->v[arrivals - 1];
		in->split.from = (struct position){ text_new(slice_str(last->base)), last->offset };
		in->split.line = last->line;
	}
	forget(in);
	in->stop_at = 0;
}

/* ---- pure steps ------------------------------------------------------------------------------ */

void out_keep(struct out *o)
{
	o->kept = true;
}

int out_put(struct out *o, struct rec *gives, struct err *err)
{
	(void)err;
	ASSERT(o->n < ARRAY_SIZE(o->recs));
	o->recs[o->n++] = gives;
	return 0;
}

void out_done(struct out *o)
{
	for (size_t i = 0; i < o->n; i++)
		rec_unref(o->recs[i]);
	*o = (struct out){ 0 };
}

/* ---- site ------------------------------------------------------------------------------------ */

struct http_client *site_http(struct site *site)
{
	(void)site;
	return fake_http;
}

struct object_store *fake_objects;
const char *fake_folder = "/nowhere";

struct object_store *site_objects(struct site *site)
{
	(void)site;
	return fake_objects;
}

void site_warn(struct site *site, struct slice line)
{
	(void)site;
	(void)line;
}

void site_warnf(struct site *site, const char *fmt, ...)
{
	(void)site;
	(void)fmt;
}

const char *site_folder(struct site *site)
{
	(void)site;
	return fake_folder;
}

const struct http_guard *site_guard(struct site *site)
{
	(void)site;
	return NULL;
}

bool fake_endless;
bool site_is_endless(const struct site *site)
{
	(void)site;
	return fake_endless;
}

bool site_keeps(const struct site *site)
{
	(void)site;
	return true;
}

const char *site_run_id(struct site *site)
{
	(void)site;
	return "test";
}

int site_lane(struct site *site, struct slice origin, struct err *err)
{
	size_t n = strlen(fake_lanes);
	(void)site;
	(void)err;
	snprintf(fake_lanes + n, sizeof(fake_lanes) - n, "%.*s ", SLICE(origin));
	return 0;
}

void site_lane_pause(struct site *site, struct slice origin, int64_t ns)
{
	(void)site;
	(void)origin;
	fake_lane_paused_ns = ns;
}

int site_beside(struct site *site, hk_fn *fn, void *arg)
{
	(void)site;
	(void)fn;
	(void)arg;
	return -ENOMEM;
}

uint64_t fake_text_max = UINT64_MAX;

uint64_t site_text_max(struct site *site)
{
	(void)site;
	return fake_text_max;
}

void intake_hold(struct intake *in, uint64_t bytes)
{
	in->held = bytes;
	in->held_most = bytes > in->held_most ? bytes : in->held_most;
}

struct fake_room fake_room;

int call_room(struct call *call, enum body kind, uint64_t length, uint64_t bytes)
{
	(void)call;
	fake_room.asked++;
	fake_room.kind = kind;
	fake_room.bytes = bytes;
	return fake_room.most && length > fake_room.most ? -EMSGSIZE : 0;
}

/* ---- options --------------------------------------------------------------------------------- */

static struct opt_list list_of(struct arena *a, const char *text)
{
	struct slice rest = slice_str(text), part;
	struct opt_list list = { .v = arena_zero(a, 16 * sizeof(char *)) };
	const char **words = list.v;
	for (bool more = true; more && list.n < 16;) {
		more = slice_cut(rest, ',', &part, &rest);
		words[list.n++] = arena_str(a, part);
	}
	return list;
}

static int word_index(const struct opt *o, struct slice value)
{
	int i = 0;
	while (o->words[i] && !slice_eq_str(value, o->words[i]))
		i++;
	ASSERT(o->words[i]);
	return i;
}

static struct opt_map enum_map(struct arena *a, const struct opt *o, const char *text)
{
	struct opt_list pairs = list_of(a, text);
	const char *const *words = pairs.v;
	const char **keys = arena_zero(a, 16 * sizeof(char *));
	int *values = arena_zero(a, 16 * sizeof(int));
	for (size_t i = 0; i < pairs.n; i++) {
		struct slice key, value;
		(void)slice_cut(slice_str(words[i]), ':', &key, &value);
		keys[i] = arena_str(a, key);
		values[i] = word_index(o, value);
	}
	return (struct opt_map){ keys, values, pairs.n };
}

static struct jq *program_of(struct fake_site *f, const struct opt *o, const char *text)
{
	const struct expr_names names = { .response = o->response };
	struct expr_error why;
	struct jq *jq = NULL;
	int r = jq_program_compile(slice_str(text), &names, &jq, &why);
	ASSERT(r == 0 && f->program_count < ARRAY_SIZE(f->programs));
	f->programs[f->program_count++] = jq;
	return jq;
}

static struct tpl *template_of(struct fake_site *f, enum tpl_kind kind, const char *text)
{
	const struct expr_names names = { 0 };
	struct expr_error why;
	struct tpl *tpl = NULL;
	int r = tpl_compile(slice_str(text), kind, &names, &tpl, &why);
	ASSERT(r == 0 && f->template_count < ARRAY_SIZE(f->templates));
	f->templates[f->template_count++] = tpl;
	return tpl;
}

/* One entry more of a map of templates. */
static void add_template(struct fake_site *f, struct opt_map *map, const char *key,
			 const char *text)
{
	const char **keys = arena_zero(f->arena, (map->n + 1) * sizeof(*keys));
	struct tpl **values = arena_zero(f->arena, (map->n + 1) * sizeof(struct tpl *));
	if (map->n) {
		memcpy(keys, map->keys, map->n * sizeof(*keys));
		memcpy(values, map->v, map->n * sizeof(struct tpl *));
	}
	keys[map->n] = arena_str(f->arena, slice_str(key));
	values[map->n] = template_of(f, TPL_TEXT, text);
	*map = (struct opt_map){ keys, values, map->n + 1 };
}

/* As the engine's: a template behind the last '/' before its first interpolation. */
static struct files_name files_of(struct fake_site *f, const char *path)
{
	struct files_name ret = { .path = arena_str(f->arena, slice_str(path)) };
	const char *first = strstr(path, "\\(");
	if (!first)
		return ret;
	for (const char *p = path; p < first; p++)
		ret.folder = *p == '/' ? (size_t)(p - path) : ret.folder;
	ret.name = template_of(f, TPL_TEXT, path + ret.folder + 1);
	return ret;
}

static void set(struct fake_site *f, const struct opt *o, void *options, const char *value)
{
	void *at = (char *)options + o->offset;
	uint64_t size;
	switch (o->type) {
	case OPT_BOOL:
		*(bool *)at = slice_eq_str(S("true"), value);
		return;
	case OPT_SIZE:
		ASSERT(units_size(slice_str(value), &size) == 0);
		*(uint64_t *)at = size;
		return;
	case OPT_INT:
		ASSERT(units_int(slice_str(value), (int64_t *)at) == 0);
		return;
	case OPT_ENUM:
		*(int *)at = word_index(o, slice_str(value));
		return;
	case OPT_LIST:
		*(struct opt_list *)at = list_of(f->arena, value);
		return;
	case OPT_MAP:
		*(struct opt_map *)at = enum_map(f->arena, o, value);
		return;
	case OPT_FILES:
		*(struct files_name *)at = files_of(f, value);
		return;
	case OPT_JQ:
		*(struct jq **)at = program_of(f, o, value);
		return;
	case OPT_URL:
	case OPT_TREE:
	case OPT_TEMPLATE:
		*(struct tpl **)at = template_of(f,
						 o->type == OPT_URL ? TPL_URL
						 : o->names         ? TPL_NAME
								    : TPL_TEXT,
						 value);
		return;
	default:
		ASSERT(o->type == OPT_STRING || o->type == OPT_PATH); /* others are set by hand */
		*(const char **)at = arena_str(f->arena, slice_str(value));
	}
}

static const struct opt *find(const struct opt *table, struct slice name)
{
	while (table->name && !slice_eq_str(name, table->name))
		table++;
	ASSERT(table->name);
	return table;
}

static void set_by_name(struct fake_site *f, const struct opt *table, void *options,
			const char *pair)
{
	struct slice name, value, head, rest;
	(void)slice_cut(slice_str(pair), '=', &name, &value);
	bool dotted = slice_cut(name, '.', &head, &rest);
	const struct opt *o = find(table, head);
	void *at = (char *)options + o->offset;
	if (!dotted) {
		set(f, o, options, pair + name.n + 1);
	} else if (o->type == OPT_MAP) {
		add_template(f, at, arena_str(f->arena, rest), pair + name.n + 1);
	} else {
		void **sub = at;
		if (!*sub)
			*sub = arena_zero(f->arena, o->sub_size);
		set_by_name(f, o->sub, *sub, pair + head.n + 1);
	}
}

void fake_site_open(struct fake_site *f, const struct port *port, ...)
{
	va_list args;
	*f = (struct fake_site){ .site.name = port->name, .arena = arena_new() };
	void *options = arena_zero(f->arena, port->options_size + 1);
	for (const struct opt *o = port->options; o->name; o++)
		if (o->fallback)
			set(f, o, options, o->fallback);
	va_start(args, port);
	for (const char *pair; (pair = va_arg(args, const char *));)
		set_by_name(f, port->options, options, pair);
	va_end(args);
	f->site.options = options;
	f->site.shared = xcalloc(1, port->shared_size + 1);
	fake_site_plan(f, port);
}

void fake_site_plan(struct fake_site *f, const struct port *port)
{
	struct diag *diag = diag_new("test.yaml");
	if (port->plan)
		port->plan((void *)(uintptr_t)f->site.options, &f->facts, diag);
	f->mistakes = diag_count(diag);
	diag_free(diag);
}

void fake_site_done(struct fake_site *f, const struct port *port)
{
	if (port->close)
		port->close(&f->site);
	for (size_t i = 0; i < f->program_count; i++)
		jq_free(f->programs[i]);
	for (size_t i = 0; i < f->template_count; i++)
		tpl_free(f->templates[i]);
	free(take(f->site.shared));
	arena_free(take(f->arena));
}

/* ---- files ----------------------------------------------------------------------------------- */

void folder_make(struct folder *f)
{
	snprintf(f->path, sizeof(f->path), "/tmp/hocket-test-XXXXXX");
	ASSERT(mkdtemp(f->path));
}

static void remove_all(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	ASSERT(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) < 0)
			remove_all(dirfd(dir), e->d_name);
	}
	closedir(dir);
	ASSERT(unlinkat(parent, name, AT_REMOVEDIR) == 0);
}

void folder_remove(struct folder *f)
{
	remove_all(AT_FDCWD, f->path);
}

const char *folder_file(const struct folder *f, const char *name)
{
	static char paths[8][200];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", f->path, name);
	return path;
}

void file_write(const char *path, struct slice text)
{
	FILE *file = fopen(path, "we");
	ASSERT(file);
	ASSERT(fwrite(text.p ? text.p : "", 1, text.n, file) == text.n);
	ASSERT(fclose(file) == 0);
}

struct buf file_read(const char *path)
{
	struct buf b = { .max = 1u << 30 };
	char block[65536];
	FILE *file = fopen(path, "re");
	if (!file)
		return b;
	for (size_t n; (n = fread(block, 1, sizeof(block), file)) > 0;)
		ASSERT(buf_add(&b, (struct slice){ block, n }) == 0);
	fclose(file);
	if (!b.p)
		ASSERT(buf_reserve(&b, 1) == 0);
	return b;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* ---- the loop -------------------------------------------------------------------------------- */

struct errand {
	void (*fn)(void *);
	void *arg;
};

static int run_errand(void *arg)
{
	const struct errand *e = arg;
	e->fn(e->arg);
	return 0;
}

void in_loop(void (*fn)(void *), void *arg)
{
	struct errand errand = { fn, arg };
	int r = hk_run(run_errand, &errand, NULL);
	ASSERT(r == 0);
}

/* ---- sinks ----------------------------------------------------------------------------------- */

static void start(struct fake_sink *s, struct resumption r) SUSPENDS
{
	s->err = (struct err){ 0 };
	if (!r.first || r.more)
		r.receipt = buf_take(&s->receipt);
	s->result = s->port->open ? s->port->open(&s->at.site, &s->err) : 0;
	if (s->result == 0 && s->port->resume)
		s->result = s->port->resume(&s->at.site, &r, &s->err);
	buf_done(&s->receipt);
	buf_done(&s->mark);
	s->receipt = r.receipt;
	s->mark = r.mark;
}

void sink_start(struct fake_sink *s, bool first)
{
	start(s, (struct resumption){ .pipeline = "test", .first = first });
}

void sink_start_more(struct fake_sink *s)
{
	start(s, (struct resumption){ .pipeline = "test",
				      .first = true,
				      .more = true,
				      .beside = s->receipt.n == 0 });
}

int sink_stands(struct fake_sink *s)
{
	s->err = (struct err){ 0 };
	s->result = s->port->open ? s->port->open(&s->at.site, &s->err) : 0;
	int r = s->port->stands(&s->at.site, "test", buf_slice(&s->receipt), &s->err);
	s->port->close(&s->at.site);
	return r;
}

/* JSON texts without blanks between their tokens, one blank between them. */
static size_t split_records(const char *text, struct rec **recs, size_t most)
{
	size_t n = 0;
	struct slice rest = slice_str(text), one;
	for (bool more = text != NULL; more; n++) {
		more = slice_cut(rest, ' ', &one, &rest);
		ASSERT(n < most && json_check(one, NULL) == 0);
		recs[n] = rec_new(one);
	}
	return n;
}

void sink_commit(struct fake_sink *s, const char *records, const char *mark)
{
	struct rec *recs[64];
	struct batch b = {
		.pipeline = "test", .recs = recs, .mark = slice_str(mark), .saved = true
	};
	AUTO(buf_done) struct buf receipt = { 0 };
	b.n = split_records(records, recs, ARRAY_SIZE(recs));
	s->err = (struct err){ 0 };
	s->result = s->port->commit(&s->at.site, &b, &receipt, &s->err);
	if (s->result == 0 && receipt.n) {
		buf_done(&s->receipt);
		s->receipt = buf_take(&receipt);
	}
	for (size_t i = 0; i < b.n; i++)
		rec_unref(recs[i]);
}

void sink_finish(struct fake_sink *s)
{
	s->err = (struct err){ 0 };
	s->result = s->port->finish ? s->port->finish(&s->at.site, &s->err) : 0;
}

void sink_stop(struct fake_sink *s)
{
	if (s->port->close)
		s->port->close(&s->at.site);
	memset(s->at.site.shared, 0, s->port->shared_size);
}

void sink_done(struct fake_sink *s)
{
	fake_site_done(&s->at, s->port);
	buf_done(&s->receipt);
	buf_done(&s->mark);
}
