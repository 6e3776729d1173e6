"""served.py SIDE WHAT prints microseconds of the server's processor time for each request that gevent.pywsgi answers.

The side stdlib is the package greenlet. WHAT is `kept` for connections that stay, `fresh` for one to each request.  The
client is a process of its own, and takes no answer but the one it expects.
"""

import resource
import selectors
import socket
import sys

REQUESTS = 20_000
CONNECTIONS = 32
BODY = b"Hello, World!"


class Client:
    """Keeps so many requests on their way, in one thread, and checks each answer."""

    def __init__(self, port, kept):
        self.port, self.kept = port, kept
        keep = b"" if kept else b"Connection: close\r\n"
        self.request = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + keep + b"\r\n"
        self.selector = selectors.DefaultSelector()
        self.asked = self.answered = 0

    def ask(self, connection):
        self.asked += 1
        connection.sendall(self.request)
        self.selector.register(connection, selectors.EVENT_READ, bytearray())

    def read(self, key):
        key.data.extend(piece := key.fileobj.recv(65536))
        head, _, body = bytes(key.data).partition(b"\r\n\r\n")
        if piece and (not self.kept or len(body) < len(BODY)):
            return
        if not head.startswith(b"HTTP/1.1 200 OK\r\n") or body != BODY:
            sys.exit(f"not the answer: {bytes(key.data)!r}")
        self.answered += 1
        self.selector.unregister(key.fileobj)
        if not self.kept:
            key.fileobj.close()
        if self.asked < REQUESTS:
            self.ask(key.fileobj if self.kept else self.connected())

    def connected(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def run(self):
        for _ in range(CONNECTIONS):
            self.ask(self.connected())
        while self.answered < REQUESTS:
            for key, _ in self.selector.select():
                self.read(key)


def processor_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
    return [BODY]


def serve(side, what):
    if side == "ropewalk":
        import ropewalk

        ropewalk.install()
    try:
        import greenlet
        from gevent import subprocess
        from gevent.pywsgi import WSGIServer
    except ImportError:
        sys.stderr.write("gevent is not installed\n")
        sys.exit(3)
    if (getattr(greenlet.__spec__, "origin", None) == "ropewalk") != (side == "ropewalk"):
        sys.stderr.write("greenlet is not what it should be\n")
        sys.exit(3)
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    client = [sys.executable, __file__, "client", what, str(server.server_port)]
    before = processor_time()
    code = subprocess.call(client)
    used = processor_time() - before
    if code:
        sys.exit(f"the client ended with {code}")
    print(used / REQUESTS * 1e6)


if __name__ == "__main__":
    if sys.argv[1] == "client":
        Client(int(sys.argv[3]), sys.argv[2] == "kept").run()
    else:
        serve(*sys.argv[1:3])
