"""Five philosophers, five forks; each takes the left one, then the right one, and knows nothing of manners.

At the first meal everybody holds the left fork before anybody asks for the right one, so that one deadlock at least
is certain. Who is told of a deadlock puts the fork down and begins anew. Writes the meals and the deadlocks.
"""

import begin  # isort: skip

import threading

from ropewalk import DeadlockError

SEATS = 5
meals = int(begin.arguments[0])
forks = [threading.RLock() for _ in range(SEATS)]
all_hold_one = threading.Barrier(SEATS)
eaten, deadlocks = [0] * SEATS, [0] * SEATS


def eat(seat, meet):
    """One attempt."""
    with forks[seat]:
        if meet:
            all_hold_one.wait()
        with forks[(seat + 1) % SEATS]:
            eaten[seat] += 1


def dine(seat):
    """Eats until full."""
    meet = True
    while eaten[seat] < meals:
        try:
            eat(seat, meet)
        except DeadlockError:
            deadlocks[seat] += 1
        meet = False


threads = [threading.Thread(target=dine, args=(seat,)) for seat in range(SEATS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*eaten, sum(deadlocks) > 0)
