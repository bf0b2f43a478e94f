"""pdf: Markdown becomes pages. Judged by poppler: what it reads, where it finds it, what it lists."""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time
import zlib

import pytest

from conftest import PROGRAM, SLOW
from test_memory import holds_freed_memory

MODULE = pathlib.Path(PROGRAM).resolve().parent / "src/pdf/libhocket-pdf.so"
pytestmark = pytest.mark.skipif(not MODULE.exists() or not shutil.which("pdftotext"), reason="built without pdf, or no poppler-utils")

PIPE = """
from: {{jsonl: in.jsonl}}
steps:
  - pdf: {{markdown: .md{options}}}
    into: .pdf
  - upload: file://{folder}/out/\\(.name).pdf
    data: .pdf
to: {{jsonl: done.jsonl}}
dead: dead.jsonl
"""


class Pdf:
    def __init__(self, path):
        self.path = path
        self.bytes = path.read_bytes()

    def poppler(self, tool, *flags):
        return subprocess.run([tool, *flags], capture_output=True, text=True, check=True).stdout

    def text(self, *flags):
        return self.poppler("pdftotext", "-layout", *flags, str(self.path), "-")

    @property
    def info(self):
        return dict(re.findall(r"^([^:]+): +(.*)$", self.poppler("pdfinfo", str(self.path)), re.M))

    @property
    def pages(self):
        return int(self.info["Pages"])

    @property
    def fonts(self):
        return self.poppler("pdffonts", str(self.path))

    @property
    def urls(self):
        return [line.split()[-1] for line in self.poppler("pdfinfo", "-url", str(self.path)).splitlines()[1:]]

    @property
    def outline(self):
        text = self.poppler("pdftohtml", "-xml", "-i", "-stdout", str(self.path))
        return re.findall(r'<item page="(\d+)">(.*?)</item>', text)

    def words(self):
        """[(page, x, y, word)]"""
        found, page = [], 0
        for line in self.poppler("pdftotext", "-bbox", str(self.path), "-").splitlines():
            page += "<page " in line
            if m := re.search(r'<word xMin="([\d.]+)" yMin="([\d.]+)".*?>(.*)</word>', line):
                found.append((page, float(m[1]), float(m[2]), m[3]))
        return found

    def place(self, word):
        return next(w[:3] for w in self.words() if w[3] == word)


@pytest.fixture
def press(hocket):
    """press(markdown, options): the PDF; what is dead comes as its class and message."""
    def make(markdown, options="", **record):
        for name in ("out", ".hocket"):
            shutil.rmtree(hocket.folder / name, ignore_errors=True)
        for name in ("dead.jsonl", "done.jsonl"):
            (hocket.folder / name).unlink(missing_ok=True)
        hocket.write_jsonl("in.jsonl", [{"name": "a", "md": markdown, **record}])
        r = hocket.run(PIPE.format(folder=hocket.folder, options=options and ", " + options))
        path = hocket.folder / "out/a.pdf"
        if r.code == 0:
            return Pdf(path)
        assert not path.exists() or r.code != 3, "a dead record left a PDF"
        if r.code != 3:
            return r.err
        dead = hocket.read_jsonl("dead.jsonl")[0]
        return dead["class"], dead["message"]
    make.hocket = hocket
    return make


def png(width, height, color=b"\x30\x70\xc0"):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = zlib.compress((b"\0" + color * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# A JPEG of 8 x 8 pixels.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////"
    "wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AR//Z")


# ---- constructs ---------------------------------------------------------------------------------------------------------

def test_blocks_and_spans(press):
    pdf = press("# One\n\nSome *slanted*, **heavy**, ~~gone~~ and `code` words.\n\n"
                "1. first\n2. second\n   - inner\n\n> quoted\n\n```\nint main(void);\n```\n\n- [x] done\n- [ ] open\n\nhard\\\nbreak &copy; H<sub>2</sub>O\n")
    text = pdf.text()
    for words in ("Some slanted, heavy, gone and code words.", "1. first", "2. second", "– inner", "quoted", "int main(void);",
                  "done", "open", "hard\n", "break ©"):
        assert words in text, (words, text)
    assert re.search(r"Italic", pdf.fonts) and re.search(r"Bold", pdf.fonts) and re.search(r"Mono|Hack", pdf.fonts)
    assert "Type 3" not in pdf.fonts and "no  " not in [line[60:] for line in pdf.fonts.splitlines()[2:]]
    assert re.search(r"\n +1 ?/ ?1\s*$", text)
    (_, x1, _), (_, x2, _), (_, x3, _) = pdf.place("first"), pdf.place("inner"), pdf.place("quoted")
    assert x1 < x2 and x3 > pdf.place("Some")[1]


def test_tables_align_and_repeat_their_head(press):
    rows = "".join(f"| row{n} | {n * 1000} | some words |\n" for n in range(120))
    pdf = press("| Name | Amount | What |\n|:-----|-------:|:----:|\n" + rows)
    assert pdf.pages > 2
    heads = [w for w in pdf.words() if w[3] == "Amount"]
    assert [w[0] for w in heads] == list(range(1, pdf.pages + 1)) and len({w[2] for w in heads}) == 1
    digits = pdf.poppler("pdftotext", "-bbox", str(pdf.path), "-")
    rights = {round(float(m), 0) for m in re.findall(r'xMax="([\d.]+)" yMax="[\d.]+">\d+000</word>', digits)}
    assert len(rights) == 1, "numbers do not end at one edge"
    assert [w[3] for w in pdf.words() if w[3].startswith("row")] == [f"row{n}" for n in range(120)]


def test_wide_tables_are_divided(press):
    head = "|" + "".join(f"c{n}|" for n in range(200)) + "\n" + "|---" * 200 + "|\n"
    pdf = press(head + "|" + "".join(f"v{n}|" for n in range(200)) + "\n")
    words = {w[3] for w in pdf.words()}
    assert words >= {f"v{n}" for n in range(200)}
    assert all(x < 595 for _, x, _, _ in pdf.words())
    assert sum(w[3] == "v0" for w in pdf.words()) > 2, "the first column comes again in each part"


def test_code_goes_over_pages_line_by_line(press):
    code = "".join(f"    line{n}()\n" for n in range(200))
    pdf = press("```python\nif x:\n" + code + "\tafter_a_tab\n```\n")
    text = pdf.text()
    assert [int(n) for n in re.findall(r"line(\d+)\(", text)] == list(range(200)) and pdf.pages > 2
    assert pdf.place("line1()")[1] > pdf.place("if")[1]


def test_long_words_and_long_code_stay_on_the_page(press):
    pdf = press("w" * 10000 + "\n\n```\n" + "x" * 5000 + "\n```\n\n# " + "h" * 500)
    boxes = re.findall(r'xMin="([\d.]+)".*?xMax="([\d.]+)"', pdf.poppler("pdftotext", "-bbox", str(pdf.path), "-"))
    assert len(boxes) > 100 and all(float(a) > 50 and float(b) < 560 for a, b in boxes)
    assert sum(text.count("w") for _, _, _, text in pdf.words()) == 10000


def test_outline_links_and_anchors(press):
    pdf = press("[down](#the-end) [out](https://example.com/a?b=1&c='d') <mailto:a@b.example> [nowhere](#none)\n\n"
                "# One\n\n## Two\n\n### Three\n\n" + "filler\n\n" * 60 + "## The end\n")
    assert [name for _, name in pdf.outline] == ["One", "Two", "Three", "The end"]
    assert pdf.outline[0][0] == "1" and int(pdf.outline[3][0]) == pdf.pages > 1
    assert pdf.urls == ["https://example.com/a?b=1&c='d'", "mailto:a@b.example"]
    assert "h4" in pdf.poppler("pdfinfo", "-dests", str(pdf.path))


def test_title_metadata_header_and_footer(press):
    press.hocket.write("style.yaml", "header: {left: '{title}', right: '{section}', first_page: false}\nfooter: 'page {page} of {pages}, {author}'\n")
    pdf = press("# Chapter\n\n" + "words\n\n" * 80, "style: style.yaml, title: 'On \\(.topic)', subtitle: Notes, author: Ana, "
                "subject: 'S', keywords: 'a, b'", topic="graphs")
    info = pdf.info
    assert (info["Title"], info["Author"], info["Subject"], info["Keywords"]) == ("On graphs", "Ana", "S", "a, b")
    assert "CreationDate" not in info and "ModDate" not in info
    first, second = pdf.text("-l", "1"), pdf.text("-f", "2", "-l", "2")
    assert first.count("On graphs") == 1 and "Notes" in first and f"page 1 of {pdf.pages}, Ana" in first
    assert re.match(r"\s*On graphs\s+Chapter", second) and f"page 2 of {pdf.pages}" in second


def test_the_title_is_not_said_twice(press):
    assert press("# Graphs\n\ntext", "title: Graphs").text().count("Graphs") == 1
    assert press("# Graphs\n\ntext").info["Title"] == "Graphs"


def test_every_script_finds_a_font(press):
    words = ["Ελληνικά", "Русский", "العربية", "עברית"]
    pdf = press("Latin " + " x ".join(words) + "\n\n- עברית אחת\n")
    found = pdf.text()
    assert "Ελληνικά" in found and "Русский" in found and "עברית" in found
    # From right to left: the bullet stands right of its item.
    (_, bullet, _), text = pdf.place("•"), [w[1] for w in pdf.words() if w[3][0] in "אחת" and w[2] > pdf.place("•")[2] - 10]
    assert text and all(bullet > x for x in text)


# ---- page ends ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lines", range(30, 52))
def test_a_heading_stays_with_its_text(press, lines):
    """However full the page is: never a heading at its end, never a lone line of a paragraph."""
    press.hocket.write("style.yaml", "page: {size: 120mm x 160mm, margins: 12mm}\n")
    pdf = press("filler\n\n" * (lines - 20) + "# Heading\n\n" + "body " * 60, "style: style.yaml")
    words = pdf.words()
    heading = next(w for w in words if w[3] == "Heading")
    bodies = [w for w in words if w[3] == "body"]
    assert bodies[0][0] == heading[0]
    for page in {w[0] for w in bodies}:
        assert len({w[2] for w in bodies if w[0] == page}) >= 2


def test_page_breaks_are_obeyed(press):
    press.hocket.write("style.yaml", "headings: {new_page: h1}\n")
    pdf = press("# A\n\na\n\n# B\n\nb\n\n<!-- page -->\n\nc\n", "style: style.yaml")
    assert [pdf.place(word)[0] for word in "abc"] == [1, 2, 3]


# ---- images -------------------------------------------------------------------------------------------------------------

def images(pdf):
    return [line.split() for line in pdf.poppler("pdfimages", "-list", str(pdf.path)).splitlines()[2:]]


def test_images_from_files_data_and_blobs(press):
    (press.hocket.folder / "img").mkdir()
    (press.hocket.folder / "img/my pic.png").write_bytes(png(40, 20))
    (press.hocket.folder / "b.jpg").write_bytes(JPEG)
    data = base64.b64encode(png(7, 5)).decode()
    pdf = press(f"![a](<img/my pic.png>)\n\n![b](./b.jpg)\n\ntext ![c](data:image/png;base64,{data}) text\n\n![a](img/my%20pic.png)")
    assert {(i[3], i[4]) for i in images(pdf)} == {("40", "20"), ("8", "8"), ("7", "5")}
    assert [i[8] for i in images(pdf) if i[3] == "8"] == ["jpeg"], "a JPEG stays one"
    assert JPEG in pdf.bytes


def test_images_from_blobs_of_the_record(hocket):
    hocket.write_jsonl("in.jsonl", [{"name": "a", "md": "![x](blob:pic)"}])
    (hocket.folder / "in.png").write_bytes(png(33, 11))
    pipe = PIPE.format(folder=hocket.folder, options="").replace("steps:\n", f"steps:\n  - download: file://{hocket.folder}/in.png\n    into: .pic\n")
    r = hocket.run(pipe)
    assert r.code == 0, r.err
    assert [(i[3], i[4]) for i in images(Pdf(hocket.folder / "out/a.pdf"))] == [("33", "11")]


def test_markdown_from_a_blob(hocket):
    hocket.write_jsonl("in.jsonl", [{"name": "a"}])
    hocket.write("in.md", "# From a blob\n")
    pipe = PIPE.format(folder=hocket.folder, options="").replace("steps:\n", f"steps:\n  - download: file://{hocket.folder}/in.md\n    as: blob\n    into: .md\n")
    r = hocket.run(pipe)
    assert r.code == 0 and "From a blob" in Pdf(hocket.folder / "out/a.pdf").text(), r.err


def test_a_missing_image_is_dead_or_has_a_box(press):
    assert press("![a cat](cat.png)") == ("bad_value", "image 'cat.png' cannot be read: No such file or directory")
    assert "a cat" in press("![a cat](cat.png)", "missing: placeholder").text()


@pytest.mark.parametrize("name, why", [
    ("../secret.png", "is no file beneath the pipeline's folder"),
    ("/etc/passwd", "is no file beneath the pipeline's folder"),
    ("link.png", "cannot be read: it is a link"),
    ("https://127.0.0.1:1/a.png", "is not fetched: pages have no network; download it in a step before, and write blob:NAME"),
    ("blob:none", "is no blob of the record"),
    ("text.png", "is neither a PNG nor a JPEG file"),
    ("cut.png", "is a damaged PNG file"),
    ("huge.png", "is too large: 50 megapixels are the most"),
    ("fifo.png", "cannot be read: Is a directory"),
    ("data:image/png,abc", "is no data: URL in base64"),
])
def test_images_that_are_none(press, name, why):
    folder = press.hocket.folder
    (folder.parent / "secret.png").write_bytes(png(1, 1))
    (folder / "link.png").symlink_to("/etc/passwd")
    (folder / "text.png").write_text("this is no picture")
    (folder / "cut.png").write_bytes(png(100, 100)[:80])
    (folder / "huge.png").write_bytes(png(1, 1).replace(struct.pack(">II", 1, 1), struct.pack(">II", 60000, 60000)))
    os.mkfifo(folder / "fifo.png")
    assert press(f"![x]({name})") == ("bad_value", f"image '{name}' {why}")


# ---- what is too much, or wrong -------------------------------------------------------------------------------------------

def test_limits(press):
    assert press("word\n\n" * 3000, "max_pages: 3") == ("too_large", "the document has more than 3 pages: raise `max_pages` or `max_pdf`")
    assert press("x" * 5000, "max_bytes: 1KB") == ("too_large", "the Markdown is longer than 1024 bytes: raise `max_bytes`")
    assert press("word\n\n" * 3000, "max_pdf: 4KB")[0] == "too_large"


def test_fifty_megabytes_are_refused(press):
    press.hocket.write_jsonl("in.jsonl", [{"name": "a", "md": "some words in a paragraph\n\n" * 1_900_000}])
    r = press.hocket.run(PIPE.format(folder=press.hocket.folder, options="").replace("dead: dead.jsonl\n", ""))
    assert r.code == 3 and "1 dead: 1 at pdf (too_large)" in r.err, r.err
    assert "the Markdown is longer than 8388608 bytes: raise `max_bytes`" in r.err


def test_what_is_no_text(press):
    assert press(None)[0] == "bad_value"
    assert press(3) == ("bad_value", "`markdown` wants text, not 3")
    assert press("").pages == 1


def test_a_timeout_ends_it(press):
    r = press.hocket.run
    press.hocket.write_jsonl("in.jsonl", [{"name": "a", "md": "many words in a line " * 300_000}])
    began = time.monotonic()
    done = r(PIPE.format(folder=press.hocket.folder, options=", max_pages: 100000").replace("    into: .pdf", "    into: .pdf\n    timeout: 50ms\n    retry: 0"))
    assert done.code in (3, 5), done.err
    assert press.hocket.read_jsonl("dead.jsonl")[0]["class"] == "worker_timeout"
    assert time.monotonic() - began < 20 * SLOW, "the thread is told to stop"


@pytest.mark.parametrize("style, says", [
    ("boddy: {size: 10pt}\n", "style.yaml:1:1: unknown option 'boddy': did you mean 'body'?"),
    ("body: {size: 10pt, colour: red}\n", "style.yaml:1:20: 'body' has no option 'colour': did you mean 'color'?"),
    ("body:\n  size: 10\n", "style.yaml:2:9: '10' is no length: write 10.5pt, 24mm, 2cm or 1in"),
    ("links: {color: blue}\n", "style.yaml:1:16: 'blue' is no colour: write #1c5fa8, in quotes"),
    ("body: {font: Dejavu Serief}\n", "style.yaml:1:14: the font 'Dejavu Serief' is not installed: did you mean 'DejaVu Serif'?"),
    ("page: {size: A9}\n", "style.yaml:1:14: 'A9' is no page"),
    ("page: {margins: 140mm}\n", "the margins leave less than"),
    ("- a\n", "style.yaml:1:1: the file wants a mapping, not a list"),
    ("body: {size: 10pt\n", "style.yaml:"),
])
def test_a_style_is_checked_as_a_pipeline_is(hocket, style, says):
    hocket.write("style.yaml", style)
    hocket.write("p.yaml", PIPE.format(folder=hocket.folder, options=", style: style.yaml"))
    r = hocket("check", "p.yaml")
    assert r.code == 78 and says in r.err, r.err


@pytest.mark.parametrize("style, size", [("", "595.276 x 841.89 pts (A4)"), ("vars: {style: {page: 120mm x 160mm}}\n", "340.157 x 453.543 pts")])
def test_a_style_may_stand_in_the_pipeline_itself(hocket, style, size):
    hocket.write("p.yaml", style + PIPE.format(folder=hocket.folder, options=", style: p.yaml"))
    hocket.write("in.jsonl", '{"name": "a", "md": "# A"}\n')
    r = hocket("run", "p.yaml")
    assert r.code == 0, r.err
    pdf = next(hocket.folder.glob("**/*.pdf"))
    assert size in subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout


def test_a_style_that_is_not_there(hocket):
    hocket.write("p.yaml", PIPE.format(folder=hocket.folder, options=", style: none.yaml"))
    r = hocket("check", "p.yaml")
    assert r.code == 78 and "none.yaml: No such file or directory" in r.err


def test_without_the_module_check_says_what_to_install(hocket):
    hocket.write("p.yaml", PIPE.format(folder=hocket.folder, options=""))
    hocket.env["HOCKET_PDF_MODULE"] = "/nowhere/libhocket-pdf.so"
    r = hocket("check", "p.yaml")
    assert r.code == 78 and "install the packages libpangocairo-1.0-0 and libmd4c-html0" in r.err


def test_the_program_itself_loads_no_font_library():
    linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True).stdout
    assert "pango" not in linked and "cairo" not in linked and "fontconfig" not in linked


# ---- runs -----------------------------------------------------------------------------------------------------------------

def many(hocket, n):
    text = "# Number {0}\n\n" + "Some **words** about it, `{0}`.\n\n" * 30 + "| a | b |\n|---|---|\n| {0} | x |\n"
    hocket.write_jsonl("in.jsonl", [{"name": f"n{i}", "md": text.format(i)} for i in range(n)])
    hocket.write("pipe.yaml", PIPE.format(folder=hocket.folder, options=""))


def test_the_same_input_gives_the_same_bytes(hocket):
    many(hocket, 20)
    assert hocket("run", "pipe.yaml").code == 0
    first = {p.name: p.read_bytes() for p in (hocket.folder / "out").iterdir()}
    shutil.rmtree(hocket.folder / "out")
    assert hocket("run", "pipe.yaml", "--fresh").code == 0
    assert {p.name: p.read_bytes() for p in (hocket.folder / "out").iterdir()} == first and len(first) == 20


def test_killed_in_the_middle_and_gone_on(hocket):
    many(hocket, 300)
    process = hocket.start("run", "pipe.yaml")
    deadline = time.monotonic() + 60 * SLOW
    while len(list((hocket.folder / "out").glob("*.pdf")) if (hocket.folder / "out").exists() else []) < 60:
        assert process.poll() is None and time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.communicate()
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and r.account["delivered"] == 300, r.err
    files = sorted((hocket.folder / "out").glob("*.pdf"))
    assert len(files) == 300 and all(f.read_bytes().rstrip().endswith(b"%%EOF") for f in files)
    assert [json.loads(line)["name"] for line in open(hocket.folder / "done.jsonl")] == [f"n{i}" for i in range(300)]


@pytest.mark.skipif(holds_freed_memory(), reason="a sanitized build keeps freed memory")
def test_memory_stays_flat(hocket):
    """Fonts are kept, documents are not."""
    def peak(n):
        many(hocket, n)
        shutil.rmtree(hocket.folder / ".hocket", ignore_errors=True)
        text = (hocket.folder / "pipe.yaml").read_text().replace("to: {jsonl: done.jsonl}", "to: null")
        hocket.write("null.yaml", re.sub(r"  - upload.*\n.*\n", "", text))
        r = subprocess.run(["/usr/bin/env", "python3", "-c", "import resource, subprocess, sys; "
                            "assert subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode == 0; "
                            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
                            PROGRAM, "run", "null.yaml"], cwd=hocket.folder, capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        return int(r.stdout) / 1024
    few, more = peak(100), peak(1000)
    assert more < few + 16, f"{few} MiB for 100 documents, {more} for 1,000"


def test_try_makes_the_pages_and_keeps_none(hocket):
    hocket.write_jsonl("in.jsonl", [{"name": "a", "md": "# Pages\n\n![no](img/none.png)"}, {"name": "b", "md": "# Pages"}])
    hocket.write("pipe.yaml", PIPE.format(folder=hocket.folder, options=""))
    result = hocket("try", "pipe.yaml", "--calls", "none")
    assert "pdf        is done here, for each record\n" in result.err and "2 records tried, 1 dead, 0 calls made" in result.err
    assert "dead at pdf: bad_value: image 'img/none.png' cannot be read" in result.out
    assert re.search(r"\+ \.pdf  <application/pdf, [\d.]+ KB>", result.out) and not (hocket.folder / "out").exists()


def test_a_letter_that_no_font_has_is_told_once(hocket):
    odd = "\U0010fffd"  # for private use: no font of Debian has it
    hocket.write_jsonl("in.jsonl", [{"name": "a", "md": "# Plain"}, {"name": "b", "md": f"# {odd}\n\n{odd}"}, {"name": "c", "md": odd}])
    result = hocket.run(PIPE.format(folder=hocket.folder, options=""))
    assert result.code == 0 and result.err.count("no installed font") == 1
    assert "hocket: pdf: no installed font has the letter \U0010fffd (U+10FFFD): a box stands in its place; install one" in result.err
    hocket.write_jsonl("in.jsonl", [{"name": "a", "md": "# Plain \u00e9 \u03b1 \u2192"}])
    assert "font" not in hocket.run(PIPE.format(folder=hocket.folder, options="")).err


# Cairo opens ten files of fonts at once and closes one for the eleventh, under the hands of other threads.
SCRIPTS = """# Title %d

**bold** *italic* ***both*** `code` **`bold code`** *`italic code`* ~~no~~ \u05e2\u05d1\u05e8\u05d9\u05ea \u0639\u0631\u0628\u064a \u0395\u03bb\u03bb\u03ac\u03b4\u03b1 \u65e5\u672c
\u0e44\u0e17\u0e22 \u0939\u093f\u0928 \u12a0\u121b \u10e5\u10d0 \u0540\u0561 \u09ac\u09be \u0ba4\u0bae \u1781\u17d2 \u0ea5\u0eb2 \u2588 \u2211 \u28ff \u16a0

## Head **b** *i*

| a **b** | *c* `d` |
|---|---|
| \u65e5 | \u05d0 |
"""


def test_threads_share_many_fonts(hocket):
    hocket.write_jsonl("in.jsonl", [{"name": f"n{i}", "md": SCRIPTS % i} for i in range(200)])
    result = hocket.run(PIPE.format(folder=hocket.folder, options=", workers: 4"))
    assert result.code == 0 and "delivered 200" in result.err
