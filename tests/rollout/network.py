"""A network of our own: a namespace for clients and servers, and one behind it for each node.

Nodes reach each other only through the middle, whose firewall makes the trouble. What is between
nodes and their clients stays well: the stories are about what the registry does with trouble.
"""

import ctypes
import os
import pathlib
import signal
import subprocess

from bench import kernel

CLONE_NEWNET = kernel.CLONE_NEWNET
OUTER = "/proc/sys/net/ipv4/ip_forward"


def spawn(argv, namespace=None, new_namespace=False, **options):
    """A child that the kernel kills when we end, however that happens. Main thread only."""
    parent = os.getpid()

    def prepare():
        kernel.LIBC.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if namespace is not None and kernel.LIBC.setns(namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        if new_namespace and kernel.LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        if os.getppid() != parent:
            os._exit(127)

    # A session of its own: Ctrl-C is for us, who then end it.
    return subprocess.Popen([str(word) for word in argv], preexec_fn=prepare,
                            stdin=subprocess.DEVNULL, start_new_session=True, **options)


def run(*words):
    ran = subprocess.run(words, capture_output=True, text=True, check=False,
                         env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    if ran.returncode:
        raise RuntimeError(f"{' '.join(words)}: {ran.stderr.strip()}")


class Network:
    def __init__(self):
        if not kernel.private_network():
            raise RuntimeError("this needs network namespaces: root, or a kernel that grants user "
                               "namespaces; in a container: --privileged")
        if pathlib.Path(OUTER).read_text().strip() != "1":
            pathlib.Path(OUTER).write_text("1")
        self.holders, self.namespaces = [], []

    def address(self, i):
        return f"10.77.{i}.2"

    def add(self):
        """A namespace for one more node: its index."""
        i = len(self.holders)
        holder = spawn(["sleep", "infinity"], new_namespace=True)
        self.holders.append(holder)
        self.namespaces.append(os.open(f"/proc/{holder.pid}/ns/net", os.O_RDONLY))
        run("ip", "link", "add", f"node{i}", "type", "veth", "peer", "name", "eth0",
            "netns", str(holder.pid))
        run("ip", "address", "add", f"10.77.{i}.1/24", "dev", f"node{i}")
        run("ip", "link", "set", f"node{i}", "up")
        inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "ip"]
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "address", "add", f"{self.address(i)}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "route", "add", "default", "via", f"10.77.{i}.1")
        return i

    def partition(self, left, right):
        """Nothing passes between these nodes, without a word, until heal()."""
        for here, there in ((left, right), (right, left)):
            run("iptables", "-A", "FORWARD", "-s", ",".join(node.host for node in here),
                "-d", ",".join(node.host for node in there), "-j", "DROP")

    def lose(self, share):
        """So much of what nodes send to each other is lost, each packet by chance."""
        run("iptables", "-A", "FORWARD", "-m", "statistic", "--mode", "random",
            "--probability", str(share), "-j", "DROP")

    def heal(self):
        run("iptables", "-F", "FORWARD")

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait()
        for namespace in self.namespaces:
            os.close(namespace)
