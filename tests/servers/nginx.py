"""nginx as an ordinary user, on a free port of 127.0.0.1, with all its files in one directory."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servers.index_pages import html_page

if TYPE_CHECKING:
    from pathlib import Path

    from servers.certificates import Certificates
    from servers.index_pages import Artifact

START_S = 10.0
# One process without workers, so that no process is left behind and none changes its user.
CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
    log_format served '$request_method $uri $status $body_bytes_sent "$http_range" "$http_if_range"';
    access_log {directory}/access.log served;
    types {{ text/html html; application/octet-stream whl gz; text/plain metadata; }}
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} {listen};
        server_name localhost;
        root {directory}/root;
        index index.html;
        {directives}
    }}
}}
"""


def find_nginx() -> str | None:
    """Return the path of nginx, or None if it is not installed. On Debian it is in a directory that PATH lacks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/bin")


@dataclass(frozen=True)
class Served:
    """A line of the access log. nginx writes it at the end of a request, even if the client closed the connection."""

    method: str
    path: str
    status: int
    body_sent: int
    range: str | None
    if_range: str | None


class Nginx:
    """Runs from its construction to `close`. `directives` are put into the server block unchanged.

    Raises RuntimeError with the error log if nginx does not start.
    """

    def __init__(self, directory: Path, directives: str = "", certificates: Certificates | None = None) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir(parents=True)
        self._scheme = "https" if certificates else "http"
        if certificates:
            pair = f"ssl_certificate {certificates.server_chain}; ssl_certificate_key {certificates.server_key};"
            directives = f"{pair}\n        {directives}"
        self.port = free_port()
        configuration = CONFIGURATION.format(
            directory=directory, port=self.port, listen="ssl" if certificates else "", directives=directives
        )
        (directory / "nginx.conf").write_text(configuration)
        self._process = self._start()

    def url(self, path: str) -> str:
        return f"{self._scheme}://localhost:{self.port}{path}"

    def write(self, path: str, content: bytes, modified_s: float | None = None) -> None:
        """Replace a file below the root. nginx computes Last-Modified and ETag from its size and time of change."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(target.name + ".new")
        new.write_bytes(content)
        if modified_s is not None:
            os.utime(new, (modified_s, modified_s))
        new.replace(target)

    def publish(self, *artifacts: Artifact) -> None:
        """Serve these artifacts, with their pages below /simple/."""
        for path in {artifact.index_path for artifact in artifacts}:
            page = html_page(*(artifact for artifact in artifacts if artifact.index_path == path))
            self.write(f"{path}index.html", page.body)
        for artifact in artifacts:
            self.write(artifact.path, artifact.content)
            if artifact.metadata is not None:
                self.write(artifact.path + ".metadata", artifact.metadata)

    def served(self, path: str) -> list[Served]:
        """Return the finished requests of this path, oldest first."""
        pattern = re.compile(r'(\S+) (\S+) (\d+) (\d+) "(.*?)" "(.*)"')
        log = self._settled_log()
        lines = [match for match in map(pattern.fullmatch, log.splitlines()) if match and match[2] == path]
        return [Served(m[1], m[2], int(m[3]), int(m[4]), absent(m[5]), absent(m[6])) for m in lines]

    def _settled_log(self) -> str:
        """Return the log when no line is added any more: nginx writes a line a moment after the client is done."""
        log, before = (self.directory / "access.log").read_text(), None
        for _ in range(40):
            if log == before:
                break
            time.sleep(0.05)
            log, before = (self.directory / "access.log").read_text(), log
        return log

    def run_on(self, cpus: set[int]) -> None:
        """Let the server use these processors only. Linux."""
        os.sched_setaffinity(self._process.pid, cpus)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def __enter__(self) -> Nginx:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [find_nginx() or "nginx", "-p", str(self.directory), "-c", str(self.directory / "nginx.conf")]
        # Without -e it first opens the log of the system.
        process = subprocess.Popen(
            [*command, "-e", str(self.directory / "error.log")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline_s = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return process
            time.sleep(0.02)
        process.kill()
        process.wait()
        raise RuntimeError(f"nginx did not start:\n{(self.directory / 'error.log').read_text()}")


def absent(logged: str) -> str | None:
    """Return a field as it was before logging: nginx logs a quote as \\x22, and a dash if there is no field."""
    return None if logged == "-" else logged.replace("\\x22", '"')


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
