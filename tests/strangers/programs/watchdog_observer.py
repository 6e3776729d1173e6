"""watchdog: an observer thread feeds events through a queue.Queue subclass that overrides its hooks."""

import pathlib
import tempfile
import threading

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer


class Seen(FileSystemEventHandler):
    def __init__(self):
        self.names = set()
        self.all = threading.Event()

    def on_created(self, event):
        self.names.add(pathlib.Path(event.src_path).name)
        if len(self.names) == 100:
            self.all.set()


with tempfile.TemporaryDirectory() as folder:
    seen = Seen()
    observer = Observer()
    observer.schedule(seen, folder)
    observer.start()
    for n in range(100):
        (pathlib.Path(folder) / f"file{n:03}").touch()
    print("all seen", seen.all.wait(120), len(seen.names))
    observer.stop()
    observer.join()
    print("alive", observer.is_alive())
