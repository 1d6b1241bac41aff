#!/usr/bin/env python3
"""A stateful server in thirty lines: counts the lines of each client, through any rollout.

    ./examples/python/echo_server.py 127.0.0.1:9100 v1

The first line of a client is `ticket TICKET` or `token TOKEN`; the answer is its new token. Each
later line is answered with its number and the server's version. `bye` ends the session.
"""
import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "clients/python"))
import hearsay

address, version = sys.argv[1:3]
node = sys.argv[3] if len(sys.argv) > 3 else hearsay.NODE
counts = {}  # lines so far, by session: the state that a client does not want to lose


async def serve(reader, writer):
    kind, _, text = (await reader.readline()).decode().strip().partition(" ")
    try:
        session = await asyncio.to_thread(server.seat, **{kind: text})
    except (hearsay.Refused, TypeError) as refused:
        writer.write(f"no {refused}\n".encode())
        return writer.close()
    writer.write(f"yes {session.token}\n".encode())
    while (line := (await reader.readline()).decode().strip()) not in ("", "bye"):
        counts[session.name] = counts.get(session.name, 0) + 1
        writer.write(f"{counts[session.name]} {version} {line}\n".encode())
    server.end(session.name) if line == "bye" else server.lose(session.name)
    writer.close()


async def main():
    host, _, port = address.rpartition(":")
    async with await asyncio.start_server(serve, host, int(port)):
        with server:  # registered from here on: clients may come
            await asyncio.to_thread(server.closed.wait)


server = hearsay.Server(address, "echo", version, capacity=40, ttl=5, node=node,
                        on_instruction=lambda said: print(version, said, flush=True))
asyncio.run(main())
