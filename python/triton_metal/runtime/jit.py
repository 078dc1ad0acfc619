# SPDX-License-Identifier: MIT
"""Upstream's triton.runtime.jit."""
from ..jit import (ConstexprFunction, JITCallable, JITFunction, KernelInterface, KernelParam, MockTensor,
                   TensorWrapper, constexpr_function, jit, reinterpret)

__all__ = ["ConstexprFunction", "JITCallable", "JITFunction", "KernelInterface", "KernelParam", "MockTensor",
           "TensorWrapper", "constexpr_function", "jit", "reinterpret"]
