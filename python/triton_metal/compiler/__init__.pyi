# SPDX-License-Identifier: MIT
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from ..errors import (CompilationError as CompilationError, CompileTimeAssertionFailure as CompileTimeAssertionFailure,
                      UnsupportedLanguageConstruct as UnsupportedLanguageConstruct)

class GPUTarget(NamedTuple):
    backend: str
    arch: Any
    warp_size: int

class Metadata(NamedTuple):
    name: str
    num_warps: int
    num_stages: int
    num_ctas: int
    shared: int
    warp_size: int
    target: GPUTarget
    threads: int
    language_version: tuple[int, int]
    family: int
    from_cache: bool
    compile_seconds: float
    arguments: list[tuple[str, str, bool]]
    cluster_dims: tuple[int, int, int]

class CompiledKernel:
    asm: Mapping[str, str]
    metadata: Metadata
    name: str
    src: Any
    kernel: str
    hash: str
    shared: int
    num_warps: int
    num_stages: int
    n_regs: int
    n_spills: int
    n_max_threads: int
    def __getitem__(self, grid: Any) -> Callable[..., CompiledKernel]: ...

class ASTSource:
    fn: Any
    signature: dict[str, str]
    def __init__(
        self, fn: Any, signature: Mapping[Any, str], constexprs: Mapping[Any, Any] | None = ...,
        attrs: Mapping[Any, Sequence[Sequence[Any]]] | None = ...
    ) -> None: ...

def compile(
    src: ASTSource, target: GPUTarget | str | None = ..., options: Mapping[str, Any] | None = ...
) -> CompiledKernel: ...
