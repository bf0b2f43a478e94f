/* manifest.c - the lines of a manifest: which files belong to an output, and how much of each
 *
 * What this room is for: parts are told to the disk here, and known again after a crash.
 *
 *     {"hocket":"manifest","version":1}
 *     {"file":"2024-05-01.jsonl"}                                       part 0 begins
 *     {"file":"big.jsonl","number":2}                                   part 1: big-00002.jsonl
 *     {"file":"a.jsonl","base":80,"direct":true}                        part 2: a.jsonl itself is written to, behind 80 bytes
 *     {"header":"id,name\n"}                                            CSV: the columns of all parts
 *     {"id":0,"length":512,"tail":"9c..","rows":7,"text":512}           committed
 *     {"id":1,"opened":true}   {"id":1,"published":true}   {"finished":true}
 *
 * What flows through:    parts out as lines; lines in, and the table of parts is as it was.
 * What must hold:
 *  (1) lines are only added; of two about the same part the later counts.
 *  (2) behind the length that the receipt names a line may be cut off, or of a commit that never was: it says what may lie about. */
#include "base/banned.h"
#include "base/json.h"
#include "base/units.h"
#include "connectors/files/parts.h"
#include <inttypes.h>

/* ---- writing --------------------------------------------------------------------------------- */

int manifest_put_head(struct buf *out)
{
	return buf_add(out, S("{\"hocket\":\"manifest\",\"version\":1}\n"));
}

static int put_number(const char *key, uint64_t n, struct buf *out)
{
	return n ? buf_printf(out, ",\"%s\":%" PRIu64, key, n) : 0;
}

int manifest_put_part(const struct part *p, struct buf *out)
{
	int r = buf_add(out, S("{\"file\":"));
	r = r < 0 ? r : json_quote(slice_str(p->of->key), out);
	r = r < 0 ? r : put_number("number", p->number, out);
	r = r < 0 ? r : put_number("base", p->base, out);
	r = r < 0 || !p->direct ? r : buf_add(out, S(",\"direct\":true"));
	r = r < 0 || !p->made ? r : buf_add(out, S(",\"made\":true"));
	r = r < 0 || p->place != PART_KEPT ? r : buf_add(out, S(",\"kept\":true"));
	return r < 0 ? r : buf_add(out, S("}\n"));
}

int manifest_put_counts(const struct part *p, struct buf *out)
{
	int r = buf_printf(out, "{\"id\":%" PRIu32 ",", p->id);
	r = r < 0 ? r : proof_put(&p->proof, out);
	r = r < 0 ? r : put_number("rows", p->then.rows, out);
	r = r < 0 ? r : put_number("text", p->then.text, out);
	r = r < 0 ? r : put_number("since", (uint64_t)p->then.since_ns, out);
	r = r < 0 || !p->full ? r : buf_add(out, S(",\"full\":true"));
	if (p->over.known) {
		r = r < 0 ? r : buf_add(out, S(",\"over\":{"));
		r = r < 0 ? r : proof_put(&p->over, out);
		r = r < 0 ? r : buf_add_char(out, '}');
	}
	return r < 0 ? r : buf_add(out, S("}\n"));
}

int manifest_put_word(const struct part *p, const char *word, struct buf *out)
{
	return buf_printf(out, "{\"id\":%" PRIu32 ",\"%s\":true}\n", p->id, word);
}

int manifest_put_result(const struct part *p, struct buf *out)
{
	int r = buf_printf(out, "{\"id\":%" PRIu32 ",\"result\":{", p->id);
	r = r < 0 ? r : proof_put(&p->result, out);
	return r < 0 ? r : buf_add(out, S("}}\n"));
}

int manifest_put_header(struct slice header, struct buf *out)
{
	int r = buf_add(out, S("{\"header\":"));
	r = r < 0 ? r : json_quote(header, out);
	return r < 0 ? r : buf_add(out, S("}\n"));
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_set(struct slice line, const char *key)
{
	struct slice raw;
	return json_field(line, slice_str(key), &raw) && json_type(raw) == JSON_TRUE;
}

static bool read_begin(struct parts *ps, struct slice line, struct slice raw_file)
{
	AUTO(buf_done) struct buf key = { 0 };
	uint64_t number = 0;
	if (json_type(raw_file) != JSON_STRING || json_unquote(raw_file, &key) < 0 || key.n == 0)
		return false;
	(void)proof_number(line, "number", &number);
	struct series *s = parts_series(ps, buf_slice(&key));
	if (!s || number > UINT32_MAX)
		return false;
	struct part *p = series_add(s, (uint32_t)number);
	(void)proof_number(line, "base", &p->base);
	p->direct = is_set(line, "direct");
	p->made = is_set(line, "made");
	p->place = is_set(line, "kept") ? PART_KEPT : PART_NONE;
	p->have.length = p->then.length = p->base;
	parts_note_begun(ps, p);
	s->now = s->stable = p;
	return true;
}

static bool read_counts(struct part *p, struct slice line)
{
	struct slice over;
	uint64_t since = 0;
	if (!proof_get(line, &p->proof) ||
	    (json_field(line, S("over"), &over) && !proof_get(over, &p->over)))
		return false;
	p->have = (struct part_counts){ .length = p->proof.length };
	(void)proof_number(line, "rows", &p->have.rows);
	(void)proof_number(line, "text", &p->have.text);
	(void)proof_number(line, "since", &since);
	p->have.since_ns = (int64_t)since;
	p->then = p->have;
	p->full = is_set(line, "full");
	p->committed = true;
	if (p->place == PART_KEPT && !p->opened)
		p->result = p->proof;
	if (p->place != PART_KEPT || p->opened)
		p->place = PART_OPEN;
	return true;
}

static bool read_word(struct parts *ps, struct slice line, uint64_t id)
{
	if (id >= ps->n)
		return false;
	struct part *p = ps->all[id];
	struct slice result;
	if (json_field(line, S("result"), &result))
		return proof_get(result, &p->result);
	if (is_set(line, "published"))
		p->place = PART_HANDED;
	else if (is_set(line, "opened"))
		p->opened = true;
	else
		return read_counts(p, line);
	return true;
}

static bool read_line(struct parts *ps, struct slice line)
{
	struct slice raw;
	uint64_t id;
	if (json_check(line, NULL) < 0)
		return false;
	if (json_field(line, S("file"), &raw))
		return read_begin(ps, line, raw);
	if (proof_number(line, "id", &id))
		return read_word(ps, line, id);
	if (json_field(line, S("header"), &raw)) {
		buf_clear(&ps->header);
		return json_unquote(raw, &ps->header) == 0;
	}
	return true;
}

int manifest_read(struct parts *ps, struct slice text, bool strict, struct err *err)
{
	struct slice rest = text, line;
	while (slice_cut(rest, '\n', &line, &rest)) {
		if (!read_line(ps, line) && strict)
			return fail(err, FAULT_IO,
				    "the manifest in '%s' makes no sense: '%.*s'; --fresh starts "
				    "over",
				    ps->folder, SLICE(slice_head(line, 80)));
	}
	return 0;
}

void manifest_read_results(struct parts *ps, struct slice text)
{
	struct slice rest = text, line, result;
	uint64_t id;
	while (slice_cut(rest, '\n', &line, &rest))
		if (json_check(line, NULL) == 0 && proof_number(line, "id", &id) && id < ps->n &&
		    json_field(line, S("result"), &result))
			(void)proof_get(result, &ps->all[id]->result);
}
