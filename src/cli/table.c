/* table.c - the verbs and the flags of the command line, in the order in which help shows them
 *
 * What this room is for: the only place that knows them. A verb or a flag is added here and nowhere else; parsing, --help, the
 *   completions and the man page follow.
 * What flows through:    nothing; two constant tables.
 * What must hold:        (1) one line of documentation each. (2) what a later version brings is listed as such, so that it is
 *   refused with a sentence instead of a guess. */
#include "cli/verbs.h"

static const char *const progress_words[] = { "auto", "bar", "plain", "json", "none", NULL };
static const char *const calls_words[] = { "none", "reads", "all", NULL };
static const char *const format_words[] = { "jsonl", "csv", "lines", NULL };
static const char *const summary_words[] = { "json", NULL };

/* What a coming version has: refused with that sentence. */
#define LATER(name_) FLAG_LATER, name_, 0, TAKES_NOTHING, NULL, NULL, IN_RUN, NULL, true

const struct flag flags[] = {
	{ FLAG_WHERE, "where", 'w', TAKES_PROGRAM, "JQ", NULL, IN_DEAD,
	  "those for which it is true: '.class == \"status(503)\"', .record, .step ..." },
	{ FLAG_EVERY, "all", 0, TAKES_NOTHING, NULL, NULL,
	  IN_DEAD_LS | IN_DEAD_SHOW | IN_DEAD_EXPORT,
	  "also those that were sent again, or are of a record that died again" },
	{ FLAG_EVERY, "all", 0, TAKES_NOTHING, NULL, NULL, IN_DEAD_DROP,
	  "forgets every one of them" },
	{ FLAG_JSON, "json", 0, TAKES_NOTHING, NULL, NULL,
	  IN_DEAD_LS | IN_DEAD_SHOW | IN_TRY | IN_TEST, "JSON lines, for programs" },
	{ FLAG_ONLY, "only", 'k', TAKES_PROGRAM, "TEXT", NULL, IN_TEST,
	  "those that have this in their name" },
	{ FLAG_RECORDS, "records", 'n', TAKES_COUNT, "N", NULL, IN_TRY,
	  "so many records (default: 3)" },
	{ FLAG_LINE, "line", 0, TAKES_COUNT, "N", NULL, IN_TRY,
	  "begins at this line of the file, or record of the source" },
	{ FLAG_WHERE, "where", 'w', TAKES_PROGRAM, "JQ", NULL, IN_TRY,
	  "the first records for which it is true: '.country == \"NO\"'" },
	{ FLAG_CALLS, "calls", 0, TAKES_WORD, "WHICH", calls_words, IN_TRY,
	  "reads (default), all, or none: which steps really call out" },
	{ FLAG_FORMAT, "from", 0, TAKES_WORD, "FORMAT", format_words, IN_JQ,
	  "jsonl, csv or lines (default: by the file's name, else jsonl)" },
	{ FLAG_RAW, "raw-output", 'r', TAKES_NOTHING, NULL, NULL, IN_JQ, "texts without quotes" },
	{ FLAG_COMPACT, "compact-output", 'c', TAKES_NOTHING, NULL, NULL, IN_JQ,
	  "one value a line: always so here, as in a pipeline" },
	{ FLAG_NULL_INPUT, "null-input", 'n', TAKES_NOTHING, NULL, NULL, IN_JQ,
	  "no file: once, with null as the record" },
	{ FLAG_TEMPLATE, "template", 't', TAKES_NOTHING, NULL, NULL, IN_JQ,
	  "EXPR is text with \\( ), as in most options: 'user-\\(.id).json'" },
	{ FLAG_URL, "url", 'u', TAKES_NOTHING, NULL, NULL, IN_JQ,
	  "EXPR is a URL with \\( ): what is put in is percent-encoded" },
	{ FLAG_RES, "res", 0, TAKES_FILE, "FILE", NULL, IN_JQ,
	  "JSON for $res: {\"status\": 200, \"headers\": {}, \"body\": ...}" },
	{ FLAG_ROWS, "rows", 0, TAKES_FILE, "FILE", NULL, IN_JQ, "a JSON array for $rows" },
	{ FLAG_FROM, "from", 0, TAKES_FILE, "FILE", NULL, IN_FETCH,
	  "one URL a line, instead of URLs on the command line" },
	{ FLAG_TO, "to", 0, TAKES_FILE, "FILE", NULL, IN_FETCH,
	  "where the JSON lines go (default: stdout)" },
	{ FLAG_CONCURRENCY, "concurrency", 'c', TAKES_COUNT, "N", NULL, IN_FETCH,
	  "requests in flight (default: 10)" },
	{ FLAG_RETRY, "retry", 0, TAKES_NUMBER, "N", NULL, IN_FETCH,
	  "more attempts after a failed one (default: 4)" },
	{ FLAG_TIMEOUT, "timeout", 0, TAKES_DURATION, "TIME", NULL, IN_FETCH,
	  "for one attempt (default: 30s)" },
	{ FLAG_SET, "set", 0, TAKES_PAIR, "KEY=VALUE", NULL,
	  IN_RUN | IN_CHECK | IN_GRAPH | IN_STATE | IN_VERIFY | IN_DEAD | IN_TRY | IN_JQ | IN_TEST,
	  "sets $vars.KEY, over the file's vars:; may stand several times" },
	{ FLAG_ENV_FILE, "env-file", 0, TAKES_FILE, "FILE", NULL,
	  IN_RUN | IN_CHECK | IN_GRAPH | IN_STATE | IN_VERIFY | IN_DEAD | IN_TRY | IN_TEST,
	  "reads KEY=VALUE lines into the environment; what is set already stays" },
	{ FLAG_SECRETS, "secrets", 0, TAKES_FILE, "FILE", NULL,
	  IN_RUN | IN_CHECK | IN_GRAPH | IN_STATE | IN_VERIFY | IN_DEAD | IN_TRY,
	  "reads KEY=VALUE lines for $secret.KEY; others come from the environment" },
	{ FLAG_SECRETS, "secrets", 0, TAKES_FILE, "FILE", NULL, IN_TEST,
	  "reads KEY=VALUE lines for $secret.KEY; others have placeholders" },
	{ FLAG_ALLOW, "allow", 0, TAKES_HOSTS, "HOSTS", NULL, IN_RUN | IN_DEAD_REPLAY | IN_TRY,
	  "hosts from data may lead there: loopback, private, 10.0.0.0/8, HOST:PORT" },
	{ FLAG_STATE, "state", 0, TAKES_FILE, "PATH", NULL, IN_RUN | IN_STATE | IN_VERIFY | IN_DEAD,
	  "the state file (default: .hocket/NAME.db beside the pipeline); off: none" },
	{ FLAG_TO_RECORD, "to", 0, TAKES_NUMBER, "N", NULL, IN_STATE,
	  "rewind: the first N records stay done, the next run does those behind again" },
	{ FLAG_SOURCE, "source", 0, TAKES_FILE, "NAME", NULL, IN_STATE,
	  "rewind: which source, as show names it; needed when there are several" },
	{ FLAG_LIMIT, "limit", 0, TAKES_COUNT, "N", NULL, IN_RUN | IN_DEAD_REPLAY,
	  "reads at most N records; the next run goes on behind them" },
	{ FLAG_LIMIT, "limit", 0, TAKES_COUNT, "N", NULL, IN_JQ, "reads at most N records" },
	{ FLAG_UNTIL, "until", 0, TAKES_UNTIL, "TIME", NULL, IN_RUN | IN_DEAD_REPLAY,
	  "ends then: after 5m, at 18:30 or 2026-12-01T08:00; the next run goes on" },
	{ FLAG_MAX_FAILURES, "max-failures", 0, TAKES_SHARE, "N|5%", NULL, IN_RUN | IN_DEAD_REPLAY,
	  "stops when so many records are dead, or such a share of at least 100" },
	{ FLAG_FAIL_FAST, "fail-fast", 0, TAKES_NOTHING, NULL, NULL, IN_RUN | IN_DEAD_REPLAY,
	  "the first dead letter stops the run: --max-failures 1" },
	{ FLAG_FRESH, "fresh", 0, TAKES_NOTHING, NULL, NULL, IN_RUN,
	  "starts over: forgets positions and counts of earlier runs" },
	{ FLAG_ONCE, "once", 0, TAKES_NOTHING, NULL, NULL, IN_RUN,
	  "reads a source with `every` once, and at once, and finishes" },
	{ FLAG_FRESH, "fresh", 0, TAKES_NOTHING, NULL, NULL, IN_DEAD_REPLAY,
	  "gives up a replay that was cut off: what it sent may be sent again" },
	{ FLAG_MEMORY, "memory", 0, TAKES_SIZE, "SIZE", NULL, IN_RUN | IN_DEAD_REPLAY,
	  "budget for records and bodies, at least 16MB (default: 256MB)" },
	{ FLAG_PROGRESS, "progress", 0, TAKES_WORD, "HOW", progress_words,
	  IN_RUN | IN_FETCH | IN_DEAD_REPLAY,
	  "auto (default), bar, plain, json or none; on stderr" },
	{ FLAG_GRACE, "grace", 0, TAKES_DURATION, "TIME", NULL, IN_RUN | IN_DEAD_REPLAY,
	  "what is in flight may take so long after Ctrl-C or SIGTERM (default: 25s)" },
	{ FLAG_SUMMARY, "summary", 0, TAKES_WORD, "json", summary_words,
	  IN_RUN | IN_FETCH | IN_DEAD_REPLAY,
	  "the account as one JSON object, the last line of stderr" },
	{ FLAG_DOT, "dot", 0, TAKES_NOTHING, NULL, NULL, IN_GRAPH, "for Graphviz" },
	{ FLAG_MERMAID, "mermaid", 0, TAKES_NOTHING, NULL, NULL, IN_GRAPH,
	  "for Markdown that draws Mermaid" },
	{ FLAG_MARKDOWN, "markdown", 0, TAKES_NOTHING, NULL, NULL, IN_CONNECTORS,
	  "the whole reference as one Markdown page" },
	{ FLAG_MAN, "man", 0, TAKES_NOTHING, NULL, NULL, IN_HELP, "the man page, as troff" },
	{ LATER("dry-run") },
	{ LATER("metrics") },
	{ LATER("dashboard") },
	{ LATER("log") },
	{ FLAG_QUIET, "quiet", 'q', TAKES_NOTHING, NULL, NULL,
	  IN_RUN | IN_CHECK | IN_FETCH | IN_DEAD_REPLAY | IN_TRY | IN_TEST,
	  "only what went wrong" },
	{ FLAG_VERBOSE, "verbose", 'v', TAKES_NOTHING, NULL, NULL,
	  IN_RUN | IN_CHECK | IN_FETCH | IN_DEAD_REPLAY,
	  "more about each step; what workers print" },
	{ FLAG_VERBOSE, "verbose", 'v', TAKES_NOTHING, NULL, NULL, IN_TRY, "nothing is cut" },
	{ FLAG_VERBOSE, "verbose", 'v', TAKES_NOTHING, NULL, NULL, IN_TEST,
	  "also what each step did; nothing is cut" },
	{ FLAG_VERBOSE, "verbose", 'v', TAKES_NOTHING, NULL, NULL, IN_JQ,
	  "says what evaluates it: hocket itself, or libjq" },
	{ FLAG_HELP, "help", 'h', TAKES_NOTHING, NULL, NULL, IN_ALL, "this text" },
};
const size_t flag_count = ARRAY_SIZE(flags);

static const char run_text[] =
	"FILE is a pipeline in YAML; '-' reads it from stdin. Progress and the closing\n"
	"account go to stderr, so that stdout carries data only. What a run has done is\n"
	"kept in .hocket/NAME.db beside the file: after Ctrl-C, a crash or a full disk\n"
	"the same command goes on where it stopped. Ctrl-C once stops reading and\n"
	"finishes what is in flight; twice stops at once. Ctrl-\\ prints what everything\n"
	"waits for, and the run goes on.";
static const char check_text[] =
	"Reports all mistakes at once, with line, column and the nearest right name. For\n"
	"a good file it prints the flow: what each place does, and what it promises (how\n"
	"a source goes on after a stop, what a sink's effect is when something fails).";
static const char try_text[] =
	"Reads a few records and takes them through the steps for real; the sinks are not opened,\n"
	"no state is kept, no dead letter is written. For each record it shows what every step\n"
	"changed (+ added, - gone, ~ another value), what was called, where and why it ended, and\n"
	"the row that each sink would get. Calls that only read (GET) are made, once each and\n"
	"without retries. A step that may change something, or cost (POST), shows its request and\n"
	"is called only with --calls all; --calls none calls nothing. Exit codes are those of\n"
	"hocket run: 3 when a record died.";
static const char test_text[] =
	"Each test under 'tests:' takes its records through the steps, as a run would, and\n"
	"compares what the sink would get. Nothing outside is touched: a call is answered by\n"
	"what stands under 'mock', by the step's name or verb; one that has no answer fails the\n"
	"test. Processes and PDFs are made for real, uploads go into memory, secrets have\n"
	"placeholders, and retries wait for nothing.\n"
	"\n"
	"  tests:\n"
	"    - in: {id: 1}                         # a record, or a list of them\n"
	"      mock: {http: {name: Ana}}           # the answer's body\n"
	"      out: {id: 1, profile: {name: Ana}}  # at least that; a list; [] for none\n"
	"\n"
	"mock: also {$status: 404}, {$fault: timeout}, {$attempts: [...]}, {$each: [...]},\n"
	"{$jq: PROGRAM}. Beside out: sent, stored, dead, stops, objects, exact, name, vars,\n"
	"now. Exit codes: 0 all are good, 1 one is not, 2 no test has that name, 78 a file is "
	"wrong.";
static const char jq_text[] =
	"EXPR is evaluated for each record of FILE, or of stdin, exactly as in a pipeline: with\n"
	"$meta and, given by --set, $vars; what a pipeline refuses (env, input, ...) is refused\n"
	"here. JSON lines and any other sequence of JSON values, CSV and lines of text; .gz and\n"
	".zst are unpacked. One JSON value a line. A record for which it fails is named on "
	"stderr;\n"
	"the others go on, and the exit code is 3.";
static const char graph_text[] =
	"From top to bottom, for each place: how many at a time, its queue, rate, retries and\n"
	"timeout, and its class. Sources: R replayable, J journaled, V volatile. What changes\n"
	"something outside: T transactional, I idempotent, A append-only. Nothing is touched.";
static const char fetch_text[] =
	"One line for each URL, in the order of the list: {\"url\", \"status\", \"body\"}; for\n"
	"one that could not be had, {\"url\", \"status\", \"error\"}. JSON answers are JSON in\n"
	"the line, text is a string. Failed attempts are tried again.";
static const char state_text[] =
	"show: every run with its counts, where the next one goes on, what its outputs need,\n"
	"what is kept. It may be asked while the pipeline runs. reset: the next run begins anew.\n"
	"rewind: the next run does records again that are done; it says what that means for\n"
	"each output. Both are refused while the pipeline runs, and keep dead letters and\n"
	"remembered answers.";
static const char verify_text[] =
	"Computes the accounts again from the state alone: each run's counts balance, its\n"
	"records are those that its position says, each dead one has a letter, nothing is\n"
	"left behind, and the file is whole. Exit code 0 or, with the reasons, 4. It may be\n"
	"asked while the pipeline runs.";
static const char dead_ls_text[] =
	"One line for each: its id, when, where and why it failed, where it came from. Works\n"
	"beside a run. An id is $meta.id of the record; its first eight digits name it.";
static const char dead_show_text[] =
	"Everything about dead letters: the record as it was read, as it came to the step,\n"
	"every attempt, and what can be done. An ID is at least four digits of one.";
static const char dead_replay_text[] =
	"Each goes the rest of its way, from the step at which it failed, as it was then: what\n"
	"the steps before it did is not done, nor paid for, again. A step that has another name\n"
	"by now: from the start. What is delivered is dead no more; what fails again stays, with\n"
	"all its attempts. What a replay writes is added to the outputs. Killed or stopped, the\n"
	"same command goes on. Exit codes are those of hocket run.";
static const char dead_export_text[] =
	"JSON lines on stdout: record, step, class, message, at_step, attempts, source, line,\n"
	"time, id, run; the same as the copy that 'dead: FILE' in the pipeline asks for.";
static const char dead_drop_text[] =
	"For good. Says how many. Which ones must be said: IDs, --where or --all.";
static const char schema_text[] =
	"Editors with a YAML language server complete and check pipeline files with it:\n"
	"the file's first line is then\n"
	"  # yaml-language-server: $schema=hocket.schema.json";

const struct verb verbs[] = {
	{
		.name = "run",
		.bit = IN_RUN,
		.main = verb_run,
		.takes = WORDS_FILES,
		.min = 1,
		.max = 1,
		.usage = "FILE [flags]",
		.also = "start exec execute",
		.doc = "runs a pipeline to its end; an unfinished run is resumed",
		.more = run_text,
		.examples = { { "hocket run articles.yaml --set base=http://127.0.0.1:8080",
				"a pipeline, one of its vars set here" },
			      { "zcat users.gz | hocket run enrich.yaml --progress plain",
				"from: stdin reads the records from a pipe" } },
	},
	{
		.name = "check",
		.bit = IN_CHECK,
		.main = verb_check,
		.takes = WORDS_FILES,
		.min = 1,
		.max = UINT_MAX,
		.usage = "FILE... [flags]",
		.also = "validate lint plan dry-run",
		.doc = "finds every mistake in pipeline files, touching nothing",
		.more = check_text,
		.examples = { { "hocket check enrich.yaml", "one file" },
			      { "hocket check pipelines/*.yaml -q",
				"all of them in CI: says only what is wrong" } },
	},
	{
		.name = "try",
		.bit = IN_TRY,
		.main = verb_try,
		.takes = WORDS_FILES,
		.min = 1,
		.max = 1,
		.usage = "FILE [flags]",
		.also = "preview sample",
		.doc = "takes a few records through a pipeline and shows each step; writes nothing",
		.more = try_text,
		.examples = { { "hocket try enrich.yaml", "the first three records" },
			      { "hocket try enrich.yaml --line 17 -n 1 --calls all",
				"the record on line 17, and POSTs are made, too" } },
	},
	{
		.name = "test",
		.bit = IN_TEST,
		.main = verb_test,
		.takes = WORDS_FILES,
		.min = 1,
		.max = UINT_MAX,
		.usage = "FILE... [flags]",
		.doc = "runs the tests in pipeline files, with no network and nothing written",
		.more = test_text,
		.examples = { { "hocket test enrich.yaml", "all tests of a file" },
			      { "hocket test pipelines/*.yaml -k 'no such user' -v",
				"those with a name like that, and what each step did" } },
	},
	{
		.name = "graph",
		.bit = IN_GRAPH,
		.main = verb_graph,
		.takes = WORDS_FILES,
		.min = 1,
		.max = 1,
		.usage = "FILE [flags]",
		.also = "draw show diagram",
		.doc = "shows a pipeline's flow: caps, queues, and what each place promises",
		.more = graph_text,
		.examples = { { "hocket graph enrich.yaml", "for reading" },
			      { "hocket graph enrich.yaml --dot | dot -Tsvg > enrich.svg",
				"as a picture" } },
	},
	{
		.name = "dead ls",
		.group = "dead",
		.bit = IN_DEAD_LS,
		.main = verb_dead_ls,
		.takes = WORDS_FILES,
		.min = 1,
		.max = 1,
		.usage = "FILE [flags]",
		.also = "list all",
		.doc = "lists what failed for good, with the counts of each kind",
		.more = dead_ls_text,
		.examples = { { "hocket dead ls enrich.yaml", "all that are dead now" },
			      { "hocket dead ls enrich.yaml -w '.step == \"http\"'",
				"those of one step" } },
	},
	{
		.name = "dead show",
		.group = "dead",
		.bit = IN_DEAD_SHOW,
		.main = verb_dead_show,
		.takes = WORDS_FILES,
		.min = 1,
		.max = UINT_MAX,
		.usage = "FILE ID... [flags]",
		.also = "cat view get inspect",
		.doc = "shows everything about dead letters",
		.more = dead_show_text,
		.examples = { { "hocket dead show enrich.yaml 3f9a", "one" },
			      { "hocket dead show enrich.yaml --json | jq .record",
				"all of them, for a program" } },
	},
	{
		.name = "dead replay",
		.group = "dead",
		.bit = IN_DEAD_REPLAY,
		.main = verb_dead_replay,
		.takes = WORDS_FILES,
		.min = 1,
		.max = UINT_MAX,
		.usage = "FILE [ID...] [flags]",
		.also = "retry resend rerun requeue redrive",
		.doc = "sends dead letters again, from the step at which they failed",
		.more = dead_replay_text,
		.examples = { { "hocket dead replay enrich.yaml", "all that are dead" },
			      { "hocket dead replay enrich.yaml -w '.class | "
				"startswith(\"status(5\")'",
				"those that the server could not answer" } },
	},
	{
		.name = "dead export",
		.group = "dead",
		.bit = IN_DEAD_EXPORT,
		.main = verb_dead_export,
		.takes = WORDS_FILES,
		.min = 1,
		.max = UINT_MAX,
		.usage = "FILE [ID...] [flags]",
		.also = "dump",
		.doc = "prints dead letters as JSON lines",
		.more = dead_export_text,
		.examples = { { "hocket dead export enrich.yaml > dead.jsonl",
				"all that are dead" },
			      { "hocket dead export enrich.yaml | jq -c .record",
				"the records alone" } },
	},
	{
		.name = "dead drop",
		.group = "dead",
		.bit = IN_DEAD_DROP,
		.main = verb_dead_drop,
		.takes = WORDS_FILES,
		.min = 1,
		.max = UINT_MAX,
		.usage = "FILE ID...|--where JQ|--all",
		.also = "rm remove delete forget clear purge",
		.doc = "forgets dead letters",
		.more = dead_drop_text,
		.examples = { { "hocket dead drop enrich.yaml -w '.class == \"status(404)\"'",
				"those that will never be found" },
			      { "hocket dead drop enrich.yaml --all", "all of them" } },
	},
	{
		.name = "fetch",
		.bit = IN_FETCH,
		.main = verb_fetch,
		.takes = WORDS_URLS,
		.max = UINT_MAX,
		.usage = "URL... | --from FILE [flags]",
		.also = "get download curl",
		.doc = "fetches a list of URLs, many at a time, to JSON lines",
		.more = fetch_text,
		.examples = { { "hocket fetch --from urls.txt -c 50 --to pages.jsonl",
				"a list from a file, 50 requests at a time" },
			      { "hocket fetch http://127.0.0.1:8080/{a,b} | jq .status",
				"two URLs into a pipe" } },
	},
	{
		.name = "state",
		.bit = IN_STATE,
		.main = verb_state,
		.takes = WORDS_FILES,
		.min = 2,
		.max = 2,
		.usage = "show|reset|rewind FILE [flags]",
		.also = "status reset rewind",
		.doc = "how far a pipeline has come, and how to do some of it again",
		.more = state_text,
		.examples = { { "hocket state show enrich.yaml", "runs, positions, what is kept" },
			      { "hocket state rewind enrich.yaml --to 1000",
				"the next run begins behind the first 1,000 records" } },
	},
	{
		.name = "verify",
		.bit = IN_VERIFY,
		.main = verb_verify,
		.takes = WORDS_FILES,
		.min = 1,
		.max = 1,
		.usage = "FILE [flags]",
		.also = "audit",
		.doc = "do the accounts of a pipeline's runs add up?",
		.more = verify_text,
		.examples = { { "hocket verify enrich.yaml", "one line, or the reasons" } },
	},
	{
		.name = "jq",
		.bit = IN_JQ,
		.main = verb_jq,
		.takes = WORDS_FILES,
		.min = 1,
		.max = 2,
		.usage = "EXPR [FILE] [flags]",
		.doc = "tries a jq expression, or a template, on a file",
		.more = jq_text,
		.examples = { { "hocket jq '.lines | map(.qty * .price) | add' orders.jsonl",
				"a program, before it goes into a pipeline" },
			      { "hocket jq -u 'https://api.example.com/users/\\(.id)' users.csv",
				"the URLs that a step would ask for" } },
	},
	{
		.name = "connectors",
		.bit = IN_CONNECTORS,
		.main = verb_connectors,
		.takes = WORDS_CONNECTORS,
		.max = 1,
		.usage = "[NAME] [flags]",
		.also = "plugins sources sinks steps",
		.doc = "what a pipeline can read from, do and write to",
		.more = "Without a name: the list. With one: its options, with types and defaults.",
		.examples = { { "hocket connectors", "the list" },
			      { "hocket connectors http", "all options of http" } },
	},
	{
		.name = "schema",
		.bit = IN_SCHEMA,
		.main = verb_schema,
		.usage = "",
		.doc = "the JSON Schema of pipeline files, for editors",
		.more = schema_text,
		.examples = { { "hocket schema > hocket.schema.json", "once" } },
	},
	{
		.name = "completion",
		.bit = IN_COMPLETION,
		.main = verb_completion,
		.takes = WORDS_SHELLS,
		.min = 1,
		.max = 1,
		.usage = "bash|zsh|fish",
		.doc = "prints a completion script for a shell",
		.more = "'make install' puts all three where the shells look for them.",
		.examples = { { "source <(hocket completion bash)", "for this shell" },
			      { "hocket completion fish > ~/.config/fish/completions/hocket.fish",
				"for good, in fish" } },
	},
	{
		.name = "version",
		.bit = IN_VERSION,
		.main = verb_version,
		.usage = "",
		.doc = "prints the version",
		.examples = { { "hocket version", "one line" } },
	},
	{
		.name = "help",
		.bit = IN_HELP,
		.main = verb_help,
		.takes = WORDS_VERBS,
		.max = 2,
		.usage = "[VERB]",
		.doc = "explains a verb, or all of them",
		.examples = { { "hocket help run", "the same as hocket run --help" },
			      { "hocket help --man | man -l -", "the manual page" } },
	},
	/* of later versions: the name alone */
	{ .name = "new" },
	{ .name = "guess" },
	{ .name = "top" },
	{ .name = "tap" },
	{ .name = "explain" },
};
const size_t verb_count = ARRAY_SIZE(verbs);
