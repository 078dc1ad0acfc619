# SPDX-License-Identifier: MIT
"""Upstream's triton.backends.compiler."""
from ..compiler import GPUTarget

__all__ = ["GPUTarget"]
