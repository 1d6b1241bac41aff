#!/usr/bin/env python3
"""Checks what clients lived through, from their logs alone: one line per finding, then a summary.

    check_log.py LOG... [--no-new v1=UNIX_MS] [--killed INCARNATION] [--capacity N] [--seats N]
                        [--stopped]

Exit code 1 on any finding. Knows nothing of Hearsay's code; examples/arena/README.md describes the
lines. A log may be cut off in the middle (a client that was killed) only in its last line.
"""

import argparse
import collections
import sys

# A farewell and the welcome of the next client travel on two connections: which of them the
# clients' process reads first is chance, so a seat that is taken twice for so long is none.
SETTLE_MS = 100
# A cut may take the answer to the one move that was under way: the server has counted it.
IN_FLIGHT = 1
MOST_FINDINGS = 20  # lines per kind; the summary has the counts

DETAILS = {"asked": "outcome", "asked_back": "outcome", "lost": "cause", "refused": "verdict"}
OVER = ("left", "gone", "dismissed", "nowhere")


class Session:
    def __init__(self):
        self.state = "new"  # new, seated, lost, over
        self.place = None   # server, version, incarnation
        self.counter = 0


class Checker:
    def __init__(self, no_new=None, killed=(), capacity=None, seats=None, stopped=False):
        self.no_new = dict(no_new or {})
        self.killed, self.capacity, self.seats = set(killed), capacity, seats
        self.stopped = stopped
        self.sessions = collections.defaultdict(Session)
        self.findings = []
        self.counts = collections.Counter()
        self.seated = collections.Counter()  # by (server, incarnation)
        self.most = collections.Counter()
        self.over_since = {}
        self.total = self.most_total = 0
        self.without = None  # [first, last, how often] without an accepting version
        self.last_ms = 0

    def find(self, kind, text):
        self.findings.append((kind, text))

    # -- one event
    def take(self, ms, name, event, keys):
        self.last_ms = ms
        handler = getattr(self, "on_" + event, None)
        if handler is None and event not in DETAILS:
            return self.find("format", f"{ms} {name}: unknown event {event!r}")
        session = self.sessions[name]
        self.counts[event] += 1
        if session.state == "over":
            self.find("order", f"{ms} {name}: {event} after its end")
        if detail := self.detail(event, session, keys):
            self.counts[f"{event} {detail}"] += 1
        if handler:
            handler(ms, name, session, keys)
        if event in OVER:
            session.state = "over"

    @staticmethod
    def detail(event, session, keys):
        if event in ("joined", "left"):
            return keys.get("version") or (session.place or "??")[1]
        return keys.get(DETAILS.get(event), "")

    def on_asked(self, ms, name, session, keys):
        outcome = keys.get("outcome", "?")
        if session.state not in ("new", "over"):
            self.find("order", f"{ms} {name}: asked for a new place while {session.state}")
        if outcome == "no_version":
            if self.without is None:
                self.without = [ms, ms, 0, set()]
            self.without[1] = ms
            self.without[2] += 1
            self.without[3].add(keys.get("node", "?"))
        elif outcome == "go":
            self.end_without()

    def end_without(self):
        if self.without:
            first, last, times, nodes = self.without
            self.find("nobody accepts", f"{first}: no version accepted clients, said {times} times "
                      f"in {last - first} ms by {', '.join(sorted(nodes))}")
        self.without = None

    def on_joined(self, ms, name, session, keys):
        if session.state not in ("new", "over"):
            self.find("order", f"{ms} {name}: joined while {session.state}")
        session.place = (keys["server"], keys["version"], keys["incarnation"])
        session.state, session.counter = "seated", int(keys["counter"])
        if session.counter != 0:
            self.find("counter", f"{ms} {name}: a new session begins at {session.counter}")
        until = self.no_new.get(keys["version"])
        if until is not None and ms >= until:
            self.find("late", f"{ms} {name}: joined {keys['version']} {ms - until} ms after the "
                      "last moment at which anybody may")
        self.seat(ms, session, +1)

    def on_said(self, ms, name, session, keys):
        counter = int(keys["counter"])
        if session.state != "seated":
            self.find("order", f"{ms} {name}: an answer while {session.state}")
        elif counter != session.counter + 1:
            self.find("counter", f"{ms} {name}: {session.counter} is followed by {counter}")
        if session.place and keys["incarnation"] != session.place[2]:
            self.find("incarnation", f"{ms} {name}: answered by incarnation {keys['incarnation']}, "
                      f"not {session.place[2]}")
        session.counter = counter

    def on_lost(self, ms, name, session, keys):
        if session.state != "seated":
            self.find("order", f"{ms} {name}: lost a connection while {session.state}")
        if keys["cause"] != "cut":
            self.unwanted(ms, name, session, "its connection broke")
        session.state = "lost"

    def unwanted(self, ms, name, session, what):
        server, version, incarnation = session.place or ("?", "?", "?")
        if incarnation in self.killed:
            self.counts["ended by the test"] += 1
        else:
            self.counts["unwanted disconnects"] += 1
            self.find("disconnect", f"{ms} {name}: {what}: {version} at {server}, incarnation "
                      f"{incarnation}")

    def on_resumed(self, ms, name, session, keys):
        if session.state != "lost":
            self.find("order", f"{ms} {name}: resumed while {session.state}")
        place = (keys["server"], keys["version"], keys["incarnation"])
        if session.place and place != session.place:
            self.find("incarnation", f"{ms} {name}: was at {session.place}, came back to {place}")
        counter = int(keys["counter"])
        if not 0 <= counter - session.counter <= IN_FLIGHT:
            self.find("counter", f"{ms} {name}: left at {session.counter}, came back to {counter}")
        session.state, session.counter = "seated", counter

    def on_gone(self, ms, name, session, keys):
        self.unwanted(ms, name, session, "told that its session is gone")
        self.seat(ms, session, -1)

    def on_dismissed(self, ms, name, session, keys):
        self.unwanted(ms, name, session, f"dismissed ({keys.get('reason', '?')})")
        self.seat(ms, session, -1)

    def on_left(self, ms, name, session, keys):
        if session.state != "seated":
            self.find("order", f"{ms} {name}: left while {session.state}")
        elif not 0 <= int(keys["counter"]) - session.counter <= IN_FLIGHT:
            self.find("counter", f"{ms} {name}: left at {keys['counter']}, after {session.counter}")
        self.seat(ms, session, -1)

    def on_nowhere(self, ms, name, session, keys):
        if session.state != "new":
            self.find("order", f"{ms} {name}: gave up while {session.state}")

    # -- seats
    def seat(self, ms, session, change):
        if session.place is None:
            return
        at = (session.place[0], session.place[2])
        self.seated[at] += change
        self.total += change
        self.most_total = max(self.most_total, self.total)
        if self.capacity is None:
            return
        if self.seated[at] > self.capacity:
            self.over_since.setdefault(at, ms)
            self.most[at] = max(self.most[at], self.seated[at])
        elif at in self.over_since:
            self.settle(at, ms)

    def settle(self, at, ms):
        lasted = ms - self.over_since.pop(at)
        if lasted >= SETTLE_MS:
            self.find("capacity", f"{ms}: {at[0]}, incarnation {at[1]}, had up to {self.most[at]} "
                      f"sessions for {lasted} ms; it has {self.capacity} seats")
        self.most[at] = 0

    # -- the end
    def finish(self):
        self.end_without()
        for at in list(self.over_since):
            self.settle(at, self.last_ms + SETTLE_MS)
        for name, session in self.sessions.items():
            if session.state == "new" and self.stopped:
                self.counts["never seated"] += 1
            elif session.state != "over":
                self.find("no end", f"{name}: its log ends while it is {session.state}")
        if self.seats is not None and self.most_total != self.seats:
            self.find("seats", f"at most {self.most_total} sessions at a time, not {self.seats}")
        self.counts["sessions"] = len(self.sessions)
        self.counts["most at a time"] = self.most_total
        self.counts["unwanted disconnects"] += 0
        return self.findings


def read(path, mark):
    """(ms, session, event, keys) of one log."""
    with open(path, encoding="utf-8", errors="replace") as log:
        for number, line in enumerate(log, 1):
            words = line.split()
            try:
                ms = int(words[0])
                keys = dict(word.split("=", 1) for word in words[1:] if "=" in word)
                yield ms, mark + keys.pop("session"), keys.pop("event"), keys
            except (IndexError, KeyError, ValueError):
                if line.endswith("\n"):
                    yield 0, f"{path}:{number}", "unreadable", {}


def check(paths, **rules):
    """(findings, counts) of these logs together."""
    checker = Checker(**rules)
    events = []
    for index, path in enumerate(paths):
        events += read(path, f"{index}/" if len(paths) > 1 else "")
    if len(paths) > 1:
        events.sort(key=lambda event: event[0])  # stable: the order within each log stays
    for ms, name, event, keys in events:
        try:
            checker.take(ms, name, event, keys)
        except (KeyError, ValueError) as problem:
            checker.find("format", f"{ms} {name}: {event}: {problem!r}")
    return checker.finish(), checker.counts


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("logs", nargs="+", metavar="LOG")
    parser.add_argument("--no-new", action="append", default=[], metavar="VERSION=UNIX_MS",
                        help="nobody may join this version from then on")
    parser.add_argument("--killed", action="append", default=[], metavar="INCARNATION",
                        help="a life of a server that the test ended")
    parser.add_argument("--capacity", type=int, help="seats of each server")
    parser.add_argument("--seats", type=int, help="so many sessions have to be seated at a time")
    parser.add_argument("--stopped", action="store_true",
                        help="the clients were told to leave: some may not have had a seat yet")
    given = parser.parse_args(argv)
    no_new = {version: int(ms) for version, _, ms in (x.partition("=") for x in given.no_new)}
    findings, counts = check(given.logs, no_new=no_new, killed=given.killed,
                             capacity=given.capacity, seats=given.seats, stopped=given.stopped)
    shown = collections.Counter()
    for kind, text in findings:
        shown[kind] += 1
        if shown[kind] <= MOST_FINDINGS:
            print(f"{kind}: {text}")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"{len(findings)} findings" + "".join(f", {kind} {n}" for kind, n in shown.items()))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
