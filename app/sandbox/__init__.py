"""Running programs that nobody trusts: `base.py` is the seam, and each isolation behind it is one file."""
