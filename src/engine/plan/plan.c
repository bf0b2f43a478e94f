/* plan.c - a pipeline file becomes a plan
 *
 * What this room is for: the top level (from, steps, to and what stands beside them), and the plan's life.
 * What flows through:    the file's text in; a plan that owns everything, or mistakes, all at once.
 * What must hold:
 *  (1) nothing outside is touched but the file itself and the environment that `vars:` names.
 *  (2) a plan exists only if no mistake was added; else everything made on the way is freed.
 *  (3) programs and templates are freed before the arena: they may borrow from it. */
#include "engine/plan/planning.h"
#include "io/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/banned.h"

enum { PLACES_MAX = 1000 };

struct whole { /* the plan that is given out, and what keeps it alive */
	struct plan plan;
	struct owned *owned;
	struct secrets *secrets; /* owns; NULL: the caller's are used */
};

enum order { ORDER_DEFAULT = -1, ORDER_INPUT, ORDER_ANY };
struct top {
	const char *name, *dead, *state;
	uint64_t memory;
	int order;
	struct opt_list allow; /* v: const char *[] */
	int guarantee;
};
static const char *const order_words[] = { "input", "any", NULL };
enum top_guarantee { GUARANTEE_NONE = -1, GUARANTEE_EXACTLY_ONCE };
static const char *const guarantee_words[] = { "exactly_once", NULL };
const struct opt plan_options[] = {
	OPT("name", struct top, name, OPT_STRING, const char *,
	    .doc = "of the pipeline, and of its state file; else the file's name"),
	OPT("dead", struct top, dead, OPT_PATH, const char *,
	    .doc = "a copy of the dead letters, as JSON lines"),
	OPT("state", struct top, state, OPT_PATH, const char *,
	    .doc = "the file that remembers how far runs have come (default: .hocket/NAME.db); "
		   "off: "
		   "none, no run can be gone on with"),
	OPT("memory", struct top, memory, OPT_SIZE, uint64_t, .fallback = "256MB",
	    .doc = "for records in flight; at least 16MB"),
	OPT("order", struct top, order, OPT_ENUM, int, .words = order_words,
	    .doc = "input: records leave in the order in which they came (default of finite "
		   "sources); any: as they are done"),
	OPT("allow", struct top, allow, OPT_LIST, struct opt_list, .of = OPT_STRING,
	    .doc = "where hosts that come from records or answers may lead, beside public "
		   "addresses: "
		   "loopback, private, 10.0.0.0/8, host:port"),
	OPT("guarantee", struct top, guarantee, OPT_ENUM, int, .words = guarantee_words,
	    .doc = "exactly_once: a file with a source of class V, or a step or sink of class A, "
		   "is "
		   "refused"),
	OPT_END,
};
static const char *const top_words[] = {
	"from",   "steps", "to",    "name",      "dead",  "vars",
	"memory", "order", "allow", "guarantee", "state", "tests"
};

/* ---- the top level -------------------------------------------------------------------------------------------- */

static const char *hint_for_top(struct planner *p, struct slice word)
{
	const char *near = nearest(word, top_words, ARRAY_SIZE(top_words));

	if (near)
		return arena_printf(p->arena, "did you mean '%s'?", near);
	if (word.n > 0 && memchr(word.p, ':', word.n))
		return "a blank is missing after ':'";
	if (means_every(word))
		return "when it is read again stands with a source: from: {..., every: 30m}";
	if (options_find(common_call_options, word) || registry_find(p->registry, word, ROLE_STEP))
		return arena_printf(p->arena,
				    "'%.*s' belongs to a step: is it indented too little?",
				    SHOWN(word));
	return "the top level has from, steps, to; name, dead, vars, state, memory, order, "
	       "allow, guarantee, tests";
}

static void check_top_keys(struct planner *p, const struct node *root)
{
	for (size_t i = 0; i < root->n; i++) {
		const struct node *key = &root->keys[i];
		bool known = false;
		for (size_t k = 0; k < ARRAY_SIZE(top_words); k++)
			known |= slice_eq_str(key->text, top_words[k]);
		if (known)
			continue;
		if (later_word(key->text, LATER_TOP))
			diag_add(p->diag, key->at, key->length, NULL,
				 "'%.*s' is not in this version of hocket yet", SHOWN(key->text));
		else
			diag_add(p->diag, key->at, key->length, hint_for_top(p, key->text),
				 "unknown word '%.*s' at the top level", SHOWN(key->text));
	}
}

/* "form: ..." was answered with "did you mean 'from'?": that from: is missing need not be said too. */
static bool misspelt(const struct node *root, const char *word)
{
	for (size_t i = 0; i < root->n; i++) {
		struct slice key, rest;
		slice_cut(root->keys[i].text, ':', &key, &rest); /* from:{jsonl: ...} */
		const char *near = nearest(key, top_words, ARRAY_SIZE(top_words));
		if (near && strcmp(near, word) == 0)
			return true;
	}
	return false;
}

static void parse_places(struct planner *p, const struct node *root, const char *key,
			 enum role role, struct drafts *ret)
{
	const struct node *value = node_get(root, key);
	bool list = value && value->kind == NODE_LIST;

	ret->n = !value ? 0 : list ? value->n : 1;
	ret->v = arena_zero(p->arena, (ret->n + 1) * sizeof *ret->v);
	if (list && value->n == 0 && role != ROLE_STEP)
		diag_add(p->diag, value->at, value->length, NULL, "'%s' is empty", key);
	int most =
		role == ROLE_SINK ? PLAN_SINKS_MAX : PLACES_MAX; /* the run keeps a bit per sink */
	if (ret->n > (size_t)most) {
		diag_add(p->diag, value->at, value->length, NULL,
			 "'%s' has %zu entries, more than %d", key, ret->n, most);
		ret->n = 0;
	}
	for (size_t i = 0; i < ret->n; i++)
		place_parse(p, list ? &value->items[i] : value, role, &ret->v[i]);
}

static void parse_steps(struct planner *p, const struct node *root, struct drafts *ret)
{
	const struct node *value = node_get(root, "steps");

	*ret = (struct drafts){ 0 };
	if (!value || node_empty(value))
		return;
	if (value->kind == NODE_LIST)
		parse_places(p, root, "steps", ROLE_STEP, ret);
	else
		diag_add(p->diag, value->at, value->length, "each step begins with '- '",
			 "'steps' wants a list, not %s", node_kind_name(value));
}

static void parse_ends(struct planner *p, const struct node *root, struct drafts *sources,
		       struct drafts *sinks)
{
	if (!node_get(root, "from") && !misspelt(root, "from"))
		diag_add(p->diag, DIAG_NOWHERE, 0, "for example from: {jsonl: users.jsonl}",
			 "'from' is missing: where do records come from?");
	if (!node_get(root, "to") && !misspelt(root, "to"))
		diag_add(p->diag, DIAG_NOWHERE, 0, "for example to: stdout",
			 "'to' is missing: where do records go?");
	parse_places(p, root, "from", ROLE_SOURCE, sources);
	parse_places(p, root, "to", ROLE_SINK, sinks);
}

static void check_allow(struct planner *p, const struct node *allow, const struct opt_list *list)
{
	const char *const *words = list->v;
	for (size_t i = 0; i < list->n; i++) {
		const struct node *at = allow->kind == NODE_LIST ? &allow->items[i] : allow;
		if (words[i] && http_guard_word_check(slice_str(words[i])) < 0)
			diag_add(p->diag, at->at, at->length, NULL, "'%s' is " HTTP_GUARD_WORDS,
				 words[i]);
	}
}

static void check_top(struct planner *p, const struct node *root, const struct top *top)
{
	const struct node *name = node_get(root, "name"), *memory = node_get(root, "memory");

	if (top->name && (top->name[0] == '\0' || top->name[0] == '.' || strchr(top->name, '/') ||
			  strlen(top->name) > 100))
		diag_add(p->diag, name->at, name->length, "it names the state file",
			 "a name has 1 to 100 letters, no '/' and no '.' in front");
	if (top->allow.n)
		check_allow(p, node_get(root, "allow"), &top->allow);
	if (memory && top->memory < PLAN_MEMORY_MIN && diag_count(p->diag) == 0)
		diag_add(p->diag, memory->at, memory->length, NULL, "'memory' is at least 16MB");
}

static void parse_top(struct planner *p, const struct node *root, struct top *ret)
{
	const struct node *order = node_get(root, "order");

	*ret = (struct top){ .order = ORDER_DEFAULT, .guarantee = GUARANTEE_NONE };
	if (order && slice_starts(order->text, S("by "))) {
		diag_add(p->diag, order->at, order->length, NULL,
			 "'order: by' is not in this version of hocket yet");
		return;
	}
	options_fill(p, plan_options, NULL, root, root, "a pipeline", ret);
	check_top(p, root, ret);
}

/* ---- the plan -------------------------------------------------------------------------------------------------- */

struct places {
	struct place *v;
	size_t n;
};

static void add_place(struct planner *p, struct places *to, const struct draft *d)
{
	to->v[to->n] = d->place;
	to->v[to->n++].hash = place_hash(p, d);
}

static struct places places_for(struct planner *p, size_t most)
{
	return (struct places){ arena_zero(p->arena, (most + 1) * sizeof(struct place)), 0 };
}

static void take_sources(struct planner *p, const struct drafts *sources, struct plan *plan)
{
	struct places to = places_for(p, sources->n);
	for (size_t i = 0; i < sources->n; i++)
		add_place(p, &to, &sources->v[i]);
	plan->sources = to.v;
	plan->source_count = to.n;
}

/* A sink that calls is a last step: what it has accepted is delivered. The others take what the steps have left, in batches. */
static void take_steps_and_sinks(struct planner *p, const struct drafts *steps,
				 const struct drafts *sinks, struct plan *plan)
{
	struct places calls = places_for(p, steps->n + sinks->n);
	struct places commits = places_for(p, sinks->n);
	for (size_t i = 0; i < steps->n; i++)
		add_place(p, &calls, &steps->v[i]);
	for (size_t i = 0; i < sinks->n; i++)
		add_place(p, sinks->v[i].place.port->call ? &calls : &commits, &sinks->v[i]);
	plan->steps = calls.v;
	plan->step_count = calls.n;
	plan->sinks = commits.v;
	plan->sink_count = commits.n;
}

/* --state wins. Without a state nothing can be gone on with, wherever it comes from. */
static void take_state(const struct plan_settings *settings, const struct node *root,
		       const struct top *top, struct drafts *sources, struct plan *plan)
{
	const struct node *word = node_get(root, "state");
	plan->state_path = settings->state ? settings->state : top->state;
	plan->state_off = settings->state ? strcmp(settings->state, "off") == 0
					  : word && slice_eq_str(word->text, "off");
	if (!plan->state_off)
		return;
	plan->state_path = NULL;
	for (size_t i = 0; i < sources->n; i++)
		sources->v[i].place.facts.restart = RESTART_LOSES;
}

static void check_guarantee(struct planner *p, const struct node *root, const struct plan *plan,
			    struct drafts *sources, struct drafts *steps, struct drafts *sinks)
{
	const struct node *at = node_get(root, "guarantee");
	if (plan->state_off)
		diag_add(p->diag, at->at, at->length, "leave 'state: off' out",
			 "'guarantee: exactly_once' cannot be kept with the state off");
	else
		places_check_exact(p, sources, steps, sinks);
}

int plan_put_state_path(const struct plan *plan, struct buf *out)
{
	if (plan->state_off)
		return buf_add(out, S(":memory:"));
	return plan->state_path ? buf_add(out, slice_str(plan->state_path))
				: buf_printf(out, "%s/.hocket/%s.db", plan->folder, plan->name);
}

/* dir/enrich.yaml is enrich; what comes from nowhere in particular is "pipeline". */
static const char *name_of_file(struct planner *p, const char *file)
{
	const char *slash = strrchr(file, '/');
	struct slice base = slice_str(slash ? slash + 1 : file);

	if (slice_ends(base, S(".yaml")))
		base.n -= 5;
	else if (slice_ends(base, S(".yml")))
		base.n -= 4;
	return base.n == 0 || base.p[0] == '.' || slice_eq(base, S("-"))
		       ? "pipeline"
		       : arena_str(p->arena, base);
}

static bool any_endless(const struct drafts *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		if (sources->v[i].place.facts.endless)
			return true;
	return false;
}

bool plan_is_endless(const struct plan *plan)
{
	return plan->source_count > 0 && plan->sources[plan->source_count - 1].facts.endless;
}

bool plan_is_volatile(const struct plan *plan)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].facts.restart == RESTART_LOSES)
			return true;
	return false;
}

static void understand(struct planner *p, struct node *root, const struct plan_settings *settings,
		       struct plan *plan)
{
	struct drafts sources, steps, sinks;
	struct top top;

	p->vars = vars_parse(p, node_get(root, "vars"), settings->sets, settings->set_count);
	check_top_keys(p, root);
	parse_top(p, root, &top);
	parse_ends(p, root, &sources, &sinks);
	parse_steps(p, root, &steps);
	places_name(p, &sources, &steps, &sinks);
	places_check(p, &sources, &steps, &sinks, top.dead, node_get(root, "dead"));
	cases_parse(p, node_get(root, "tests"), &steps, &sinks, plan);
	take_state(settings, root, &top, &sources, plan);
	if (top.guarantee == GUARANTEE_EXACTLY_ONCE)
		check_guarantee(p, root, plan, &sources, &steps, &sinks);
	if (diag_count(p->diag) > 0)
		return;
	plan->name = top.name ? top.name : name_of_file(p, plan->file);
	plan->dead_path = top.dead;
	plan->memory_bytes = top.memory;
	plan->allow = top.allow.v;
	plan->allow_count = top.allow.n;
	plan->any_order =
		top.order == ORDER_DEFAULT ? any_endless(&sources) : top.order == ORDER_ANY;
	take_sources(p, &sources, plan);
	take_steps_and_sinks(p, &steps, &sinks, plan);
	plan->hash = places_hash(p, &sources, &steps, &sinks);
	ASSERT(plan->source_count > 0 && sinks.n > 0);
}

struct plan *plan_parse(struct slice text, const char *file, const char *folder,
			const struct plan_settings *settings, struct diag *diag)
{
	struct arena *arena = arena_new();
	struct whole *whole = arena_zero(arena, sizeof *whole);
	struct plan *plan = &whole->plan;

	ASSERT(folder[0] == '/');
	plan->arena = arena;
	plan->text = arena_copy(arena, text);
	plan->file = arena_str(arena, slice_str(file));
	plan->folder = arena_str(arena, slice_str(folder));
	if (!settings->secrets)
		whole->secrets = secrets_new();
	struct planner p = {
		.arena = arena,
		.diag = diag,
		.file = plan->text,
		.folder = plan->folder,
		.shown = plan->file,
		.once = settings->once,
		.registry = settings->registry,
		.secrets = settings->secrets ? settings->secrets : whole->secrets,
	};
	plan->secrets = p.secrets;
	diag_text(diag, plan->text);
	struct node *root = yaml_parse(arena, plan->text, diag);
	if (root && root->kind == NODE_MAP)
		understand(&p, root, settings, plan);
	else if (root)
		diag_add(diag, root->at, root->length,
			 "it begins with from:, steps: and to:", "a pipeline is a mapping, not %s",
			 node_kind_name(root));
	whole->owned = p.owned;
	if (diag_count(diag) == 0)
		return plan;
	plan_free(plan);
	return NULL;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	struct whole *whole = container_of(plan, struct whole, plan);
	for (struct owned *o = whole->owned; o; o = o->next) {
		jq_free(o->jq);
		tpl_free(o->tpl);
		sheet_free(o->sheet);
	}
	secrets_free(whole->secrets);
	arena_free(plan->arena);
}

/* ---- from a file ----------------------------------------------------------------------------------------------- */

static void fd_close(int *fd)
{
	if (*fd > STDERR_FILENO)
		(void)close(*fd); /* read only: nothing can be lost */
}

static int read_all(const char *path, struct buf *out, struct err *err)
{
	AUTO(fd_close)
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	const char *shown = fd == STDIN_FILENO ? "standard input" : path;
	ssize_t n;

	if (fd < 0)
		return fail_errno(err, FAULT_CONFIG, -errno, "'%s' cannot be opened", shown);
	do {
		if (buf_reserve(out, 64u << 10) < 0)
			return fail(err, FAULT_CONFIG,
				    "'%s' is larger than 1 MiB: a pipeline is not", shown);
		n = read(fd, out->p + out->n, 64u << 10);
		if (n > 0)
			buf_added(out, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? fail_errno(err, FAULT_CONFIG, -errno, "'%s' cannot be read", shown) : 0;
}

/* The folder in which the file stands; for standard input the current one. malloc'ed, NULL: *err. */
static char *folder_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
	AUTO(freep) char *given = n ? xstrndup(path, n) : xstrndup(".", 1);
	char *folder = realpath(given, NULL);

	if (!folder)
		fail_errno(err, FAULT_CONFIG, -errno, "the folder of '%s' cannot be found", path);
	return folder;
}

int plan_load(const char *path, const struct plan_settings *settings, struct diag **ret_diag,
	      struct plan **ret, struct err *err)
{
	AUTO(buf_done) struct buf text = { .max = YAML_MAX_BYTES + (128u << 10) };

	*ret_diag = NULL;
	*ret = NULL;
	if (read_all(path, &text, err) < 0)
		return -1;
	AUTO(freep) char *folder = folder_of(path, err);
	if (!folder)
		return -1;
	struct diag *diag = diag_new(strcmp(path, "-") == 0 ? "<stdin>" : path);
	*ret = plan_parse(buf_slice(&text), path, folder, settings, diag);
	if (!*ret) {
		*ret_diag = diag;
		return -2;
	}
	diag_free(diag);
	return 0;
}
