"""loguru with enqueue=True: a worker thread behind a multiprocessing queue."""

import threading

from loguru import logger

lines = []
logger.remove()
logger.add(lambda message: lines.append(str(message)), enqueue=True, format="{message}")
threads = [
    threading.Thread(target=lambda n=n: [logger.info(f"{n} {i}") for i in range(100)]) for n in range(4)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
logger.complete()
logger.remove()
print(len(lines), len(set(lines)))
