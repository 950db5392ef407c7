"""The web page: play an agent, watch it think, watch it learn. Needs the extra ``web``."""
