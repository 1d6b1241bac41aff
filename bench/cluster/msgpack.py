"""Serf's RPC: MessagePack over TCP, no more of it than is used here."""

import socket
import struct

BODIES = {"members"}  # commands whose answer has a body
INTEGERS = {0xca: "f", 0xcb: "d", 0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q",
            0xd0: "b", 0xd1: "h", 0xd2: "i", 0xd3: "q"}
CONSTANTS = {0xc0: None, 0xc2: False, 0xc3: True}
TEXTS = {0xc4: "B", 0xc5: "H", 0xc6: "I", 0xd9: "B", 0xda: "H", 0xdb: "I"}


class Rpc:
    """One connection. Answers come in the order of the questions, and may be read later."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file, self.number, self.owed = self.socket.makefile("rb"), 0, []
        self.call("handshake", {"Version": 1})

    def close(self):
        self.file.close()
        self.socket.close()

    def call(self, command, body=None, wait=True):
        while self.owed:
            self.answer(self.owed.pop(0))
        self.number += 1
        head = pack({"Command": command, "Seq": self.number})
        self.socket.sendall(head + (pack(body) if body else b""))
        if wait:
            return self.answer(command)
        self.owed.append(command)
        return None

    def answer(self, command):
        head = unpack(self.file)
        body = unpack(self.file) if command in BODIES else {}
        if head["Error"]:
            raise RuntimeError(f"serf: {command}: {head['Error']}")
        return body


def pack(value):
    if isinstance(value, int):
        return struct.pack(">BI", 0xce, value)
    if isinstance(value, str):
        raw = value.encode()
        return struct.pack(">BH", 0xda, len(raw)) + raw
    if isinstance(value, list):
        return bytes([0x90 | len(value)]) + b"".join(map(pack, value))
    return bytes([0x80 | len(value)]) + b"".join(pack(k) + pack(v) for k, v in value.items())


def unpack(file):
    def number(code):
        return struct.unpack(">" + code, file.read(struct.calcsize(code)))[0]

    def text(size):
        return file.read(size).decode("utf-8", "replace")

    def array(size):
        return [unpack(file) for _ in range(size)]

    def table(size):
        return {unpack(file): unpack(file) for _ in range(size)}

    head = number("B")
    if head < 0x80:
        return head
    if head < 0x90:
        return table(head & 15)
    if head < 0xa0:
        return array(head & 15)
    if head < 0xc0:
        return text(head & 31)
    if head >= 0xe0:
        return head - 256
    if head in CONSTANTS:
        return CONSTANTS[head]
    if head in INTEGERS:
        return number(INTEGERS[head])
    if head in TEXTS:
        return text(number(TEXTS[head]))
    if head in (0xdc, 0xdd):
        return array(number("H" if head == 0xdc else "I"))
    if head in (0xde, 0xdf):
        return table(number("H" if head == 0xde else "I"))
    raise ValueError(f"MessagePack type {head:#x}")
