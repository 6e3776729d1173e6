"""lock_tests for threading's public names: test_threading itself tests no RLock but _thread's."""

import threading

from test import lock_tests

for _base, _attribute, _factory in (
    ("LockTests", "locktype", "Lock"),
    ("RLockTests", "locktype", "RLock"),
    ("ConditionTests", "condtype", "Condition"),
    ("SemaphoreTests", "semtype", "Semaphore"),
    ("BoundedSemaphoreTests", "semtype", "BoundedSemaphore"),
    ("EventTests", "eventtype", "Event"),
    ("BarrierTests", "barriertype", "Barrier"),
):
    _body = {_attribute: staticmethod(getattr(threading, _factory)), "__module__": __name__}
    globals()[_base] = type(_base, (getattr(lock_tests, _base),), _body)


class ConditionAsRLockTests(lock_tests.RLockTests):
    locktype = staticmethod(threading.Condition)
