/* loading.c - what --set, --env-file and --secrets give to a plan
 *
 * What this room is for: run and check see the same variables and secrets.
 * What flows through:    flags in; a struct plan_settings that borrows argv.
 * What must hold:        (1) a variable that is set already wins over an --env-file, as everywhere. (2) a secret's value is
 *   never printed. */
#include "cli/loading.h"
#include "cli/hints.h"
#include "cli/term.h"
#include "connectors/registry.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void close_file(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* only read */
}

/* The value behind =, without the quotes around it. */
static struct slice unquote(struct slice v)
{
	bool quoted = v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0];
	return quoted ? (struct slice){ v.p + 1, v.n - 2 } : v;
}

/* One KEY=VALUE line, "export " before it allowed; blank lines and # comments are nothing. -1: none of these. */
static int set_line(char *line)
{
	struct slice key, value, s = slice_trim(slice_str(line));
	if (s.n == 0 || s.p[0] == '#')
		return 0;
	if (slice_starts(s, S("export ")))
		s = slice_trim(slice_from(s, 7));
	if (!slice_cut(s, '=', &key, &value) || key.n == 0)
		return -1;
	key = slice_trim(key);
	value = unquote(slice_trim(value));
	AUTO(freep) char *k = xstrndup(key.p, key.n), *v = xstrndup(value.p, value.n);
	return setenv(k, v, 0);
}

static void free_line(char **line)
{
	free(*line);
}

static int read_env_file(const char *path, struct err *err)
{
	AUTO(close_file) FILE *f = fopen(path, "re");
	if (!f)
		return fail_errno(err, FAULT_CONFIG, -errno, "--env-file '%s'", path);
	AUTO(free_line) char *line = NULL;
	size_t cap = 0;
	for (unsigned n = 1; getline(&line, &cap, f) >= 0; n++)
		if (set_line(line) < 0)
			return fail(err, FAULT_CONFIG, "%s:%u: expected KEY=VALUE", path, n);
	if (ferror(f))
		return fail_errno(err, FAULT_CONFIG, -errno, "--env-file '%s'", path);
	return 0;
}

static int init(struct loading *l, const struct args *args, struct secrets *takes, struct err *err)
{
	*l = (struct loading){ .secrets = takes,
			       .sets = xcalloc(args->given_count + 1, sizeof(char *)) };
	const char *state = NULL;
	size_t n = 0;
	for (size_t i = 0; i < args->given_count; i++) {
		const struct given *g = &args->given[i];
		if (g->flag->id == FLAG_SET)
			l->sets[n++] = g->text;
		if (g->flag->id == FLAG_STATE)
			state = g->text;
		if (g->flag->id == FLAG_ENV_FILE && read_env_file(g->text, err) < 0)
			return -1;
		if (g->flag->id == FLAG_SECRETS && secrets_read(l->secrets, g->text, err) < 0)
			return -1;
	}
	l->settings = (struct plan_settings){
		.registry = &registry,
		.sets = l->sets,
		.set_count = n,
		.secrets = l->secrets,
		.state = state,
		.once = args_has(args, FLAG_ONCE),
	};
	return 0;
}

int loading_init(struct loading *l, const struct args *args, struct err *err)
{
	return init(l, args, secrets_new(), err);
}

int loading_init_to_look(struct loading *l, const struct args *args, struct err *err)
{
	return init(l, args, secrets_new_lenient(), err);
}

int loading_init_fake(struct loading *l, const struct args *args, struct err *err)
{
	int r = init(l, args, secrets_new_fake(), err);
	l->settings.once = true; /* a case has an end */
	return r;
}

void loading_done(struct loading *l)
{
	secrets_free(l->secrets);
	free(l->sets);
	*l = (struct loading){ 0 };
}

size_t loading_tell(const struct diag *diag)
{
	AUTO(buf_done) struct buf out = { 0 };
	if (diag_print(diag, term_color(STDERR_FILENO), &out) == 0)
		say_raw(buf_slice(&out));
	return diag_count(diag);
}

/* A placeholder fits most places, but for instance no address with a scheme of its own. */
static void tell_missing(const struct secrets *secrets)
{
	AUTO(buf_done) struct buf names = { .max = 4096 };
	if (secrets_put_missing(secrets, &names) == 0 && names.n > 0)
		say("a placeholder stood for secrets that are not set: %s. If that is what does "
		    "not fit, set them in the environment or with --secrets",
		    names.p);
}

struct plan *loading_plan(const struct loading *l, const char *path)
{
	struct diag *diag = NULL;
	struct plan *plan = NULL;
	struct err err = { 0 };
	if (hints_refuse_data(path))
		return NULL;
	int r = plan_load(path, &l->settings, &diag, &plan, &err);
	if (r == -2)
		loading_tell(diag);
	else if (r < 0)
		say("%s", err.text);
	if (r < 0)
		tell_missing(l->secrets);
	diag_free(diag);
	return plan;
}

void loading_drop(struct plan **p)
{
	plan_free(*p);
}
