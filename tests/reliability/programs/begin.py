"""First in every program here: the watchdog, and ropewalk in the place of the standard library."""

import faulthandler
import os
import sys

faulthandler.dump_traceback_later(float(sys.argv[1]), exit=True)
arguments = sys.argv[2:]
if (
    os.environ.get("ROPEWALK_TEST_STOCK") != "1"
):  # to see what the standard library does with the same program
    import ropewalk

    assert ropewalk.install()
