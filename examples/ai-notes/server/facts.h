/* facts.h - what the language model knows: ten fields of twenty topics, small and true
 *
 * What must hold: everything here is constant; an @ in a text of a field stands for the topic's name. */
#pragma once
#include "base/slice.h"

struct topic {
	const char *name;
	const char *what; /* a sentence that goes on behind the name: "visits the vertices ..." */
	const char *fact; /* a whole sentence */
};
enum { TOPICS_EACH = 20, FIELDS = 10 };
struct field {
	const char *name, *about; /* "Algorithms"; a paragraph on what @ is good for */
	const char *terms;        /* Markdown: a table */
	const char *steps;        /* Markdown: a numbered list */
	const char *language, *code;
	const char *read_code; /* what the code shows */
	const char *mistakes;  /* Markdown: a list */
	const char *questions; /* Markdown: a list */
	const char *quote, *by;
	const struct topic *topics; /* TOPICS_EACH */
};
extern const struct field fields[FIELDS];
extern const struct topic topics_algorithms[], topics_databases[], topics_networks[],
	topics_systems[], topics_statistics[], topics_mathematics[], topics_learning[],
	topics_physics[], topics_biology[], topics_economics[];
