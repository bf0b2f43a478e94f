/* secrets.c - what must not be seen: read from a file or the environment, named in few places, redacted everywhere
 *
 * What this room is for: $secret.NAME. Its values reach requests and databases, never messages, dead letters or the state.
 * What flows through:    KEY=VALUE lines; values to the compiler of expressions; texts on their way out, redacted.
 * What must hold:
 *  (1) a file's value wins over the environment's; of two lines with one key the later wins.
 *  (2) what was handed out is remembered for redaction, until the secrets are freed; slices given stay valid as long.
 *  (3) a value is redacted as it is, as it stands inside JSON, and percent-encoded. Short values (under 8 characters) are not
 *      redacted: too much innocent text would be. The longest wins where several begin at one place. */
#include "base/json.h"
#include "engine/expr.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define FILE_MAX    ((size_t)1 << 20)
#define REDACT_FROM 8 /* characters */

enum form {
	FORM_PLAIN,
	FORM_JSON,
	FORM_URL,
	FORM_COUNT
}; /* as it may stand in a text; empty: no other than plain */

struct secret {
	struct slice name, value;
	struct slice forms[FORM_COUNT]; /* set when it is given */
	bool given;
	bool fake; /* not redacted: it is no secret */
	struct secret *next;
};
struct secrets {
	struct arena *arena;
	struct secret *first; /* newest first: the later line wins */
	bool no_environment, placeholders;
};

struct secrets *secrets_new(void)
{
	struct secrets *s = xcalloc(1, sizeof(*s));
	s->arena = arena_new();
	return s;
}

struct secrets *secrets_new_fake(void)
{
	struct secrets *s = secrets_new();
	s->no_environment = s->placeholders = true;
	return s;
}

struct secrets *secrets_new_lenient(void)
{
	struct secrets *s = secrets_new();
	s->placeholders = true;
	return s;
}

void secrets_free(struct secrets *s)
{
	if (!s)
		return;
	for (struct secret *one = s->first; one; one = one->next) {
		explicit_bzero((char *)one->value.p, one->value.n);
		for (int i = FORM_JSON; i < FORM_COUNT; i++)
			if (one->forms[i].n)
				explicit_bzero((char *)one->forms[i].p, one->forms[i].n);
	}
	arena_free(s->arena);
	free(s);
}

static struct secret *add(struct secrets *s, struct slice name, struct slice value)
{
	struct secret *one = arena_zero(s->arena, sizeof(*one));
	*one = (struct secret){ .name = arena_copy(s->arena, name),
				.value = arena_copy(s->arena, value),
				.next = s->first };
	s->first = one;
	return one;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return s.n > 0;
}

/* "..." knows \n \t \r \" \\ \$; '...' knows nothing. What follows the closing quote is a comment or a mistake. */
static const char *unquote(struct slice text, struct buf *out)
{
	char quote = text.p[0];
	size_t i = 1;
	for (; i < text.n && text.p[i] != quote; i++) {
		char c = text.p[i];
		if (quote == '"' && c == '\\' && i + 1 < text.n) {
			const char *known = strchr("n\nt\tr\r\"\"\\\\$$", text.p[++i]);
			if (!known || !text.p[i])
				return "a backslash in \"...\" needs n, t, r, \", \\ or $ behind "
				       "it";
			c = known[1];
		}
		if (buf_add_char(out, c) < 0)
			return "this value is too long";
	}
	if (i == text.n)
		return "the closing quote is missing";
	struct slice rest = slice_trim((struct slice){ text.p + i + 1, text.n - i - 1 });
	return rest.n && rest.p[0] != '#' ? "nothing but a comment may follow the closing quote"
					  : NULL;
}

/* An unquoted value ends at " #". */
static struct slice before_comment(struct slice text)
{
	for (size_t i = 1; i < text.n; i++)
		if (text.p[i] == '#' && (text.p[i - 1] == ' ' || text.p[i - 1] == '\t'))
			return slice_trim((struct slice){ text.p, i });
	return text;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct secrets *s, struct slice line)
{
	line = slice_trim(line);
	if (!line.n || line.p[0] == '#')
		return NULL;
	if (line.n > 7 && memcmp(line.p, "export ", 7) == 0)
		line = slice_trim((struct slice){ line.p + 7, line.n - 7 });
	const char *equals = memchr(line.p, '=', line.n);
	if (!equals)
		return "expected NAME=VALUE";
	struct slice name = slice_trim((struct slice){ line.p, (size_t)(equals - line.p) });
	struct slice value =
		slice_trim((struct slice){ equals + 1, line.n - (size_t)(equals + 1 - line.p) });
	if (!is_name(name))
		return "a name has letters, digits and _ only";
	if (!value.n || (value.p[0] != '"' && value.p[0] != '\'')) {
		add(s, name, before_comment(value));
		return NULL;
	}
	AUTO(buf_done) struct buf text = { 0 };
	const char *wrong = unquote(value, &text);
	if (!wrong)
		add(s, name, buf_slice(&text));
	if (text.p)
		explicit_bzero(text.p, text.n);
	return wrong;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int read_all(const char *path, struct buf *out, struct err *err)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, FAULT_CONFIG, -errno, "cannot read secrets from '%s'", path);
	for (;;) {
		if (buf_reserve(out, 4096) < 0)
			return fail(err, FAULT_CONFIG, "'%s' is too large for secrets (1 MiB)",
				    path);
		ssize_t n = read(fd, out->p + out->n, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, FAULT_CONFIG, -errno,
					  "cannot read secrets from '%s'", path);
		if (n == 0)
			return 0;
		buf_added(out, (size_t)n);
	}
}

int secrets_read(struct secrets *s, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = FILE_MAX };
	int rc = read_all(path, &text, err);
	struct slice rest = buf_slice(&text);
	for (unsigned line = 1; rc == 0 && rest.n; line++) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;
		const char *wrong = read_line(s, (struct slice){ rest.p, n });
		if (wrong)
			rc = fail(err, FAULT_CONFIG, "%s:%u: %s", path, line, wrong);
		n += end != NULL;
		rest = (struct slice){ rest.p + n, rest.n - n };
	}
	if (text.p)
		explicit_bzero(text.p, text.n);
	return rc;
}

/* ---- giving and hiding --------------------------------------------------------------------------------------- */

/* The value inside quotes, and in a URL, where that is another text. */
static void set_forms(struct secrets *s, struct secret *one)
{
	static const char hex[] = "0123456789ABCDEF", plain[] = "-._~";
	AUTO(buf_done) struct buf json = { 0 }, url = { 0 };
	int error = json_quote(one->value, &json);
	for (size_t i = 0; i < one->value.n && !error; i++) {
		unsigned char c = (unsigned char)one->value.p[i];
		char escape[3] = { '%', hex[c >> 4], hex[c & 15] };
		bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || (c && strchr(plain, c));
		error = keep ? buf_add_char(&url, (char)c)
			     : buf_add(&url, (struct slice){ escape, 3 });
	}
	one->forms[FORM_PLAIN] = one->value;
	if (error) /* longer than any message */
		return;
	if (json.n > one->value.n + 2)
		one->forms[FORM_JSON] =
			arena_copy(s->arena, (struct slice){ json.p + 1, json.n - 2 });
	if (url.n > one->value.n)
		one->forms[FORM_URL] = arena_copy(s->arena, buf_slice(&url));
	explicit_bzero(json.p, json.n);
	if (url.n)
		explicit_bzero(url.p, url.n);
}

static struct secret *add_from_environment(struct secrets *s, struct slice name)
{
	AUTO(freep) char *key = xstrndup(name.p, name.n);
	const char *value = getenv(key);
	return value ? add(s, name, slice_str(value)) : NULL;
}

static bool has_part(struct slice name, const char *part)
{
	return memmem(name.p, name.n, part, strlen(part)) != NULL;
}

/* What has to be a URL, to a server, a database or a mail server, says so in its name. */
static struct secret *add_fake(struct secrets *s, struct slice name)
{
	bool url = slice_ends(name, S("URL")) || slice_ends(name, S("URI"));
	bool database = slice_ends(name, S("DSN")) ||
			(url && (has_part(name, "PG") || has_part(name, "POSTGRES") ||
				 has_part(name, "DATABASE") || has_part(name, "DB")));
	bool mail = url && (has_part(name, "SMTP") || has_part(name, "MAIL"));
	const char *form = database ? "postgres://secret.example/%.*s"
			   : mail   ? "smtps://%.*s%%40secret.example@secret.example"
			   : url    ? "https://secret.example/%.*s"
				    : "secret-%.*s";
	AUTO(buf_done) struct buf value = { .max = 4096 };
	if (buf_printf(&value, form, SLICE(name)) < 0)
		buf_clear(&value);
	struct secret *one = add(s, name, buf_slice(&value));
	one->fake = true;
	return one;
}

bool secrets_get(const struct secrets *secrets, struct slice name, struct slice *ret)
{
	struct secrets *s = (struct secrets *)
		secrets; /* remembering what was given is no change that a caller can see */
	struct secret *one = s->first;
	while (one && !slice_eq(one->name, name))
		one = one->next;
	if (!one && is_name(name) && !s->no_environment)
		one = add_from_environment(s, name);
	if (!one && is_name(name) && s->placeholders)
		one = add_fake(s, name);
	if (!one)
		return false;
	if (!one->given)
		set_forms(s, one);
	one->given = true;
	*ret = one->value;
	return true;
}

bool secrets_names(const struct secrets *s, struct slice name)
{
	const struct secret *one = s->first;
	while (one && !(one->given && slice_eq(one->name, name)))
		one = one->next;
	return one != NULL;
}

int secrets_put_missing(const struct secrets *s, struct buf *out)
{
	int r = 0;
	for (const struct secret *one = s->first; one && r == 0; one = one->next)
		if (one->fake)
			r = buf_printf(out, "%s'%.*s'", out->n ? ", " : "", SLICE(one->name));
	return r;
}

static size_t longest_at(const struct secrets *s, struct slice text)
{
	size_t longest = 0;
	for (const struct secret *one = s->first; one; one = one->next) {
		if (!one->given || one->fake || one->value.n < REDACT_FROM)
			continue;
		for (int i = 0; i < FORM_COUNT; i++)
			if (one->forms[i].n > longest && slice_starts(text, one->forms[i]))
				longest = one->forms[i].n;
	}
	return longest;
}

int secrets_redact(const struct secrets *s, struct slice text, struct buf *out)
{
	size_t from = 0, i = 0;
	int error = 0;
	while (i < text.n && !error) {
		size_t n = longest_at(s, (struct slice){ text.p + i, text.n - i });
		if (!n) {
			i++;
			continue;
		}
		error = buf_add(out, (struct slice){ text.p + from, i - from });
		if (!error)
			error = buf_add(out, S("***"));
		from = i += n;
	}
	return error ? error : buf_add(out, slice_from(text, from));
}
