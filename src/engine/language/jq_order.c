/* jq_order.c - sort, group_by, unique, min, max: arrays by jq's total order
 *
 * What this room is for: everything that compares many values with each other.
 * What flows through:    an array and an equally long array of keys (the array itself for sort, min, max).
 * What must hold: sorting is stable, as in jq; of equal keys min takes the first item and max the last. */
#include "engine/language/jq_eval.h"
#include <string.h>

#include "base/banned.h"

struct ranked {
	const struct val *item, *key;
};

/* Merges the sorted halves of a; b is room for as many. */
static void merge(struct eval *ev, struct ranked *a, struct ranked *b, size_t half, size_t n)
{
	size_t left = 0, right = half;
	for (size_t i = 0; i < n; i++) {
		bool from_left = left < half &&
				 (right == n || val_compare(ev, a[left].key, a[right].key) <= 0);
		b[i] = from_left ? a[left++] : a[right++];
	}
	memcpy(a, b, n * sizeof(*a));
}

static void merge_sort(struct eval *ev, struct ranked *a, struct ranked *b, size_t n)
{
	if (n < 2)
		return;
	merge_sort(ev, a, b, n / 2);
	merge_sort(ev, a + n / 2, b, n - n / 2);
	merge(ev, a, b, n / 2, n);
}

/* items and keys stay open for the life of the ranks. */
static int rank(struct eval *ev, struct val *items, struct val *keys, struct ranked **ret)
{
	if (val_open(ev, items) != GO || val_open(ev, keys) != GO)
		return RAISED;
	ASSERT(items->n == keys->n);
	struct ranked *ranks = arena_alloc(ev->arena, 2 * ((size_t)items->n + 1) * sizeof(*ranks));
	for (size_t i = 0; i < items->n; i++)
		ranks[i] = (struct ranked){ &items->items[i], &keys->items[i] };
	merge_sort(ev, ranks, ranks + items->n, items->n);
	*ret = ranks;
	return GO;
}

int order_sort(struct eval *ev, const struct val *items, const struct val *keys, struct val *ret)
{
	struct val opened = *items, by = *keys, sorted = { .type = JSON_ARRAY };
	struct ranked *ranks;
	if (items->type != JSON_ARRAY)
		return items == keys
			       ? eval_raise_on(ev, items, "cannot be sorted, as it is not an array")
			       : eval_raise_on2(ev, items, keys,
						"cannot be sorted, as they are not both arrays");
	if (rank(ev, &opened, &by, &ranks) != GO)
		return RAISED;
	for (size_t i = 0; i < opened.n; i++)
		if (val_array_add(ev, &sorted, ranks[i].item) != GO)
			return RAISED;
	*ret = sorted;
	return GO;
}

int order_group(struct eval *ev, const struct val *items, const struct val *keys, bool firsts_only,
		struct val *ret)
{
	struct val opened = *items, by = *keys, groups = { .type = JSON_ARRAY };
	struct ranked *ranks;
	if (items->type != JSON_ARRAY)
		return eval_raise_on2(ev, items, keys,
				      "cannot be sorted, as they are not both arrays");
	if (rank(ev, &opened, &by, &ranks) != GO)
		return RAISED;
	for (size_t i = 0; i < opened.n;) {
		struct val group = { .type = JSON_ARRAY };
		size_t from = i;
		for (; i < opened.n && (i == from || val_equal(ev, ranks[i].key, ranks[from].key));
		     i++)
			if (!firsts_only && val_array_add(ev, &group, ranks[i].item) != GO)
				return RAISED;
		if (val_array_add(ev, &groups, firsts_only ? ranks[from].item : &group) != GO)
			return RAISED;
	}
	*ret = groups;
	return GO;
}

int order_extreme(struct eval *ev, const struct val *items, const struct val *keys, bool least,
		  struct val *ret)
{
	struct val opened = *items, by = *keys;
	if (items->type != JSON_ARRAY)
		return eval_raise_on2(ev, items, keys, "cannot be iterated over");
	if (val_open(ev, &opened) != GO || val_open(ev, &by) != GO)
		return RAISED;
	ASSERT(opened.n == by.n);
	size_t best = 0;
	for (size_t i = 1; i < opened.n; i++)
		if ((val_compare(ev, &by.items[i], &by.items[best]) < 0) == least)
			best = i;
	*ret = opened.n ? opened.items[best] : VAL_NULL;
	return GO;
}
