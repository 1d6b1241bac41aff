"""GET /registry/list beside nginx, which serves the same bytes as a file."""

import statistics

from . import kernel
from .load import Nginx, wrk
from .nodes import Node, instances

SIZES = (1, 100, 10_000)
CONNECTIONS = (16, 256)
ROUNDS = 10  # pairs of runs, next to each other: a slow moment of the machine hits both
SECONDS = 1


class Side:
    """One of the two servers, and what its runs gave."""

    def __init__(self, server, path, headers=()):
        self.server, self.headers, self.runs = server, headers, []
        self.url = f"http://{server.http.address[0]}:{server.http.address[1]}{path}"

    def run(self, connections):
        before = kernel.cpu_ns(self.server.pid)
        result = wrk(self.url, connections, SECONDS, headers=self.headers)
        cpu = kernel.cpu_ns(self.server.pid) - before
        result["cpu_us"] = cpu / 1e3 / max(1, result["requests"])
        self.runs.append(result)

    def median(self, name):
        return statistics.median(run[name] for run in self.runs)

    def errors(self):
        return sum(run["errors"] for run in self.runs)


def alternate(report, what, connections, ours, theirs):
    for _ in range(ROUNDS):
        ours.run(connections)
        theirs.run(connections)
    ratio = statistics.median(a["rate"] / b["rate"] for a, b in zip(ours.runs, theirs.runs))
    report.add(f"{what}, {connections} connections", ">= 0.9 x nginx",
               f"{ratio:.2f} x: {ours.median('rate'):,.0f}/s to {theirs.median('rate'):,.0f}/s, "
               f"p99 {ours.median('p99_ms'):.1f} to {theirs.median('p99_ms'):.1f} ms",
               ratio >= .9 and ours.errors() == 0, ours=ours.runs, nginx=theirs.runs,
               nginx_way=theirs.server.way,
               cpu_us=[round(ours.median("cpu_us"), 2), round(theirs.median("cpu_us"), 2)])


def unchanged(node, nginx):
    """Both asked for what the client has already: 304."""
    result = []
    for server, path in ((node, "/registry/list"), (nginx, "/list")):
        tag = f"If-None-Match: {server.http.get(path).headers['etag']}"
        answer = server.http.get(path, tag + "\r\n")
        assert answer.status == 304, f"{path} with its own ETag: {answer.status}"
        result.append(Side(server, path, (tag,)))
    return result


def measure(report, directory):
    for size in SIZES:
        node = Node(directory, f"list{size}").start().wait_healthy()
        try:
            node.register(instances(size))
            body = node.http.get("/registry/list").body
            for connections in CONNECTIONS:
                with Nginx.fastest(directory / "nginx", body, connections) as nginx:
                    assert nginx.http.get("/list").body == body
                    alternate(report, f"{size:,} instances, {len(body):,} B", connections,
                              Side(node, "/registry/list"), Side(nginx, "/list"))
                    if size == 100:
                        alternate(report, "304 by ETag", connections, *unchanged(node, nginx))
        finally:
            node.end()
    report.note(f"medians of {ROUNDS} pairs of runs of {SECONDS} s; wrk with one thread, "
                "each server, too; nginx with or without sendfile, whichever is faster")
