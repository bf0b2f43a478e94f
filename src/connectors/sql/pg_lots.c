/* pg_lots.c - which record goes to which lot, and its line there
 *
 * What this room is for: see pg_lots.h.
 * What flows through:    records (borrowed) in, lines of COPY out.
 * What must hold:
 *  (1) a shape is looked at once a batch: records of one source mostly share one. (2) two keys that are written alike are one key
 *      (1 and "1"); those that only the database takes for equal are settled in its own INSERT, within a lot. */
#include "connectors/sql/pg_lots.h"
#include "base/banned.h"
#include "base/hash.h"
#include "base/utf8.h"
#include <errno.h>
#include <stdlib.h>

#define FIELDS_MAX 1600
#define NO_FIELD   ((struct slice){ NULL, 0 })

struct filling {
	struct pg_lots *lots;
	struct pg_table *t;
	struct db *db;
	const struct rec *rec;
	size_t number, n; /* of the record; its members */
	struct err *err;
};

static int fail_memory(struct err *err)
{
	return fail(err, FAULT_IO, "out of memory for rows");
}

static void lot_done(struct pg_lot *l)
{
	free(l->columns);
	free(l->rows);
	buf_done(&l->text);
}

void pg_lots_clear(struct pg_lots *lots)
{
	for (size_t i = 0; i < lots->n; i++)
		lot_done(&lots->v[i]);
	for (size_t i = 0; i < lots->shape_count; i++) {
		buf_done(&lots->shapes[i].keys);
		free(lots->shapes[i].columns);
	}
	free(lots->v);
	free(lots->shapes);
	free(lots->seats);
	free(lots->keys);
	free(lots->values);
	free(lots->fields);
	*lots = (struct pg_lots){ 0 };
}

/* ---- shapes ------------------------------------------------------------------------------------------------ */

static int split_record(struct filling *f)
{
	struct pg_lots *lots = f->lots;
	struct json_iter it = json_iter(rec_json(f->rec));
	struct slice key, value;
	f->n = 0;
	while (json_next(&it, &key, &value)) {
		if (f->n == FIELDS_MAX)
			return pg_record_fail(f->err, "the record has more than %d fields",
					      FIELDS_MAX);
		if (f->n == lots->member_cap) {
			lots->member_cap = lots->member_cap ? lots->member_cap * 2 : 16;
			lots->keys = xrealloc(lots->keys, lots->member_cap, sizeof(*lots->keys));
			lots->values =
				xrealloc(lots->values, lots->member_cap, sizeof(*lots->values));
		}
		lots->keys[f->n] = key;
		lots->values[f->n++] = value;
	}
	return 0;
}

/* JSON strings end themselves: keys that are equal one behind the other are equal one by one. */
static bool shape_fits(const struct pg_shape *s, const struct slice *keys, size_t n)
{
	size_t at = 0;
	if (s->n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (keys[i].n > s->keys.n - at || memcmp(s->keys.p + at, keys[i].p, keys[i].n) != 0)
			return false;
		at += keys[i].n;
	}
	return at == s->keys.n;
}

static struct pg_shape *find_shape(const struct filling *f)
{
	for (size_t i = f->lots->shape_count; i-- > 0;)
		if (shape_fits(&f->lots->shapes[i], f->lots->keys, f->n))
			return &f->lots->shapes[i];
	return NULL;
}

static int find_columns(const struct filling *f, struct pg_shape *s) SUSPENDS
{
	for (size_t i = 0; i < f->n; i++) {
		AUTO(buf_done) struct buf name = { 0 };
		if (json_unquote(f->lots->keys[i], &name) < 0 ||
		    buf_add(&s->keys, f->lots->keys[i]) < 0)
			return fail_memory(f->err);
		if (pg_table_column(f->t, f->db, buf_slice(&name), f->rec, f->lots->values[i],
				    &s->columns[i], f->err) < 0)
			return -1;
	}
	return 0;
}

static int make_shape(const struct filling *f, struct pg_shape **ret) SUSPENDS
{
	struct pg_lots *lots = f->lots;
	lots->shapes = xrealloc(lots->shapes, lots->shape_count + 1, sizeof(*lots->shapes));
	struct pg_shape *s = &lots->shapes[lots->shape_count++];
	*s = (struct pg_shape){ .columns = xcalloc(f->n + 1, sizeof(size_t)), .n = f->n };
	*ret = s;
	return find_columns(f, s);
}

/* ---- keys -------------------------------------------------------------------------------------------------- */

/* A value for each column; of two fields of one name the last counts, as everywhere. */
static void spread(const struct filling *f, const struct pg_shape *s)
{
	struct pg_lots *lots = f->lots;
	if (lots->field_cap < f->t->n) {
		lots->field_cap = f->t->n;
		lots->fields = xrealloc(lots->fields, lots->field_cap, sizeof(*lots->fields));
	}
	for (size_t i = 0; i < f->t->n; i++)
		lots->fields[i] = NO_FIELD;
	for (size_t i = 0; i < s->n; i++)
		lots->fields[s->columns[i]] = lots->values[i];
}

static struct slice unquoted(struct slice value)
{
	return value.n >= 2 && value.p[0] == '"' ? (struct slice){ value.p + 1, value.n - 2 }
						 : value;
}

static int hash_key(const struct filling *f, uint64_t *ret)
{
	uint64_t h = HASH_START;
	for (size_t i = 0; i < f->t->n; i++) {
		const struct pg_column *c = &f->t->columns[i];
		struct slice value = f->lots->fields[i];
		if (!c->key)
			continue;
		if (!value.p)
			return pg_record_fail(
				f->err,
				"the record has no field '%s', which `key` names for table '%s'",
				c->name, f->t->shown);
		if (json_type(value) == JSON_NULL)
			return pg_record_fail(
				f->err, "the record's '%s' is null; it is the key of table '%s'",
				c->name, f->t->shown);
		h = hash_add(h, unquoted(value));
		h = hash_add(h, S("\n"));
	}
	*ret = hash_end(h);
	return 0;
}

static struct pg_seat *find_seat(const struct pg_lots *lots, uint64_t hash)
{
	size_t i = (size_t)hash & (lots->seat_cap - 1);
	while (lots->seats[i].lot && lots->seats[i].hash != hash)
		i = (i + 1) & (lots->seat_cap - 1);
	return &lots->seats[i];
}

static struct pg_seat *take_seat(struct pg_lots *lots, uint64_t hash)
{
	if (lots->seat_count * 2 >= lots->seat_cap) {
		struct pg_lots more = { .seat_cap = lots->seat_cap ? lots->seat_cap * 2 : 1024 };
		more.seats = xcalloc(more.seat_cap, sizeof(*more.seats));
		for (size_t i = 0; i < lots->seat_cap; i++)
			if (lots->seats[i].lot)
				*find_seat(&more, lots->seats[i].hash) = lots->seats[i];
		free(lots->seats);
		lots->seats = more.seats;
		lots->seat_cap = more.seat_cap;
	}
	struct pg_seat *seat = find_seat(lots, hash);
	if (!seat->lot) {
		lots->seat_count++;
		seat->hash = hash;
	}
	return seat;
}

/* ---- lots -------------------------------------------------------------------------------------------------- */

static bool stands_in_lot(const struct filling *f, size_t column)
{
	if (f->lots->fields[column].p)
		return true;
	return f->t->key->n == 0 && !f->t->columns[column].fills_itself;
}

static bool lot_fits(const struct filling *f, const struct pg_lot *l)
{
	size_t at = 0;
	for (size_t i = 0; i < f->t->n; i++) {
		bool has = at < l->n && l->columns[at] == i;
		if (has != stands_in_lot(f, i))
			return false;
		at += has;
	}
	return at == l->n;
}

static size_t add_lot(const struct filling *f)
{
	struct pg_lots *lots = f->lots;
	if (lots->n == lots->cap) {
		lots->cap = lots->cap ? lots->cap * 2 : 4;
		lots->v = xrealloc(lots->v, lots->cap, sizeof(*lots->v));
	}
	struct pg_lot *l = &lots->v[lots->n];
	*l = (struct pg_lot){ .columns = xcalloc(f->t->n + 1, sizeof(size_t)) };
	l->text.max = SIZE_MAX / 2; /* a batch has its ceiling */
	for (size_t i = 0; i < f->t->n; i++)
		if (stands_in_lot(f, i))
			l->columns[l->n++] = i;
	return lots->n++;
}

/* The last lot with these columns, if it is none before `least`; else a new one. */
static size_t choose_lot(const struct filling *f, struct pg_shape *s, size_t least)
{
	if (s->has_lot && s->lot >= least && lot_fits(f, &f->lots->v[s->lot]))
		return s->lot;
	size_t i = f->lots->n;
	while (i > least && !lot_fits(f, &f->lots->v[i - 1]))
		i--;
	s->lot = i > least ? i - 1 : add_lot(f);
	s->has_lot = true;
	return s->lot;
}

static int seat_record(const struct filling *f, struct pg_shape *s, size_t *ret)
{
	uint64_t hash = 0;
	if (f->t->key->n == 0) {
		*ret = choose_lot(f, s, 0);
		return 0;
	}
	if (hash_key(f, &hash) < 0)
		return -1;
	struct pg_seat *seat = take_seat(f->lots, hash);
	*ret = choose_lot(f, s, seat->lot ? seat->lot - 1 : 0);
	seat->lot = *ret + 1;
	return 0;
}

/* ---- lines ------------------------------------------------------------------------------------------------- */

static int put_field(const struct filling *f, size_t column, struct buf *out)
{
	const struct pg_column *c = &f->t->columns[column];
	struct slice value = f->lots->fields[column];
	const char *why = NULL;
	if (!value.p)
		return buf_add(out, S("\\N")) < 0 ? fail_memory(f->err) : 0;
	int r = pg_value_put(c->class, f->rec, value, out, &why);
	if (r == -EINVAL)
		return pg_record_fail(f->err, "column '%s' (%s) of table '%s': %.*s %s", c->name,
				      c->type, f->t->shown, SLICE(utf8_head(value, 60)), why);
	return r < 0 ? fail_memory(f->err) : 0;
}

static int put_line(const struct filling *f, struct pg_lot *l)
{
	size_t begin = l->text.n;
	int r = 0;
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		r = i ? buf_add_char(&l->text, '\t') : 0;
		r = r < 0 ? fail_memory(f->err) : put_field(f, l->columns[i], &l->text);
	}
	if (r == 0 && f->t->key->n)
		r = buf_printf(&l->text, "\t%zu", f->number);
	if (r == 0)
		r = buf_add_char(&l->text, '\n');
	if (r < 0) {
		buf_truncate(&l->text, begin);
		return f->err && f->err->fault ? -1 : fail_memory(f->err);
	}
	if (l->count == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 256;
		l->rows = xrealloc(l->rows, l->cap, sizeof(*l->rows));
	}
	l->rows[l->count++] = f->number;
	return 0;
}

static int add_record(struct filling *f) SUSPENDS
{
	size_t lot;
	if (split_record(f) < 0)
		return -1;
	struct pg_shape *s = find_shape(f);
	if (!s && make_shape(f, &s) < 0)
		return -1;
	spread(f, s);
	return seat_record(f, s, &lot) < 0 ? -1 : put_line(f, &f->lots->v[lot]);
}

int pg_lots_fill(struct pg_lots *lots, struct pg_table *t, struct db *db, struct rec *const *recs,
		 size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct filling f = { lots, t, db, recs[i], i, 0, err };
		if (add_record(&f) == 0)
			continue;
		if (err && err->whole && !err->row)
			err->row = i + 1;
		return -1;
	}
	return 0;
}
