"""A small WSGI application: a counter under a lock, and a pool that computes the answer."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(4)
lock = threading.Lock()
count = 0


def app(environ, start_response):
    global count
    with lock:
        count += 1
    body = pool.submit(hashlib.sha256, environ["PATH_INFO"].encode()).result().hexdigest().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
