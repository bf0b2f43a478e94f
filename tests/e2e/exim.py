"""exim.py - Exim on free ports of 127.0.0.1, with a configuration and a spool of its own: a mail server that others wrote

It takes mails for anybody but nobody@ (550), later@ (450) and secret@ (only from who said who he is), and puts each recipient's into a file.
"""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

PROGRAM = shutil.which("exim4") or "/usr/sbin/exim4"
CONFIG = """
primary_hostname = mail.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {tls_port}
tls_on_connect_ports = {tls_port}
tls_advertise_hosts = *
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.key
auth_advertise_hosts = *
message_size_limit = 1M
smtp_accept_max = 100
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = {per_connection}
deliver_drop_privilege = true
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  deny local_parts = nobody
       message = no such user
  defer local_parts = later
        message = come again
  deny local_parts = secret
       !authenticated = *
       message = who are you?
  accept
begin routers
all:
  driver = accept
  transport = files
begin transports
files:
  driver = appendfile
  directory = {folder}/mails
  maildir_format
  create_directory = false
  user = Debian-exim
  no_return_path_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{ada}}}}{{eq{{$auth3}}{{sésame}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{ada}}}}{{eq{{$auth2}}{{sésame}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{ada}}{{sésame}}fail}}
  server_set_id = $auth1
"""


def missing():
    """Why there is none; None: there is one."""
    if not pathlib.Path(PROGRAM).exists():
        return "exim4 (package exim4-daemon-light) is not installed"
    return None if os.geteuid() == 0 else "exim4 wants to be started by root"


def free_ports(n):
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in made]
    for s in made:
        s.close()
    return ports


class Exim:
    def __init__(self, folder, certificate, per_connection):
        self.folder, (self.port, self.tls_port) = folder, free_ports(2)
        for name in ("spool", "log", "mails", "mails/new", "mails/cur", "mails/tmp"):
            (folder / name).mkdir()
        for source, name in zip(certificate, ("server.pem", "server.key")):
            shutil.copy(source, folder / name)
        (folder / "config").write_text(CONFIG.format(folder=folder, port=self.port, tls_port=self.tls_port, per_connection=per_connection))
        subprocess.run(["chown", "-R", "Debian-exim:Debian-exim", folder], check=True)
        os.chown(folder / "config", 0, 0)
        self.process = subprocess.Popen([PROGRAM, "-C", folder / "config", "-bdf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def wait_until_up(self, seconds=10):
        until = time.monotonic() + seconds
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.process.stderr.read().decode()
                assert time.monotonic() < until, "exim4 does not answer"
                time.sleep(0.02)

    def mails(self, n, seconds=20):
        """The bytes of n delivered mails, as they came: Exim answers before it delivers."""
        until = time.monotonic() + seconds
        while len(found := list((self.folder / "mails/new").iterdir())) < n and time.monotonic() < until:
            time.sleep(0.02)
        return [p.read_bytes().replace(b"\n", b"\r\n") for p in found]

    def log(self, name="main"):
        path = self.folder / "log" / f"{name}log"
        return path.read_text() if path.exists() else ""


@contextlib.contextmanager
def server(certificate, per_connection=1000):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exim-"))
    folder.chmod(0o755)
    made = Exim(folder, certificate, per_connection)
    try:
        made.wait_until_up()
        yield made
    finally:
        made.process.terminate()
        made.process.wait()
        made.process.stderr.close()
        shutil.rmtree(folder, ignore_errors=True)
