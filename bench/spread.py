"""How fast a registration travels, as an application sees it: from the moment before its POST until
other nodes answer with the new row."""

import collections
import random
import selectors
import statistics
import time

from .nodes import TTL_S, Cluster
from .report import quantile, spread

LOST_S = 10


def row(address):
    return {"address": address, "app_name": "bench", "last_update": int(time.time()), "ttl": TTL_S}


def instance(address):
    return f"/v1/instances/{address}"


class Watch:
    """Asks nodes in turn for one thing, one question at a time, until each has it: `has` the answer.
    So asking takes at most one core, whatever the number of nodes."""

    def __init__(self, path, has=lambda answer: answer.status == 200):
        self.path, self.has = path, has
        self.seen = {}   # node -> when its answer with the row came
        self.polls = 0

    def warm(self, nodes):
        """Nobody has it yet; and every connection is open again."""
        for node in nodes:
            answer = node.http.get(self.path)
            assert not self.has(answer), f"{self.path} is there already: {answer.status}"

    def run(self, nodes, origin=None, post=None, on_answer=None):
        """Sends `post` to `origin`, if given, and watches `nodes`. Returns when that began and when
        the POST was answered."""
        waiting = collections.deque(random.sample(nodes, len(nodes)))
        asking, answered = None, None
        get = {node: node.http.request("GET", self.path) for node in nodes}
        with selectors.DefaultSelector() as selector:
            for node in nodes + ([origin] if origin else []):
                selector.register(node.http, selectors.EVENT_READ, node)
            begin = time.perf_counter()
            if origin:
                origin.http.send(post)
            while waiting or asking or (origin and answered is None):
                if time.perf_counter() > begin + LOST_S:
                    raise TimeoutError(f"{len(waiting)} nodes do not have {self.path}")
                if waiting and asking is None:
                    asking = waiting.popleft()
                    asking.http.send(get[asking])
                    self.polls += 1
                for key, _ in selector.select(LOST_S):
                    answer, now = key.data.http.take(), time.perf_counter()
                    if answer is None:
                        continue
                    if key.data is origin:
                        assert answer.status == 200, f"POST: {answer.status} {answer.body}"
                        answered = now
                        if on_answer:
                            on_answer()
                    else:
                        if self.has(answer):
                            self.seen[asking] = now
                        else:
                            waiting.append(asking)
                        asking = None
        return begin, answered


def floor_ms(nodes, address, times=50):
    """What `run` needs to see that all nodes have a row that they have had for long."""
    took = []
    for _ in range(times):
        watch = Watch(instance(address))
        begin, _ = watch.run(nodes)
        took.append((max(watch.seen.values()) - begin) * 1e3)
    return statistics.median(took)


def registrations(nodes, trials, pick_origin, targets_of, check=None):
    """Registers `trials` addresses. Returns (ms until every target has it, ms of each POST)."""
    last, posts = [], []
    for trial in range(trials):
        address = f"192.0.2.{trial % 250}:{10_000 + trial}"
        origin = pick_origin()
        targets = targets_of(origin)
        watch = Watch(instance(address))
        watch.warm(nodes)
        time.sleep(random.uniform(.02, .08))  # a node that sent just now coalesces for 5 ms
        post = origin.http.request("POST", "/registry/register_instance", row(address))
        begin, answered = watch.run(targets, origin, post,
                                    check and (lambda: check(origin, address)))
        last.append((max(watch.seen.values()) - begin) * 1e3)
        posts.append((answered - begin) * 1e3)
    return last, posts


def three_nodes(report, directory, trials=200):
    with Cluster(directory, 3) as cluster:
        a, _, c = cluster.nodes
        there = []

        def listed(origin, address):
            there.append(f'"{address}":'.encode() in origin.http.get("/registry/list").body)

        last, posts = registrations(cluster.nodes, trials, lambda: a, lambda _: [c], listed)
        least = floor_ms([c], f"192.0.2.0:{10_000}")
    report.add("in A's list when its POST returns", f"{trials} of {trials}",
               f"{sum(there)} of {trials}", all(there), post_ms=spread(posts))
    report.add("seen at C after the POST at A", "median < 10 ms, all <= 50 ms",
               "median {median} ms, p99 {p99} ms, max {max} ms".format(**spread(last)),
               statistics.median(last) < 10 and max(last) <= 50, ms=spread(last), floor_ms=least)
    report.note(f"from before the POST is sent (median {statistics.median(posts):.2f} ms until its "
                f"answer); C is asked all the time, which by itself takes {least:.2f} ms")


def twenty_nodes(report, directory, trials=100):
    with Cluster(directory, 20) as cluster:
        nodes = cluster.nodes
        last, posts = registrations(nodes, trials, lambda: random.choice(nodes),
                                    lambda origin: [n for n in nodes if n is not origin])
        least = floor_ms(nodes[1:], f"192.0.2.0:{10_000}")
    report.add("a registration is at all 20 nodes", "median <= 30 ms",
               "median {median} ms, p99 {p99} ms".format(**spread(last)),
               statistics.median(last) <= 30, ms=spread(last), post_ms=spread(posts),
               floor_ms=least, p90_ms=round(quantile(last, .9), 2))
    report.note(f"from before the POST is sent (median {statistics.median(posts):.2f} ms until its "
                f"answer); asking 19 nodes in turn takes {least:.2f} ms even if all have it")
