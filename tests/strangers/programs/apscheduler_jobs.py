"""APScheduler: jobs of a background scheduler in its thread pool."""

import threading
from datetime import datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

ran = []
done = threading.Event()
lock = threading.Lock()


def job(n):
    with lock:
        ran.append(n)
        if len(ran) == 50:
            done.set()


scheduler = BackgroundScheduler(timezone="UTC")
scheduler.start()
soon = datetime.now() + timedelta(seconds=0.1)
for n in range(50):
    scheduler.add_job(job, "date", args=[n], misfire_grace_time=None)
print("done", done.wait(120))
# Waits for the lock that the scheduler holds while it hands out a batch: its own shutdown() does not,
# and a batch that sees the scheduler stopped amid itself fails to remove its jobs, on stock too.
print("left", scheduler.get_jobs())
scheduler.shutdown()
print(sorted(ran) == list(range(50)), scheduler.running)
