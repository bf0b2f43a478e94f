/* man.c - the manual page, as troff, made from the tables
 *
 * What this room is for: man/hocket.1 is generated at build time and cannot disagree with the parser.
 * What flows through:    the tables of table.c in, man(7) macros out.
 * What must hold:        no text of the tables is read as a macro or an escape: a leading . or ' and every \ are defused. */
#include "cli/verbs.h"

/* Text into running troff: hyphens that mean a flag stay hyphens, backslashes show. */
static int put_text(struct buf *out, const char *text)
{
	int r = 0;
	bool line_start = true;
	for (const char *c = text; r == 0 && *c; c++) {
		if (line_start && (*c == '.' || *c == '\''))
			r = buf_add(out, S("\\&"));
		if (r < 0)
			return r;
		if (*c == '\\')
			r = buf_add(out, S("\\e"));
		else if (*c == '-')
			r = buf_add(out, S("\\-"));
		else
			r = buf_add_char(out, *c);
		line_start = *c == '\n';
	}
	return r;
}

static int put_flag(struct buf *out, const struct flag *f)
{
	int r = buf_add(out, S(".TP\n"));
	if (r == 0 && f->letter)
		r = buf_printf(out, "\\fB\\-%c\\fR, ", f->letter);
	if (r == 0)
		r = buf_add(out, S("\\fB\\-\\-"));
	if (r == 0)
		r = put_text(out, f->name);
	if (r == 0)
		r = buf_printf(out, "\\fR%s\\fI%s\\fR\n", f->shown ? " " : "",
			       f->shown ? f->shown : "");
	if (r == 0)
		r = put_text(out, f->doc);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int put_examples(struct buf *out, const struct verb *v)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(v->examples) && v->examples[i][0]; i++) {
		r = buf_add(out, S(".PP\n.nf\n"));
		if (r == 0)
			r = put_text(out, v->examples[i][0]);
		if (r == 0)
			r = buf_add(out, S("\n.fi\n.RS\n"));
		if (r == 0)
			r = put_text(out, v->examples[i][1]);
		if (r == 0)
			r = buf_add(out, S("\n.RE\n"));
	}
	return r;
}

static int put_verb(struct buf *out, const struct verb *v)
{
	int r = buf_printf(out, ".SS hocket %s ", v->name);
	if (r == 0)
		r = put_text(out, v->usage);
	if (r == 0)
		r = buf_add_char(out, '\n');
	if (r == 0)
		r = put_text(out, v->more ? v->more : v->doc);
	if (r == 0)
		r = buf_add_char(out, '\n');
	for (size_t i = 0; r == 0 && i < flag_count; i++)
		if ((flags[i].verbs & v->bit) && !flags[i].later && flags[i].id != FLAG_HELP)
			r = put_flag(out, &flags[i]);
	return r < 0 ? r : put_examples(out, v);
}

static const char head[] = ".TH HOCKET 1 \"\" \"hocket " HOCKET_VERSION "\" \"User Commands\"\n"
			   ".SH NAME\nhocket \\- high\\-throughput I/O pipelines\n"
			   ".SH SYNOPSIS\n.B hocket\n.I verb\n[\\fIarguments\\fR] [\\fIflags\\fR]\n"
			   ".SH DESCRIPTION\n"
			   "hocket reads records, calls an API (or another slow thing) for each of "
			   "them, many at a time, and writes the\n"
			   "results to a database or a file. A pipeline is a YAML file whose "
			   "expressions are jq. Failed calls are tried\n"
			   "again; what fails for good is kept as a dead letter; a run that was "
			   "interrupted goes on where it stopped.\n"
			   ".SH VERBS\n";
static const char tail[] =
	".SH EXIT STATUS\nThe worst that happened wins.\n"
	".TP\n.B 0\neverything is delivered or filtered, or there is nothing new\n"
	".TP\n.B 1\nfailed: a file, the disk, the sink\n"
	".TP\n.B 2\nthe command line is wrong\n"
	".TP\n.B 3\nfinished, and some records are dead letters\n"
	".TP\n.B 4\nthe account or the state does not add up\n"
	".TP\n.B 5\nstopped because too much failed\n"
	".TP\n.B 75\nstopped early; the same command goes on\n"
	".TP\n.B 78\nthe pipeline file is wrong, or a secret is missing\n"
	".SH ENVIRONMENT\n"
	".TP\n.B NO_COLOR\nno colours in messages and progress\n"
	".TP\n.B HTTP_PROXY, HTTPS_PROXY, NO_PROXY\n"
	"the way out, http://USER:PASSWORD@HOST:PORT, and who needs none: names, addresses, "
	"ranges; in lower case, too\n"
	".TP\n.B SSL_CERT_FILE\ncertificates to trust instead of the system's\n"
	".SH FILES\n.TP\n.I .hocket/NAME.db\nbeside the pipeline: what its runs have done, dead "
	"letters\n";

int man_put(struct buf *out)
{
	int r = buf_add(out, slice_str(head));
	for (size_t i = 0; r == 0 && i < verb_count; i++)
		if (verbs[i].bit)
			r = put_verb(out, &verbs[i]);
	return r < 0 ? r : buf_add(out, slice_str(tail));
}
