"""`serf agent` of HashiCorp Serf, with its log lines and its RPC."""

import math
import subprocess

from .cluster import Cluster
from .msgpack import Rpc

GOSSIP, RPC = 7946, 7373
PUSH_PULL_S = 30  # of its profile lan, the default


class Serf(Cluster):
    label = "serf"

    def __init__(self, directory, count):
        super().__init__(directory, count)
        self.rpc = {}
        # memberlist stretches the period of its whole exchanges beyond 32 nodes (pushPullScale).
        scale = 1 if count <= 32 else math.ceil(math.log2(count) - 5) + 1
        self.sync_s = PUSH_PULL_S * scale
        self.first_sync_s = PUSH_PULL_S + self.sync_s

    def argv(self, i):
        words = ["serf", "agent", "-node", self.subject(i), "-log-level=info",
                 "-bind", f"{self.address(i)}:{GOSSIP}", "-rpc-addr", f"{self.address(i)}:{RPC}",
                 "-retry-interval=1s"]  # the least; with 30 s, the default, half of it is waiting
        for seed in self.seeds(i):
            words.append(f"-retry-join={seed}:{GOSSIP}")
        return words

    def parse(self, i, line):
        if "serf: EventMember" in line:  # ... serf: EventMemberJoin: n0001 127.1.0.2
            kind, subject = line.split("serf: EventMember", 1)[1].split(":", 1)
            kind = {"Join": "alive"}.get(kind, kind.lower())
            return kind, subject.split()[0]
        if "memberlist: Suspect " in line:
            return "suspect", line.split("memberlist: Suspect ", 1)[1].split()[0]
        if "Received event: member-update" in line:
            return "told", None
        if "Serf agent starting" in line:
            return "ready", self.subject(i)
        return None

    def subject(self, i):
        return f"n{i:04}"

    def call(self, i, command, body=None, wait=True):
        if i not in self.rpc:
            self.rpc[i] = Rpc(self.address(i), RPC)
        return self.rpc[i].call(command, body, wait)

    def table(self, i):
        return {m["Name"] for m in self.call(i, "members")["Members"] if m["Status"] == "alive"}

    def set_tag(self, i, value):
        """Does not wait: serf answers once the news has left its queue."""
        self.call(i, "tags", {"Tags": {"v": value}, "DeleteTags": []}, wait=False)

    def forget(self, i):
        if i in self.rpc:
            self.rpc.pop(i).close()

    @staticmethod
    def version():
        out = subprocess.run(["serf", "version"], capture_output=True, text=True)
        return "serf " + out.stdout.strip().split("\n")[0]
