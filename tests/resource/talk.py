"""What a program does with a network that is limited: talk.py WAY PORT. Says what came of it in one line of JSON."""
import errno
import json
import signal
import socket
import sys
import threading

BLOCK = bytes(65536)
CONNECTIONS = 8
EACH = 192 * 1024


def send(port):
    """All it has, over many connections at once."""
    def one():
        with socket.create_connection(("127.0.0.1", port)) as connection:
            left = EACH
            while left > 0:
                left -= connection.send(BLOCK[:left])
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(10) == b"all"
    threads = [threading.Thread(target=one) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CONNECTIONS * EACH


def receive(port):
    """All that somebody sends as fast as they can."""
    done = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.shutdown(socket.SHUT_WR)
        while True:
            part = connection.recv(65536)
            if not part:
                return done
            done += len(part)


def serve(port):
    """To whoever comes, with their address; says itself where it is."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        connection, peer = listener.accept()
        with connection:
            connection.sendall(json.dumps(peer).encode() + b"\n")
            while connection.recv(65536):
                pass
            connection.sendall(BLOCK * (CONNECTIONS * EACH // len(BLOCK)))
    return CONNECTIONS * EACH


def failures(port):
    """What goes wrong goes wrong as it does without a limit."""
    found = {}
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
    for name, attempt in (("refused", lambda: socket.create_connection(("127.0.0.1", nobody))),
                          ("denied", lambda: socket.create_connection(("127.0.0.2", port))),
                          ("datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
                          ("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
                          ("taken", lambda: socket.create_server(("127.0.0.1", port)))):
        try:
            attempt()
            found[name] = "worked"
        except OSError as error:
            found[name] = errno.errorcode[error.errno]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        found["names"] = connection.getpeername()[1] == port and connection.getsockname()[0] == "127.0.0.1"
        connection.sendall(b"x")
        try:
            while connection.recv(65536):
                pass
            found["broken"] = "ended"
        except OSError as error:
            found["broken"] = errno.errorcode[error.errno]
    return found


def itself(_):
    """One end and the other, in the same program, with a listener that comes and goes."""
    for host, port in (("127.0.0.1", 0), ("0.0.0.0", 0)):
        for _ in range(2):
            with socket.create_server((host, port)) as listener:
                port = listener.getsockname()[1]
                with socket.create_connection(("127.0.0.1", port)) as client:
                    server, peer = listener.accept()
                    with server:
                        assert peer == client.getsockname(), (peer, client.getsockname())
                        client.sendall(b"there")
                        assert server.recv(5) == b"there"
                        server.sendall(b"back")
                        assert client.recv(4) == b"back"
    return "done"


def forever(port):
    """A service that sends as long as it is let."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            connection.sendall(BLOCK)


def until_refused(port):
    """One connection after the other, until there may be no more."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                while True:
                    connection.sendall(BLOCK)
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                print("refused", errno.errorcode[error.errno], flush=True)
                signal.pause()


print(json.dumps({"result": globals()[sys.argv[1]](int(sys.argv[2]))}), flush=True)
