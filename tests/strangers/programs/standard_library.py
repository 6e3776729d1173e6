"""logging through queues, asyncio.to_thread, Timer, Barrier, socketserver: the standard library on itself."""

import asyncio
import io
import logging
import logging.handlers
import queue
import socket
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor

out = io.StringIO()
log_queue = queue.Queue()
listener = logging.handlers.QueueListener(log_queue, logging.StreamHandler(out))
logger = logging.getLogger("strangers")
logger.setLevel(logging.INFO)
logger.propagate = False
logger.addHandler(logging.handlers.QueueHandler(log_queue))
listener.start()
threads = [
    threading.Thread(target=lambda n=n: [logger.info("thread %d line %d", n, i) for i in range(200)])
    for n in range(4)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
listener.stop()
lines = out.getvalue().splitlines()
print("log lines", len(lines), len(set(lines)))


async def main():
    loop = asyncio.get_running_loop()
    doubled = await asyncio.gather(*(asyncio.to_thread(lambda n=n: n * 2) for n in range(50)))
    squared = await asyncio.gather(*(loop.run_in_executor(None, pow, n, 2) for n in range(50)))
    return sum(doubled), sum(squared)


print("asyncio", asyncio.run(main()))

fired = threading.Event()
timer = threading.Timer(0.01, fired.set)
timer.start()
print("timer", fired.wait(120))
never = threading.Timer(60, print, ["never"])
never.start()
never.cancel()
never.join()

barrier = threading.Barrier(5, action=lambda: rounds.append(None))
rounds = []


def go_round():
    for _ in range(20):
        barrier.wait()


threads = [threading.Thread(target=go_round) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("barrier", len(rounds), barrier.n_waiting, barrier.broken)


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", 0), Echo) as server:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def ask(n):
        with (
            socket.create_connection(server.server_address) as connection,
            connection.makefile("rwb") as stream,
        ):
            stream.write(b"hello %d\n" % n)
            stream.flush()
            return stream.readline()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(100)))
    server.shutdown()
print("echo", answers == [b"HELLO %d\n" % n for n in range(100)])
