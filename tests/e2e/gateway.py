"""gateway.py - a proxy on a free port of 127.0.0.1, and servers that speak TLS with certificates made on the spot

The proxy knows no names but those it is told: {"api.example.test": port of 127.0.0.1}. Counted: what it was asked for.
"""
import base64
import select
import socket
import ssl
import subprocess
import threading

import far


def make_authority(folder, name="authority"):
    """A CA of its own: name.pem and name.key."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-addext", "keyUsage=keyCertSign")
    return folder / f"{name}.pem"


def make_certificate(folder, host, authority="authority"):
    """host.pem and host.key, signed by the CA of that name; for a server of that name, or a client."""
    extensions = folder / f"{host}.ext"
    extensions.write_text(f"subjectAltName=DNS:{host}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
            "-keyout", folder / f"{host}.key", "-out", folder / f"{host}.csr")
    openssl("x509", "-req", "-days", "2", "-in", folder / f"{host}.csr", "-CA", folder / f"{authority}.pem",
            "-CAkey", folder / f"{authority}.key", "-CAcreateserial", "-extfile", extensions, "-out", folder / f"{host}.pem")
    return folder / f"{host}.pem"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class SecureFar(far.Far):
    """A Far that speaks TLS as `host`; with clients_from (a CA) to clients with a certificate of that CA, only or preferred.

    shown: the names in the certificates that clients showed; None where one showed nothing.
    """

    def __init__(self, answer, folder, host, clients_from=None, optional=False):
        super().__init__(answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{host}.pem", folder / f"{host}.key")
        if clients_from:
            context.load_verify_locations(clients_from)
            context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
        self.context = context
        self.shown = []

    def finish_request(self, request, address):
        request.settimeout(20)
        with self.context.wrap_socket(request, server_side=True) as secure:
            names = dict(pair[0] for pair in (secure.getpeercert() or {}).get("subject", ()))
            self.shown.append(names.get("commonName"))
            self.RequestHandlerClass(secure, address, self)


class Gateway:
    """CONNECT, and http in absolute form; user: "name:password" that it wants."""

    def __init__(self, ports, user=None):
        self.ports, self.user, self.asked, self.heads = ports, user, [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def allowed(self, head):
        wanted = self.user and "Proxy-Authorization: Basic " + base64.b64encode(self.user.encode()).decode()
        return not wanted or wanted in head.split("\r\n")

    def serve(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                more = client.recv(65536)
                if not more:
                    return
                head += more
            text = head.decode("latin1")
            method, target, _ = text.split("\r\n")[0].split(" ")
            authority = target.removeprefix("http://").split("/")[0]
            self.asked.append(f"{method} {target}")
            self.heads.append(text)
            host = authority.split(":")[0]
            if not self.allowed(text):
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            elif host not in self.ports:
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            else:
                with socket.create_connection(("127.0.0.1", self.ports[host])) as server:
                    if method == "CONNECT":
                        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    else:
                        kept = [line for line in text.split("\r\n") if not line.startswith("Proxy-")]
                        server.sendall("\r\n".join(kept).replace(f"http://{authority}", "", 1).encode("latin1"))
                    self.pump(client, server)

    @staticmethod
    def pump(one, two):
        other = {one: two, two: one}
        try:
            while True:
                for ready in select.select([one, two], [], [], 20)[0]:
                    piece = ready.recv(65536)
                    if not piece:
                        return
                    other[ready].sendall(piece)
        except OSError:
            return  # one of them is gone
