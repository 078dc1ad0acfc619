# SPDX-License-Identifier: MIT
from typing import Any, Callable, TypeVar

from . import backends as backends, compiler as compiler, errors as errors, knobs as knobs, language as language
from . import runtime as runtime, testing as testing, tools as tools
from ._runtime import (Stream as Stream, current_stream as current_stream, default_stream as default_stream,
                       synchronize as synchronize)
from .arrays import (Array as Array, TensorDescriptor as TensorDescriptor, empty as empty, empty_like as empty_like,
                     from_numpy as from_numpy, full as full, ones as ones, zeros as zeros, zeros_like as zeros_like)
from .autotuner import (Autotuner as Autotuner, Config as Config, Heuristics as Heuristics, autotune as autotune,
                        heuristics as heuristics)
from .compiler import ASTSource as ASTSource, CompiledKernel as CompiledKernel, compile as compile
from .errors import (CompilationError as CompilationError, CompileTimeAssertionFailure as CompileTimeAssertionFailure,
                     DeviceError as DeviceError, Error as Error, InterpreterError as InterpreterError,
                     OutOfResources as OutOfResources, TritonError as TritonError)
from .jit import (ConstexprFunction as ConstexprFunction, JITFunction as JITFunction,
                  KernelInterface as KernelInterface, MockTensor as MockTensor, TensorWrapper as TensorWrapper,
                  constexpr_function as constexpr_function, jit as jit, reinterpret as reinterpret)

T = TypeVar("T")
__version__: str
__all__: list[str]

def aggregate(cls: T) -> T: ...
def must_use_result(x: Any, s: Any = ...) -> Any: ...
def cdiv(a: int, b: int) -> int: ...
def next_power_of_2(n: int) -> int: ...
def stream() -> Stream: ...
def set_allocator(allocator: Callable[..., Any]) -> None: ...
