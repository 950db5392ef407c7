"""Settings of every test: strict JAX, figures without a screen, one thread for linear algebra.

Set before anything imports these, and passed on to subprocesses.
"""

import os
import signal

os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line sets it: its threads wait for one another on busy cores

# A shell that starts the tests in the background has them and what they start ignore Ctrl-C, which some of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)
