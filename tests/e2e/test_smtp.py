"""Mails: what the servers took, and what hocket says of it. The judges are their logs and Python's email package."""
import json
import sqlite3
import subprocess
import time

import pytest
import smtp

PIPELINE = """from: {{jsonl: in.jsonl}}
steps:
  - smtp: $secret.SMTP_URL
    from: {sender}
    to: .email
    subject: {subject}
    text: .text
    into: .sent
{options}
to: {{jsonl: out.jsonl}}
"""


def mail(hocket, url, records, options="", sender="News <news@example.org>", subject="News of \\(.day)", flags=(), verb="run"):
    hocket.env["SMTP_URL"] = url
    hocket.write_jsonl("in.jsonl", records)
    hocket.write("pipe.yaml", PIPELINE.format(sender=sender, subject=subject, options="".join(f"    {line}\n" for line in options.splitlines())))
    return hocket(verb, "pipe.yaml", *flags, timeout=30)


def reader(i=1, **more):
    return {"email": f"reader{i}@example.org", "day": "Monday", "text": "Nothing has happened.\n", **more}


def letters(hocket):
    return [json.loads(line) for line in hocket("dead", "export", "pipe.yaml").out.splitlines()]


def at(stage, **verdicts):
    """A judge that answers one stage: by a word within, else as `otherwise` says."""
    def judge(session, now, words):
        return next((verdict for word, verdict in verdicts.items() if now == stage and word.encode() in words), None)
    return judge


# ---- what arrives ----

def test_a_mail_is_what_the_record_says(hocket):
    record = {"name": 'Lovelace, "Ada"', "email": "ada@example.org", "day": "Tüßday", "text": ".one\n..two\nFrom here\n" + "ü" * 2000 + "\n",
              "html": "<p>See <a href='https://e.org/'>this</a></p><img src='cid:logo'>", "logo": "GIF89a"}
    with smtp.witness() as far:
        result = mail(hocket, far.url, [record], subject="News of \\(.day), " + "long " * 40, options=r"""html: .html
to: {name: .name, email: .email}
cc: [Boss <boss@example.org>, .none]
bcc: audit@example.org
reply_to: desk@example.org
attach: '[{text: .logo, filename: "logo.gif", inline: "logo"}, {text: "ä,b\n", filename: "Übersicht.csv"}]'
headers: {List-Unsubscribe: '<https://example.org/\(.email)>', X-Empty: '\(.none // "")'}""".replace("to: .email\n", ""))
        assert result.code != 0, "`to` stands there twice"
        text = (hocket.folder / "pipe.yaml").read_text().replace("    to: .email\n", "", 1)
        hocket.write("pipe.yaml", text)
        result = hocket("run", "pipe.yaml")
        assert result.code == 0, result.err
        taken, = far.mails
        assert taken.sender == "news@example.org" and taken.to == ["ada@example.org", "boss@example.org", "audit@example.org"]
        m = taken.message
        assert m["to"].addresses[0].display_name == 'Lovelace, "Ada"' and m["to"].addresses[0].addr_spec == "ada@example.org"
        assert m["subject"] == "News of Tüßday, " + "long " * 39 + "long" or m["subject"].split() == ("News of Tüßday, " + "long " * 40).split()
        assert m["cc"] == "Boss <boss@example.org>" and m["bcc"] is None and m["reply-to"] == "desk@example.org"
        assert m["list-unsubscribe"] == "<https://example.org/ada@example.org>" and m["x-empty"] is None
        assert m.get_body(("plain",)).get_content().replace("\r\n", "\n") == record["text"]
        assert m.get_body(("html",)).get_content().strip() == record["html"]
        parts = {p.get_filename(): p for p in m.walk() if p.get_filename()}
        assert parts["logo.gif"]["content-id"] == "<logo>" and parts["logo.gif"].get_content() == b"GIF89a"
        assert parts["Übersicht.csv"].get_content_type() == "text/csv" and "ä,b" in parts["Übersicht.csv"].get_content()
        sent = hocket.read_jsonl("out.jsonl")[0]["sent"]
        assert sent["message_id"] == taken.id and sent["accepted"] == taken.to and sent["refused"] == [] and sent["response"]
        assert taken.id.endswith("@example.org") and m["date"].datetime.timestamp() == pytest.approx(time.time(), abs=60)


def test_html_alone_gets_a_text_beside_it(hocket):
    record = reader(html="<style>x{}</style><h1>Hi</h1><p>For <b>you</b>:<ul><li>One &amp; two<li><a href='https://e.org/a?b=1&amp;c=2'>Three</a></ul>")
    with smtp.server() as far:
        hocket.env["SMTP_URL"] = far.url
        hocket.write_jsonl("in.jsonl", [record])
        text = PIPELINE.format(sender="a@example.org", subject="x", options="").replace("text: .text", "html: .html")
        assert hocket.run(text).code == 0
        assert hocket.run(text.replace("html: .html", "html: .html\n    text: null"), "--fresh").code == 0
        both, alone = (m.message for m in far.mails)
        assert both.get_body(("plain",)).get_content().replace("\r\n", "\n") == "Hi\n\nFor you:\n\n- One & two\n- Three <https://e.org/a?b=1&c=2>\n"
        assert alone.get_content_type() == "text/html"


def test_a_blob_is_attached_as_it_is(hocket):
    with smtp.server() as far:
        hocket.env["SMTP_URL"] = far.url
        hocket.write_jsonl("in.jsonl", [{"email": "a@example.org", "text": "# Hello"}])
        result = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - {run: [printf, '%%PDF-\\377\\000x'], protocol: once, as: blob, into: .report}
to: {smtp: $secret.SMTP_URL, from: me@example.org, to: .email, subject: Yours, text: .text, attach: '{blob: .report, type: "application/pdf"}'}
""")
        assert result.code == 0, result.err
        part, = far.mails[0].message.iter_attachments()
        assert part.get_filename() == "report.pdf" and part.get_content_type() == "application/pdf"
        assert part.get_content().startswith(b"%PDF-\xff")


def test_mails_that_wait_are_not_written_yet(hocket):
    """A server that comes late finds 80 mails with a megabyte each waiting: as blobs, and not once more in base64."""
    tries = []

    def judge(session, stage, words):
        if stage == "connect":
            tries.append(1)
            return "421 4.3.2 later" if len(tries) <= 4 else None

    with smtp.server(judge) as far:
        hocket.env["SMTP_URL"] = far.url
        hocket.write_jsonl("in.jsonl", [reader(i) for i in range(80)])
        result = hocket.run("""from: {jsonl: in.jsonl}
steps:
  - {run: [head, -c, "1048576", /dev/zero], protocol: once, as: blob, into: .pdf}
to: {smtp: $secret.SMTP_URL, from: me@example.org, to: .email, subject: Yours, text: .text, attach: .pdf}
""", "--summary", "json", "-q")
        assert result.code == 0 and len(far.mails) == 80, result.err
        assert result.summary["rss_bytes"] < 130 << 20, result.summary["rss_bytes"] >> 20


def test_starttls_and_a_password(hocket, tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    options = "starttls: required\ntls: {ca: cert.pem}"
    with smtp.witness((cert, key), {b"x" and "ada": "pass word-7"}, require_starttls=True) as far:
        url = f"smtp://ada:pass%20word-7@localhost:{far.port}"
        result = mail(hocket, url, [reader(1), reader(2)], options)
        assert result.code == 0, result.err
        assert len(far.mails) == 2 and all(tls for _, _, tls in far.logins)
        result = mail(hocket, url.replace("word-7", "word-8"), [reader(3)], options, flags=["--fresh"])
        assert result.code == 1 and "535" in result.err and "word-8" not in result.err, result.err
        result = mail(hocket, url, [reader(3)], "starttls: required", flags=["--fresh"])
        assert result.code == 5 and "certificate" in result.err, result.err
        assert len(far.mails) == 2


# ---- whom it is not sent to ----

@pytest.mark.parametrize("email, says", [
    ("ada@example.org\r\nBcc: eve@example.org", "is no mail address"),
    ("ada@example.org, eve@example.org", "is no mail address"),
    ("ada", "is no mail address"),
    (None, "nobody"),
    ([], "nobody"),
    (7, "wants an address"),
])
def test_what_is_no_address_is_dead(hocket, email, says):
    with smtp.server() as far:
        result = mail(hocket, far.url, [reader(email=email), reader(2)])
        assert result.code == 3, result.err
        letter, = letters(hocket)
        assert letter["class"] == "bad_value" and letter["message"].startswith("to: ") and says in letter["message"], letter
        assert "\r" not in letter["message"] and [m.to for m in far.mails] == [["reader2@example.org"]]


def test_a_subject_with_nothing_in_it_is_dead(hocket):
    with smtp.server() as far:
        result = mail(hocket, far.url, [reader(1, day=None), reader(2)])
        assert result.code == 3, result.err
        letter, = letters(hocket)
        assert letter["class"] == "bad_value" and letter["message"] == "subject: '.day' is null, and stands in the text"
        assert [m.to for m in far.mails] == [["reader2@example.org"]]


def test_a_misspelt_field_of_an_attachment_is_dead(hocket):
    with smtp.server() as far:
        result = mail(hocket, far.url, [reader(1), reader(2)], "attach: '{text: .text, (if .email == \"reader1@example.org\" then \"name\" else \"filename\" end): \"a.csv\"}'")
        assert result.code == 3, result.err
        letter, = letters(hocket)
        assert letter["class"] == "bad_value" and letter["message"].startswith('attach: no "name" in an attachment'), letter
        assert [p.get_filename() for m in far.mails for p in m.message.iter_attachments()] == ["a.csv"]


def test_no_record_can_add_a_header_field(hocket):
    with smtp.server() as far:
        result = mail(hocket, far.url, [reader(1, day="x\r\nBcc: eve@example.org"), reader(2)])
        assert result.code == 3 and letters(hocket)[0]["class"] == "bad_value", result.err
        assert [m.to for m in far.mails] == [["reader2@example.org"]]


@pytest.mark.parametrize("refused, sent", [("dead", 0), ("send", 1)])
def test_one_of_several_is_refused(hocket, refused, sent):
    with smtp.server(at("rcpt", gone="550 5.1.1 no such user")) as far:
        result = mail(hocket, far.url, [reader(email=["ada@example.org", "gone@example.org"])], f"refused: {refused}")
        assert len(far.mails) == sent
        if sent:
            assert result.code == 0 and far.mails[0].to == ["ada@example.org"]
            assert hocket.read_jsonl("out.jsonl")[0]["sent"]["refused"] == [{"to": "gone@example.org", "code": 550, "text": "5.1.1 no such user"}]
        else:
            letter, = letters(hocket)
            assert result.code == 3 and letter["class"] == "smtp(550)" and "no such user" in letter["message"] and "gone@" in letter["message"]


# ---- a server with moods ----

def test_for_now_is_tried_again_and_for_good_is_dead(hocket):
    tries = []

    def judge(session, stage, words):
        if stage == "rcpt" and b"reader1" in words:
            tries.append(1)
            return "451 4.7.1 greylisted" if len(tries) < 3 else None
        return "552 5.3.4 too big" if stage == "dot" and session.mail.to == ["reader2@example.org"] else None

    with smtp.server(judge) as far:
        result = mail(hocket, far.url, [reader(i) for i in range(4)])
        assert result.code == 3 and len(tries) == 3, result.err
        assert sorted(m.to[0] for m in far.mails) == [f"reader{i}@example.org" for i in (0, 1, 3)]
        assert [letter["class"] for letter in letters(hocket)] == ["smtp(552)"]


def test_a_server_that_goes_away_is_waited_for(hocket):
    """421 is no mail's fault: it uses up nobody's retries."""
    seen = []

    def judge(session, stage, words):
        seen.append(stage)
        return "421 4.3.2 back soon" if stage == "connect" and seen.count("connect") <= 3 else None

    with smtp.server(judge) as far:
        result = mail(hocket, far.url, [reader(i) for i in range(3)], "retry: 1\nconcurrency: 1")
        assert result.code == 0 and len(far.mails) == 3, result.err


@pytest.mark.parametrize("verdict, mails", [(smtp.CUT, 1), ("554 5.3.2 not you, not now", 30), ("421 4.3.2 back soon", 30)])
def test_a_server_that_takes_nothing_from_anybody_is_waited_for(hocket, verdict, mails):
    """Nothing was ever taken, and what it says is of no mail: all wait, one looks, and it is said once."""
    tries = []

    def judge(session, stage, words):
        if stage == "connect":
            tries.append(1)
            return verdict if len(tries) <= 3 else None

    with smtp.server(judge) as far:
        result = mail(hocket, far.url, [reader(i) for i in range(mails)], "retry: 1")
        assert result.code == 0 and len(far.mails) == mails, result.err
        assert result.err.count("smtp: waits for 127.0.0.1:") == 1 and ", 15m at most: '127.0.0.1' port" in result.err


def test_a_server_that_is_started_later_and_again(hocket):
    """Refused at first; then away in the middle; the process sees both, and nobody is dead."""
    with smtp.server() as far:
        port = far.port
    hocket.env["SMTP_URL"] = f"smtp://127.0.0.1:{port}"
    hocket.write_jsonl("in.jsonl", [reader(i) for i in range(40)])
    hocket.write("pipe.yaml", PIPELINE.format(sender="news@example.org", subject="x", options="    rate: 40/s\n"))
    process = hocket.start("run", "pipe.yaml")
    said = process.stderr.readline()
    assert "smtp: waits for 127.0.0.1:" in said and "connection refused" in said
    with smtp.server(port=port) as first:
        assert first.wait_for(lambda far: len(far.mails) >= 10)
    assert "smtp: waits for" in process.stderr.readline()
    with smtp.server(port=port) as second:
        result = hocket.finish(process)
    assert result.code in (0, 3) and len(letters(hocket)) <= 4 and all(letter["class"] == "unknown_outcome" for letter in letters(hocket)), result.err
    to = [m.to[0] for m in first.mails + second.mails]
    assert len(set(to)) == len(to) >= 40 - 4  # whose answer fell with the first are unknown


@pytest.mark.parametrize("stage, policy, code, taken", [
    ("body", "dead", 0, 1), ("dot", "dead", 3, 0), ("taken", "dead", 3, 1),
    ("dot", "retry", 0, 1), ("taken", "retry", 0, 2), ("taken", "assume_delivered", 0, 1),
])
def test_a_connection_that_breaks(hocket, stage, policy, code, taken):
    """Before a mail's end nothing was sent, and it is sent again; behind it nobody knows."""
    cuts = []

    def judge(session, now, words):
        if now == stage and not cuts:
            cuts.append(1)
            return smtp.CUT
        return None

    with smtp.server(judge) as far:
        long = stage == "body"  # so long that its end has not left when its beginning is there
        result = mail(hocket, far.url, [reader(text="word\n" * 1_000_000) if long else reader()], f"on_unknown: {policy}")
        assert result.code == code and len(far.mails) == taken, result.err
        assert len({m.id for m in far.mails}) <= 1, "the same mail has the same Message-ID"
        if code:
            letter, = letters(hocket)
            assert letter["class"] == "unknown_outcome" and "reader1@example.org" in letter["message"] and "Message-ID <" in letter["message"]
            assert taken == 0 or far.mails[0].id in letter["message"]
            assert "unknown_outcome" in hocket("dead", "ls", "pipe.yaml").out
            result = hocket("dead", "replay", "pipe.yaml")
            assert result.code == 0 and len(far.mails) == taken + 1, result.err
            assert far.mails[-1].id in letter["message"], "who looks it up finds the replayed mail, too"


def test_a_rate_is_kept(hocket):
    times = []

    def judge(session, stage, words):
        if stage == "dot":
            times.append(time.monotonic())

    with smtp.server(judge) as far:
        result = mail(hocket, far.url, [reader(i) for i in range(28)], "rate: 14/s")
        assert result.code == 0 and len(times) == 28, result.err
        times.sort()
        assert all(later - first > 0.9 for first, later in zip(times, times[14:])), "more than 14 in a second"


def test_connections_are_kept_and_bounded(hocket):
    with smtp.server(delay=0.005) as far:
        result = mail(hocket, far.url, [reader(i) for i in range(40)], "concurrency: 3")
        assert result.code == 0 and len(far.mails) == 40, result.err
        assert far.most_open <= 3 and far.connections <= 3


# ---- before anything is sent ----

@pytest.mark.parametrize("options, sender, says", [
    ("", "news@@example.org", "is no mail address"),
    ("headers: {Subject: x}", "news@example.org", "'Subject' is an option of its own"),
    ("headers: {Sender: a@example.org}", "news@example.org", "is made with the mail"),
    ("headers: {Message-ID: x}", "news@example.org", "is made with the mail"),
    ("idempotency_key: auto", "news@example.org", "has no key"),
    ("cc: \\(.a) <\\(.b)>", "news@example.org", "{name: .name, email: .email}"),
    ("cc: a@example.org; b@example.org", "news@example.org", "several addresses are a list: ["),
    ("cc: a@example.org, b@example.org", "news@example.org", "several addresses are a list: ["),
    ("cc: 5", "news@example.org", "'cc' wants a text, not a number"),
    ("", "desk", "unknown function 'desk' in jq: a field is written .desk"),
    ("", "desk", "^~~~ who it is from: News <news@example.org>, or jq"),
    ("reply_to: News Desk", "news@example.org", "`from`: desk@example.org, or jq"),
])
def test_mistakes_are_found_by_check(hocket, options, sender, says):
    result = mail(hocket, "smtp://127.0.0.1:1", [], options, sender, verb="check")
    assert result.code == 78 and says in result.err + result.out and "^" in result.err + result.out, result.err + result.out


def test_try_and_test_send_nothing(hocket):
    with smtp.server() as far:
        result = mail(hocket, far.url, [reader()], verb="try")
        assert "reader1@example.org" in result.out and "not called" in result.out, result.out
        text = (hocket.folder / "pipe.yaml").read_text() + """
tests:
  - name: sent
    in: {email: ada@example.org, day: Monday, text: Hi}
    mock: {smtp: {message_id: m1, accepted: [ada@example.org], refused: []}}
    sent: {smtp: {$body: {from: 'News <news@example.org>', to: [ada@example.org], subject: News of Monday, text: Hi}}}
    out: {email: ada@example.org, day: Monday, text: Hi, sent: {message_id: m1, accepted: [ada@example.org], refused: []}}
  - name: refused
    in: {email: ada@example.org, day: Monday, text: Hi}
    mock: {smtp: {$fault: smtp, $status: 552}}
    dead: {step: smtp, class: smtp(552)}
"""
        hocket.write("pipe.yaml", text)
        result = hocket("test", "pipe.yaml")
        assert result.code == 0, result.out + result.err
        assert far.connections == 0


def test_who_it_is_from_may_stand_in_the_url(hocket):
    hocket.write_jsonl("in.jsonl", [{"items": [{"reader": {"email": "ada@example.org"}}], "html": "<p>x</p>"}])
    hocket.write("pipe.yaml", """from: {jsonl: in.jsonl}
to: {smtp: $secret.SMTP_URL, to: '.items[0].reader.email', subject: '\\(.items|length) stories', html: .html, rate: 14/s}
tests:
  - name: x
    in: {items: [{reader: {email: ada@example.org}}], html: <p>x</p>}
    mock: {smtp: {message_id: m1, accepted: [ada@example.org], refused: []}}
    sent: {smtp: {$body: {to: [ada@example.org], subject: 1 stories}}}
""")
    assert hocket("test", "pipe.yaml").code == 0
    with smtp.server() as far:
        hocket.env["SMTP_URL"] = far.url
        result = hocket("check", "pipe.yaml")
        assert result.code == 78 and "who are the mails from?" in result.err
        far.offers = [*far.offers, "AUTH PLAIN"]
        hocket.env["SMTP_URL"] = far.url.replace("//", "//news%40example.org:sesame@")
        result = hocket("run", "pipe.yaml")
        assert result.code == 0 and [m.sender for m in far.mails] == ["news@example.org"], result.err


def test_what_a_server_repeats_of_the_password_is_kept_nowhere(hocket):
    with smtp.server(at("taken", **{"": "250 2.0.0 Ok hush-hush-77"})) as far:
        far.offers = [*far.offers, "AUTH PLAIN"]
        result = mail(hocket, far.url.replace("//", "//ada:hush-hush-77@"), [reader()])
        assert result.code == 0 and len(far.mails) == 1, result.err
        assert "hush-hush" not in (hocket.folder / "out.jsonl").read_text()
    assert "hush-hush" not in "".join(sqlite3.connect(hocket.folder / ".hocket/pipe.db").iterdump())


def test_a_password_in_the_file_is_told_of(hocket):
    with smtp.server() as far:
        hocket.write_jsonl("in.jsonl", [reader()])
        text = PIPELINE.format(sender="a@example.org", subject="x", options="").replace("$secret.SMTP_URL", far.url.replace("//", "//ada:hush-hush-77@"))
        result = hocket.run(text)
        graph, check = hocket("graph", "pipe.yaml"), hocket("check", "pipe.yaml")
        assert "warning: 'smtp': a password stands in the pipeline file" in result.err and "a password stands in the file" in graph.out
        assert "hush-hush" not in result.err + graph.out + check.out
        for text in (check.out, graph.out):
            assert "nothing makes it exactly once" in text and "guarantee" not in text
        hocket.env["SMTP_URL"] = far.url
        for url in ("$secret.SMTP_URL", far.url, "smtp://ada:\\($secret.SMTP_URL)@127.0.0.1:1"):
            assert "a password" not in hocket.run(PIPELINE.format(sender="a@example.org", subject="x", options="").replace("$secret.SMTP_URL", url), "--limit", "0").err, url


def test_a_password_is_shown_nowhere(hocket):
    with smtp.server(at("mail", news="550 5.7.1 not you, hush-hush-77")) as far:
        url = far.url.replace("//", "//ada:hush-hush-77@")
        results = [mail(hocket, url, [reader()], verb=verb, flags=flags) for verb, flags in (("check", ["-v"]), ("try", ["--calls", "all"]), ("run", ["-v"]))]
        state = sqlite3.connect(hocket.folder / ".hocket/pipe.db")
        said = "".join(r.out + r.err for r in results) + "".join(state.iterdump())
        assert "hush-hush" not in said and len(far.mails) == 0
