"""A program that runs a server in a network of its own, and lets it be reached through one port of 127.0.0.1 only.

For servers that listen on every address of the machine, whatever they are told, and on many ports: in a network
namespace of its own (Linux) all of them are private, and several such servers may run at once.

``python apart.py PORT INNER PROGRAM [ARGUMENT …]``: whoever connects to PORT of 127.0.0.1 speaks with INNER inside.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress

HOST = "127.0.0.1"
NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000
SET_FLAGS, UP = 0x8914, 0x1
CHUNK = 1 << 18


def main(arguments: list[str]) -> int:
    """Start the program, and relay until it ends."""
    port, inner, program = int(arguments[0]), int(arguments[1]), arguments[2:]
    listener = socket.create_server((HOST, port), backlog=128)  # made before: it stays in the machine's own network
    _leave_network()
    server = subprocess.Popen(program)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    threading.Thread(target=_accept, args=(listener, inner), daemon=True).start()
    return server.wait()


def _leave_network() -> None:
    """Move this process into a new network, in which there is nothing but a loopback [man 7 network_namespaces]."""
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.unshare(NEW_NETWORK) and kernel.unshare(NEW_NETWORK | NEW_USER):
        reason = os.strerror(ctypes.get_errno())
        raise SystemExit(
            f"This server listens on every address of the machine, so it is started only in a network of its own, and "
            f"this kernel refuses one: {reason}. Run as root, or allow user namespaces."
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh22x", b"lo", UP))


def _accept(listener: socket.socket, inner: int) -> None:
    while True:
        caller, _ = listener.accept()
        try:
            server = socket.create_connection((HOST, inner))
        except OSError:
            caller.close()
            continue
        for one in (caller, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((caller, server), (server, caller)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
