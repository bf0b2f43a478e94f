"""extract.py - a page becomes its article: title, text, language, and a summary made of its first sentences

Pages do not say which of their elements is the article, or say so wrongly. What tells an article from what stands around it is its text:
long sentences, few links, and many such paragraphs below one parent. html.parser reads what browsers read, however wrong it is.
"""
import collections
import html.parser
import re

SKIPPED = {"script", "style", "noscript", "template", "svg", "iframe", "nav", "aside", "footer", "form", "button", "select", "head"}
BLOCKS = {"p", "div", "section", "article", "main", "td", "th", "tr", "table", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote",
          "pre", "header", "body", "html", "dl", "dt", "dd", "figure", "figcaption", "br", "hr", *SKIPPED}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
ENDED_BY_THEIR_LIKE = {"p", "li", "td", "tr", "dt", "dd", "option"}
WORDS = {
    "en": "the of and to in is that for it was with as on are be this have from by not but they at".split(),
    "de": "der die das und ist nicht ein eine zu den mit von für auf dem sich des als auch im werden".split(),
    "fr": "le la les des et est un une du que dans qui pour pas sur au plus par avec ce sont".split(),
    "es": "el la los las de que y en un una por con para no se del es al lo como más".split(),
    "it": "il la di che e un una per non con del della sono le gli dei nel alla più si da".split(),
}
NEAR = 8  # levels above a line that are looked at: pages can be nested as deep as who wrote them likes
LONG = 60  # characters of a line that is a sentence, and not a label


class Block:
    """A run of text between two borders of blocks."""

    def __init__(self, parents, heading):
        self.parents, self.heading, self.text, self.linked = parents, heading, [], 0

    def line(self):
        return " ".join("".join(self.text).split())


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open = [("html", 0)]  # the elements that are open here, each with a number of its own
        self.inside = collections.Counter()  # how many of a name are open
        self.parents = [0]  # the blocks among them
        self.count = self.skipping = self.linking = self.heading = 0
        self.blocks, self.block = [], None
        self.meta, self.titles = {}, {"title": [], "h1": []}

    def handle_starttag(self, tag, attributes):
        if tag == "meta":
            a = dict(attributes)
            self.meta[a.get("property") or a.get("name")] = a.get("content") or ""
        if tag in ENDED_BY_THEIR_LIKE and self.open[-1][0] == tag:
            self.handle_endtag(tag)
        elif tag in BLOCKS and self.open[-1][0] == "p":
            self.handle_endtag("p")
        if tag in BLOCKS:
            self.block = None
        if tag in VOID:
            return
        self.count += 1
        self.open.append((tag, self.count))
        self.enter(tag, 1)
        if tag in BLOCKS:
            self.parents.append(self.count)

    def enter(self, tag, more):
        self.inside[tag] += more
        self.skipping += more * (tag in SKIPPED)
        self.linking += more * (tag == "a")
        self.heading += more * (tag in HEADINGS)

    def handle_endtag(self, tag):
        """Ends what was left open inside, too; what was never open ends nothing."""
        if tag in BLOCKS:
            self.block = None
        name = tag if self.inside[tag] else None
        while name:
            name, _ = self.open.pop()
            self.enter(name, -1)
            if name in BLOCKS:
                self.parents.pop()
            if name == tag:
                return

    def handle_data(self, data):
        if self.inside["h1"] or self.open[-1][0] == "title":
            self.titles["h1" if self.inside["h1"] else "title"].append(data)
        if self.skipping or not data.strip() and not self.block:
            return
        if not self.block:
            self.block = Block(self.parents[-NEAR:], self.heading)
            self.blocks.append(self.block)
        self.block.text.append(data)
        self.block.linked += len(data.strip()) if self.linking else 0


def good(block, line):
    """A sentence or more, most of which is no link."""
    return not block.heading and len(line) >= LONG and block.linked < len(line) * 0.3 and re.search(r"[.!?…\"”’)]$", line)


def article_of(blocks):
    """The good lines below the element that has most of them: of its own, or one level further down."""
    scores, lines = {}, [(block, block.line()) for block in blocks]
    for block, line in lines:
        if good(block, line):
            for share, parent in zip((1, 1, 0.5), reversed(block.parents)):
                scores[parent] = scores.get(parent, 0) + share * len(line)
    if not scores:
        return []
    best = max(scores, key=lambda parent: (scores[parent], parent))
    return [line for block, line in lines if best in block.parents and (good(block, line) or len(line) >= LONG / 2 and block.linked == 0 and
                                                                        line.endswith("."))]


def sentences(text):
    return re.split(r"(?<=[.!?])[\"”]?\s+(?=[A-Z\"“])", text)


def summary_of(lines, least=90, most=210):
    """The first sentences, as many as fit; one of them when that is long enough."""
    summary = ""
    for sentence in sentences(" ".join(lines[:2])):
        if len(summary) >= least and len(summary) + 1 + len(sentence) > most:
            break
        summary = f"{summary} {sentence}".strip()
    return summary if len(summary) <= 2 * most else summary[:most].rsplit(" ", 1)[0] + " …"


def language_of(text):
    """The language of whose little words there are most; None for less than a twentieth."""
    words = re.findall(r"\w+", text.lower())
    shares = {language: sum(word in known for word in words) / max(len(words), 1) for language, known in WORDS.items()}
    best = max(shares, key=shares.get)
    return best if shares[best] > 0.05 else None


def title_of(reader):
    for found in ("".join(reader.titles["h1"]), reader.meta.get("og:title", ""), "".join(reader.titles["title"]).rsplit(" | ", 1)[0]):
        if found.strip():
            return " ".join(found.split())
    return None


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def from_feed(record):
    """Where there is no page, the feed's own words; they are HTML as often as not."""
    lines = [block.line() for block in read(record.get("content") or record.get("summary") or "").blocks]
    return record.get("title"), [line for line in lines if line]


def from_page(record):
    reader = read(record["html"])
    lines = article_of(reader.blocks)
    if sum(map(len, lines)) < 200:
        raise ValueError(f"no article found in a page of {len(record['html']):,} characters")
    return title_of(reader) or record.get("title"), lines


def extract(record):
    title, lines = from_page(record) if record.get("html") else from_feed(record)
    text = "\n".join(lines)
    record = {key: value for key, value in record.items() if key not in ("html", "content")}
    return {**record, "title": title, "text": text, "summary": summary_of(lines), "language": language_of(text), "words": len(text.split())}
