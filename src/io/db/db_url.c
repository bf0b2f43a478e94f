/* db_url.c - which database a text names, and what may be shown of it
 *
 * What this room is for: the door of a database, for messages and lanes: host, port and database name, and nothing that opens it.
 * What flows through:    libpq's two spellings, postgres://user:password@host:port/name?option=value and "host=... dbname=...", and paths.
 * What must hold:        whatever is not surely host, port or name is left out: a password with an '@' or a '/' in it shows nothing of
 *                        itself. What libpq makes of the text is libpq's business; nothing here is used to connect. */
#include "io/db/db_.h"
#include <string.h>

static bool is_uri(struct slice url)
{
	return slice_starts(url, S("postgres://")) || slice_starts(url, S("postgresql://"));
}

/* "host=... dbname=...": a word of libpq's, then '='. */
static bool is_words(struct slice url)
{
	static const char *const words[] = { "host",     "hostaddr", "port",    "dbname", "user",
					     "password", "service",  "sslmode", "options" };
	struct slice word, rest;

	if (!slice_cut(slice_trim(url), '=', &word, &rest))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (slice_eq_str(slice_trim(word), words[i]))
			return true;
	return false;
}

enum db_kind db_kind_of(struct slice url)
{
	return is_uri(url) || is_words(url) ? DB_POSTGRES : DB_SQLITE;
}

struct door {
	struct slice host, port, name;
};

/* ---- postgres://...  ------------------------------------------------------------------------------------ */

static struct slice after_last(struct slice s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
	return at ? slice_from(s, (size_t)(at - s.p) + 1) : s;
}

/* host=, port= and dbname= behind the question mark count as well. */
static void read_options(struct slice options, struct door *d)
{
	while (options.n > 0) {
		struct slice one, word, value;
		(void)slice_cut(options, '&', &one, &options);
		if (!slice_cut(one, '=', &word, &value))
			continue;
		if (slice_eq_str(word, "host"))
			d->host = value;
		else if (slice_eq_str(word, "port"))
			d->port = value;
		else if (slice_eq_str(word, "dbname"))
			d->name = value;
	}
}

/* A lone host's port; of several hosts each keeps its own in the text. */
static void cut_port(struct door *d)
{
	const char *colon = d->host.n ? memrchr(d->host.p, ':', d->host.n) : NULL;

	if (memchr(d->host.p ? d->host.p : "", ',', d->host.n) || !colon)
		return;
	if (d->host.p[0] == '[' && d->host.p[d->host.n - 1] == ']')
		return;
	d->port = slice_from(d->host, (size_t)(colon - d->host.p) + 1);
	d->host.n = (size_t)(colon - d->host.p);
}

static struct door read_uri(struct slice url)
{
	struct slice rest = slice_from(url, slice_starts(url, S("postgresql://")) ? 13 : 11);
	struct slice options = { 0 }, path, all = rest;
	struct door d = { 0 };

	/* A password may have slashes, at signs and question marks, if it is not escaped as it should be. */
	(void)slice_cut(all, '?', &rest, &options);
	if (options.n && memchr(options.p, '@', options.n) && !memchr(rest.p, '/', rest.n))
		(void)slice_cut(after_last(all, '@'), '?', &rest, &options);
	rest = after_last(rest, '@');
	(void)slice_cut(rest, '/', &d.host, &path);
	d.name = path;
	cut_port(&d);
	read_options(options, &d);
	return d;
}

/* ---- host=... dbname=... --------------------------------------------------------------------------------- */

/* The next value, without its quotes; a backslash takes the next character as it is, and stays in what is shown. */
static struct slice next_value(struct slice *rest)
{
	bool quoted = rest->n > 0 && rest->p[0] == '\'';
	size_t i = quoted, from = quoted;
	struct slice value;

	while (i < rest->n && (quoted ? rest->p[i] != '\'' : rest->p[i] != ' '))
		i += rest->p[i] == '\\' && i + 1 < rest->n ? 2 : 1;
	i = i < rest->n ? i : rest->n;
	value = (struct slice){ rest->p + from, i - from };
	*rest = slice_from(*rest, i < rest->n && quoted ? i + 1 : i);
	return value;
}

static struct door read_words(struct slice text)
{
	struct slice rest = slice_trim(text), word;
	struct door d = { 0 };

	while (slice_cut(rest, '=', &word, &rest)) {
		struct slice value;
		word = slice_trim(word);
		rest = slice_trim(rest);
		value = next_value(&rest);
		if (slice_eq_str(word, "host") || (slice_eq_str(word, "hostaddr") && !d.host.n))
			d.host = value;
		else if (slice_eq_str(word, "port"))
			d.port = value;
		else if (slice_eq_str(word, "dbname"))
			d.name = value;
	}
	return d;
}

/* ---- as text ----------------------------------------------------------------------------------------------- */

int db_put_door(struct slice url, struct buf *out)
{
	struct door d;

	if (db_kind_of(url) == DB_SQLITE) {
		if (slice_starts(url, S("sqlite:")))
			url = slice_from(url, 7);
		return buf_add(out, url);
	}
	d = is_uri(url) ? read_uri(url) : read_words(url);
	if (!d.port.n && d.host.n && !memchr(d.host.p, ',', d.host.n))
		d.port = S("5432");
	return buf_printf(out, "postgres://%.*s%s%.*s/%.*s", SLICE(d.host), d.port.n ? ":" : "",
			  SLICE(d.port), SLICE(d.name));
}
