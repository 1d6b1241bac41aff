"""Stories of a switch from one version to the next, under clients that come and go all the time."""

import glob
import signal
import time

from .world import wait

FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def last(w, seconds, what):
    """Trouble of a given length."""
    w.say(f"{what} for {seconds:.0f} s")
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end, what, seconds + 5)


def begin(w, node_count, sessions, rate, least, most, environments=None):
    """Nodes, v1 on each of them, and clients of whom half have come."""
    w.add_nodes(node_count, environments)
    seats = -(-2 * sessions // node_count)
    w.add_servers("v1", w.nodes, seats)
    w.nodes[0].configure({"weights": {"v1": 100}}, ticket_ttl=w.size(5, 30))
    wait(lambda: w.roles_everywhere("v1", "accepting"), "v1 accepts everywhere")
    bots = w.add_bots(w.nodes, sessions, rate, least, most, flags=["--until-stopped"])
    wait(lambda: bots.count("joined") > sessions / 2, "half of the clients have come", 60)
    return bots, seats


def promote(w, version, seats, at):
    w.add_servers(version, w.running(), seats)
    wait(lambda: version in at.roles(), f"{version} is known")
    at.decide("promote", version=version, author="story")
    w.say(f"{version} is promoted")


def sides_part(w, few, many):
    """Until the larger side counts the others as gone, and the smaller one hears nothing of it; a
    small minority does not judge the rest."""
    def noticed():
        return all(n.agreement().get("nodes") == len(many) for n in many) and \
            all((a := n.agreement()) and a["nodes"] - a["unheard"] == len(few) for n in few)
    wait(noticed, "both sides noticed", 60)
    w.say(f"{len(few)} nodes are cut off from {len(many)}")


def finish(w, seats, version):
    w.end_bots()
    alive = sum(server.running() for server in w.of(version))
    w.bar(f"servers of {version} that run on", len(w.of(version)), alive,
          alive == len(w.of(version)))
    w.check(capacity=seats)


def main(w):
    """v1 -> v2 -> v3: the first switch in a partition, the second with three nodes killed."""
    bots, seats = begin(w, 9, *w.size((150, 50, "2s", "10s"), (1000, 50, "10s", "10m")))
    few, many = w.nodes[:4], w.nodes[4:]
    w.network.partition(few, many)
    parted = time.monotonic()
    promote(w, "v2", seats, many[0])
    wait(lambda: all(n.roles().get("v2") == "accepting" for n in many), "v2 on one side")
    sides_part(w, few, many)
    early = wait(lambda: many[0].app(census=True).get("watermark"), "one side's watermark")
    w.say(f"the watermark of one side is {early - time.time():.1f} s from now")
    # The other side does not know of it, and goes on naming v1.
    last(w, max(early - time.time() + 1, w.size(0, 60) - (time.monotonic() - parted)),
         "the partition lasts on,")
    w.network.heal()
    wait(w.together, "all nodes hear each other again", 60)
    w.say(f"healed after {time.monotonic() - parted:.1f} s")
    w.watermark("v2", "v1", many[0])  # the other side named v1 until now
    left = bots.seated("v1")
    w.bar("sessions of v1 when v3 is promoted", ">= 1", left, left >= 1)
    promote(w, "v3", seats, w.nodes[1])
    victims = w.random.sample(w.nodes, 3)
    for node in victims:
        node.kill()
    w.say("killed with -9: " + ", ".join(node.name for node in victims))
    survivors = w.running()
    wait(lambda: all(n.agreement().get("nodes") == len(survivors) for n in survivors),
         "the others count them as gone", 60)
    last(w, w.size(2, 10), "three nodes stay away")
    for node in victims:
        node.start()
    wait(w.together, "all nodes hear each other again", 60)
    w.say("all nodes hear each other again")
    w.drained_ms = int(time.time() * 1000)
    w.watermark("v3", "v2")
    w.gone_soon("v1", w.size(40, 800))
    w.gone_soon("v2", w.size(40, 800))
    w.clients_come_after_watermarks()
    finish(w, seats, "v3")


def switch(w, before=None, after=None, environments=None):
    """v1 -> v2 on five nodes, with trouble before or after the promotion."""
    bots, seats = begin(w, 5, *w.size((60, 40, "1s", "5s"), (250, 25, "10s", "90s")),
                        environments=environments)
    if before:
        before()
    promote(w, "v2", seats, w.nodes[0])
    if after:
        after()
    w.drained_ms = int(time.time() * 1000)
    w.watermark("v2", "v1")
    w.gone_soon("v1", w.size(60, 300))
    w.clients_come_after_watermarks()
    finish(w, seats, "v2")


def loss(w):
    """30 % of what nodes send to each other is lost, all the time."""
    switch(w, before=lambda: (w.network.lose(.3), w.say("30 % loss between nodes")))


def clocks(w):
    """One node boots with a clock 5 minutes behind; another's is set 5 minutes ahead at the switch."""
    offset = w.directory / "clock-of-n3"
    offset.write_text("+0s\n")
    libraries = glob.glob(FAKETIME)
    if not libraries:
        raise RuntimeError(f"this story needs libfaketime: no {FAKETIME}")
    common = {"LD_PRELOAD": libraries[0], "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set_clock(text):
        offset.write_text(text + "\n")
        w.say(f"the clock of n3 is set to {text}")
    switch(w, environments={
        3: common | {"FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_CACHE_DURATION": "1"},
        4: common | {"FAKETIME": "-300s"}}, before=lambda: set_clock("+300s"))


def stopped(w):
    """A node stands still: its kernel accepts connections for it, and it says nothing."""
    def stop_for_a_while():
        w.nodes[2].signal(signal.SIGSTOP)
        last(w, w.size(5, 30), "a node is stopped (SIGSTOP)")
        w.nodes[2].signal(signal.SIGCONT)
        wait(w.together, "all nodes hear each other again", 60)
        w.say("all nodes hear each other again")
    switch(w, after=stop_for_a_while)


def rolling(w):
    """Every node is restarted in order, one after the other, while v2 takes over."""
    def restart_all():
        for node in w.nodes:
            node.signal(signal.SIGTERM)
            node.wait(f"{node.name} has stopped", 30)
            node.start()
            wait(w.together, f"all nodes hear {node.name} again", 60)
        w.say("every node was restarted")
    switch(w, after=restart_all)
