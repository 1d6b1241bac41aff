"""`hearsay agent`, with its log lines and its HTTP API."""

import re
import subprocess

from ..client import Connection
from ..nodes import CHUNK, binary, instances, wait_until
from .cluster import Cluster

MEMBER = {"member_joined": "alive", "member_alive": "alive", "member_suspect": "suspect",
          "member_dead": "failed", "member_left": "left"}
LINE = re.compile(r"^\S+ \w+ (\w+) (?:.* )?id=([0-9a-f]{16})(?: |$)")


class Endpoint:
    """Where one node is asked."""

    def __init__(self, host):
        self.http = Connection(host, 7700)


class Hearsay(Cluster):
    label = "hearsay"
    sync_s = 1  # its --interval

    def __init__(self, directory, count, rows=0, flags=(), label="hearsay"):
        super().__init__(directory, count)
        self.label, self.instances, self.flags = label, rows, list(flags)
        self.ids = {}
        self.nodes = [Endpoint(self.address(i)) for i in range(count)]

    def argv(self, i):
        words = [binary("hearsay"), "agent", "--name", f"n{i:04}", "--data", f"n{i:04}",
                 "--http", f"{self.address(i)}:7700", "--gossip", f"{self.address(i)}:7701"]
        for seed in self.seeds(i):
            words += ["--seed", f"{seed}:7701"]
        return words + self.flags

    def parse(self, i, line):
        found = LINE.match(line)
        if not found:
            return None
        event, subject = found.groups()
        if event == "ready":
            if i in self.ids:  # a restart: it knows from its disk what it does not say
                self.told_least.add(i)
            self.ids[i] = subject
            self.view[i].add(subject)
            return "ready", subject
        return (MEMBER[event], subject) if event in MEMBER else None

    def subject(self, i):
        return self.ids.get(i, f"node {i} before it is ready")

    def table(self, i):
        nodes = self.nodes[i].http.get("/v1/nodes").json()["nodes"]
        return {node["id"] for node in nodes if node["state"] == "alive"}

    def ask(self, i, path):
        return self.nodes[i].http.get(path).json()

    def forget(self, i):
        self.nodes[i].http.close()
        self.told_least.discard(i)

    def fill(self):
        rows = list(instances(self.instances).items())
        for begin in range(0, len(rows), CHUNK):
            http = self.nodes[begin // CHUNK % self.count].http
            answer = http.post("/registry/register_all", dict(rows[begin:begin + CHUNK]))
            if answer.status != 200:
                raise RuntimeError(f"register_all: {answer.status} {answer.body[:300]}")
        wait_until(lambda: all(self.ask(i, "/v1/status?census=0")["instances"] == len(rows)
                               for i in self.process), "every table is full", pause=.2)

    def end(self):
        for node in self.nodes:
            node.http.close()
        super().end()

    @staticmethod
    def version():
        out = subprocess.run([binary("hearsay"), "version"], capture_output=True, text=True)
        return out.stdout.strip().split("\n")[0]
