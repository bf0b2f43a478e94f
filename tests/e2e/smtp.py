"""smtp.py - mail servers for tests: one of our own, fast and full of faults, and aiosmtpd, which is not ours

Server takes mails and does as judge(session, stage, words) says at each stage:

    connect ehlo mail rcpt data   before it answers            None: as it should; "550 5.1.1 no such user": that; CUT: the connection is cut
    body                          when the mail's first bytes are there
    dot                           behind the mail's end, before it was taken
    taken                         it was taken, and nobody has been told

What was taken stands in .mails in that order: this log, and not what hocket says, is what a test goes by.
"""
import asyncio
import collections
import contextlib
import email
import email.policy
import re
import socket
import ssl
import threading

CUT = object()


class Mail:
    """One that was taken: for whom, and its bytes as the server keeps them (dots undone)."""

    def __init__(self, sender, to, data):
        self.sender, self.to, self.data = sender, to, data

    @property
    def message(self):
        return email.message_from_bytes(self.data, policy=email.policy.default)

    @property
    def id(self):
        found = re.search(rb"^message-id:\s*<([^>]*)>", self.data.partition(b"\r\n\r\n")[0], re.I | re.M)
        return found.group(1).decode() if found else None


class Session(asyncio.Protocol):
    def __init__(self, server):
        self.server = server
        self.buffer = bytearray()
        self.reading = None  # while a mail comes: how much of it has no end in it
        self.sender, self.to = None, []
        self.in_doubt = False  # its end has come, and no answer has gone
        self.closed = False

    def connection_made(self, transport):
        self.transport = transport
        self.server.sessions.add(self)
        self.server.connections += 1
        self.server.most_open = max(self.server.most_open, len(self.server.sessions))
        self.say("connect", b"", "220 mail.example ESMTP")

    def connection_lost(self, error):
        self.closed = True
        self.server.sessions.discard(self)

    def cut(self):
        self.closed = True
        self.transport.abort()

    def reply(self, text):
        if not self.closed:
            self.transport.write((text.replace("\n", "\r\n") + "\r\n").encode())
            if text.startswith("421"):
                self.closed = True
                self.transport.close()

    def say(self, stage, words, otherwise):
        """What the judge wants, else what is said otherwise. True: it was that."""
        verdict = self.server.judge(self, stage, words)
        if verdict is CUT:
            self.cut()
            return False
        self.reply(verdict or otherwise)
        return verdict is None

    def data_received(self, data):
        self.buffer += data
        while not self.closed and (self.take_body() if self.reading is not None else self.take_line()):
            pass

    def take_line(self):
        line, found, rest = self.buffer.partition(b"\r\n")
        if not found:
            return False
        self.buffer = rest
        verb = bytes(line[:4]).upper()
        self.server.verbs[verb.decode(errors="replace")] += 1
        getattr(self, "do_" + verb.decode(errors="replace"), self.do_other)(bytes(line))
        return True

    def do_EHLO(self, line):
        self.say("ehlo", line, "250-mail.example\n" + "".join(f"250-{word}\n" for word in self.server.offers) + "250 ENHANCEDSTATUSCODES")

    def do_MAIL(self, line):
        if self.say("mail", line, "250 2.1.0 Ok"):
            self.sender, self.to = re.search(rb"<([^>]*)>", line).group(1).decode(), []

    def do_RCPT(self, line):
        to = re.search(rb"<([^>]*)>", line).group(1).decode()
        if self.sender is None:
            self.reply("503 5.5.1 MAIL first")
        elif self.say("rcpt", to.encode(), "250 2.1.5 Ok"):
            self.to.append(to)

    def do_DATA(self, line):
        if not self.to:
            self.reply("554 5.5.1 no valid recipients")
        elif self.say("data", line, "354 go on"):
            self.reading, self.judged = 0, False

    def do_RSET(self, line):
        self.sender, self.to = None, []
        self.reply("250 2.0.0 Ok")

    def do_AUTH(self, line):
        self.reply("235 2.7.0 come in")

    def do_NOOP(self, line):
        self.reply("250 2.0.0 Ok")

    def do_QUIT(self, line):
        self.reply("221 2.0.0 Bye")
        self.closed = True
        self.transport.close()

    def do_other(self, line):
        self.reply("502 5.5.2 unknown")

    def take_body(self):
        if not self.judged and self.buffer:
            self.judged = True
            if self.server.judge(self, "body", bytes(self.buffer)) is CUT:
                self.cut()
                return False
        end = 0 if self.buffer.startswith(b".\r\n") else self.buffer.find(b"\r\n.\r\n", self.reading) + 2
        if end == 1:
            self.reading = max(0, len(self.buffer) - 4)  # what was looked at is not looked at again
            return False
        data = bytes(self.buffer[:end])
        del self.buffer[:end + 3]
        self.reading = None
        return self.take_mail(data)

    def take_mail(self, data):
        """False: this connection reads no further, for now or for ever."""
        self.mail = Mail(self.sender, self.to, re.sub(rb"(?m)^\.", b"", data))
        self.sender, self.to, self.in_doubt = None, [], True
        verdict = self.server.judge(self, "dot", data)
        if verdict is CUT:
            self.cut()
        elif verdict:
            self.server.refuse(self.mail, verdict)
            self.in_doubt = False
            self.reply(verdict)
        elif self.server.delay:
            self.waiting = asyncio.get_running_loop().call_later(self.server.delay, self.accept_late)
            return False
        else:
            self.accept()
        return not self.closed

    def accept_late(self):
        self.accept()
        self.data_received(b"")

    def accept(self):
        """A server that has it keeps it, whoever is still there to be told."""
        server = self.server
        server.take(self.mail)
        verdict = server.judge(self, "taken", self.mail.data)
        if verdict is CUT:
            self.cut()
        else:
            self.in_doubt = False
            self.reply(verdict or f"250 2.0.0 Ok: queued as {len(server.mails):06X}")


class Server:
    """On a free port of 127.0.0.1, or on one that was, in a thread of its own."""

    offers = ["PIPELINING", "8BITMIME", "SIZE 104857600"]

    def __init__(self, judge=lambda session, stage, words: None, delay=0.0, port=0):
        self.judge, self.delay = judge, delay
        self.mails, self.refused = [], []
        self.sessions, self.connections, self.most_open = set(), 0, 0
        self.verbs = collections.Counter()
        self.changed = threading.Condition()
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(self.loop.create_server(lambda: Session(self), "127.0.0.1", port, backlog=256))
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def take(self, mail):
        with self.changed:
            self.mails.append(mail)
            self.changed.notify_all()

    def refuse(self, mail, verdict):
        with self.changed:
            self.refused.append((mail, verdict))
            self.changed.notify_all()

    def wait_for(self, done, seconds=30):
        """Until done(self) holds; False: it did not."""
        with self.changed:
            return self.changed.wait_for(lambda: done(self), seconds)

    def in_doubt(self):
        """How many have been sent whole, and not been answered."""
        return sum(s.in_doubt for s in list(self.sessions))

    def stop(self):
        def end():
            self.server.close()
            for session in list(self.sessions):
                session.transport.abort()
            self.loop.call_soon(self.loop.stop)

        self.loop.call_soon_threadsafe(end)
        self.thread.join()
        self.loop.close()


@contextlib.contextmanager
def server(judge=lambda session, stage, words: None, **more):
    made = Server(judge, **more)
    try:
        yield made
    finally:
        made.stop()


@contextlib.contextmanager
def witness(certificate=None, users=None, require_starttls=False):
    """aiosmtpd: what somebody else's server makes of us. .url, .mails, and .said, what its rules were told of."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP, AuthResult

    mails, logins = [], []

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            mails.append(Mail(envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
            return "250 2.0.0 Ok"

    def authenticate(server, session, envelope, mechanism, data):
        login, password = getattr(data, "login", b"").decode(), getattr(data, "password", b"").decode()
        logins.append((mechanism, login, session.ssl is not None))
        return AuthResult(success=users.get(login) == password, handled=False)

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    more = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": bool(context)} if users else {}

    class Far(Controller):
        def factory(self):
            return SMTP(Handler(), hostname="mail.example", tls_context=context, require_starttls=require_starttls, enable_SMTPUTF8=True, decode_data=False, **more)

        def _trigger_server(self):  # which would ask port 0
            socket.create_connection(self.server.sockets[0].getsockname()).close()

    far = Far(Handler(), hostname="127.0.0.1", port=0)
    far.start()
    port = far.server.sockets[0].getsockname()[1]
    try:
        yield collections.namedtuple("Witness", "url port mails logins")(f"smtp://127.0.0.1:{port}", port, mails, logins)
    finally:
        far.stop()
