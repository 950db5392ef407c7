"""Settings of every test: strict JAX, figures without a screen. Set before anything imports either, and passed on to subprocesses."""

import os

os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["MPLBACKEND"] = "Agg"
