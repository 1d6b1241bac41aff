"""A node that joins a cluster with 100,000 instances."""

import statistics
import time

from . import kernel
from .nodes import Cluster, Node, instances, wait_until

INSTANCES = 100_000
TRIALS = 3


def join_once(directory, cluster, trial):
    """Seconds from exec until the node lists every instance, and what it received for that."""
    node = Node(directory, f"joiner{trial}", cluster.nodes[:1])
    wire = kernel.traffic()["bytes"]
    begin = time.monotonic()
    node.start()
    try:
        node.wait_healthy()
        while (status := node.status())["instances"] < INSTANCES:
            if time.monotonic() > begin + 60:
                raise TimeoutError(f"after 60 s it has {status['instances']} instances")
            time.sleep(.02)
        took = time.monotonic() - begin
        counters = status["counters"]
        received = counters["stream_bytes_in"] + counters["bytes_in"]
        return {"seconds": took, "received": received, "counters": counters,
                "on_wire": kernel.traffic()["bytes"] - wire,
                "memory_mb": kernel.memory_mb(node.pid),
                "cpu_s": kernel.cpu_ns(node.pid) / 1e9}
    finally:
        node.end(gently=True)


def measure(report, directory):
    with Cluster(directory, 3) as cluster:
        rows = list(instances(INSTANCES).items())
        begin = time.monotonic()
        for index, node in enumerate(cluster.nodes):
            node.register(dict(rows[index::3]))
        wait_until(lambda: all(n.status()["instances"] == INSTANCES for n in cluster.nodes),
                   "three nodes have 100,000 instances", pause=.2)
        cluster.wait_agreed()
        filled = time.monotonic() - begin
        time.sleep(3)
        records, table = cluster.nodes[0].query(
            "select count(*), sum(length(bytes)) from records")[0]
        trials = [join_once(directory, cluster, trial) for trial in range(TRIALS)]
    seconds = [t["seconds"] for t in trials]
    ratios = [t["received"] / table for t in trials]
    report.add("100,000 instances at the joining node", "<= 3 s",
               f"median {statistics.median(seconds):.2f} s, worst of {TRIALS} {max(seconds):.2f} s",
               statistics.median(seconds) <= 3, trials=trials)
    report.add("bytes that it received", "<= 1.2 x the table's",
               f"{statistics.median(ratios):.2f} x, worst {max(ratios):.2f} x",
               max(ratios) <= 1.2, table_bytes=table, records=records, ratios=ratios)
    report.note(f"from the start of its process; {records} records of {table / records:.0f} B; "
                "received: payload of datagrams and streams; filling three nodes took "
                f"{filled:.1f} s")
