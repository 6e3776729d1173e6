"""Crews of worker processes, beneath ``ProcessPoolExecutor`` and ``multiprocessing.Pool``.

| module | what it is |
|---|---|
| ``crew`` | the end of the process that has the work: hires, hands out, collects, replaces the dead |
| ``watcher`` | notices workers that end |
| ``worker`` | what a worker process runs |
| ``link`` | how the shared queues get to a worker |
| ``nesting`` | pools inside of workers |
| ``tied`` | a process on its way into a child that ends with this one |
| ``leash`` | a worker ends with the process that has the work |
| ``kinds`` | what the records between them say |
| ``encoding`` | tasks and results as bytes, and why something can not be sent |
| ``blame`` | which part of a task can not be sent |
| ``died`` | the report of a death |
| ``stack`` | the last Python stack of a worker that has died |
"""
