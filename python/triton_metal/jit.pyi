# SPDX-License-Identifier: MIT
import inspect
from typing import Any, Callable, Generic, Iterable, Sequence, TypeVar, overload

from .autotuner import Autotuner, Config
from .compiler import CompiledKernel

F = TypeVar("F", bound=Callable[..., Any])
Grid = int | Sequence[int] | Callable[[dict[str, Any]], Sequence[int]]

class KernelParam:
    num: int
    name: str
    do_not_specialize: bool
    do_not_specialize_on_alignment: bool
    annotation: str
    is_constexpr: bool
    is_const: bool
    default: Any
    has_default: bool

class KernelInterface(Generic[F]):
    def __getitem__(self, grid: Grid) -> Callable[..., CompiledKernel]: ...
    def warmup(self, *args: Any, grid: Grid, **kwargs: Any) -> CompiledKernel: ...
    def run(self, *args: Any, grid: Grid, warmup: bool = ..., **kwargs: Any) -> CompiledKernel: ...

class JITCallable:
    fn: Callable[..., Any]
    signature: inspect.Signature
    file_name: str
    starting_line_number: int
    src: str
    cache_key: str

class JITFunction(JITCallable, KernelInterface[F]):
    module: str
    params: list[KernelParam]
    arg_names: list[str]
    constexprs: list[int]
    pre_run_hooks: list[Callable[..., Any]]
    debug: bool | None
    noinline: bool | None
    # Kernels call each other by name, which type checkers see as a call.
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def add_pre_run_hook(self, hook: Callable[..., Any]) -> None: ...

class ConstexprFunction(JITCallable, Generic[F]):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

def constexpr_function(fn: F) -> ConstexprFunction[F]: ...
@overload
def jit(fn: F) -> JITFunction[F]: ...
@overload
def jit(
    *, version: Any = ..., repr: Callable[..., str] | None = ..., launch_metadata: Callable[..., Any] | None = ...,
    do_not_specialize: Iterable[int | str] | None = ...,
    do_not_specialize_on_alignment: Iterable[int | str] | None = ..., debug: bool | None = ...,
    noinline: bool | None = ..., backend: str | None = ..., config: dict[str, int] | None = ...,
    num_warps: int | None = ..., num_stages: int | None = ...
) -> Callable[[F], JITFunction[F]]: ...
@overload
def jit(
    *, autotune: bool, configs: Sequence[Config], key: Sequence[str] = ..., backend: str | None = ...,
    config: dict[str, int] | None = ..., debug: bool | None = ...
) -> Callable[[F], Autotuner]: ...

class MockTensor:
    dtype: Any
    shape: list[int]
    def __init__(self, dtype: Any, shape: Sequence[int] | None = ...) -> None: ...
    def stride(self) -> tuple[int, ...]: ...
    @staticmethod
    def data_ptr() -> int: ...

class TensorWrapper:
    base: Any
    dtype: Any
    shape: Any
    device: Any
    def __init__(self, base: Any, dtype: Any) -> None: ...
    def data_ptr(self) -> int: ...

def reinterpret(tensor: Any, dtype: Any) -> Any: ...
