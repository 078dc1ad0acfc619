# SPDX-License-Identifier: MIT
"""Random numbers by counters (Philox): the same for the same seed and offset."""
from .core import builtin


@builtin
def philox_impl(c0, c1, c2, c3, k0, k1, n_rounds=10):
    """n_rounds of Philox over four counters and two keys."""


@builtin
def philox(seed, c0, c1, c2, c3, n_rounds=10):
    """Four random integers for a seed and four counters."""


@builtin
def randint(seed, offset, n_rounds=10):
    """A random int32 for each offset."""


@builtin
def randint4x(seed, offset, n_rounds=10):
    """Four random int32 for each offset: the cheapest way to many."""


@builtin
def rand(seed, offset, n_rounds=10):
    """A random float from 0 up to 1 for each offset."""


@builtin
def rand4x(seed, offsets, n_rounds=10):
    """Four random floats from 0 up to 1 for each offset."""


@builtin
def randn(seed, offset, n_rounds=10):
    """A normally distributed random float for each offset."""


@builtin
def randn4x(seed, offset, n_rounds=10):
    """Four normally distributed random floats for each offset."""


@builtin
def uint_to_uniform_float(x):
    """Random bits as a float from 0 up to 1."""


@builtin
def pair_uniform_to_normal(u1, u2):
    """Two floats from 0 up to 1 as two normally distributed ones."""
