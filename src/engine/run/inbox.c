/* inbox.c - what a source was told, kept before it is used
 *
 * What this room is for: class J. An API may answer otherwise tomorrow; then the records of a resumed run would not be those that
 *   were numbered, worked on and paid for. So its pages are kept, and a resumed run reads those first.
 * What flows through:    pages between a source and the state's inbox.
 * What must hold:
 *  (1) a page is durable before its first record has a number. What is asked for to see whether there is something new is kept
 *      for the run that then begins. (2) the same pages give the same ordinals: a page says how many
 *      of its records come, from the split's next ordinal on, or from where the page before it ends. */
#include "engine/state/inbox.h"
#include "engine/run/running.h"

int intake_keep(struct intake *in, struct split *split, struct slice base, uint64_t records,
		struct slice about, struct slice value, struct err *err)
{
	struct run *run = in->run;
	const char *whose = in->probing ? in->keep_as : run->id;
	uint64_t first = split->kept > split->ordinal ? split->kept : split->ordinal;
	const struct state_page page = {
		.split = split->name,
		.base = base,
		.first = first,
		.until = first + records,
		.about = about,
		.value = value,
	};
	ASSERT(base.n > 0);
	if (whose && state_put_page(run->state, whose, &page, err) < 0) {
		in->broken = true;
		return -1;
	}
	split->kept = in->tells ? page.until : 0;
	return 0;
}

int intake_kept_last(struct intake *in, struct split *split, struct buf *base, struct err *err)
{
	struct run *run = in->run;
	uint64_t until = 0;
	bool found = false;
	ASSERT(in->source->place->facts.told.n > 0 && !in->probing);
	in->tells = true;
	int r = state_last_page(run->state, run->id, split->name, &until, base, &found, err);
	split->kept = until;
	return r < 0 ? r : found;
}

struct backlog intake_backlog(const struct intake *in, const struct split *s)
{
	uint64_t kept = s->kept > s->ordinal ? s->kept : s->ordinal;
	return (struct backlog){ .unread = kept - s->ordinal,
				 .records = kept - s->ordinal + in->run->ledger.streams[0].tracks,
				 .since_oldest = kept - s->low };
}

int intake_kept(struct intake *in, struct split *split, struct slice base, struct buf *about,
		struct buf *value, struct err *err)
{
	struct run *run = in->run;
	uint64_t first;
	bool found = false;
	if (in->probing)
		return 0;
	int r = state_get_page(run->state, run->id, split->name, base, &first, about, value, &found,
			       err);
	in->broken |= r < 0;
	return r < 0 ? r : found;
}
