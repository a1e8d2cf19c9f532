"""WebSocket conformance through the gate.

Each case is bytes of a client (RFC 6455). It is run against an echoing server directly and through the gate, in one
piece, in pieces and byte by byte: what comes back must be the same, to the last byte and to the end of the connection.
A library on both sides then exchanges messages of many sizes, compressed and not.

Usage: websocket.py PORT_OF_GATE PORT_FOR_THE_SERVER HOST
"""

import asyncio
import logging
import os
import socket
import ssl
import struct
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

GATE, SERVER, HOST = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
MASK = b"\x11\x22\x33\x44"


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0, length=None):
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    size = len(payload) if length is None else length
    flag = 0x80 if masked else 0
    if size < 126:
        head += bytes([flag | size])
    elif size < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", size)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BYE = frame(CLOSE, struct.pack(">H", 1000))
# The server echoes messages in their order, but forgets those that it has not echoed yet when it reads a close.
LAST, LAST_ECHO = frame(TEXT, b"last"), b"\x81\x04last"


def cases():
    for kind in (TEXT, BINARY):
        for size in (0, 1, 124, 125, 126, 127, 128, 65535, 65536, 65537, 131072):
            yield f"message {kind} of {size}", frame(kind, b"*" * size) + BYE
    for size in (0, 1, 125):
        yield f"ping of {size}", frame(PING, b"p" * size) + BYE
    yield "ping too long", frame(PING, b"p" * 126)
    yield "ten pings", frame(PING, b"x") * 10 + BYE
    yield "pong nobody asked for", frame(PONG, b"x") + frame(TEXT, b"after") + BYE
    for reserved in (1, 2, 3, 4, 5, 6, 7):
        yield f"reserved bits {reserved}", frame(TEXT, b"x", reserved=reserved)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield f"reserved opcode {opcode}", frame(opcode, b"x")
    yield "unmasked", frame(TEXT, b"x", masked=False)
    yield "fragments", frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c") + BYE
    yield "empty fragments", frame(TEXT, b"", fin=False) + frame(0, b"", fin=False) + frame(0) + BYE
    yield "ping between fragments", frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(0, b"b") + BYE
    yield "fragmented ping", frame(PING, b"p", fin=False) + frame(0, b"q")
    yield "continuation of nothing", frame(0, b"x")
    yield "message within a message", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")
    for size in (1000, 60000):
        pieces = [frame(0, b"z" * 997, fin=False) for _ in range(size // 997)]
        yield f"{len(pieces)} fragments", frame(BINARY, b"", fin=False) + b"".join(pieces) + frame(0) + BYE
    for text in ("κόσμε", "\U0001f6aa" * 50, "\u0000", "\ufffe"):
        yield f"text {text[:5]!r}", frame(TEXT, text.encode()) + BYE
    whole = "κόσμε".encode()
    for at in range(1, len(whole)):
        yield f"text cut at {at}", frame(TEXT, whole[:at], fin=False) + frame(0, whole[at:]) + BYE
    for octets in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\xce", b"\xf8\x88\x80\x80\x80"):
        yield f"no text {octets!r}", frame(TEXT, octets)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield f"close {code}", frame(CLOSE, struct.pack(">H", code) + b"bye")
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
        yield f"no close {code}", frame(CLOSE, struct.pack(">H", code))
    yield "close of nothing", frame(CLOSE)
    yield "close of one byte", frame(CLOSE, b"\x03")
    yield "close of 125", frame(CLOSE, struct.pack(">H", 1000) + b"r" * 123)
    yield "close of 126", frame(CLOSE, struct.pack(">H", 1000) + b"r" * 124)
    yield "close with no text", frame(CLOSE, struct.pack(">H", 1000) + b"\xff")
    yield "two closes", BYE + BYE
    yield "message after close", BYE + frame(TEXT, b"late")
    yield "half a frame and an end", frame(BINARY, b"x" * 10, length=20)


def talk(port, tls, pieces):
    stream = socket.create_connection(("127.0.0.1", port), timeout=20)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        stream = context.wrap_socket(stream, server_hostname=HOST)
    stream.sendall(
        f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += stream.recv(65536)
    head, got = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert b"s3pplmbitxaq9kygzzhzrbk+xoo=" in head.lower(), head
    try:
        for piece in pieces:
            stream.sendall(piece)
        if pieces[-1] == b"":
            stream.shutdown(socket.SHUT_WR)
        if b"".join(pieces).endswith(LAST):
            while not got.endswith(LAST_ECHO) and (more := stream.recv(65536)):
                got += more
            stream.sendall(BYE)
        while more := stream.recv(65536):
            got += more
        end = "closed"
    except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
        end = "closed"
    stream.close()
    return got, end


def ways(data):
    yield "in one piece", [data]
    yield "in pieces", [data[at : at + 700] for at in range(0, len(data), 700)]
    if len(data) < 2000:
        yield "byte by byte", [data[at : at + 1] for at in range(len(data))]


def transparent():
    failed = total = 0
    for name, data in cases():
        if data.endswith(BYE) and data != BYE + BYE:
            data = data[: -len(BYE)] + LAST
        for way, pieces in ways(data):
            if name.endswith("an end"):
                pieces = [*pieces, b""]
            direct, gated = talk(SERVER, False, pieces), talk(GATE, True, pieces)
            total += 1
            if direct != gated:
                failed += 1
                print(f"DIFFERENT: {name}, {way}: {direct!r:.200} directly, {gated!r:.200} through the gate")
    print(f"{total} exchanges of bytes, {failed} differ from those without the gate")
    return failed


async def messages():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    total = failed = 0
    for compression in ("deflate", None):
        async with connect(
            f"wss://{HOST}:{GATE}/echo", host="127.0.0.1", port=GATE, ssl=context, server_hostname=HOST,
            compression=compression, max_size=None, proxy=None,
        ) as socket:
            negotiated = [extension.name for extension in socket.protocol.extensions]
            total += 1
            failed += negotiated != (["permessage-deflate"] if compression else [])
            for size in (0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20):
                for message in ("é" * (size // 2), b"\0" * size, os.urandom(size)):
                    await socket.send(message)
                    total += 1
                    failed += await socket.recv() != message
            for _ in range(2000):
                await socket.send("many")
            for _ in range(2000):
                failed += await socket.recv() != "many"
            total += 1
            await (await socket.ping(b"still there"))
            total += 1
    print(f"{total} exchanges of messages, {failed} failed")
    return failed


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main():
    async with serve(echo, "127.0.0.1", SERVER, max_size=None, ping_interval=None):
        failed = await asyncio.to_thread(transparent)
        failed += await messages()
    sys.exit(1 if failed else 0)


logging.disable()
asyncio.run(main())
