"""Proxies and TLS as a run meets them: the environment, tunnels, own authorities; credentials stay where they belong."""
import gateway
import pytest

PIPE = """
from: {jsonl: in.jsonl}
steps:
  - http: %s/\\(.id)
    auth: {bearer: canary-for-the-server}
    retry: 0
    into: .answer
to: {jsonl: out.jsonl}
"""
HOST = "api.example.test"


@pytest.fixture
def folder(hocket):
    gateway.make_authority(hocket.folder)
    gateway.make_certificate(hocket.folder, HOST)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"):
        hocket.env.pop(name, None)
    hocket.write_jsonl("in.jsonl", [{"id": n} for n in range(20)])
    return hocket.folder


def answer(path, attempt):
    return {"path": path}


def test_https_goes_through_a_tunnel(hocket, folder):
    server = gateway.SecureFar(answer, folder, HOST)
    proxy = gateway.Gateway({HOST: server.port}, user="me:canary-for-the-proxy")
    address = f"127.0.0.1:{proxy.port}"
    hocket.env["SSL_CERT_FILE"] = str(folder / "authority.pem")
    hocket.env["HTTPS_PROXY"] = f"http://me:canary-for-the-proxy@{address}"
    result = hocket.run(PIPE % f"https://{HOST}")
    assert result.code == 0, result.err
    assert hocket.read_jsonl("out.jsonl")[7] == {"id": 7, "answer": {"path": "/7"}}
    assert sum(server.asked.values()) == 20
    assert set(proxy.asked) == {f"CONNECT {HOST}:443"}
    assert not any("canary-for-the-server" in head for head in proxy.heads), "what is the server's is inside the tunnel"
    assert "canary" not in result.out + result.err


def test_http_is_asked_of_the_proxy(hocket, folder):
    import far
    server = far.Far(answer)
    proxy = gateway.Gateway({HOST: server.port})
    hocket.env["http_proxy"] = f"127.0.0.1:{proxy.port}"
    result = hocket.run(PIPE % f"http://{HOST}")
    assert result.code == 0, result.err
    assert sum(server.asked.values()) == 20
    assert f"GET http://{HOST}/" in "".join(proxy.asked)


def test_no_proxy_is_honoured(hocket, folder):
    import far
    server = far.Far(answer)
    proxy = gateway.Gateway({})
    hocket.env["http_proxy"] = f"127.0.0.1:{proxy.port}"
    assert hocket.run(PIPE % server.base).code == 0, "this machine is never asked for through a proxy"
    hocket.env["no_proxy"] = "example.test"
    result = hocket.run(PIPE % f"http://{HOST}", "--fresh")
    assert proxy.asked == [] and "no such host name" in result.err + hocket("dead", "ls", "pipe.yaml").out


@pytest.mark.parametrize("user, says", [(None, "(status 407)"), ("me:canary-wrong", "(status 407)")])
def test_a_proxy_that_wants_a_password(hocket, folder, user, says):
    proxy = gateway.Gateway({}, user="me:canary-right")
    hocket.env["HTTPS_PROXY"] = f"http://{user + '@' if user else ''}127.0.0.1:{proxy.port}"
    result = hocket.run(PIPE % f"https://{HOST}")
    assert result.code == 1
    assert says in result.err and f"proxy '127.0.0.1' port {proxy.port}" in result.err
    assert "canary" not in result.out + result.err
    assert len(proxy.asked) <= 20, "nobody tries again: a human must act"


def test_a_proxy_variable_that_is_wrong(hocket, folder):
    hocket.env["HTTPS_PROXY"] = "socks5://me:canary-secret@127.0.0.1:1080"
    result = hocket.run(PIPE % f"https://{HOST}")
    assert result.code != 0 and "HTTPS_PROXY: only proxies that are spoken to in plain HTTP are known" in result.err
    assert "canary" not in result.err


# ---- whom to believe, and who we are

TLS = """
from: {jsonl: in.jsonl}
steps:
  - http: %s/\\(.id)
    retry: 0
    into: .answer
    %s
to: {jsonl: out.jsonl}
"""


@pytest.fixture
def local(hocket, folder):
    """Certificates of one authority for this machine and for a client."""
    gateway.make_certificate(folder, "localhost")
    gateway.make_certificate(folder, "client")
    return folder


def base(server):
    return f"https://localhost:{server.port}"


def test_an_authority_of_ones_own(hocket, local):
    server = gateway.SecureFar(answer, local, "localhost")
    result = hocket.run(TLS % (base(server), ""))
    assert result.code == 5 and "the certificate of 'localhost'" in result.err and "is refused" in result.err
    assert sum(server.asked.values()) == 0
    result = hocket.run(TLS % (base(server), "tls: {ca: authority.pem}"), "--fresh")
    assert result.code == 0, result.err
    assert sum(server.asked.values()) == 20 and "insecure" not in result.err
    gateway.make_authority(local, "other")
    assert hocket.run(TLS % (base(server), "tls: {ca: other.pem}"), "--fresh").code == 5
    assert sum(server.asked.values()) == 20


def test_a_certificate_to_show(hocket, local):
    server = gateway.SecureFar(answer, local, "localhost", clients_from=local / "authority.pem")
    result = hocket.run(TLS % (base(server), "tls: {ca: authority.pem, cert: client.pem, key: client.key}"))
    assert result.code == 0, result.err
    assert sum(server.asked.values()) == 20 and set(server.shown) == {"client"}
    (local / "both.pem").write_text((local / "client.pem").read_text() + (local / "client.key").read_text())
    assert hocket.run(TLS % (base(server), "tls: {ca: authority.pem, cert: both.pem}"), "--fresh").code == 0
    assert hocket.run(TLS % (base(server), "tls: {ca: authority.pem}"), "--fresh").code in (3, 5)
    assert sum(server.asked.values()) == 40


def test_the_same_in_a_source(hocket, local):
    server = gateway.SecureFar(lambda path, attempt: [{"id": 1}], local, "localhost", clients_from=local / "authority.pem")
    text = "from:\n  http: %s/list\n  tls: {ca: authority.pem, cert: client.pem, key: client.key}\nto: {jsonl: out.jsonl}\n"
    result = hocket.run(text % base(server))
    assert result.code == 0 and hocket.read_jsonl("out.jsonl") == [{"id": 1}], result.err


def test_a_redirect_elsewhere_is_shown_nothing(hocket, local):
    other = gateway.SecureFar(answer, local, "localhost", clients_from=local / "authority.pem", optional=True)
    server = gateway.SecureFar(lambda path, attempt: (302, {"Location": base(other) + path}, b""), local, "localhost",
                               clients_from=local / "authority.pem")
    result = hocket.run(TLS % (base(server), "tls: {ca: authority.pem, cert: client.pem, key: client.key}"), "--allow", "loopback")
    assert result.code == 0, result.err
    assert set(server.shown) == {"client"} and set(other.shown) == {None}


@pytest.mark.parametrize("files, says", [
    ("ca: missing.pem", "missing.pem': no certificates in PEM form"),
    ("ca: in.jsonl", "in.jsonl': no certificates in PEM form"),
    ("cert: missing.pem", "missing.pem': no certificate in PEM form"),
    ("cert: client.pem", "client.pem': no private key in PEM form"),
    ("cert: client.pem, key: locked.key", "locked.key': no private key in PEM form, without a password"),
    ("cert: client.pem, key: localhost.key", "localhost.key': this key belongs to another certificate"),
    ("key: client.key", "a key without its certificate"),
    ("ca: authority.pem}\n    insecure: true #", "choose one"),
])
def test_files_that_are_wrong(hocket, local, files, says):
    gateway.openssl("ec", "-in", local / "client.key", "-aes128", "-passout", "pass:secret", "-out", local / "locked.key")
    result = hocket.run(TLS % ("https://localhost:1", f"tls: {{{files}}}"))
    assert result.code in (1, 78) and says in result.err, result.err


def test_insecure_is_said_on_every_run(hocket, local):
    server = gateway.SecureFar(answer, local, "localhost")
    for flags in [], ["--fresh"], ["--fresh", "-q"]:
        result = hocket.run(TLS % (base(server), "insecure: true"), *flags)
        assert result.code == 0 and "warning: step 'http' checks no certificates (insecure: true)" in result.err
