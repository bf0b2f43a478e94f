"""feed.py N BYTES - a WebSocket server on a free port, which it prints: N numbered messages of so many bytes to each who says something

The frames are made once, before anybody asks, and leave in large writes: the client is what is measured.
"""
import base64
import hashlib
import json
import socket
import sys
import threading

CLOSE = 8


def frame(text):
    n = len(text)
    return (bytes([0x81, n]) if n < 126 else bytes([0x81, 126]) + n.to_bytes(2, "big")) + text


def message(i, size):
    text = json.dumps({"seq": i, "symbol": f"S{i % 100:02}", "price": 100 + i % 1000 / 8, "pad": ""})
    return json.dumps({"seq": i, "symbol": f"S{i % 100:02}", "price": 100 + i % 1000 / 8, "pad": "x" * (size - len(text))}).encode()


def serve(connection, frames):
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        connection.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n")
        try:
            connection.recv(4096)
            connection.sendall(frames)
            while (told := connection.recv(4096)) and told[0] & 15 != CLOSE:
                pass
            connection.sendall(bytes([0x80 | CLOSE, 0]))  # who gets no answer to its close waits for ten seconds
        except OSError:
            pass


def main():
    n, size = int(sys.argv[1]), int(sys.argv[2])
    frames = b"".join(frame(message(i, size)) for i in range(n))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], frames), daemon=True).start()


main()
