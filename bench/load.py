"""wrk, and nginx to compare with."""

import json
import pathlib
import shutil
import subprocess
import sys

from . import kernel
from .client import Connection
from .nodes import wait_until

HERE = pathlib.Path(__file__).parent


def wrk(url, connections, seconds, threads=1, script="report.lua", headers=()):
    """One run of wrk: requests per second, latency in ms, and what went wrong."""
    argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s",
            "--latency", "-s", HERE / script]
    for header in headers:
        argv += ["-H", header]
    child = kernel.spawn([*argv, url], stdout=subprocess.PIPE, stderr=sys.stderr)
    output, _ = child.communicate(timeout=seconds + 60)
    lines = [line for line in output.decode().split("\n") if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"wrk ended with {child.returncode}: {output.decode()[-500:]}")
    result = json.loads(lines[-1])
    result["rate"] = result["requests"] / result["seconds"]
    return result


class Nginx:
    """nginx with one process that serves one file as fast as it can; a context that ends it."""

    # Which of them is faster depends on the size; the faster one is the one to compare with.
    WAYS = ("sendfile on; tcp_nopush on;", "sendfile off; output_buffers 2 512k;")
    # No master: it would leave its worker behind if we were killed. One process serves in either
    # case.
    CONFIG = """
        daemon off; master_process off; worker_processes 1;
        pid {dir}/pid; error_log {dir}/error.log;
        events {{ worker_connections 4096; }}
        http {{
            access_log off; {way} tcp_nodelay on; default_type application/json;
            keepalive_requests 1000000000; keepalive_timeout 1h;
            open_file_cache max=100 inactive=1h; open_file_cache_valid 1h;
            client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
            uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
            server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ root {dir}/files; }} }}
        }}
    """

    def __init__(self, directory, body, way=WAYS[0]):
        self.directory, self.way = directory, way
        shutil.rmtree(directory, ignore_errors=True)
        (directory / "files").mkdir(parents=True)
        (directory / "files" / "list").write_bytes(body)
        self.port = kernel.free_port()
        (directory / "nginx.conf").write_text(
            self.CONFIG.format(dir=directory, port=self.port, way=way))
        self.http = Connection("127.0.0.1", self.port)

    def __enter__(self):
        self.process = kernel.spawn(
            ["nginx", "-c", self.directory / "nginx.conf", "-p", self.directory,
             "-e", self.directory / "error.log"], stderr=subprocess.DEVNULL)
        wait_until(self.answers, "nginx serves its file", seconds=10)
        return self

    @classmethod
    def fastest(cls, directory, body, connections):
        """Not started yet, in the way that served this body fastest just now."""
        rates = {}
        for way in cls.WAYS:
            with cls(directory, body, way) as server:
                rates[way] = wrk(f"http://127.0.0.1:{server.port}/list", connections, 1)["rate"]
        return cls(directory, body, max(rates, key=rates.get))

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("nginx: " + (self.directory / "error.log").read_text()[-500:])
        try:
            return self.http.get("/list").status == 200
        except OSError:
            return False

    @property
    def pid(self):
        return self.process.pid

    def __exit__(self, *_):
        self.http.close()
        self.process.kill()
        self.process.wait()
