"""Blocks in the call named on each line of input, and writes when (perf_counter_ns) it was interrupted."""

import signal
import sys
import time

import side
import waits

which, _ = side.enter()
# What a shell starts in the background has been told to mind no Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

for line in sys.stdin:
    call = waits.ready(which, line.strip())
    try:
        print("waiting", flush=True)
        call()
    except KeyboardInterrupt:
        print(time.perf_counter_ns(), flush=True)
    else:
        sys.exit(f"{line.strip()} returned though nothing happened")
