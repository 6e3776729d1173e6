"""requests-futures: sessions on a thread pool, against http.server in this process."""

import http.server
import threading
from concurrent.futures import as_completed

from requests_futures.sessions import FuturesSession


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
base = "http://127.0.0.1:%d" % server.server_port
with FuturesSession(max_workers=8) as session:
    session.trust_env = False
    futures = [session.get(f"{base}/{n}") for n in range(200)]
    texts = sorted((future.result().text for future in as_completed(futures)), key=lambda t: int(t[1:]))
print(texts == [f"/{n}" for n in range(200)])
server.shutdown()
server.server_close()
