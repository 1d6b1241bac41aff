"""Counters of the kernel, a network of our own, and children that never outlive us."""

import ctypes
import fcntl
import os
import pathlib
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP_LOOPBACK = 0x8914, 0x41


def private_network():
    """Moves this process into a network namespace of its own, so that lo carries only what is
    measured. False where that is not allowed."""
    if LIBC.unshare(CLONE_NEWNET) and LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_LOOPBACK))
    return True


def spawn(argv, **options):
    """A child that the kernel kills when we end, however that happens. Main thread only: the signal
    comes when the thread that forked ends."""
    parent = os.getpid()

    def die_with_parent():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)

    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(word) for word in argv], preexec_fn=die_with_parent, **options)


def free_port():
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return any_socket.getsockname()[1]


def traffic():
    """Totals of the whole namespace. Bytes are IP packets: with IP and UDP or TCP headers."""
    lo = next(line for line in open("/proc/net/dev") if line.split(":")[0].strip() == "lo")
    fields = lo.split(":")[1].split()
    snmp = {}
    rows = [line.split() for line in open("/proc/net/snmp")]
    for names, values in zip(rows[::2], rows[1::2]):
        snmp[names[0]] = dict(zip(names[1:], map(int, values[1:])))
    return {"bytes": int(fields[8]), "packets": int(fields[9]),
            "datagrams": snmp["Udp:"]["OutDatagrams"], "segments": snmp["Tcp:"]["OutSegs"]}


def cpu_ns(pid):
    """Time that the live threads of a process have run. The usual 10 ms ticks show 0 for a node
    that runs 0.1 ms at a time."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(open(f"/proc/{pid}/task/{thread}/schedstat").read().split()[0])
        except FileNotFoundError:  # it has just ended
            pass
    return total


def memory_mb(pid):
    """Resident memory: all, and without the shared pages of libraries. In units of 10^6 bytes."""
    sizes = {}
    for name in ("status", "smaps_rollup"):
        for line in open(f"/proc/{pid}/{name}"):
            words = line.split()
            if len(words) >= 3 and words[-1] == "kB":
                sizes[words[0]] = int(words[1]) * 1024 / 1e6
    return {"rss": sizes["VmRSS:"], "private": sizes["Private_Clean:"] + sizes["Private_Dirty:"]}


def fsync_us(directory, times=200):
    """Median time of an append of 4 KiB that is forced to the disk."""
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(times):
            begin = time.perf_counter()
            os.write(file.fileno(), bytes(4096))
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(took)


def filesystem(directory):
    """Type of the file system that holds this directory."""
    best, kind = "", "?"
    for line in open("/proc/mounts"):
        _, mount, mounted, *_ = line.split()
        if pathlib.Path(directory).resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, mounted
    return kind


def machine(directory):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown CPU")
    return {"cores": len(os.sched_getaffinity(0)), "cpu": model, "kernel": os.uname().release,
            "load": round(os.getloadavg()[0], 2), "filesystem": filesystem(directory),
            "fdatasync_us": round(fsync_us(directory))}
