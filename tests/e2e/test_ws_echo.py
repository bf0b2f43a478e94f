"""Our WebSocket server against clients that are not ours: the cases of the Autobahn suite, sections 1 to 7, and what breaks the rules

The bytes of section 2 to 7 are tried one by one in tests/unit/io/ws_frame.c; here stands what two ends make of them.
The suite itself runs on Python 2.7 only, which Debian 12 has not; where there is one (pip install autobahntestsuite):
`wstest -m fuzzingclient` against BUILD/tests/unit/io/ws_echo, and `ws_echo ws://127.0.0.1:9001` against `wstest -m fuzzingserver`.
"""
import asyncio
import base64
import os
import pathlib
import socket
import subprocess

import pytest

import sockets
from conftest import PROGRAM

ECHO = pathlib.Path(PROGRAM).parent / "tests/unit/io/ws_echo"


@pytest.fixture(scope="module")
def port():
    with subprocess.Popen([ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield int(server.stdout.readline())
        server.stdin.close()
        assert server.wait(20) == 0


SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20, 4 << 20]


def test_websockets_of_python(port):
    websockets = pytest.importorskip("websockets")

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{port}/", compression=None, max_size=None, subprotocols=["x", "echo"]) as ws:
            assert ws.subprotocol == "echo"
            for n in SIZES:
                for whole in ("ä" * (n // 2) + "x" * (n % 2), os.urandom(n)):
                    await ws.send(whole)
                    assert await ws.recv() == whole, n
                cuts = [whole[i:i + max(1, n // 7)] for i in range(0, n, max(1, n // 7))] or [b""]
                await ws.send(cuts)
                await (await ws.ping(b"p" * 125))
                assert await ws.recv() == whole, n
            await asyncio.gather(*[await ws.ping() for _ in range(50)])
            await ws.close(4999, "x" * 123)
        assert ws.close_code == 4999
    asyncio.run(talk())


NODE = """
const WebSocket = require('ws')
const ws = new WebSocket('ws://127.0.0.1:' + process.argv[1] + '/', { perMessageDeflate: true })
const sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20]
let at = 0
const next = () => at < sizes.length ? (ws.send('k'.repeat(sizes[at]), { fin: false }), ws.ping('?'), ws.send('k')) : ws.close(3000, 'done')
ws.on('open', next)
ws.on('message', (data, binary) => {
  if (binary || data.toString() !== 'k'.repeat(sizes[at] + 1)) process.exit(1)
  at++
  next()
})
ws.on('close', code => process.exit(code === 3000 && ws.extensions === '' ? 0 : 2))
"""


def test_ws_of_node(port):
    if not pathlib.Path(sockets.NODE_MODULES, "ws").exists():
        pytest.skip("node-ws is not installed")
    done = subprocess.run(["node", "-e", NODE, str(port)], env={**os.environ, "NODE_PATH": sockets.NODE_MODULES}, timeout=60)
    assert done.returncode == 0


def frame(first, payload=b"", length=None, masked=True):
    n = len(payload) if length is None else length
    head = bytes([first, (n if n < 126 else 126) | (0x80 if masked else 0)])
    if n >= 126:
        head += n.to_bytes(2, "big")
    return head + (b"\0\0\0\0" if masked else b"") + payload


@pytest.mark.parametrize("sent, code", [
    (frame(0x81, b"x", masked=False), 1002),            # without a mask
    (frame(0xc1, b"x"), 1002),                          # 3: reserved bits
    (frame(0x83), 1002), (frame(0x8b), 1002),           # 4: reserved opcodes
    (frame(0x80, b"x"), 1002),                          # 5: a continuation of nothing
    (frame(0x01, b"x") + frame(0x81, b"y"), 1002),      # 5: a message in a message
    (frame(0x09), 1002), (frame(0x89, b"p" * 126), 1002),   # 2, 5: pings in pieces, too long
    (frame(0x81, b"\xce\x20"), 1007),                   # 6: no UTF-8
    (frame(0x01, b"\xce") + frame(0x80, b"\x20"), 1007),
    (frame(0x88, b"\x03"), 1002), (frame(0x88, b"\x03\xed"), 1002), (frame(0x88, b"\x03\xe8\xff"), 1007),   # 7: Close
    (frame(0x88), 1005), (frame(0x88, b"\x03\xe8"), 1000), (frame(0x88, b"\x0b\xb8bye"), 3000),
    (b"\x82\xff" + (17 << 20).to_bytes(8, "big") + b"\0\0\0\0", 1009),
])
def test_who_breaks_the_rules_is_told(port, sent, code):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        key = base64.b64encode(os.urandom(16)).decode()
        s.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  f"Sec-WebSocket-Key: {key}\r\n\r\n".encode() + sent)
        got = b""
        while part := s.recv(4096):
            got += part
        answer = got.partition(b"\r\n\r\n")[2]
    assert got.startswith(b"HTTP/1.1 101 ")
    assert answer == (b"\x88\x00" if code == 1005 else b"\x88\x02" + code.to_bytes(2, "big")), answer
