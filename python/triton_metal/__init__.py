# SPDX-License-Identifier: MIT
"""Triton kernels on Apple GPUs: a package over libtritonmetal's C ABI.

    import numpy as np
    import triton_metal
    import triton_metal.language as tl

    @triton_metal.jit
    def add(x, y, out, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        m = i < n
        tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)

    add[(triton_metal.cdiv(n, 1024),)](x, y, out, n, BLOCK=1024)

Arrays are numpy's, torch's (CPU and MPS), MLX's, whatever speaks DLPack on the
CPU, or triton_metal.Array. None is copied where its memory can be shared.

When has a launch ended? One with arrays of the host (numpy, torch, MLX) has
when it returns, since nothing tells when the host looks at them; one with
triton_metal.Arrays alone returns at once, and their numpy() waits. Inside
`with triton_metal.stream():` every launch returns at once, and leaving waits.
"""
from . import errors, knobs, language, testing
from ._c import decode as _decode, library as _library
from ._runtime import Stream, current_stream, default_stream, synchronize
from .arrays import (Array, TensorDescriptor, empty, empty_like, from_numpy, full, ones, zeros, zeros_like)
from .autotuner import Autotuner, Config, Heuristics, autotune, heuristics
from .compiler import CompiledKernel, compile
from .errors import (CompilationError, CompileTimeAssertionFailure, DeviceError, Error, InterpreterError,
                     OutOfResources, TritonError)
from .jit import (ConstexprFunction, JITFunction, KernelInterface, MockTensor, TensorWrapper, constexpr_function, jit,
                  reinterpret)
from .language.core import _aggregate as aggregate, must_use_result
from . import backends, compiler, runtime, tools

__version__ = _decode(_library.tm_version_text())


def cdiv(a, b):
    """The quotient of a and b, rounded up."""
    return (a + b - 1) // b


def next_power_of_2(n):
    """The smallest power of two that is at least n."""
    return 1 << max(int(n) - 1, 0).bit_length()


def stream():
    """A stream of its own for `with`: launches inside return at once; leaving
    waits for them."""
    return Stream()


def set_allocator(allocator):
    """Upstream's hook for kernels that need scratch memory; kernels here take
    theirs from the library, so the allocator is not called."""
    if not callable(allocator):
        raise TypeError("an allocator is a function of size, alignment and stream")


__all__ = [
    "Array", "Autotuner", "CompilationError", "CompileTimeAssertionFailure", "CompiledKernel", "Config",
    "ConstexprFunction", "DeviceError", "Error", "Heuristics", "InterpreterError", "JITFunction", "KernelInterface",
    "MockTensor", "OutOfResources", "Stream", "TensorDescriptor", "TensorWrapper", "TritonError", "aggregate",
    "autotune", "backends", "cdiv", "compile", "compiler", "constexpr_function", "current_stream", "default_stream",
    "empty", "empty_like", "errors", "from_numpy", "full", "heuristics", "jit", "knobs", "language",
    "must_use_result", "next_power_of_2", "ones", "reinterpret", "runtime", "set_allocator", "stream", "synchronize",
    "testing", "tools", "zeros", "zeros_like",
]
