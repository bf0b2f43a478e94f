"""servers - the far sides: nginx with one answer per URL, and the API that takes its time

Both answer GET /items/N with server/answer.json, N put in, and run on a core of their own.
"""
import contextlib
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.request

from .kit import BENCH, Missing
from .measure import SERVER_CORE, pinned

ANSWER = BENCH / "server/answer.json"
NGINX = """\
worker_processes 1;
worker_rlimit_nofile 16384;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log crit;
events {{ worker_connections 8192; multi_accept on; }}
http {{
	access_log off;
	default_type application/json;
	keepalive_requests 100000000;
	keepalive_timeout 600s;
	client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
	server {{
		listen 127.0.0.1:{port} backlog=8192;
		location ~ ^/items/([0-9]+)$ {{ return 200 '{answer}'; }}
	}}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until_it_answers(url, process):
    for _ in range(400):
        if process.poll() is not None:
            raise Missing(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url + "7") as answer:
                assert b'"ref":"cus-7"' in answer.read()
            return
        except OSError:
            time.sleep(0.02)
    raise Missing("the server does not answer")


@contextlib.contextmanager
def running(command, url):
    process = subprocess.Popen(pinned(SERVER_CORE, *command), stdout=subprocess.DEVNULL)
    try:
        wait_until_it_answers(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def nginx(kit):
    """Yields the URL before the id."""
    program, port = kit.tool("nginx"), free_port()
    answer = ANSWER.read_text().strip().replace("\\", "\\\\").replace("@ID@", "$1")
    with tempfile.TemporaryDirectory(prefix="hocket-bench-") as folder:
        conf = pathlib.Path(folder, "nginx.conf")
        conf.write_text(NGINX.format(folder=folder, port=port, answer=answer))
        command = [program, "-p", folder, "-e", f"{folder}/error.log", "-c", conf]
        with running(command, f"http://127.0.0.1:{port}/items/") as url:
            yield url


@contextlib.contextmanager
def delay(kit, milliseconds):
    """Yields the URL before the id."""
    port = free_port()
    with running([kit.c_program("server/delay.c"), port, milliseconds, ANSWER], f"http://127.0.0.1:{port}/items/") as url:
        yield url
