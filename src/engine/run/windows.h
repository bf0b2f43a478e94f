/* windows.h - the windows of a fold by key that are open, found by their key and by their age
 *
 * What this room is for: a million keys may have a window each. Members lie in the state; here is what has to be known to put the next
 *   one, and to see what is due: some 60 bytes a window.
 * Life cycle: zeroed is empty -> windows_open, windows_close -> windows_done.
 * What must hold: (1) a key has one window at most. (2) the oldest is the one that was opened first, whatever was closed since.
 *   (3) a window's address holds until the next windows_open or windows_close. (4) nothing here suspends. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WINDOW_KEY_BYTES = 16 };
struct window {
	uint8_t key[WINDOW_KEY_BYTES]; /* digest of what its members have in common */
	uint64_t number;               /* what its members are kept under */
	int64_t opened_ns;             /* wall clock: when its first member came */
	uint64_t bytes;
	uint32_t n;
	uint32_t older, newer, next; /* places, from 1: by age; of the same shelf */
};
struct windows {
	struct window *v;  /* owns: places 1 .. cap, at 0 .. cap - 1 */
	uint32_t *shelves; /* owns: the first place of each; as many as places */
	uint32_t n, used, cap;
	uint32_t oldest, newest, spare;
};
void windows_done(struct windows *);
struct window *windows_find(const struct windows *, const uint8_t key[static WINDOW_KEY_BYTES]);
/* Younger than all that are open. There was none with this key. */
struct window *windows_open(struct windows *, const uint8_t key[static WINDOW_KEY_BYTES],
			    uint64_t number, int64_t opened_ns);
void windows_close(struct windows *, struct window *);
struct window *windows_oldest(const struct windows *); /* NULL: none is open */
/* The clock was set back to now: what was opened later than that was opened now. */
void windows_set_back(struct windows *, int64_t now_ns);
size_t windows_bytes(const struct windows *); /* of memory */
