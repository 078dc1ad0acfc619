# SPDX-License-Identifier: MIT
"""Upstream's triton.tools.tensor_descriptor."""
from ..arrays import TensorDescriptor

__all__ = ["TensorDescriptor"]
