"""HTTP/1.1 over one kept connection, small enough to cost less than what it measures."""

import json
import socket


class Closed(OSError):
    """The server closed the connection, as it does with one that idles too long."""


class Answer:
    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Connection:
    """One connection that is opened when needed. One request at a time."""

    def __init__(self, host, port, timeout=30):
        self.address, self.timeout = (host, port), timeout
        self.socket, self.buffer = None, b""
        self.head = f"Host: {host}:{port}\r\n"

    def fileno(self):
        return self.socket.fileno()

    def open(self):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, self.timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.buffer = b""

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def request(self, method, path, body=None, headers=""):
        """The bytes of a request, to be made once and sent often."""
        body = b"" if body is None else json.dumps(body).encode()
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"{method} {path} HTTP/1.1\r\n{self.head}{headers}{length}\r\n".encode() + body

    def send(self, request):
        self.open()
        self.socket.sendall(request)

    def take(self):
        """Reads once, and gives the answer when it is complete, else None. For selectors."""
        data = self.socket.recv(1 << 18)
        if not data:
            self.close()
            raise Closed("the server closed the connection")
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        total = end + 4 + int(headers.get("content-length", 0))
        if len(self.buffer) < total:
            return None
        body, self.buffer = self.buffer[end + 4:total], self.buffer[total:]
        return Answer(int(lines[0].split()[1]), headers, body)

    def exchange(self, request):
        """Sends and waits for the answer. An idle connection that was closed is opened again."""
        for last in (False, True):
            fresh = self.socket is None
            try:
                self.send(request)
                while (answer := self.take()) is None:
                    pass
                return answer
            except (Closed, ConnectionResetError, BrokenPipeError):
                self.close()
                if fresh or last:
                    raise
        raise AssertionError("unreachable")

    def get(self, path, headers=""):
        return self.exchange(self.request("GET", path, None, headers))

    def post(self, path, body):
        return self.exchange(self.request("POST", path, body))
