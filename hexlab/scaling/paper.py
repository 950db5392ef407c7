"""What Jones 2021 publishes, to be set beside what is measured."""

__all__ = ["PAPER_TO_TRUE_FLOPS"]

PAPER_TO_TRUE_FLOPS = 2 * (64 + 3) / 64
"""From the paper's count of compute to true FLOPs. It counts a multiply-add once and the 64 forward passes of a self-play move alone; a
true count takes it twice and adds the learner's forward and backward pass, three forward passes' worth for each move."""
