/* table.c - the verbs and the flags of the command line, in the order in which help shows them
 *
 * What this room is for: the only place that knows them. A verb or a flag is added here and nowhere else; parsing, --help, the
 *   completions and the man page follow.
 * What flows through:    nothing; two constant tables.
 * What must hold:        (1) one line of documentation each. (2) what a later version brings is listed as such, so that it is
 *   refused with a sentence instead of a guess. */
#include "cli/verbs.h"

static const char *const progress_words[] = { "auto", "bar", "plain", "json", "none", NULL };
static const char *const summary_words[] = { "json", NULL };

#define LATER(name_, letter_) { .id = FLAG_LATER, .name = name_, .letter = letter_, .verbs = IN_RUN, .later = true }

const struct flag flags[] = {
	{ FLAG_FROM, "from", 0, TAKES_FILE, "FILE", NULL, IN_FETCH, "one URL a line, instead of URLs on the command line" },
	{ FLAG_TO, "to", 0, TAKES_FILE, "FILE", NULL, IN_FETCH, "where the JSON lines go (default: stdout)" },
	{ FLAG_CONCURRENCY, "concurrency", 'c', TAKES_COUNT, "N", NULL, IN_FETCH, "requests in flight (default: 10)" },
	{ FLAG_RETRY, "retry", 0, TAKES_NUMBER, "N", NULL, IN_FETCH, "more attempts after a failed one (default: 4)" },
	{ FLAG_TIMEOUT, "timeout", 0, TAKES_DURATION, "TIME", NULL, IN_FETCH, "for one attempt (default: 30s)" },
	{ FLAG_SET, "set", 0, TAKES_PAIR, "KEY=VALUE", NULL, IN_RUN | IN_CHECK, "sets $vars.KEY, over the file's vars:; may stand several times" },
	{ FLAG_ENV_FILE, "env-file", 0, TAKES_FILE, "FILE", NULL, IN_RUN | IN_CHECK,
	  "reads KEY=VALUE lines into the environment; what is set already stays" },
	{ FLAG_SECRETS, "secrets", 0, TAKES_FILE, "FILE", NULL, IN_RUN | IN_CHECK,
	  "reads KEY=VALUE lines for $secret.KEY; others come from the environment" },
	{ FLAG_STATE, "state", 0, TAKES_FILE, "PATH", NULL, IN_RUN, "the state file (default: .hocket/NAME.db beside the pipeline)" },
	{ FLAG_LIMIT, "limit", 0, TAKES_COUNT, "N", NULL, IN_RUN, "reads at most N records" },
	{ FLAG_FRESH, "fresh", 0, TAKES_NOTHING, NULL, NULL, IN_RUN, "starts over: forgets positions and counts of earlier runs" },
	{ FLAG_MEMORY, "memory", 0, TAKES_SIZE, "SIZE", NULL, IN_RUN, "budget for records and bodies (default: 256MB)" },
	{ FLAG_PROGRESS, "progress", 0, TAKES_WORD, "HOW", progress_words, IN_RUN | IN_FETCH,
	  "auto (default), bar, plain, json or none; on stderr" },
	{ FLAG_GRACE, "grace", 0, TAKES_DURATION, "TIME", NULL, IN_RUN,
	  "what is in flight may take so long after Ctrl-C or SIGTERM (default: 25s)" },
	{ FLAG_SUMMARY, "summary", 0, TAKES_WORD, "json", summary_words, IN_RUN | IN_FETCH,
	  "the account as one JSON object, the last line of stderr" },
	{ FLAG_MARKDOWN, "markdown", 0, TAKES_NOTHING, NULL, NULL, IN_CONNECTORS, "the whole reference as one Markdown page" },
	{ FLAG_MAN, "man", 0, TAKES_NOTHING, NULL, NULL, IN_HELP, "the man page, as troff" },
	LATER("until", 0),
	LATER("dry-run", 'n'),
	LATER("max-failures", 0),
	LATER("fail-fast", 0),
	LATER("allow", 0),
	LATER("metrics", 0),
	LATER("dashboard", 0),
	LATER("log", 0),
	{ FLAG_QUIET, "quiet", 'q', TAKES_NOTHING, NULL, NULL, IN_RUN | IN_CHECK | IN_FETCH, "only what went wrong" },
	{ FLAG_VERBOSE, "verbose", 'v', TAKES_NOTHING, NULL, NULL, IN_RUN | IN_CHECK | IN_FETCH, "more about each step" },
	{ FLAG_HELP, "help", 'h', TAKES_NOTHING, NULL, NULL, IN_ALL, "this text" },
};
const size_t flag_count = ARRAY_SIZE(flags);

#define LATER_VERB(name_) { .name = name_ }

const struct verb verbs[] = {
	{ "run", IN_RUN, verb_run, WORDS_FILES, 1, 1, "FILE [flags]", "runs a pipeline to its end; an unfinished run is resumed",
	  "FILE is a pipeline in YAML; '-' reads it from stdin. Progress and the closing account go to stderr, so that\n"
	  "stdout carries data only. What a run has done is kept in .hocket/NAME.db beside the file: after Ctrl-C, a\n"
	  "crash or a full disk the same command goes on where it stopped. Ctrl-C once stops reading and finishes what\n"
	  "is in flight; twice stops at once.",
	  { { "hocket run articles.yaml --set base=http://127.0.0.1:8080", "a pipeline, one of its vars set here" },
	    { "zcat users.gz | hocket run enrich.yaml --progress plain", "from: stdin reads the records from a pipe" } } },
	{ "check", IN_CHECK, verb_check, WORDS_FILES, 1, UINT_MAX, "FILE... [flags]", "finds every mistake in pipeline files, touching nothing",
	  "Reports all mistakes at once, with line, column and the nearest right name. For a good file it prints the\n"
	  "flow: what each place does, and what it promises (how a source goes on after a stop, what a sink's effect is\n"
	  "when something fails).",
	  { { "hocket check enrich.yaml", "one file" }, { "hocket check pipelines/*.yaml -q", "all of them in CI: says only what is wrong" } } },
	{ "fetch", IN_FETCH, verb_fetch, WORDS_URLS, 0, UINT_MAX, "URL... | --from FILE [flags]", "fetches a list of URLs, many at a time, to JSON lines",
	  "One line for each URL, in the order of the list: {\"url\", \"status\", \"body\"}; for one that could not be had,\n"
	  "{\"url\", \"status\", \"error\"}. JSON answers are JSON in the line, text is a string. Failed attempts are tried again.",
	  { { "hocket fetch --from urls.txt --concurrency 50 --to pages.jsonl", "a list from a file" },
	    { "hocket fetch http://127.0.0.1:8080/a http://127.0.0.1:8080/b | jq .status", "two URLs into a pipe" } } },
	{ "connectors", IN_CONNECTORS, verb_connectors, WORDS_CONNECTORS, 0, 1, "[NAME] [flags]", "what a pipeline can read from, do and write to",
	  "Without a name: the list. With one: its options, with types and defaults.",
	  { { "hocket connectors", "the list" }, { "hocket connectors http", "all options of http" } } },
	{ "schema", IN_SCHEMA, verb_schema, WORDS_NONE, 0, 0, "", "the JSON Schema of pipeline files, for editors",
	  "Editors with a YAML language server complete and check pipeline files with it.",
	  { { "hocket schema > hocket.schema.json", "then, in a pipeline's first line: # yaml-language-server: $schema=hocket.schema.json" } } },
	{ "completion", IN_COMPLETION, verb_completion, WORDS_SHELLS, 1, 1, "bash|zsh|fish", "prints a completion script for a shell",
	  "'make install' puts all three where the shells look for them.",
	  { { "source <(hocket completion bash)", "for this shell" },
	    { "hocket completion fish > ~/.config/fish/completions/hocket.fish", "for good, in fish" } } },
	{ "version", IN_VERSION, verb_version, WORDS_NONE, 0, 0, "", "prints the version", NULL, { { "hocket version", "one line" } } },
	{ "help", IN_HELP, verb_help, WORDS_VERBS, 0, 1, "[VERB]", "explains a verb, or all of them", NULL,
	  { { "hocket help run", "the same as hocket run --help" }, { "hocket help --man | man -l -", "the manual page" } } },
	LATER_VERB("try"),
	LATER_VERB("test"),
	LATER_VERB("new"),
	LATER_VERB("guess"),
	LATER_VERB("graph"),
	LATER_VERB("top"),
	LATER_VERB("tap"),
	LATER_VERB("dead"),
	LATER_VERB("state"),
	LATER_VERB("verify"),
	LATER_VERB("jq"),
	LATER_VERB("explain"),
};
const size_t verb_count = ARRAY_SIZE(verbs);
