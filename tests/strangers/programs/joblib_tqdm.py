"""joblib's threading backend and tqdm's thread_map."""

import io

from joblib import Parallel, delayed
from tqdm.contrib.concurrent import thread_map

squares = Parallel(n_jobs=4, backend="threading")(delayed(pow)(n, 2) for n in range(500))
print(squares == [n * n for n in range(500)])
cubes = thread_map(lambda n: n**3, range(500), max_workers=4, file=io.StringIO())
print(cubes == [n**3 for n in range(500)])
