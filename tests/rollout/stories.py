"""The other stories: clients that come back, decisions that collide, storms, forgeries."""

import signal
import socket
import time

from . import switching
from .processes import APP
from .world import wait

SPREAD_S = 1  # one interval of comparisons: whoever missed the news has it by then


def start(w, count, version="v1", seats=200, **policy):
    w.add_nodes(count)
    w.add_servers(version, w.nodes, seats)
    w.nodes[0].configure({"weights": {version: 100}}, **policy)
    wait(lambda: w.roles_everywhere(version, "accepting"), f"{version} accepts everywhere")


def reconnect(w):
    """All clients lose their network at once, and a node with it. A node has just booted."""
    clients, rate = w.size((200, 100), (500, 100))
    w.add_nodes(5)
    w.add_servers("v1", w.nodes[2:], clients)
    w.nodes[0].configure({"weights": {"v1": 100}})
    wait(lambda: w.roles_everywhere("v1", "accepting"), "v1 accepts everywhere")
    fresh = w.add_node(start=False)
    asked, other = w.nodes[:2]  # no server is registered at these
    bots = w.add_bots([asked, other, fresh], clients, rate, "10m", "10m")
    wait(lambda: bots.count("joined") == clients, "all clients are seated", 60)
    wait(lambda: bots.count("said") > 2 * clients, "and have played")
    asked.kill()
    bots.signal(signal.SIGUSR2)  # the fresh node did not answer before: that is forgotten
    fresh.start()
    wait(lambda: fresh.ask("/v1/health")[0] == 200, "the new node answers", pause=.005)
    bots.signal(signal.SIGUSR1)
    began = time.monotonic()
    w.say("their network is gone")
    wait(lambda: bots.count("lost") >= clients, "all have lost their connection")
    wait(lambda: bots.count("resumed") >= clients or bots.count("gone"), "all are back", 30)
    w.bar("clients back in their sessions", f"{clients} of {clients}",
          f"{bots.count('resumed')}, the last after {time.monotonic() - began:.1f} s",
          bots.count("resumed") == clients)
    through = {node.name: bots.count("asked_back", node.url) for node in (asked, other, fresh)}
    w.bar("... questions to the node that had just booted", ">= 1", through[fresh.name],
          through[fresh.name] >= 1)
    said = bots.count("said")
    wait(lambda: bots.count("said") > said + 2 * clients, "they play on")
    w.end_bots()
    w.check(capacity=clients)


def two_rollouts(w):
    """Two operators decide on the two sides of a partition."""
    start(w, 5, seats=100)
    for version in ("v2", "v3"):
        w.add_servers(version, w.nodes, 100)
    wait(lambda: all({"v2", "v3"} <= set(n.roles()) for n in w.nodes), "all versions are known")
    bots = w.add_bots(w.nodes, *w.size((40, 40), (200, 50)), "2s", "6s", flags=["--until-stopped"])
    left, right = w.nodes[:2], w.nodes[2:]
    w.network.partition(left, right)
    switching.sides_part(w, left, right)
    left[0].decide("promote", version="v2", author="ann")
    right[0].decide("promote", version="v3", author="ben")
    wait(lambda: all(n.roles().get("v2") == "accepting" for n in left), "v2 on the left")
    wait(lambda: all(n.roles().get("v3") == "accepting" for n in right), "v3 on the right")
    w.say("ann has promoted v2 on one side, ben v3 on the other")
    w.network.heal()
    wait(w.together, "all nodes hear each other again", 60)
    wait(lambda: len({n.app().get("epoch") for n in w.nodes}) == 1, "one decision counts", 10)
    apps = [node.app(census=True) for node in w.nodes]
    winners = {app["author"] for app in apps}
    epochs = {app["epoch"] for app in apps}
    w.bar("decisions that count, over all nodes", "1", f"{len(epochs)}, of {', '.join(winners)}",
          len(epochs) == 1 and len(winners) == 1)
    loser = ({"ann", "ben"} - winners).pop()
    shown = sum((app.get("overruled") or {}).get("author") == loser for app in apps)
    w.bar("nodes that show whose decision lost", ">= 1, of 5", shown, shown >= 1)
    logged = sum(any(e["event"] == "overruled" and e["author"] == loser
                     for e in node.ask(f"/v1/events?app={APP}")[1]["events"]) for node in w.nodes)
    w.bar("nodes with it in their activity log", ">= 1, of 5", logged, logged >= 1)
    version = {"ann": "v2", "ben": "v3"}[winners.pop()]
    joined = bots.count("joined", version)
    wait(lambda: bots.count("joined", version) > joined, f"clients come to {version}")
    w.end_bots()
    w.check(capacity=100)


def rollback(w):
    """At 50 % the new version is taken back."""
    start(w, 5, ticket_ttl=w.size(5, 30))
    w.add_servers("v2", w.nodes, 200)
    wait(lambda: all("v2" in n.roles() for n in w.nodes), "v2 is known")
    before = {server.address: server.incarnation() for server in w.of("v1")}
    bots = w.add_bots(w.nodes, *w.size((80, 60), (400, 50)), "1s", w.size("6s", "60s"),
                      flags=["--until-stopped"])
    w.nodes[1].decide("split", weights={"v1": 50, "v2": 50}, author="story")
    wait(lambda: all(n.roles().get("v2") == "accepting" for n in w.nodes), "v2 gets its half")
    wait(lambda: min(bots.count("joined", v) for v in ("v1", "v2")) >= w.size(20, 100),
         "clients are on both", 60)
    # Clients that v2 is named to: their answers tell the rollback.
    names = [name for name in (f"probe-{i}" for i in range(40))
             if w.nodes[0].named_version(name) == "v2"][:8]
    w.bar("share of v2 among 40 clients that ask", "some, not all", len(names), len(names) >= 4)
    began = time.monotonic()
    w.nodes[2].decide("rollback", author="story")
    for node in w.nodes:
        wait(lambda n=node: all(n.named_version(name) == "v1" for name in names),
             f"{node.name} names v1 again", pause=.001)
    took = time.monotonic() - began
    w.bar("until all nodes name v1 to all new clients", f"<= {SPREAD_S} s", f"{took * 1e3:.0f} ms",
          took <= SPREAD_S)
    w.watermark("v1", "v2")
    w.clients_come_after_watermarks()
    wait(lambda: bots.seated("v2") == 0, "the clients of v2 have left by themselves", 120)
    after = {server.address: server.incarnation() for server in w.of("v1")}
    alive = sum(server.running() for server in w.of("v1"))
    w.bar("servers of v1 that were there all the time", "5 of 5", f"{alive} of 5",
          before == after and alive == 5)
    w.end_bots()
    w.check(capacity=200)


def storm(w):
    """Ten times as many clients as there are seats, all at once."""
    clients, seats, rate = w.size((1000, 10, 400), (5000, 50, 500))
    w.add_nodes(5)
    w.add_servers("v1", w.nodes * 2, seats)
    wait(lambda: w.roles_everywhere("v1", "accepting"), "v1 accepts everywhere")
    bots = w.add_bots(w.nodes, clients, rate, "10m", "10m", flags=["--storm"])
    wait(lambda: bots.count("joined") + bots.count("nowhere") >= clients,
         "every client has a seat or was told three times that there is none", w.size(60, 300))
    w.say(f"{bots.count('joined')} seated, {bots.count('nowhere')} sent away")
    w.bar("clients seated", f"{10 * seats}", bots.count("joined"),
          bots.count("joined") == 10 * seats)
    w.end_bots()
    w.check(capacity=seats, seats=10 * seats)


def fallback(w):
    """What should accept is not ready; then it dies. The version before it goes on."""
    start(w, 3, seats=100)
    bots = w.add_bots(w.nodes, 30, 30, "1s", "3s", flags=["--until-stopped"])
    wait(lambda: bots.count("joined") >= 20, "clients come")
    first = w.add_servers("v2", w.nodes[:1], 100)
    wait(lambda: all("v2" in n.roles() for n in w.nodes), "v2 is known")
    w.nodes[0].configure({"weights": {"v2": 100}, "min_ready": 2, "hold": 3})
    wait(lambda: w.roles_everywhere("v2", "warming"), "v2 is not ready")
    joined = bots.count("joined", "v1")
    wait(lambda: bots.count("joined", "v1") > joined + 10 or bots.count("asked", "no_version"),
         "v1 takes clients meanwhile", 15)
    if bots.count("asked", "no_version"):
        w.end_bots()
        return w.check()
    second = w.add_servers("v2", w.nodes[1:2], 100)
    wait(lambda: bots.count("joined", "v2") >= 10, "v2 takes clients")
    for server in first + second:
        w.kill_server(server)
    w.say("all of v2 was killed")
    joined = bots.count("joined", "v1")
    wait(lambda: bots.count("joined", "v1") > joined + 10, "v1 takes clients again")
    for server in first + second:
        server.start()
    wait(lambda: w.roles_everywhere("v2", "accepting"), "v2 accepts after its restart")
    w.end_bots()
    return w.check(capacity=100)


class Client:
    """One that speaks the lines of examples/arena itself, and shows what it likes."""

    def __init__(self, server, *words):
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as link:
            link.sendall((" ".join(words) + "\n").encode())
            self.words = link.makefile().readline().split()

    @property
    def answer(self):
        return " ".join(self.words[:2]) if self.words[:1] == ["no"] else "".join(self.words[:1])


def forged(text):
    """The same text with another character in its last part, which is the signature."""
    middle = len(text) - 10
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1:]


def strangers(w):
    """Who shows a forged ticket, or one for an earlier life of a server, stays outside."""
    start(w, 3, seats=50)
    server = w.servers[0]

    def tickets():
        found = []
        while len(found) < 3:  # candidates come by chance
            found += [c["ticket"] for c in w.nodes[1].place("eve").get("candidates", [])
                      if c["address"] == server.address]
        return found

    def refuses(what, answer, *words):
        told = Client(w.servers[0], *words).answer
        w.bar(f"{what} is told", answer, told, told == answer)

    good, later, *_ = tickets()
    refuses("a ticket with a forged signature", "no invalid", "join", forged(good), "eve")
    seated = Client(server, "join", good, "ann")
    w.bar("the same ticket, unchanged, is told", "welcome", seated.answer,
          seated.answer == "welcome")
    refuses("the same ticket again", "no spent", "join", good, "eve")
    token = seated.words[-1]
    refuses("a token with a forged signature", "no invalid", "resume", forged(token))
    bots = w.add_bots(w.nodes, 30, 60, "1s", "3s", flags=["--until-stopped"])
    wait(lambda: bots.count("joined") >= 30, "clients have come")
    life = server.incarnation()
    w.kill_server(server)
    server.start()
    wait(lambda: server.is_up() and server.incarnation() != life, "it has begun another life")
    refuses("a ticket for an earlier life", "no moved", "join", later, "eve")
    refuses("a token of an earlier life", "no moved", "resume", token)
    joined = bots.count("joined")
    wait(lambda: bots.count("joined") > joined + 10, "clients still come")
    w.end_bots()
    w.check(capacity=50)


def fence(w):
    """A server that is empty is told to close while a client whom its node has let in is on its
    way to it: the server stands still, and the answer to the redemption has not reached it."""
    start(w, 3, seats=10, ticket_ttl=5)
    w.add_servers("v2", w.nodes, 10)
    wait(lambda: "v2" in w.nodes[1].roles(), "v2 is known")
    server, other = w.servers[:2]
    ticket = next(c["ticket"] for c in iter(lambda: w.nodes[1].place("ann")["candidates"][0], None)
                  if c["address"] == server.address)
    path = f"/v1/instances/{server.address}"
    state = {"sessions": 0, "seq": "0", "incarnation": server.row()["incarnation"]}
    server.signal(signal.SIGSTOP)
    status, seated = server.node.ask(f"{path}/redeem", "POST", {"ticket": ticket, "session": "a"})
    w.bar("the client's ticket is", "accepted", seated.get("verdict"), status == 200)
    w.nodes[1].decide("promote", version="v2", author="story")
    wait(lambda: server.node.ask(f"{path}/instruction")[1].get("instruction") == "close",
         "it is told to close")
    status, _ = server.node.ask(f"{path}/fence", "POST", state)
    w.bar("a server with a client on its way may close", "409", status, status == 409)
    server.signal(signal.SIGCONT)
    other.wait("another empty server has closed", 30)
    server.wait("it closes when it has heard of everybody", 30)
    w.bar("exit codes", "0, 0", f"{server.code}, {other.code}", not server.code and not other.code)


STORIES = {story.__name__: story for story in (
    switching.main, switching.loss, switching.clocks, switching.stopped, switching.rolling,
    reconnect, two_rollouts, rollback, storm, fallback, strangers, fence)}
