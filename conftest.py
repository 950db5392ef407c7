"""Settings of every test: strict JAX, figures without a screen. Set before anything imports either, and passed on to subprocesses."""

import os
import signal

os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["MPLBACKEND"] = "Agg"

# A shell that starts the tests in the background has them and what they start ignore Ctrl-C, which some of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)
