"""What a cluster costs that has nothing to do but to agree, with 10,000 instances in its table."""

import statistics
import time

from . import kernel
from .nodes import Cluster, instances, wait_until
from .report import spread

INSTANCES = 10_000
SETTLE_S = 15  # floods are over, rows written, logs checkpointed
WINDOW_S = 40
HEADERS = 28   # bytes of IPv4 and UDP per datagram


def fill(cluster):
    """Each node owns its share of the rows."""
    rows = list(instances(INSTANCES).items())
    count = len(cluster.nodes)
    for index, node in enumerate(cluster.nodes):
        node.register(dict(rows[index::count]))
    wait_until(lambda: all(n.status()["instances"] == INSTANCES for n in cluster.nodes),
               "every node has every instance", pause=.2)
    cluster.wait_agreed()


def window(nodes):
    """Seconds, kernel counters and CPU per node, of a time in which nobody asks anything."""
    for node in nodes:
        node.http.close()
    time.sleep(1)
    begin, net, cpu = time.monotonic(), kernel.traffic(), [kernel.cpu_ns(n.pid) for n in nodes]
    time.sleep(WINDOW_S)
    took = time.monotonic() - begin
    net = {name: value - net[name] for name, value in kernel.traffic().items()}
    cpu = [(kernel.cpu_ns(n.pid) - before) / took / 1e7 for n, before in zip(nodes, cpu)]
    return took, net, cpu


def twenty_nodes(report, directory):
    with Cluster(directory, 20) as cluster:
        nodes = cluster.nodes
        fill(cluster)
        time.sleep(SETTLE_S)
        took, net, cpu = window(nodes)
        memory = [kernel.memory_mb(n.pid) for n in nodes]
    rate = net["datagrams"] / took / len(nodes)
    on_wire = net["bytes"] / took / len(nodes)

    report.add("bytes per node and second", "<= 250 B/s, IP and UDP headers included",
               f"{on_wire:.0f} B/s, payload alone {on_wire - HEADERS * rate:.0f} B/s",
               on_wire <= 250, kernel=net, seconds=took)
    report.add("datagrams per node and second", "<= 2.5", f"{rate:.2f}", rate <= 2.5)
    report.add("CPU per node", "<= 0.2 % of a core",
               f"mean {statistics.mean(cpu):.3f} %, highest {max(cpu):.3f} %",
               statistics.mean(cpu) <= .2, percent_per_node=spread(cpu, 4))
    rss = [m["rss"] for m in memory]
    report.add("RSS with 10,000 instances, highest of 20", "<= 40 MB",
               f"{max(rss):.1f} MB, private {max(m['private'] for m in memory):.1f} MB",
               max(rss) <= 40, mb=spread(rss))
    report.note(f"{took:.0f} s in which nobody asks anything; bytes, datagrams from the kernel "
                f"(also {net['segments']} TCP segments), CPU from schedstat of all threads")
