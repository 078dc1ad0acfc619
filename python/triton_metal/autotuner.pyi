# SPDX-License-Identifier: MIT
from typing import Any, Callable, Mapping, Sequence

from .jit import JITFunction as JITFunction, KernelInterface

class Config:
    kwargs: dict[str, Any]
    num_warps: int
    num_stages: int
    num_ctas: int
    maxnreg: int | None
    pre_hook: Callable[..., Any] | None
    def __init__(
        self, kwargs: Mapping[str, Any], num_warps: int = ..., num_stages: int = ..., num_ctas: int = ...,
        maxnreg: int | None = ..., pre_hook: Callable[..., Any] | None = ..., ir_override: str | None = ...
    ) -> None: ...
    def all_kwargs(self) -> dict[str, Any]: ...

class Autotuner(KernelInterface[Any]):
    fn: Any
    base_fn: Callable[..., Any]
    arg_names: list[str]
    configs: list[Config]
    keys: list[str]
    cache: dict[tuple[Any, ...], Config]
    best_config: Config
    configs_timings: dict[Config, Any]
    def prune_configs(self, kwargs: Mapping[str, Any]) -> list[Config]: ...

class Heuristics(KernelInterface[Any]):
    fn: Any
    arg_names: list[str]
    values: dict[str, Callable[[dict[str, Any]], Any]]

def autotune(
    configs: Sequence[Config], key: Sequence[str], prune_configs_by: Mapping[str, Any] | None = ...,
    reset_to_zero: Sequence[str] | None = ..., restore_value: Sequence[str] | None = ...,
    pre_hook: Callable[..., Any] | None = ..., post_hook: Callable[..., Any] | None = ..., warmup: int | None = ...,
    rep: int | None = ..., use_cuda_graph: bool = ..., do_bench: Callable[..., Any] | None = ...,
    cache_results: bool = ...
) -> Callable[[KernelInterface[Any]], Autotuner]: ...
def heuristics(
    values: Mapping[str, Callable[[dict[str, Any]], Any]]
) -> Callable[[KernelInterface[Any]], Heuristics]: ...
