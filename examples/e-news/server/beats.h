/* beats.h - what the papers write about: twelve subjects, each with its words, its kinds of story, its background and its voices
 *
 * A story is lines of text for grammar.h, told apart by their first letter: H a headline, L a lead, P a paragraph that follows. Who tells it
 * takes one headline and one lead, and the paragraphs in their order. Background and voices are lines, of which each article has a few. */
#pragma once
#include "grammar.h"

enum { BEATS = 12, STORIES_EACH = 5 };

struct beat {
	const char *slug, *name;
	const char *papers; /* parted by | */
	const struct words *lists;
	const char *stories[STORIES_EACH];
	const char *background, *voices;
};
extern const struct beat beat_software, beat_energy, beat_markets, beat_cities; /* beats_business.c */
extern const struct beat beat_space, beat_health, beat_wildlife, beat_archaeology; /* beats_science.c */
extern const struct beat beat_football, beat_food, beat_travel, beat_film; /* beats_leisure.c */
