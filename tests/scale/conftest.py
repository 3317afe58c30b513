"""A real S3 server on loopback, reached directly or through a relay that cuts connections."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
import s3fs

SECRET = "not-to-be-shown-anywhere"  # must appear in no output


def files(folder: Path) -> dict[str, bytes]:
    """All files of a directory: path below it -> content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Bucket:
    """A new bucket. `env` holds the environment variables with which a client reaches it."""

    def __init__(self, endpoint: str):
        self.endpoint, self.name = endpoint, f"b{uuid.uuid4().hex[:12]}"
        self.env = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self.fs = s3fs.S3FileSystem(
            key="someone", secret=SECRET, endpoint_url=endpoint, use_listings_cache=False, skip_instance_cache=True
        )
        self.fs.mkdir(self.name)

    def address(self, path: str) -> str:
        return f"s3://{self.name}/{path}"

    def files(self, path: str) -> dict[str, bytes]:
        """All objects below a path: the rest of their names -> content."""
        root = f"{self.name}/{path}"
        return {name[len(root) + 1 :]: self.fs.cat(name) for name in self.fs.find(root)}

    def render(self, *args: object, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command line with access to this bucket, and check that it never prints the secret."""
        result = subprocess.run(
            [sys.executable, "-m", "subsynth", *map(str, args)],
            env=os.environ | self.env | env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert SECRET not in result.stdout + result.stderr
        assert not check or result.returncode == 0, result.stderr
        return result


@pytest.fixture(scope="session")
def s3_server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    endpoint = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
            break
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, "the S3 server does not start"
            time.sleep(0.1)
    yield endpoint
    server.terminate()
    server.wait()


@pytest.fixture
def bucket(s3_server) -> Bucket:
    return Bucket(s3_server)


class Relay:
    """Forwards bytes to the server, and cuts connections in the middle of the body of a PUT to a path with a word.

    It cuts `times` connections; `cuts` counts them, and `answered` the bytes of the server's answers.
    """

    def __init__(self, endpoint: str, word: bytes, times: int):
        self.target = int(endpoint.rpartition(":")[2])
        self.word, self.remaining, self.cuts, self.answered = word, times, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._forward_requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._forward_answers, args=(server, client), daemon=True).start()

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        cutting, forwarded = False, 0
        try:
            while data := client.recv(65536):
                line = data.split(b"\r\n", 1)[0]
                if line.startswith(b"PUT ") and self.word in line and self.remaining:
                    self.remaining, cutting, forwarded = self.remaining - 1, True, 0
                if cutting and (forwarded := forwarded + len(data)) > 200_000:
                    self.cuts += 1
                    break
                server.sendall(data)
        except OSError:
            pass
        _reset(server, client)

    def _forward_answers(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                self.answered += len(data)
                client.sendall(data)
        except OSError:
            pass
        _reset(client)


def _reset(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


@pytest.fixture
def relay(s3_server):
    relays = []

    def start(word: bytes, times: int) -> Relay:
        relays.append(Relay(s3_server, word, times))
        return relays[-1]

    yield start
    for each in relays:
        each.listener.close()
