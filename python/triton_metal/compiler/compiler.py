# SPDX-License-Identifier: MIT
"""Upstream's triton.compiler.compiler."""
from . import ASTSource, CompiledKernel, GPUTarget, compile

__all__ = ["ASTSource", "CompiledKernel", "GPUTarget", "compile"]
