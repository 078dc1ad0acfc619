# SPDX-License-Identifier: MIT
"""Upstream's triton.tools, as far as host code needs it."""
from . import tensor_descriptor

__all__ = ["tensor_descriptor"]
