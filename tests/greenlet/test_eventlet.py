"""eventlet under the runner: its hub, its pools and queues, what it patches, and its WSGI server."""

import subprocess
import sys

import pytest

PROGRAM = """
import warnings
warnings.simplefilter("ignore")
import eventlet
{patch}
import greenlet
print(greenlet.__spec__.origin)

job = eventlet.spawn(lambda: eventlet.sleep(0.001) or "spawned")
print(job.wait())

def fails():
    raise KeyError("seen")
try:
    eventlet.spawn(fails).wait()
except KeyError as error:
    print(error)

pool = eventlet.GreenPool(3)
print(list(pool.imap(lambda n: eventlet.sleep(0) or n * 2, range(10))))

queue = eventlet.Queue(1)
eventlet.spawn(lambda: [queue.put(n) for n in range(5)])
print([queue.get() for _ in range(5)])

try:
    with eventlet.Timeout(0.01):
        eventlet.Event().wait()
except eventlet.Timeout:
    print("timed out")

from eventlet import wsgi
from eventlet.green.urllib.request import urlopen

def app(environ, start_response):
    eventlet.sleep(0.001)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]

listener = eventlet.listen(("127.0.0.1", 0))
server = eventlet.spawn(wsgi.server, listener, app, log_output=False)
url = "http://127.0.0.1:%d/" % listener.getsockname()[1]
fetch = lambda n: urlopen(url + str(n), timeout=60).read().decode()
print(list(eventlet.GreenPool(8).imap(fetch, range(20))) == ["/%d" % n for n in range(20)])
server.kill()
"""

THREADS = """
import queue, threading, time
turns = []
def work():
    for _ in range(3):
        turns.append(threading.get_ident())
        time.sleep(0.001)
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(turns), len(set(turns)))
lock, done = threading.Lock(), queue.Queue()
def hold():
    with lock:
        time.sleep(0.001)
        done.put(1)
[threading.Thread(target=hold).start() for _ in range(3)]
print(sum(done.get(timeout=60) for _ in range(3)))
"""

EXPECTED = [
    "ropewalk",
    "spawned",
    "'seen'",
    "[0, 2, 4, 6, 8, 10, 12, 14, 16, 18]",
    "[0, 1, 2, 3, 4]",
    "timed out",
    "True",
]


def run(program):
    done = subprocess.run(
        [sys.executable, "-m", "ropewalk", "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("patch", ["", "eventlet.monkey_patch()"], ids=["as it is", "patched"])
def test_eventlets_own_parts_work(patch):
    assert run(PROGRAM.format(patch=patch)) == EXPECTED


def test_threads_that_eventlet_has_made_cooperative_take_turns():
    program = (
        f"import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch(){THREADS}"
    )
    assert run(program) == ["9 3", "3"]
