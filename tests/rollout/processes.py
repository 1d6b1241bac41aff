"""The processes of a story: nodes, servers, clients. Each is spoken to as people would do it."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time

from .network import spawn

HTTP_PORT, GOSSIP_PORT = 7700, 7701
ASK_S = 2      # a node that takes longer does not answer
APP = "arena"


class Process:
    """Its log stays while it comes and goes. Notes the moment of its end."""

    def __init__(self, name, directory):
        self.name, self.log = name, directory / f"{name}.log"
        self.process, self.ended_ms, self.watcher = None, None, None

    def launch(self, argv, **options):
        self.ended_ms = None
        with open(self.log, "ab") as log:
            self.process = spawn(argv, stdout=log, stderr=subprocess.STDOUT, **options)
        self.watcher = threading.Thread(target=self._watch, args=(self.process,), daemon=True)
        self.watcher.start()
        return self

    def _watch(self, process):
        process.wait()
        self.ended_ms = int(time.time() * 1000)

    def running(self):
        return self.process is not None and self.ended_ms is None

    def wait(self, what, seconds):
        """Until it has ended."""
        self.watcher.join(max(0, seconds))
        if self.running():
            raise TimeoutError(f"after {seconds:.0f} s still not: {what}")

    @property
    def code(self):
        return self.process.returncode

    def signal(self, number):
        if self.running():
            os.kill(self.process.pid, number)

    def kill(self):
        """kill -9, and waits until it is gone."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.watcher.join()

    def last_words(self, lines=6):
        if not self.log.exists():
            return []
        return self.log.read_text(errors="replace").strip().split("\n")[-lines:]


class Node(Process):
    def __init__(self, directory, network, binary, seeds=(), environment=None):
        self.index = network.add()
        super().__init__(f"n{self.index}", directory)
        self.network, self.binary, self.seeds = network, binary, list(seeds)
        self.data = directory / f"data-{self.name}"
        self.host = network.address(self.index)
        self.environment = environment or {}

    @property
    def url(self):
        return f"http://{self.host}:{HTTP_PORT}"

    def start(self):
        argv = [self.binary, "agent", "--name", self.name, "--cluster", "rollout-test",
                "--data", self.data, "--http", f"{self.host}:{HTTP_PORT}",
                "--gossip", f"{self.host}:{GOSSIP_PORT}"]
        for seed in self.seeds:
            argv += ["--seed", f"{seed.host}:{GOSSIP_PORT}"]
        return self.launch(argv, namespace=self.network.namespaces[self.index],
                           env=os.environ | self.environment)

    def ask(self, path, method="GET", body=None):
        """(status, JSON); (0, None) if it does not answer."""
        connection = http.client.HTTPConnection(self.host, HTTP_PORT, timeout=ASK_S)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def app(self, census=False):
        return self.ask(f"/v1/apps/{APP}" + ("" if census else "?census=0"))[1] or {}

    def roles(self):
        return {v["version"]: v["role"] for v in self.app().get("versions", [])}

    def decide(self, verb, **body):
        status, answer = self.ask(f"/v1/apps/{APP}/{verb}", "POST", body)
        if status != 200:
            raise RuntimeError(f"{verb} {body} at {self.name}: {status} {answer}")
        return answer

    def configure(self, rollout, **policy):
        body = {"rollout": rollout, "policy": policy}
        status, answer = self.ask(f"/v1/apps/{APP}", "PUT", body)
        if status != 200:
            raise RuntimeError(f"PUT {body} at {self.name}: {status} {answer}")

    def place(self, client="", token=""):
        query = f"?client={client}" + (f"&token={token}" if token else "")
        return self.ask(f"/v1/apps/{APP}/endpoint{query}")[1] or {}

    def named_version(self, client=""):
        candidates = self.place(client).get("candidates") or [{}]
        return candidates[0].get("version")

    def agreement(self):
        return (self.ask("/v1/status")[1] or {}).get("agreement") or {}


class Server(Process):
    """A game server of examples/arena."""

    def __init__(self, directory, binary, node, version, port, capacity):
        super().__init__(f"arena-{version}-{port}", directory)
        self.binary, self.node, self.version, self.capacity = binary, node, version, capacity
        self.address = f"127.0.0.1:{port}"

    def start(self):
        return self.launch([self.binary, "--listen", self.address, "--app", APP,
                            "--version", self.version, "--capacity", self.capacity,
                            "--ttl", "5s", "--node", self.node.url,
                            "--log", self.log.with_suffix(".events")])

    def row(self, node=None):
        return (node or self.node).ask(f"/v1/instances/{self.address}")[1] or {}

    def incarnation(self):
        """Of its registration; None while there is none."""
        value = self.row().get("incarnation")
        return None if value is None else str(value)

    def is_up(self):
        return self.row().get("state") == "up"


class Bots(Process):
    """Clients: examples/arena's arena-bots. What they live through is in `events`."""

    def __init__(self, directory, binary, name="bots"):
        super().__init__(name, directory)
        self.binary, self.events = binary, directory / f"{name}.events"
        self.offset, self.rest = 0, b""
        self.counts, self.last_ms = {}, {}

    def start(self, nodes, sessions, rate, least, most, seed, every="1s", flags=()):
        argv = [self.binary, "--app", APP, "--sessions", sessions, "--rate", rate,
                "--min", least, "--max", most, "--every", every, "--seed", seed,
                "--log", self.events, *flags]
        for node in nodes:
            argv += ["--node", node.url]
        return self.launch(argv)

    def read(self):
        """Takes in what has been logged since; counts by event, (event, version), (event, node)
        and (event, outcome)."""
        try:
            with open(self.events, "rb") as log:
                log.seek(self.offset)
                data = log.read()
        except FileNotFoundError:
            return self
        self.offset += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            words = line.decode().split()
            keys = dict(word.split("=", 1) for word in words[1:] if "=" in word)
            event = keys.get("event")
            for key in (event, (event, keys.get("version")), (event, keys.get("node")),
                        (event, keys.get("outcome"))):
                self.counts[key] = self.counts.get(key, 0) + 1
                self.last_ms[key] = int(words[0])
            if event in ("left", "gone", "dismissed"):
                self.last_ms[keys.get("server")] = int(words[0])
        return self

    def count(self, *key):
        self.read()
        return self.counts.get(key if len(key) > 1 else key[0], 0)

    def seated(self, version):
        """Sessions that have begun and not ended as planned."""
        return self.count("joined", version) - self.count("left", version)
