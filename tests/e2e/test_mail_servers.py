"""src/io/smtp.h against servers that others wrote: Exim and aiosmtpd, with STARTTLS and AUTH, judged by what they took."""
import base64
import json
import pathlib
import re
import subprocess

import conftest
import exim
import gateway
import pytest
import smtp

TOOL = pathlib.Path(conftest.PROGRAM).resolve().parent / "tests/unit/io/mail_tool"

if not TOOL.exists():
    pytest.skip(f"{TOOL} is not built", allow_module_level=True)


def send(url, specs, *words):
    text = "".join(json.dumps(s) + "\n" for s in specs).encode()
    done = subprocess.run([TOOL, "send", url, *words], input=text, capture_output=True, timeout=60 * conftest.SLOW)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def mail(i=0, to="ada@example.org", **more):
    return {"from": "News <news@example.org>", "to": to if isinstance(to, list) else [to], "subject": f"number {i}", "text": f"this is {i}\n.\n..\n.x", **more}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """For localhost, and the CA that says so."""
    folder = tmp_path_factory.mktemp("certificates")
    ca = gateway.make_authority(folder)
    return ca, gateway.make_certificate(folder, "localhost"), folder / "localhost.key"


# ---- Exim ---------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def mx(certificate):
    if why := exim.missing():
        pytest.skip(why)
    with exim.server(certificate[1:], per_connection=7) as made:
        yield made


@pytest.fixture
def secure(mx, certificate):
    return f"smtp://ada:s%C3%A9same@localhost:{mx.port}", "tls=required", f"ca={certificate[0]}"


def forget(mx):
    for path in (mx.folder / "mails/new").iterdir():
        path.unlink()


def body_of(raw):
    return raw.partition(b"\r\n\r\n")[2]


def test_exim_takes_mails_of_every_kind(mx, secure):
    forget(mx)
    specs = [mail(i, html="<p>über</p>" if i % 2 else "", parts=[{"data": base64.b64encode(bytes(range(256)) * 40).decode(), "name": "ü.bin"}]) for i in range(20)]
    answers = send(*secure[:1], specs, *secure[1:], "connections=3", "tasks=3")
    assert [a["code"] for a in answers] == [250] * 20 and all(re.match(r"OK id=", a["text"]) for a in answers)
    taken = {email_subject(raw): raw for raw in mx.mails(20)}
    assert sorted(taken) == sorted(f"number {i}" for i in range(20))
    for spec in specs:
        want = base64.b64decode(put(spec))
        assert body_of(taken[spec["subject"]]).rstrip() == body_of(want).rstrip()
    lines = [line for line in mx.log().splitlines() if " <= " in line]
    assert len(lines) >= 20 and all("X=TLS1.3" in line and "A=plain:ada" in line for line in lines), mx.log()


def put(spec):
    return json.loads(subprocess.run([TOOL, "put"], input=json.dumps(spec).encode() + b"\n", capture_output=True, check=True).stdout)["message"]


def email_subject(raw):
    return re.search(rb"^Subject: (.*?)\r$", raw, re.M).group(1).decode()


def test_exim_refuses(mx, secure):
    """Recipient by recipient, for good and for now; and who may not send to somebody is told so."""
    forget(mx)
    answers = send(secure[0], [mail(0, "nobody@example.org"), mail(1, "later@example.org"), mail(2, ["ada@example.org", "nobody@example.org", "later@example.org"]),
                               mail(3, ["ada@example.org", "nobody@example.org", "later@example.org"], partial=True),
                               mail(4, text="x" * 70 + "\n" + "y\n" * 600_000), mail(5, "secret@example.org")], *secure[1:])
    assert [a.get("error", a.get("code")) for a in answers] == ["smtp(550)", "smtp(451)", "smtp(550)", 250, "too_large", 250], answers
    assert [[r["fate"] for r in a["to"]] for a in answers[2:4]] == [["accepted", "refused", "refused_for_now"]] * 2
    assert "no such user" in answers[3]["to"][1]["text"] and not any(a.get("sent") for a in answers)
    assert sorted(email_subject(raw) for raw in mx.mails(2)) == ["number 3", "number 5"]
    open_ = send(f"smtp://localhost:{mx.port}", [mail(6, "secret@example.org")], "tls=never")
    assert open_[0]["error"] == "smtp(550)" and "who are you?" in open_[0]["text"]


@pytest.mark.parametrize("words, user", [(["tls=at_once"], "ada:s%C3%A9same"), (["tls=offered"], "ada:s%C3%A9same")])
def test_exim_and_tls(mx, certificate, words, user):
    port = mx.tls_port if words == ["tls=at_once"] else mx.port
    assert send(f"smtp://{user}@localhost:{port}", [mail()], *words, f"ca={certificate[0]}")[0]["code"] == 250


def test_exim_hears_no_password_in_the_open(mx):
    """Without TLS the password itself stays here (CRAM-MD5), even where it would be allowed to be said."""
    assert send(f"smtp://ada:s%C3%A9same@localhost:{mx.port}", [mail(77)], "tls=never", "plain_auth=yes")[0]["code"] == 250
    assert any("A=cram:ada" in line and "X=TLS" not in line for line in mx.log().splitlines() if " <= " in line)


def test_exim_and_who_we_are_not(mx, certificate):
    ca = f"ca={certificate[0]}"
    wrong = send(f"smtp://ada:wrong-one@localhost:{mx.port}", [mail()], "tls=required", ca)[0]
    assert wrong["error"] == "config" and "535" in wrong["text"] and "wrong-one" not in wrong["text"]
    stranger = send(f"smtp://ada:s%C3%A9same@127.0.0.1:{mx.port}", [mail()], "tls=required", ca)[0]
    assert stranger["error"] == "certificate" and "IP address mismatch" in stranger["text"]
    unknown = send(f"smtp://ada:s%C3%A9same@localhost:{mx.port}", [mail()], "tls=required")[0]
    assert unknown["error"] == "certificate"
    assert send(f"smtp://ada:s%C3%A9same@localhost:{mx.port}", [mail()], "tls=required", "insecure=yes")[0]["code"] == 250
    plain = send(f"smtp://ada:s%C3%A9same@localhost:{mx.tls_port}", [mail()], "tls=never", "plain_auth=yes", "reply=1000")[0]
    assert plain["error"] in ("timeout(first byte)", "protocol", "reset")
    other = send(f"smtp://localhost:{mx.port}", [mail()], "tls=at_once", ca)[0]
    assert other["error"] == "protocol" and "write smtp://" in other["text"]


def test_exim_closes_connections_that_it_has_enough_of(mx, secure):
    """It takes 7 mails on one (421 then): each one more is sent on the next connection, and none is lost or doubled."""
    forget(mx)
    answers = send(secure[0], [mail(i) for i in range(30)], *secure[1:], "connections=2", "tasks=4")
    assert [a.get("code") for a in answers] == [250] * 30, answers
    assert sorted(email_subject(raw) for raw in mx.mails(30)) == sorted(f"number {i}" for i in range(30))
    assert mx.log().count("too many messages") >= 2, mx.log()


# ---- aiosmtpd -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words", [["tls=required"], ["tls=offered"]])
def test_aiosmtpd_takes_the_same_bytes(certificate, words):
    pytest.importorskip("aiosmtpd")
    with smtp.witness(certificate=certificate[1:], users={"ada": "sesame"}, require_starttls=True) as far:
        specs = [mail(i, ["ada@example.org", "bob@example.org"]) for i in range(5)] + [mail(5, "jürgen@bücher.example", utf8=True)]
        answers = send(f"smtp://ada:sesame@localhost:{far.port}", specs, *words, f"ca={certificate[0]}")
        assert [a.get("code") for a in answers] == [250] * 6, answers
    assert [m.data for m in far.mails] == [base64.b64decode(put(s)) for s in specs]
    assert [m.to for m in far.mails] == [["ada@example.org", "bob@example.org"]] * 5 + [["jürgen@xn--bcher-kva.example"]]
    assert far.logins == [("PLAIN", "ada", True)]


def test_aiosmtpd_without_tls():
    pytest.importorskip("aiosmtpd")
    with smtp.witness() as far:
        assert send(far.url, [mail()])[0]["code"] == 250
        strict = send(far.url, [mail()], "tls=required")[0]
        assert strict["error"] == "config" and "offers no STARTTLS" in strict["text"]
        assert send(far.url, [mail()], "tls=offered")[0]["code"] == 250
    assert len(far.mails) == 2
