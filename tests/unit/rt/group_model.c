/* group_model.c - random trees of groups beside a model that works out every end and every result, over many seeds
 *
 * What this room is for: what close() returns, for every mixture of failing, obeying, stubborn and slowly ending tasks, of both
 *   policies, of blocks that fail, of groups in groups, and of a deadline around all of it.
 * What flows through:    a tree. A leaf sleeps and returns; cancelled, it may clean up behind a shield, and may fail in doing so. A
 *   group has kids and a block that behaves like a leaf. All begin at 0; no two things happen at the same instant.
 * What must hold:        each node ends at the time, and with the result, that the model works out from group.h's sentences. */
#include "in_loop.h"

enum { KIDS = 3, DEPTH = 3, NODES = 1 + KIDS + KIDS * KIDS + KIDS * KIDS * KIDS };

struct outcome {
	int64_t end_ns;
	int result;
};

struct node {
	int64_t sleep_ns, cleanup_ns; /* a leaf's, or the block's */
	int result;
	bool stubborn; /* cancelled, it fails instead of obeying */
	bool group;
	enum hk_policy policy;
	struct node *kids[KIDS];
	int n;
	struct outcome want, got;
	size_t want_failed, got_failed;
	int want_cause, got_cause;
};

struct tree {
	struct node nodes[NODES];
	int n;
	int64_t deadline_ns, start_ns;
};
static struct tree *tree;

static int64_t dice(int64_t n)
{
	return (int64_t)(hk_random() % (uint64_t)n);
}

static bool is_failure(int result)
{
	return result < 0 && result != -ECANCELED;
}

/* ---- the model ----------------------------------------------------------------------------- */

static struct outcome leaf_outcome(const struct node *n, int64_t cancel_ns)
{
	if (n->sleep_ns <= cancel_ns)
		return (struct outcome){ n->sleep_ns, n->result };
	return (struct outcome){ cancel_ns + n->cleanup_ns, n->stubborn ? -EIO : -ECANCELED };
}

static struct outcome outcome_of(struct node *n, int64_t cancel_ns);

/* When the group is cancelled: by the first failure that counts, if that comes before the cancellation from outside. */
static int64_t group_cancel_ns(struct node *n, int64_t outside_ns)
{
	struct outcome o = leaf_outcome(n, outside_ns);
	int64_t cancel_ns = is_failure(o.result) && o.end_ns < outside_ns ? o.end_ns : outside_ns;

	for (int i = 0; i < n->n && n->policy == HK_FAIL_FAST; i++) {
		o = outcome_of(n->kids[i], outside_ns);
		if (is_failure(o.result) && o.end_ns < cancel_ns)
			cancel_ns = o.end_ns;
	}
	return cancel_ns;
}

static struct outcome group_outcome(struct node *n, int64_t outside_ns)
{
	int64_t cancel_ns = group_cancel_ns(n, outside_ns), cause_ns = HK_FOREVER;
	struct outcome block = leaf_outcome(n, cancel_ns), o;
	int64_t end_ns = block.end_ns;
	bool obeyed = block.result == -ECANCELED;

	n->want_failed = 0;
	n->want_cause = 0;
	for (int i = 0; i < n->n; i++) {
		o = outcome_of(n->kids[i], cancel_ns);
		end_ns = o.end_ns > end_ns ? o.end_ns : end_ns;
		obeyed |= o.result == -ECANCELED;
		n->want_failed += is_failure(o.result);
		if (is_failure(o.result) && o.end_ns < cause_ns) {
			cause_ns = o.end_ns;
			n->want_cause = o.result;
		}
	}
	if (is_failure(block.result))
		return (struct outcome){ end_ns, block.result };
	if (n->want_cause < 0)
		return (struct outcome){ end_ns, n->want_cause };
	if (outside_ns <= end_ns && obeyed)
		return (struct outcome){ end_ns, -ECANCELED };
	return (struct outcome){ end_ns, block.result > 0 ? block.result : 0 };
}

static struct outcome outcome_of(struct node *n, int64_t cancel_ns)
{
	n->want = n->group ? group_outcome(n, cancel_ns) : leaf_outcome(n, cancel_ns);
	return n->want;
}

/* ---- the same for real --------------------------------------------------------------------- */

static int run_leaf(const struct node *n)
{
	struct hk_scope shield;

	if (hk_sleep(n->sleep_ns) == 0)
		return n->result;
	hk_scope_open_shield(&shield, HK_FOREVER);
	CHECK_INT(hk_scope_close(&shield, hk_sleep(n->cleanup_ns)), 0);
	return n->stubborn ? -EIO : -ECANCELED;
}

static int run_node(void *arg);

static int run_group(struct node *n)
{
	struct hk_failure failures[KIDS] = { 0 };
	struct hk_group_options o = { .policy = n->policy,
				      .failures = failures,
				      .failures_max = KIDS };
	struct hk_group g;
	int r;

	hk_group_open(&g, &o);
	for (int i = 0; i < n->n; i++)
		CHECK_INT(hk_spawn(&g, run_node, n->kids[i]), 0);
	r = hk_group_close(&g, run_leaf(n));
	n->got_failed = hk_group_failed(&g);
	n->got_cause = failures[0].code;
	return r;
}

static int run_node(void *arg)
{
	struct node *n = arg;

	n->got.result = n->group ? run_group(n) : run_leaf(n);
	n->got.end_ns = hk_now_ns() - tree->start_ns;
	return n->got.result;
}

/* ---- trees --------------------------------------------------------------------------------- */

static struct node *grow(int depth)
{
	struct node *n = &tree->nodes[tree->n++];

	*n = (struct node){ .sleep_ns = 1 + dice(HK_SEC), .stubborn = dice(4) == 0 };
	/* Never 0: of several that fail at the instant of their cancellation, none is the first. */
	n->cleanup_ns = 1 + dice(dice(2) ? HK_SEC : 1000);
	n->result = dice(3) == 0 ? -200 - tree->n : (int)dice(2);
	n->group = depth > 0 && dice(3) > 0;
	n->policy = dice(3) == 0 ? HK_COLLECT : HK_FAIL_FAST;
	for (int i = (int)dice(KIDS + 1); n->group && i > 0; i--)
		n->kids[n->n++] = grow(depth - 1);
	return n;
}

static void compare(const struct node *n)
{
	CHECK_INT(n->got.result, n->want.result);
	CHECK_INT(n->got.end_ns, n->want.end_ns);
	CHECK_INT(n->got_failed, n->want_failed);
	CHECK_INT(n->got_cause, n->want_cause);
}

static void try_one_tree(void)
{
	struct tree t = { .n = 0 };
	struct node *root;
	struct hk_scope s;
	int r;

	tree = &t;
	root = grow(DEPTH);
	root->group = true;
	t.deadline_ns = dice(2) ? HK_FOREVER : 1 + dice(HK_SEC);
	t.start_ns = hk_now_ns();
	(void)outcome_of(root, t.deadline_ns);
	hk_scope_open(&s, t.deadline_ns);
	r = hk_scope_close(&s, run_node(root));
	CHECK_INT(r, root->want.result == -ECANCELED ? -ETIMEDOUT : root->want.result);
	CHECK_INT(hk_checkpoint(), 0);
	for (int i = 0; i < t.n; i++)
		compare(&t.nodes[i]);
}

TEST_IN_SIM(groups_are_as_the_model_says, 1000)
{
	for (int i = 0; i < 10 && !test_failures_; i++)
		try_one_tree();
	if (test_failures_)
		printf("# in seed %" PRIu64 "\n", hk_sim_seed());
}

static const struct test tests[] = {
	T(groups_are_as_the_model_says),
};

int main(void)
{
	return RUN_TESTS(tests);
}
