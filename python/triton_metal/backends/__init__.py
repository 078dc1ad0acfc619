# SPDX-License-Identifier: MIT
"""The backends: one, Metal."""
from . import compiler, metal

__all__ = ["compiler", "metal"]
