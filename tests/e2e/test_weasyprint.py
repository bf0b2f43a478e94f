"""pdf with html: real WeasyPrint in real workers, judged by poppler; what it may reach is counted by a server."""
import base64
import http.server
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from conftest import SLOW

if subprocess.run(["/usr/bin/python3", "-c", "import weasyprint"], capture_output=True).returncode:
    pytest.skip("needs the package weasyprint", allow_module_level=True)

SAVE = """import json, pathlib


def save(record):
    data = record.pop("pdf")
    pathlib.Path(f"{record['id']}.pdf").write_bytes(data)
    record["bytes"] = len(data)
    return record
"""
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")


def pipe(pdf="", step=""):
    return f"""from: {{jsonl: in.jsonl}}
steps:
  - pdf: {{html: .html{pdf}}}
    into: .pdf{step}
  - python: save.py:save
    workers: 1
to: {{jsonl: out.jsonl}}
"""


def prepare(hocket, records, pdf="", step=""):
    hocket.write("save.py", SAVE)
    hocket.write_jsonl("in.jsonl", records)
    hocket.write("pipe.yaml", pipe(pdf, step))


def run(hocket, records, pdf="", step="", code=0):
    prepare(hocket, records, pdf, step)
    result = hocket("run", "pipe.yaml", "--fresh")
    assert result.code == code, result.err
    assert result.balances(), result.err
    return result


def text(hocket, name):
    return subprocess.run(["pdftotext", "-layout", hocket.folder / name, "-"], capture_output=True, text=True, check=True).stdout


def info(hocket, name):
    lines = subprocess.run(["pdfinfo", hocket.folder / name], capture_output=True, text=True, check=True).stdout.splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def images(hocket, name):
    return len(subprocess.run(["pdfimages", "-list", hocket.folder / name], capture_output=True, text=True, check=True).stdout.splitlines()) - 2


class Counter:
    """A server that nobody may ask."""

    def __enter__(self):
        self.asked = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(PNG)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


def workers_of(pid):
    """Children, and theirs, that run our worker."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rsplit(")", 1)[1].split()
            if b"hocket_weasy" in (path / "cmdline").read_bytes() and (pid is None or int(fields[1]) == pid):
                found.append(int(path.name))
        except (OSError, IndexError):
            pass
    return found


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("did not happen")


def test_pages_are_what_the_html_says(hocket):
    hocket.write("style.css", "@page { size: A5; @bottom-center { content: 'page ' counter(page) } } h1 { break-before: page }")
    html = "<html lang=de><title>Ein Titel</title><meta name=author content=Ada><p>first<h1>Größe Ωμέγα</h1><p>second"
    run(hocket, [{"id": i, "html": html.replace("second", f"second {i}")} for i in range(6)], ", engine: weasyprint, css: style.css, workers: 2")
    for i in range(6):
        about = info(hocket, f"{i}.pdf")
        assert about["Title"] == "Ein Titel" and about["Author"] == "Ada" and about["Pages"] == "2" and about["Page size"].startswith("419.5")
        shown = text(hocket, f"{i}.pdf")
        assert "Größe Ωμέγα" in shown and f"second {i}" in shown and "page 2" in shown


def test_the_same_input_gives_the_same_bytes(hocket):
    html = "<style>p { font-family: serif; color: #123 }</style><title>t</title><p>ffi Ω <b>bold</b> <i>it</i> <code>mono</code><svg width=9 height=9><rect width=5 height=5 /></svg>"
    run(hocket, [{"id": i, "html": html} for i in range(4)], ", workers: 2, recycle: 2")
    first = [(hocket.folder / f"{i}.pdf").read_bytes() for i in range(4)]
    assert len(set(first)) == 1
    time.sleep(1.1)  # a date within would differ
    run(hocket, [{"id": 9, "html": html}])
    assert (hocket.folder / "9.pdf").read_bytes() == first[0]


def test_images_come_from_blobs_files_and_data(hocket):
    hocket.write("pics/x", "")
    (hocket.folder / "pics/a b.png").write_bytes(PNG)
    data = base64.b64encode(PNG).decode()
    html = f'<img src="pics/a%20b.png"><img src="data:image/png;base64,{data}">'
    run(hocket, [{"id": 1, "html": html}])
    assert images(hocket, "1.pdf") >= 1
    hocket.write("page.html", "<img src='blob:pic'><p>\\(.id)")
    hocket.write("blob.py", "import hocket_worker\n\n\ndef add(r):\n    return {**r, 'pic': hocket_worker.Blob(bytes.fromhex('" + PNG.hex() + "'), 'image/png')}\n")
    hocket.write("save.py", SAVE.replace("data = record", "record.pop('pic')\n    record.pop('page')\n    data = record"))
    hocket.write("blobs.yaml", """from: {jsonl: in.jsonl}
steps:
  - python: blob.py:add
  - template: page.html
    into: .page
    as: blob
  - pdf: {html: .page}
    into: .pdf
  - python: save.py:save
to: {jsonl: blobs.jsonl}
""")
    result = hocket("run", "blobs.yaml")
    assert result.code == 0, result.err
    assert images(hocket, "1.pdf") >= 1 and text(hocket, "1.pdf").strip() == "1"


@pytest.mark.parametrize("source, why", [
    ("none.png", "No such file"), ("../secret.png", "beneath the pipeline's folder"), ("link.png", "beneath the pipeline's folder"),
    ("file:///etc/hostname", "beneath the pipeline's folder"), ("blob:none", "no blob 'none'"), ("pics", "it is no file"),
    ("broken.png", "Failed to load image"), ("ftp://127.0.0.1/x", "never the network")])
def test_a_picture_that_cannot_be_had_is_said(hocket, source, why):
    (hocket.folder.parent / "secret.png").write_bytes(PNG)
    (hocket.folder / "link.png").symlink_to("../secret.png")
    (hocket.folder / "pics").mkdir()
    hocket.write("broken.png", "no picture")
    records = [{"id": 1, "html": f"<img src='{source}' alt='alternative'><p>text"}, {"id": 2, "html": "<p>good"}]
    result = run(hocket, records, code=3)
    assert result.account["dead"] == 1 and result.account["delivered"] == 1
    assert "bad_value" in result.err and why.lower() in result.err.lower(), result.err
    run(hocket, records, ", missing: placeholder")
    assert "text" in text(hocket, "1.pdf") and images(hocket, "1.pdf") == 0


def test_no_page_carries_files_away(hocket):
    hocket.write("secrets.env", "KEY=canary-1234")
    tries = ["<link rel=attachment href='secrets.env'>", "<a rel=attachment href='secrets.env'>x</a>", "<object data='secrets.env'></object>"]
    run(hocket, [{"id": i, "html": html + "<p>there"} for i, html in enumerate(tries)], ", missing: placeholder")
    for i in range(len(tries)):
        assert "there" in text(hocket, f"{i}.pdf")
        listed = subprocess.run(["pdfdetach", "-list", hocket.folder / f"{i}.pdf"], capture_output=True, text=True).stdout
        assert listed.startswith("0 embedded"), listed


def test_the_network_is_never_asked(hocket):
    with Counter() as far:
        hocket.write("style.css", f"@import '{far.url}/import.css'; @font-face {{ font-family: X; src: url({far.url}/x.woff) }} body {{ background: url({far.url}/bg.png) }}")
        tries = [f"<img src='{far.url}/a.png'>", f"<link rel=stylesheet href='{far.url}/b.css'>", f"<style>@import url({far.url}/c.css)</style>",
                 f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{far.url}/d.png' width=9 height=9 /></svg>", f"<base href='{far.url}/'><img src=e.png>",
                 f"<object data='{far.url}/f.png'></object>", f"<link rel=attachment href='{far.url}/g'>", f"<p style='background: url({far.url}/h.png)'>x",
                 "<img src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"%s/i.png\" width=\"9\" height=\"9\"/></svg>'>" % far.url]
        result = run(hocket, [{"id": i, "html": html} for i, html in enumerate(tries)], ", css: style.css", code=3)
        assert result.account["dead"] == len(tries), result.err
        run(hocket, [{"id": i, "html": html + "<p>there"} for i, html in enumerate(tries)], ", css: style.css, missing: placeholder")
        assert far.asked == []
        assert all("there" in text(hocket, f"{i}.pdf") for i in range(len(tries)))


def test_bad_css_and_bad_html_make_pages(hocket):
    hocket.write("style.css", "p { colr: red; color: }}} @media { <<<< \n h1 { color: blue }")
    run(hocket, [{"id": 1, "html": "<style>{{{ nonsense</style><p>still <b>here<table><td>cell</p>"}, {"id": 2, "html": ""}], ", css: style.css")
    assert "still here" in text(hocket, "1.pdf") and "cell" in text(hocket, "1.pdf")
    assert info(hocket, "2.pdf")["Pages"] == "1"


def test_limits(hocket):
    records = [{"id": 1, "html": "<p>" * 5}, {"id": 2, "html": "x" * 3000}, {"id": 3, "html": "<p style='break-before: page'>x" * 5}, {"id": 4}, {"id": 5, "html": 7}]
    result = run(hocket, records, ", max_bytes: 2000, max_pages: 3", code=3)
    assert result.account["delivered"] == 1 and "2 at pdf (too_large)" in result.err and "2 at pdf (bad_value)" in result.err, result.err
    assert "more than `max_pages`, 3" in result.err or "longer than `max_bytes`" in result.err


# a page whose layout takes minutes
HANG = "<table>" + "<tr><td>x" * 200000


def test_a_document_that_hangs_costs_itself(hocket):
    records = [{"id": 1, "html": "<p>a"}, {"id": 2, "html": HANG}, {"id": 3, "html": "<p>b"}]
    result = run(hocket, records, ", workers: 2", "\n    timeout: 3s", code=3)
    assert result.account["dead"] == 1 and result.account["delivered"] == 2
    assert "worker_timeout" in result.err, result.err


def test_a_worker_that_is_killed_costs_nothing(hocket):
    page = "<p style='break-before: page'>" + "word " * 400
    prepare(hocket, [{"id": i, "html": page * 3 + str(i)} for i in range(150)], ", workers: 2", "\n    timeout: 60s")
    process = hocket.start("run", "pipe.yaml")
    for done in (5, 40, 80):
        wait_for(lambda: len(list(hocket.folder.glob("*.pdf"))) >= done, 100)
        pid = wait_for(lambda: workers_of(process.pid))[0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in workers_of(process.pid))
    out, err = process.communicate(timeout=120 * SLOW)
    assert process.returncode == 0, err
    assert sorted(r["id"] for r in hocket.read_jsonl("out.jsonl")) == list(range(150))
    assert all(info(hocket, f"{i}.pdf")["Pages"] != "0" for i in range(150))


def test_no_worker_outlives_hocket(hocket):
    prepare(hocket, [{"id": i, "html": "<p style='break-before: page'>x" * 30} for i in range(300)], ", workers: 2")
    process = hocket.start("run", "pipe.yaml")
    workers = wait_for(lambda: len(workers_of(process.pid)) == 2 and workers_of(process.pid))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60 * SLOW)
    wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}/cmdline").exists() and pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in workers))


def test_a_run_that_was_killed_goes_on(hocket):
    records = [{"id": i, "html": f"<p>{i}"} for i in range(60)]
    prepare(hocket, records, ", workers: 2")
    process = hocket.start("run", "pipe.yaml")
    wait_for(lambda: (hocket.folder / "5.pdf").exists())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60 * SLOW)
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == list(range(60))
    assert text(hocket, "59.pdf").strip() == "59"


def test_what_is_missing_is_named(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1, "html": "<p>x"}])
    for pdf, words in [("{html: .html, css: none.css}", "none.css' cannot be read"), ("{engine: weasyprint}", "what becomes pages? give markdown, or html"),
                       ("{markdown: .a, html: .b}", "what becomes pages?"), ("{markdown: .a, css: x.css}", "`css` is for `html`"),
                       ("{html: .a, title: x}", "its own <title>"), ("{markdown: .a, engine: weasyprint}", "weasyprint makes pages of `html`")]:
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - pdf: {pdf}\n    into: .pdf\nto: {{jsonl: out.jsonl}}\n")
        result = hocket("check", "pipe.yaml")
        assert result.code == 78 and words in result.err + result.out, result.err
    hocket.write("fake", "#!/bin/sh\necho no such thing as weasyprint >&2\nexit 1\n").chmod(0o755)
    hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - pdf: {{html: .html, interpreter: {hocket.folder}/fake}}\n    into: .pdf\nto: {{jsonl: out.jsonl}}\n")
    for verb in ("check", "run"):
        result = hocket(verb, "pipe.yaml")
        assert result.code not in (0, 3) and "no such thing as weasyprint" in result.err, result.err
    assert "install the package 'weasyprint'" in hocket("check", "pipe.yaml").err
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nsteps:\n  - pdf: {html: .html}\n    into: .pdf\nto: {jsonl: out.jsonl}\n")
    assert hocket("check", "pipe.yaml").code == 0
