# SPDX-License-Identifier: MIT
"""What kernels are compiled for."""
from .core import builtin


@builtin
def current_target():
    """In kernels: the target, whose `backend` is "metal"."""


@builtin
def is_cuda():
    """In kernels: false."""


@builtin
def is_hip():
    """In kernels: false."""


@builtin
def cuda_capability_geq(major, minor=0):
    """In kernels: false, there is no CUDA device."""
