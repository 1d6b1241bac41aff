"""Hearsay for Python: one file, standard library only. Copy it beside your program.

A stateful server that keeps its clients through a rollout:

    with hearsay.Server("10.0.0.7:9000", app="arena", version="v2", capacity=40) as server:
        ...
        session = server.seat(ticket)         # Refused: send the client on, it finds another seat
        ...                                   # give session.token to the client
        server.end(session.name)              # it has left for good
        ...
        server.closed.wait()                  # told to close, empty, and fenced: exit now

A client, or whatever sends clients to servers:

    place = hearsay.place("http://10.0.0.1:7700", "arena", client="ann", token=token)
    place.address, place.ticket               # NoSeat: why, and whether to ask again soon

The server talks to the node on its own machine, which watches its lease: this program heartbeats
from a thread of its own, three times per lease and whenever its sessions have changed.
"""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

NODE = "http://127.0.0.1:7700"
TIMEOUT_S = 5.0
BEATS_PER_LEASE = 3  # two may be lost
LEAST_PAUSE_S = 0.2  # between heartbeats, however often sessions change
RETRY_S = 0.5  # of a node that is away
YOUTH_S = 3600.0  # of a token; the node's live for a day


class Refused(Exception):
    """The node said no. `status` and `body` are its answer, `verdict` that of a ticket."""

    def __init__(self, status, body):
        super().__init__(body.get("error") or body.get("verdict") or f"status {status}")
        self.status, self.body, self.verdict = status, body, body.get("verdict", "")


class NoSeat(Exception):
    """No address: `outcome` says why. `again`: the same question may soon have another answer."""

    def __init__(self, body):
        super().__init__(f'{body.get("outcome")}: {body.get("reason")}')
        self.outcome, self.body = body.get("outcome"), body
        self.again = self.outcome in ("full", "retry", "no_version")


@dataclass
class Session:
    name: str
    token: str  # for the client: with it, it comes back
    returning: bool


@dataclass
class Place:
    address: str
    version: str
    ticket: str  # for the server; empty if the client goes back to its session
    returning: bool
    candidates: list  # the first, and others to try when it is full


def call(node, method, path, body=None):
    """The status and the JSON object that a node answers with. OSError if it does not."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(node + path, data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as answer:
        text = answer.read()
        try:
            return answer.code, json.loads(text)
        except ValueError:
            return answer.code, {"error": text.decode(errors="replace")}


def place(node, app, client="", token="", protocol=""):
    """Where a client goes. With a token: back to its session, if that still exists."""
    asked = {"client": client, "token": token, "protocol": protocol}
    query = urllib.parse.urlencode({k: v for k, v in asked.items() if v})
    status, body = call(node, "GET", f"/v1/apps/{urllib.parse.quote(app, safe='')}/endpoint?{query}")
    if status == 400:
        raise Refused(status, body)
    if body.get("outcome") != "go":
        raise NoSeat(body)
    candidates = body["candidates"]
    first = candidates[0] if candidates else {}
    return Place(body["address"], first.get("version", body.get("version", "")),
                 first.get("ticket", ""), not candidates, candidates)


class Server:
    """One instance: registered from start() to stop(). Its methods may be called from any thread."""

    def __init__(self, address, app, version="", capacity=0, ttl=30, node=NODE, incarnation=None,
                 metadata=None, on_instruction=None):
        self.address, self.node, self.ttl = address, node, ttl
        self.incarnation = incarnation or time.time_ns() // 1_000_000
        self.registration = {"app_name": app, "version": version, "capacity": capacity, "ttl": ttl,
                             "incarnation": self.incarnation, "metadata": metadata or {}}
        # open, standby, draining, cut (the time is up: end what is left) or close
        self.instruction = "standby"
        self.closed = threading.Event()  # fenced: nobody is here, and nobody will be sent
        self._on_instruction = on_instruction
        self._lock = threading.Lock()  # of what follows
        self._sessions = {}  # by name: (here, token, when it was given out)
        self._seq = 0  # the last acceptance that we have counted
        self._epoch = "0"  # of the decision that we follow
        self._book = 0  # how often the node has begun to count anew
        self._redeeming = []  # [_seq at the beginning] of each redemption under way
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._register()
        self._beat()  # hears how the node counts
        self._beat()  # counts like that: clients may come
        self._thread.start()

    def stop(self):
        """Deregisters. What has not been told to close takes clients until now: stop() is for the
        end of a process, whatever becomes of its sessions."""
        self._stopped.set()
        self._changed.set()
        self._thread.join()
        call(self.node, "DELETE", self._path())

    def seat(self, ticket="", token="", name=""):
        """Lets a client in that has come with a ticket, or back with its token."""
        if token and (session := self._welcome_back(token, YOUTH_S)):
            return session
        body = {"token": token} if token else {"ticket": ticket}
        with self._lock:
            begun = [self._seq]
            self._redeeming.append(begun)
        try:
            status, answer = call(self.node, "POST", self._path("/redeem"), {**body, "session": name})
            with self._lock:
                return self._judged(status, answer, begun[0])
        except OSError:  # who has a token of ours needs no node
            if token and (session := self._welcome_back(token, float("inf"))):
                return session
            raise
        finally:
            with self._lock:
                self._redeeming = [each for each in self._redeeming if each is not begun]
            self._changed.set()

    def lose(self, name):
        """Its connection broke, and it may come back: its seat is kept until end()."""
        with self._lock:
            if name in self._sessions:
                self._sessions[name] = (False, *self._sessions[name][1:])
        self._changed.set()

    def end(self, name):
        """Its session is over, or may no longer be resumed."""
        with self._lock:
            self._sessions.pop(name, None)
        self._changed.set()

    @property
    def sessions(self):
        with self._lock:
            return len(self._sessions)

    def _path(self, what=""):
        return f"/v1/instances/{urllib.parse.quote(self.address, safe='')}{what}"

    def _register(self):
        status, answer = call(self.node, "PUT", self._path(), {**self.registration, "sessions": self.sessions})
        if status != 200:
            raise Refused(status, answer)

    def _welcome_back(self, token, youth_s):
        with self._lock:
            for name, (_, known, issued) in self._sessions.items():
                if known == token and time.monotonic() - issued <= youth_s:
                    self._sessions[name] = (True, known, issued)
                    self._changed.set()
                    return Session(name, token, True)
        return None

    def _judged(self, status, answer, begun):
        """What the node's answer means; `begun`: what had been counted before. With the lock."""
        if status != 200:
            raise Refused(status, answer)
        name, token, returning = answer["session"], answer["token"], answer["returning"]
        if returning and name not in self._sessions:
            raise Refused(403, {"verdict": "invalid", "error": "that session is over"})
        if not returning:
            if int(answer["seq"]) <= begun:
                self._begin_book(int(answer["seq"]))
            self._seq = max(self._seq, int(answer["seq"]))
        self._sessions[name] = (True, token, time.monotonic())
        return Session(name, token, returning)

    def _begin_book(self, seq):
        """The node has restarted, and counts from the beginning. With the lock."""
        self._book += 1
        self._seq = seq
        for begun in self._redeeming:
            begun[0] = 0

    def _state(self):
        return self._counted()[0]

    def _counted(self):
        with self._lock:
            here = sum(here for here, _, _ in self._sessions.values())
            # A redemption under way is a session that we have not counted yet, and its number is
            # above what had been counted when it began.
            seq = min([self._seq, *(begun[0] for begun in self._redeeming)])
            state = {"sessions": here, "resuming": len(self._sessions) - here, "seq": str(seq),
                     "acked_epoch": self._epoch, "incarnation": self.incarnation}
            return state, seq, self._book

    def _beat(self):
        state, counted, book = self._counted()
        status, answer = call(self.node, "POST", self._path("/heartbeat"), state)
        # The node has lost us, is another one, or has heard again of an earlier life.
        if status == 404 or answer.get("incarnation", self.incarnation) < self.incarnation:
            self._register()
            state, counted, book = self._counted()
            status, answer = call(self.node, "POST", self._path("/heartbeat"), state)
        if status != 200:
            raise Refused(status, answer)
        seq = int(answer["seq"])
        with self._lock:
            if seq < counted and book == self._book:
                self._begin_book(seq)
            elif seq > self._seq and book == self._book and not self._redeeming:
                self._seq = seq  # of these we never got the answer: nobody is seated by them
                self._changed.set()
            if self._epoch != answer["epoch"]:
                self._epoch = answer["epoch"]
                self._changed.set()
        cut = answer.get("cut") and self.sessions() > 0
        self._obey("cut" if cut else answer["instruction"])

    def _obey(self, instruction):
        if instruction == "close":
            status, _ = call(self.node, "POST", self._path("/fence"), self._state())
            if status != 200:
                instruction = "draining"  # somebody has just come
        if instruction != self.instruction:
            self.instruction = instruction
            if self._on_instruction:
                self._on_instruction(instruction)
        if instruction == "close":
            self.closed.set()

    def _run(self):
        told = True
        while not self._stopped.is_set():
            if told:
                self._changed.wait(min(self.ttl / BEATS_PER_LEASE, 10))
            else:
                self._stopped.wait(RETRY_S)
            self._changed.clear()
            if self._stopped.is_set():
                return
            try:
                self._beat()
                told = True
            except (OSError, Refused):
                told = False  # the node is away or restarts: the lease decides meanwhile
            self._stopped.wait(LEAST_PAUSE_S)
