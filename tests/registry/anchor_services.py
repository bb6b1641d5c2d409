"""Which real anchors can a test stand on? A time-stamping authority of OpenSSL over HTTP, and an S3 with Object Lock."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIGURATION = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
[req]
distinguished_name = none
[none]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


@dataclass
class Authority:
    """A time-stamping authority that listens on loopback. ``mood`` says how it behaves."""

    folder: Path
    url: str = ""
    mood: str = "well"
    asked: list[bytes] = field(default_factory=list)

    @property
    def roots(self) -> Path:
        return self.folder / "root.pem"

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        _openssl(
            *("ts", "-reply", "-config", "tsa.cnf", "-section", "own"),
            *("-queryfile", "query.tsq", "-out", "reply.tsr"),
            folder=self.folder,
        )
        return (self.folder / "reply.tsr").read_bytes()


def _openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def make_authority(folder: Path) -> Authority:
    """Make keys and certificates: a root, and a certificate for time stamping below it."""
    folder.mkdir(parents=True)
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    (folder / "serial").write_text("01\n")
    for name in ("root", "tsa"):
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key", folder=folder)
    _openssl(
        *("req", "-new", "-x509", "-key", "root.key", "-subj", "/CN=Test Root", "-days", "30"),
        *("-config", "tsa.cnf", "-extensions", "root", "-out", "root.pem"),
        folder=folder,
    )
    _openssl(
        *("req", "-new", "-key", "tsa.key", "-subj", "/CN=Test TSA", "-config", "tsa.cnf", "-out", "tsa.csr"),
        folder=folder,
    )
    _openssl(
        *("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "7"),
        *("-days", "30", "-extfile", "tsa.cnf", "-extensions", "leaf", "-out", "tsa.pem"),
        folder=folder,
    )
    return Authority(folder)


@contextmanager
def serving(authority: Authority) -> Iterator[Authority]:
    """Answer over HTTP for the length of a ``with`` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked.append(query)
            if authority.mood == "silent":
                time.sleep(5)
                return
            body = authority.answer(query) if authority.mood in {"well", "dripping"} else b"<html>no</html>"
            if authority.mood == "an older answer":
                body = (authority.folder / "reply.tsr").read_bytes()
            self.send_response(503 if authority.mood == "refusing" else 200)
            kind = "text/html" if authority.mood == "html" else "application/timestamp-reply"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if authority.mood != "dripping":
                self.wfile.write(body)
                return
            for byte in body:
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.2)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_address[1]}/tsr"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
