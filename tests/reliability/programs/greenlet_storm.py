"""greenlet_storm.py SECONDS: six threads switch, throw, begin and let go of greenlets at random, until the time is up.

Prints how many steps each has made.
"""

import random
import sys
import threading
import time

from ropewalk.greenlet import getcurrent, greenlet

END = time.monotonic() + float(sys.argv[1])
steps = [0] * 6


def storm(number):
    chance = random.Random(number)
    main = getcurrent()
    live = []

    def wait(value):
        main.switch(value)
        return value

    def body(depth):
        if depth:
            return body(depth - 1)
        while (what := chance.random()) > 0.05:
            if what < 0.4:
                main.switch(1)
            elif what < 0.6 and live:
                chance.choice(live).switch(2)
            elif what < 0.7:
                sorted([2, 1, 3], key=wait)
            elif what < 0.8:
                try:
                    raise KeyError
                except KeyError:
                    main.switch()
            elif what < 0.9:
                max(wait(item) for item in range(2))
            else:
                child = greenlet(body)
                live.append(child)
                child.switch(chance.randrange(20))
        if chance.random() < 0.3:
            raise ValueError

    while time.monotonic() < END:
        steps[number] += 1
        what = chance.random()
        try:
            if what < 0.3 and len(live) < 200:
                child = greenlet(body)
                live.append(child)
                child.switch(chance.randrange(50))
            elif live:
                child = chance.choice(live)
                if what < 0.8:
                    child.switch()
                elif what < 0.9:
                    child.throw(*([ValueError] if what < 0.85 else []))
                else:
                    live.remove(child)
                    assert child.gr_frame is None or child.gr_frame.f_code
        except (ValueError, TypeError):
            pass  # a body has ended by its own error, or was given what it cannot begin with
        live[:] = [child for child in live if not child.dead]


threads = [threading.Thread(target=storm, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*steps)
