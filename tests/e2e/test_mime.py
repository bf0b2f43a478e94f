"""src/io/mime.h read back by Python's email package: what a person put into a mail is what another person's program finds in it."""
import base64
import email
import email.header
import email.policy
import email.utils
import json
import pathlib
import random
import re
import subprocess

import conftest
import pytest

TOOL = pathlib.Path(conftest.PROGRAM).resolve().parent / "tests/unit/io/mail_tool"
MAILS = 600

if not TOOL.exists():
    pytest.skip(f"{TOOL} is not built", allow_module_level=True)


def put(specs):
    text = "".join(json.dumps(s, ensure_ascii=False) + "\n" for s in specs).encode()
    done = subprocess.run([TOOL, "put"], input=text, capture_output=True, timeout=60 * conftest.SLOW)
    assert done.returncode == 0 and not done.stderr, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(specs)
    return [base64.b64decode(a["message"]) if "message" in a else a for a in answers]


def one(**spec):
    return put([{"from": "a@example.org", "text": "x", **spec}])[0]


def read(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


# ---- what is generated ---------------------------------------------------------------------------------------------

ALPHABETS = ["abcdefgh XYZ 0123456789", "abc.,;:!?()[]<>@\"'\\/=_-+*&%$#{}|~^`", "äöüßéèñçøåÄÖÜ ", "Привет мир ", "日本語の件名 ", "مرحبا بالعالم ",
             "🎉🚀👩‍👩‍👧 ", "e\u0301a\u0308\u200d\u200b\ufeff\u00ad ", "\u2028\u2029\u0085\u00a0\u3000 x", "=?utf-8?q? ?=_", "\t ab"]


def word(rnd, most=40, alphabets=ALPHABETS):
    alphabet = rnd.choice(alphabets)
    return "".join(rnd.choice(alphabet) for _ in range(rnd.randint(0, most)))


def text(rnd, most=60):
    kind = rnd.random()
    if kind < 0.05:
        return "x" * rnd.choice([70, 77, 78, 79, 500, 899, 900, 901, 998, 3000]) + rnd.choice(["", " y", " ü"])
    if kind < 0.10:
        return rnd.choice(["=?utf-8?b?4pyT?=", "a =?us-ascii?q?b?= c", "  two", "in  side", "end ", " ", "", "=?x", "?=", "_", "=3D", "ü", "😀" * 60])
    return "".join(word(rnd, most) for _ in range(rnd.randint(1, 4)))


def name(rnd):
    return re.sub(r"[\t\u2028\u2029\u0085]", "", text(rnd, 20)).strip()


def mailbox(rnd):
    local = "".join(rnd.choice("abcxyz0189!#$%&'*+-/=?^_`{|}~") for _ in range(rnd.randint(1, 20)))
    domain = rnd.choice(["example.org", "a-b.example.co.uk", "x" * 60 + ".example", "xn--bcher-kva.example", "[127.0.0.1]", "localhost"])
    return f"{local}@{domain}"


def address(rnd):
    """What is written into a record, and what must be read: (text, name, mailbox)."""
    n, box = name(rnd), mailbox(rnd)
    if not n:
        return rnd.choice([box, f"<{box}>", f" {box} "]), "", box
    quoted = '"' + n.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{quoted} <{box}>", n, box


def body(rnd):
    lines = []
    for _ in range(rnd.randint(1, 12)):
        kind = rnd.random()
        if kind < 0.1:
            lines.append(rnd.choice([".", "..", ".hidden", "From here", "-- ", "--", "--=_m", "=", "= ", "\t", "trailing \t ", "", "", "a\x00b", "\x07"]))
        elif kind < 0.15:
            lines.append(rnd.choice("xé. =") * rnd.choice([75, 76, 77, 997, 998, 999, 10_000]))
        else:
            lines.append(text(rnd).replace("\x00", ""))
    ends = rnd.choice([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r", "\n\n", "\r\r", "\n\r"]])
    return "".join(line + rnd.choice(ends) for line in lines)[: rnd.choice([None, None, -1])]


def lines_of(s):
    """As mails have lines."""
    return [] if not s else re.sub("\r\n|\r|\n", "\n", s).removesuffix("\n").split("\n")


def part(rnd, i):
    data = rnd.randbytes(rnd.choice([0, 1, 2, 3, 56, 57, 58, 114, 1000, 20_000]))
    filename = rnd.choice(["", "x.bin", name(rnd)[:100] + ".pdf", "Ünïcödé 日本語 " * rnd.randint(1, 8) + ".txt", "a\"b\\c.txt", "a;b=c.txt", "sp ace.txt", "%41*'.x",
                           "x" * 200 + ".tar.gz", "=?utf-8?q?x?=.txt", "../../etc/passwd"])
    return {"data": data, "name": filename, "type": rnd.choice(["", "image/png", "text/csv; charset=utf-8", "application/vnd.x+json", "text/plain"]),
            "cid": rnd.choice(["", "", f"pic{i}", f"pic.{i}@x"])}


def mail(rnd, i):
    from_, to, cc = address(rnd), [address(rnd) for _ in range(rnd.randint(0, 5))], [address(rnd) for _ in range(rnd.choice([0, 0, 1, 3]))]
    t, h = rnd.choice([(body(rnd), ""), ("", body(rnd)), (body(rnd), body(rnd))])
    return {"from": from_, "to": to, "cc": cc, "reply_to": rnd.choice([None, address(rnd)]), "subject": text(rnd), "text": t or ("x" if not h else ""), "html": h,
            "id": f"{i}.x@example.org", "date": rnd.randint(0, 4_000_000_000) * 10**9, "parts": [part(rnd, k) for k in range(rnd.choice([0, 0, 0, 1, 3]))],
            "headers": {"X-Note": text(rnd), "List-Unsubscribe": "<https://example.org/" + "u" * rnd.choice([10, 300]) + ">", "In-Reply-To": "<a@b>"}}


def as_spec(m):
    spec = {**m, "from": m["from"][0], "to": [a[0] for a in m["to"]], "cc": [a[0] for a in m["cc"]],
            "parts": [{**p, "data": base64.b64encode(p["data"]).decode()} for p in m["parts"]]}
    if m["reply_to"]:
        spec["reply_to"] = m["reply_to"][0]
    else:
        del spec["reply_to"]
    return spec


# ---- what is read -----------------------------------------------------------------------------------------------------

def same_addresses(raw, field, want):
    """Before 3.13 the default policy puts a blank between two encoded words of a name, and squeezes blanks within one: those are decoded by the
    older reader."""
    value = re.sub(r"\r\n(?=[ \t])", "", email.message_from_bytes(raw, policy=email.policy.compat32)[field] or "")
    names = {}

    def decode(match):
        names[key := f"name{len(names)}"] = str(email.header.make_header(email.header.decode_header(match.group())))
        return key

    value = re.sub(r"=\?utf-8\?[bq]\?[^?\s]*\?=(?:\s+=\?utf-8\?[bq]\?[^?\s]*\?=)*", decode, value)
    found = email.policy.default.header_factory(field, value).addresses if value else ()
    assert [(names.get(a.display_name, a.display_name), a.addr_spec) for a in found] == [(n, box) for _, n, box in want], field


def leaves(message):
    return [p for p in message.walk() if not p.is_multipart()]


def text_of(p):
    return p.get_payload(decode=True).decode("utf-8")


def check_shape(raw):
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert raw.endswith(b"\r\n") and b"\r" not in raw.replace(b"\r\n", b"") and b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998 and raw.isascii() and b"\0" not in raw
    for line in head.split(b"\r\n"):
        assert line.strip(), "a line of blanks in the header"
        if b"=?utf-8?" in line:
            assert len(line) <= 76, line
    for w in re.findall(rb"=\?utf-8\?[qb]\?[^?]*\?=", head):
        assert len(w) <= 75
        email.header.decode_header(w.decode())[0][0].decode("utf-8")  # whole characters


def check(m, raw):
    check_shape(raw)
    got = read(raw)
    assert got["subject"] == m["subject"]
    for field, want in (("from", [m["from"]]), ("to", m["to"]), ("cc", m["cc"]), ("reply-to", [m["reply_to"]] if m["reply_to"] else [])):
        same_addresses(raw, field, want)
    assert got["message-id"] == f"<{m['id']}>" and got["date"].datetime.timestamp() == m["date"] // 10**9
    for key, value in m["headers"].items():
        assert got[key] == value, (got[key], value)
    parts = leaves(got)
    for kind in ("plain", "html"):
        want = m["text" if kind == "plain" else "html"]
        if want:
            p = parts.pop(0)
            assert p.get_content_type() == f"text/{kind}" and lines_of(text_of(p)) == lines_of(want)
    want = [p for p in m["parts"] if p["cid"] and m["html"]] + [p for p in m["parts"] if not (p["cid"] and m["html"])]
    assert len(parts) == len(want)
    for p in leaves(got):
        if p["content-transfer-encoding"] != "7bit":
            assert all(len(line) <= 76 and not line.endswith((" ", "\t")) for line in p.get_payload().splitlines())
    for p, w in zip(parts, want):
        assert p.get_payload(decode=True) == w["data"]
        assert (p.get_filename() or "") == w["name"]
        assert p.get_content_type() == (w["type"].split(";")[0] or "application/octet-stream")
        assert p.get_content_disposition() == ("inline" if w["cid"] and m["html"] else "attachment")
        assert (p["content-id"] or "") == (f"<{w['cid']}>" if w["cid"] else "")


def test_what_is_put_is_read_back():
    rnd = random.Random(int(conftest.os.environ.get("HOCKET_SEED", "7")))
    mails = [mail(rnd, i) for i in range(MAILS)]
    specs = [as_spec(m) for m in mails]
    for m, spec, raw in zip(mails, specs, put(specs)):
        assert isinstance(raw, bytes), (raw, spec)
        try:
            check(m, raw)
        except Exception as e:
            raise AssertionError(f"{e}\n{json.dumps(spec, ensure_ascii=False)}\n{raw.decode()[:3000]}") from e


def test_the_same_mail_is_the_same_bytes():
    rnd = random.Random(3)
    specs = [as_spec(mail(rnd, i)) for i in range(20)]
    assert put(specs) == put(specs)


def test_readable_where_it_can_be():
    """What people see who look at the source; and what programs without RFC 2231 call a file."""
    raw = one(**{"from": "Ada Lovelace <a@example.org>"}, to=['"Lovelace, A." <b@example.org>', "c@bücher.example"], subject="20 days of café in Paris",
              text="Prix: 5 €\n.", parts=[{"data": "AA==", "name": "Überblick 2026.pdf", "type": "application/pdf"}]).decode()
    for line in ("From: Ada Lovelace <a@example.org>", 'To: "Lovelace, A." <b@example.org>, c@xn--bcher-kva.example',
                 "Subject: 20 days of =?utf-8?b?Y2Fmw6k=?= in Paris", "Prix: 5 =E2=82=AC", ".", "Content-Type: application/pdf; name=_berblick_2026.pdf",
                 " filename*=utf-8''%C3%9Cberblick%202026.pdf"):
        assert line in raw.split("\r\n"), (line, raw)
    plain = one(to=["b@example.org"], subject="hello", text="hello\n-- \nAda")
    assert b"\r\nContent-Transfer-Encoding: 7bit\r\n\r\nhello\r\n-- \r\nAda\r\n" in plain and plain.count(b"Content-Type") == 1


def test_the_shorter_coding():
    for text, want in (("x" * 998, "7bit"), ("x" * 999, "quoted-printable"), ("é" * 300, "base64"), ("é" + "x" * 300, "quoted-printable"), ("\0", "base64")):
        raw = one(text=text)
        assert read(raw)["content-transfer-encoding"] == want
        assert lines_of(text_of(read(raw))) == [text]


def test_a_boundary_in_the_text():
    """It is made from the text, so that nobody can know it before; and searched for in it."""
    raw = one(text="x", html="<p>x</p>")
    boundary = re.search(rb'boundary="?([^"\r]+)', raw).group(1).decode()
    again = one(text=f"--{boundary}\n{boundary}--\n", html="<p>x</p>")
    assert [text_of(p) for p in leaves(read(again))] == [f"--{boundary}\r\n{boundary}--\r\n", "<p>x</p>\r\n"]


def test_only_hidden_recipients():
    got = read(one(subject="x"))
    assert str(got["to"]) == "undisclosed-recipients:;" and not got["to"].addresses


BREAKS = ["\r\nBcc: x@y.z", "\nX: y", "\r", "\0"]


@pytest.mark.parametrize("spec, says", [
    *[({"subject": "a" + b}, "subject: a line break or NUL") for b in BREAKS],
    *[({"headers": {"X-A": "a" + b}}, "headers: 'X-A': a line break or NUL") for b in BREAKS],
    *[({"headers": {"X-A" + b: "a"}}, "headers: a name of 1 to 76 ASCII characters") for b in [*BREAKS, ":", " ", "ü", "x" * 80]],
    *[({"to": ["a@b.c" + b]}, "there is a control in it") for b in BREAKS],
    *[({"to": [f'"a{b}" <a@b.c>']}, "there is a control in it") for b in BREAKS],
    *[({"parts": [{"data": "", "name": "a" + b}]}, "attach: the file name: a line break or NUL") for b in BREAKS],
    *[({"parts": [{"data": "", "type": "text/plain" + b}]}, "attach: the type") for b in [*BREAKS, "; x", "; x=\"\r\n\"", ";;"]],
    *[({"parts": [{"data": "", "cid": "a" + b}]}, "attach: the Content-ID") for b in [*BREAKS, ">", " "]],
    *[({"id": "a" + b}, "message_id") for b in [*BREAKS, ">", "ü"]],
    *[({"headers": {h: "x"}}, f"headers: '{h}' is made from") for h in ("From", "bcc", "CONTENT-TYPE", "Content-X", "Message-id", "Date", "Subject", "MIME-Version")],
    ({"text": ""}, "a mail has text or html"),
    ({"from": ""}, "from: a mail has a sender"),
    ({"to": ["jürgen@example.org"]}, "SMTPUTF8"),
])
def test_what_is_refused(spec, says):
    answer = one(**spec)
    assert isinstance(answer, dict) and answer["error"] == "bad_value" and says in answer["text"], answer


@pytest.mark.parametrize("text, name, box", [
    ("ada@example.org", "", "ada@example.org"),
    (" Ada  Lovelace <ada@example.org> ", "Ada Lovelace", "ada@example.org"),
    ("J. R. R. Tolkien <j@example.org>", "J. R. R. Tolkien", "j@example.org"),
    ('"Lovelace, \\"Ada\\"" Countess <ada@example.org>', 'Lovelace, "Ada" Countess', "ada@example.org"),
    ('"a b"@example.org', "", '"a b"@example.org'),
    ("Jürgen <j@straße.example>", "Jürgen", "j@xn--strae-oqa.example"),
    ("x@BÜCHER.example", "", "x@xn--bcher-kva.example"),
    ("x@例え。テスト", "", "x@xn--r8jz45g.xn--zckzah"),
])
def test_addresses(text, name, box):
    got = read(one(to=[text]))["to"].addresses
    assert [(a.display_name, a.addr_spec) for a in got] == [(name, box)]


@pytest.mark.parametrize("text", [
    "", "ada", "@example.org", "ada@", "a@b@c", "a b@example.org", "a,b@example.org", "a@example.org, b@example.org", "a@example.org; b@example.org",
    "friends: a@example.org;", "<@x.org:a@example.org>", "a@example.org (Ada)", "(Ada) a@example.org", "Ada <a@example.org", "Ada <a@example.org> x", "a@example.org>",
    "Lovelace, Ada <a@example.org>", '"Ada <a@example.org>', 'A"d"a <a@example.org>', ".a@example.org", "a.@example.org", "a..b@example.org", "a@.example.org",
    "a@example..org", "a@example.org.", "a@-x.org", "a@x-.org", "a@ex ample.org", "a@[1.2.3.4", "a@[]", "a@[x y]", "a@exa\u007fmple.org", "a" * 65 + "@example.org",
    "a@" + "x" * 64 + ".org", "a@" + ".".join(["x" * 60] * 5), "a@b\u200b.example\u0000", "a@<b>", "<>", "Ada <>", "a@b>c@d", "a@xn--\u00fc", "a@☃.☃ ☃",
])
def test_no_addresses(text):
    answer = one(to=[text])
    assert isinstance(answer, dict) and answer["error"] == "bad_value" and "is no mail address: " in answer["text"], answer


def test_addresses_in_utf8():
    got = email.message_from_string(one(to=["Jürgen <jürgen@bücher.example>"], utf8=True).decode(), policy=email.policy.default)
    assert [(a.display_name, a.addr_spec) for a in got["to"].addresses] == [("Jürgen", "jürgen@xn--bcher-kva.example")]
