"""nginx on loopback, on a core of its own, with the same 100 bytes for everybody."""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import psutil

ANSWER_BYTES = 100
_REQUEST_ID_BYTES = 32  # of nginx's $request_id, another one each time
_READY_S = 5.0
_STOP_S = 5.0
_LOOK_S = 0.02
_MOST_FILES = 65_536

# One process: what is started is what answers, so that it can be pinned, frozen and ended by its pid.
# One cipher: else the two clients of a TLS comparison might agree with the server on different ones.
_CONFIGURATION = """
daemon off;
master_process off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {connections}; multi_accept on; accept_mutex off; }}
http {{
    access_log off;
    default_type text/plain;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    server {{
        listen 127.0.0.1:{plain} backlog=16384;
        listen 127.0.0.1:{tls} ssl backlog=16384;
        location / {{ return 200 "{answer}"; }}
        location /each {{ return 200 "${{request_id}}{rest}"; }}
    }}
    server {{
        listen 127.0.0.1:{status};
        location / {{ stub_status; }}
    }}
}}
"""


class ServerError(Exception):
    """The server did not start."""


@dataclass(frozen=True)
class Nginx:
    """A running server.

    Attributes:
        process: the one that answers.
        url: the plain address.
        tls_url: the same answer over TLS.
        status_url: where it tells its counters.
        ca_file: the certificate to trust.
    """

    process: psutil.Process
    url: str
    tls_url: str
    status_url: str
    ca_file: Path

    def requests(self) -> int:
        """Requests answered so far; asking is one of them."""
        with urlopen(self.status_url, timeout=5) as answer:
            told = answer.read().decode()
        counters = re.search(r"^ (\d+) (\d+) (\d+)", told, re.MULTILINE)
        assert counters is not None, told
        return int(counters[3])

    def cpu_s(self) -> float:
        """CPU time so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def freeze(self, seconds: float) -> float:
        """Stop answering for a while, with all connections kept; for how long it really was."""
        begun_s = time.perf_counter()
        self.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)
        return time.perf_counter() - begun_s


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Let what is started inside run on ``core`` only: processes inherit it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def nginx(core: int) -> Iterator[Nginx]:
    """Start nginx on ``core`` and end it afterwards.

    Raises:
        ServerError: it is not installed, or does not start.
    """
    files = _raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as name:
        folder = Path(name)
        plain, tls, status = _free_ports(3)
        _make_certificate(folder)
        configuration = _CONFIGURATION.format(
            folder=folder,
            # Else its worker would become a user who may not enter the folder.
            user="user root;" if os.geteuid() == 0 else "",
            connections=min(16_384, files - 64),
            plain=plain,
            tls=tls,
            status=status,
            answer="x" * ANSWER_BYTES,
            rest="x" * (ANSWER_BYTES - _REQUEST_ID_BYTES),
        )
        (folder / "nginx.conf").write_text(configuration)
        command = [_program("nginx"), "-p", name, "-e", f"{name}/error.log", "-c", f"{name}/nginx.conf"]
        with pinned(core), (folder / "output").open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            _wait_until_ready(process, status, folder)
            yield Nginx(
                psutil.Process(process.pid),
                f"http://127.0.0.1:{plain}/",
                f"https://127.0.0.1:{tls}/",
                f"http://127.0.0.1:{status}/",
                folder / "cert.pem",
            )
        finally:
            _stop(process)


def _program(name: str) -> str:
    # Debian has servers where only root's PATH looks.
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin")
    if path is None:
        raise ServerError(f"{name} is not installed: run 'make bench-http', which says how")
    return path


def _raise_file_limit() -> int:
    """Allow as many open files as may be: 10,000 connections are as many at either end."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def _make_certificate(folder: Path) -> None:
    command = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
        " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    subprocess.run([_program("openssl"), *command.split()], cwd=folder, check=True, capture_output=True)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    deadline_s = time.monotonic() + _READY_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(_LOOK_S)
    logs = [folder / "output", folder / "error.log"]
    told = "".join(log.read_text() for log in logs if log.exists())
    raise ServerError(f"nginx did not start: {told or 'it said nothing'}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.send_signal(signal.SIGCONT)  # a frozen one would not notice
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
