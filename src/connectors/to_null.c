/* to_null.c - nowhere: records are counted as delivered and gone
 *
 * What this room is for: trying out a pipeline, measuring one, or running it for what its steps do.
 * What flows through:    batches in, nothing out.
 * What must hold:        it never fails. */
#include "base/banned.h"
#include "engine/port.h"

static const struct opt options[] = { OPT_END };

static int null_plan(void *of, struct facts *facts, struct diag *diag)
{
	(void)of;
	(void)diag;
	facts->guarantee = IDEMPOTENT;
	facts->effect = EFFECT_NONE;
	return 0;
}

static int null_commit(struct site *site, const struct batch *b, struct buf *receipt,
		       struct err *err)
{
	(void)site;
	(void)b;
	(void)receipt;
	(void)err;
	return 0;
}

const struct port to_null = {
	.name = "null",
	.doc = "count the records and drop them",
	.more = "    to: 'null'\n",
	.roles = ROLE_SINK,
	.options = options,
	.plan = null_plan,
	.commit = null_commit,
};
