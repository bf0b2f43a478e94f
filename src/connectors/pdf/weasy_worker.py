"""weasy_worker - HTML and CSS become pages, by WeasyPrint, in a worker that stays warm.

hocket brings this file along and executes it behind hocket_worker.py; `config` (css, folder) is there before its first line.

A call:     {"max_pages": n, "placeholders": bool, "blobs": [[name, type or null], ...]}, the HTML, the blobs' bytes
An answer:  {"pages": n}, the PDF; or {"error": words, "class": "bad_value" | "too_large" | "oom"}

What must hold: (1) nothing is fetched but data: URLs, files beneath the folder that are pictures, fonts and style sheets by
their names, and blobs of the record. (2) what one document loads, fonts and
images, is not there for the next. (3) the same input gives the same bytes. (4) a picture that cannot be had is said, not left out.
"""

import gc
import hashlib
import json
import logging
import mimetypes
import os
import stat
import sys
from urllib.parse import quote, unquote, urlsplit

from hocket_worker import serve_parts

FILE_MOST = 32 << 20
FONTS = (".ttf", ".otf", ".ttc", ".woff", ".woff2")
SHOWN = 200  # characters of a URL in a message


class Log(logging.Handler):
    """What WeasyPrint leaves out it only tells its log."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.lost = []

    def emit(self, line):
        text = line.getMessage()
        if text.startswith(("Failed to load", "Relative URI reference without a base URI", "Could not load")):
            self.lost.append(text)


class Fetcher:
    """The only way to anything outside of the HTML. `blobs`: of the record that is at it."""

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        self.blobs = {}

    def __call__(self, url, *_, **__):
        scheme = urlsplit(url).scheme.lower()
        if scheme == "data":
            return weasyprint.default_url_fetcher(url)
        if scheme == "blob":
            return self.blob(unquote(url.partition(":")[2]))
        if scheme == "file":
            return self.file(url)
        raise ValueError("only data: URLs, blobs and files beneath the pipeline's folder are read, never the network")

    def blob(self, name):
        if name not in self.blobs:
            raise ValueError(f"the record has no blob '{name}'")
        kind, data = self.blobs[name]
        kind = kind or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return {"string": bytes(data), "mime_type": kind}

    def file(self, url):
        path = unquote(urlsplit(url).path)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:  # where it led to, links and '..' followed
            real, about = os.readlink(f"/proc/self/fd/{fd}"), os.fstat(fd)
            if os.path.commonpath([real, self.folder]) != self.folder:
                raise ValueError("it is no file beneath the pipeline's folder")
            if not stat.S_ISREG(about.st_mode):
                raise ValueError("it is no file")
            if not kind.startswith(("image/", "font/", "text/css")) and not path.lower().endswith(FONTS):
                raise ValueError("by its name it is no picture, font or style sheet")  # a PDF can carry any file away
            if about.st_size > FILE_MOST:
                raise ValueError("it is larger than 32 MiB")
            data = open(fd, "rb", closefd=False).read(FILE_MOST + 1)
        finally:
            os.close(fd)
        return {"string": data, "mime_type": kind}


class Press:
    """Renders one document after the other."""

    def __init__(self, config):
        self.fetcher, self.log = Fetcher(config["folder"]), Log()
        self.base = "file://" + quote(config["folder"].rstrip("/")) + "/"
        self.css = [(text, "file://" + quote(path)) for path, text in config["css"]]
        logger = logging.getLogger("weasyprint")
        logger.handlers, logger.propagate = [self.log], False
        self.fixed = None if any("@font-face" in text or "@counter-style" in text for text, _ in self.css) else self.styles(None)

    def styles(self, fonts):
        return [weasyprint.CSS(string=text, base_url=base, url_fetcher=self.fetcher, font_config=fonts) for text, base in self.css]

    def __call__(self, parts):
        asked = json.loads(parts[0])
        self.fetcher.blobs = {name: (kind, data) for (name, kind), data in zip(asked["blobs"], parts[2:])}
        self.log.lost = []
        try:
            return self.render(asked, parts[1])
        except MemoryError:
            return [json.dumps({"error": "there was no more memory for this document", "class": "oom"}).encode()]
        finally:
            self.fetcher.blobs = {}

    def render(self, asked, html):
        fonts = FontConfiguration()
        text = html.decode("utf-8", "replace")
        source = weasyprint.HTML(string=text, base_url=self.base, url_fetcher=self.fetcher)
        styles = self.fixed if self.fixed is not None else self.styles(fonts)
        document = source.render(stylesheets=styles, font_config=fonts)
        if self.log.lost and not asked["placeholders"]:
            return refused("bad_value", *self.log.lost)
        if len(document.pages) > asked["max_pages"]:
            return refused("too_large", f"it has {len(document.pages)} pages, more than `max_pages`, {asked['max_pages']}")
        pdf = document.write_pdf(identifier=hashlib.sha256(html).digest()[:16])
        return [json.dumps({"pages": len(document.pages)}).encode(), pdf]


def refused(kind, first, *more):
    words = first if len(first) <= 2 * SHOWN else first[: 2 * SHOWN] + "..."
    words = words[0].lower() + words[1:] + (f" (and {len(more)} more)" if more else "")
    return [json.dumps({"error": words, "class": kind}).encode()]


try:
    import weasyprint
    from weasyprint.text.fonts import FontConfiguration
except ImportError as error:
    sys.exit(f"{error}: install the package 'weasyprint', or name a Python that has it: `interpreter: ...` ({sys.executable})")


def main():
    press = Press(config)  # noqa: F821
    press.render({"max_pages": 10, "placeholders": True}, b"<p>x")  # fonts are looked up before the first call
    gc.collect()
    gc.freeze()  # what is loaded stays: it need not be looked through again and again
    serve_parts(press)
