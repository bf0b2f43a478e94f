/* sort_key.h - a JSON value as bytes that compare as jq compares the values
 *
 * What this room is for: what is sorted or looked up by jq's order outside of jq: in SQLite, in tables. memcmp is then enough. */
#pragma once
#include "base/buf.h"

/* Appends. memcmp of two keys is jq's order of their values: null, false, true, numbers, strings, arrays, objects; equal values,
 * however they are written, have equal keys, and no key is the beginning of another. 0, -EMSGSIZE, -ENOMEM, -EINVAL: text that
 * cannot be read. The text was checked before. */
MUST int sort_key_put(struct slice json, struct buf *out);
