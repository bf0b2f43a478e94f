"""buckets.py - what tests of both services share: how to count their writes, and a way to them that can be cut"""
import contextlib
import socket
import struct
import threading
import time

import pytest

WRITES = {"PutObject", "UploadPart", "CompleteMultipartUpload", "CreateMultipartUpload"}


def puts(bucket):
    """How many writes reached it, by the server's own log."""
    if bucket.url.startswith("gs:"):
        return len(bucket.writes)
    return sum(1 for operation, _ in bucket.asked if operation in WRITES)


def way(bucket, endpoint):
    """The environment that leads hocket there."""
    if bucket.url.startswith("gs:"):
        return {"STORAGE_EMULATOR_HOST": endpoint}
    return {**bucket.env, "AWS_ENDPOINT_URL": endpoint}


@pytest.fixture(params=["gcs", "s3"])
def bucket(request, hocket):
    """A fresh bucket of each service, and hocket led to it."""
    one = request.getfixturevalue(request.param)
    hocket.env.update(way(one, one.endpoint))
    return one


class Road(threading.Thread):
    """A way to a server that can be cut: .cut() ends all connections, and nobody answers until .mend(). `lose`: every so many-th connection
    is cut after `bytes_` of what hocket sends."""

    def __init__(self, endpoint, lose=0, bytes_=0):
        super().__init__(daemon=True)
        self.to = ("127.0.0.1", int(endpoint.rsplit(":", 1)[1]))
        self.lose, self.bytes, self.count, self.lost = lose, bytes_, 0, 0
        self.open, self.lock = [], threading.Lock()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.start()

    def run(self):
        while True:
            with contextlib.suppress(OSError):
                here, _ = self.door.accept()
                there = socket.create_connection(self.to)
                with self.lock:
                    self.count += 1
                    most = self.bytes if self.lose and self.count % self.lose == 0 else None
                    self.lost += most is not None
                    self.open += [here, there]
                threading.Thread(target=self.carry, args=(here, there, most), daemon=True).start()
                threading.Thread(target=self.carry, args=(there, here, None), daemon=True).start()
                continue
            time.sleep(0.02)

    def carry(self, here, there, most):
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if most is not None:
                    there.sendall(data[:most])
                    most -= len(data)
                    if most < 0:
                        break
                else:
                    there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                if most is not None and most < 0:  # as from a machine that died: no polite end
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RD)
                end.close()

    def cut(self):
        self.door.shutdown(socket.SHUT_RDWR)  # ends an accept() that waits, too
        self.door.close()
        with self.lock:
            for end in self.open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self.open.clear()

    def mend(self):
        self.door = socket.create_server(("127.0.0.1", self.port))
