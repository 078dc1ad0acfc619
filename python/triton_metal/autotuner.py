# SPDX-License-Identifier: MIT
"""@autotune and @heuristics over kernels, with upstream's names and rules.

An Autotuner measures its configurations on the arguments of the first launch
with a new key, and keeps the fastest. The C library does that (_tune.py): GPU
times, memory put back, results kept on disk. Where functions of Python's have
to run around each launch (pre_hook, post_hook, do_bench, heuristics between the
two decorators) it is done here as upstream does it.
"""
import inspect
import threading
import time
import warnings

from . import _tune, errors, knobs, testing
from .compiler import CompiledKernel
from .jit import JITFunction, KernelInterface

_WORDS = {"NUM_WARPS": "num_warps", "NUM_STAGES": "num_stages", "WARPS_PER_BLOCK": "num_warps"}


class Config:
    """A configuration to be tried: compile-time values by name, and num_warps,
    num_stages. num_ctas, maxnreg and ir_override are kept for other GPUs.
    pre_hook is called with all arguments before each launch with it."""

    def __init__(self, kwargs, num_warps=4, num_stages=3, num_ctas=1, maxnreg=None, pre_hook=None, ir_override=None):
        self.kwargs = dict(kwargs)
        self.num_warps, self.num_stages, self.num_ctas = num_warps, num_stages, num_ctas
        self.maxnreg, self.pre_hook, self.ir_override = maxnreg, pre_hook, ir_override

    def all_kwargs(self):
        """Everything that a launch with it is given by name."""
        words = (("num_warps", self.num_warps), ("num_ctas", self.num_ctas), ("num_stages", self.num_stages),
                 ("maxnreg", self.maxnreg), ("ir_override", self.ir_override))
        given = {_WORDS.get(name, name) for name in self.kwargs}
        return {**self.kwargs, **{name: v for name, v in words if v is not None and name not in given}}

    def __str__(self):
        parts = [f"{name}: {value}" for name, value in self.kwargs.items()]
        return ", ".join(parts + [f"num_warps: {self.num_warps}", f"num_ctas: {self.num_ctas}",
                                  f"num_stages: {self.num_stages}", f"maxnreg: {self.maxnreg}"])

    __repr__ = __str__

    def _parts(self):
        return (*self.all_kwargs().items(), self.pre_hook)

    def __hash__(self):
        return hash(self._parts())

    def __eq__(self, other):
        return isinstance(other, Config) and self._parts() == other._parts()


def _fill_zero(array):
    if hasattr(array, "zero_"):
        array.zero_()
    else:
        array[...] = 0


def _copy_of(array):
    return array.clone() if hasattr(array, "clone") else array.copy()


def _put_back(array, saved):
    if hasattr(array, "copy_"):
        array.copy_(saved)
    else:
        array[...] = saved


class Autotuner(KernelInterface):
    """A kernel with configurations. `best_config` is that of the last launch,
    `cache` the chosen one for each key, `configs_timings` the last timings."""

    def __init__(self, fn, arg_names, configs, key, reset_to_zero, restore_value, pre_hook=None, post_hook=None,
                 prune_configs_by=None, warmup=None, rep=None, use_cuda_graph=False, do_bench=None,
                 cache_results=False):
        self.fn, self.arg_names = fn, arg_names
        self.configs = list(configs) if configs else [Config({})]
        self.keys = [key] if isinstance(key, str) else list(key)
        self.reset_to_zero, self.restore_value = list(reset_to_zero or []), list(restore_value or [])
        self._check_names()
        self.cache, self.configs_timings, self.best_config, self.nargs = {}, {}, None, None
        self._lock = threading.RLock()  # over nargs and what hooks keep
        self._known = {}  # shapes of calls → (what to look at, its values → what to launch)
        self.tuning = []  # the library's rows of the last measurement
        self.restore_copies = {}
        self.user_defined_pre_hook, self.user_defined_post_hook = pre_hook is not None, post_hook is not None
        self.pre_hook = pre_hook or self._prepare
        self.post_hook = post_hook or self._restore
        prune = prune_configs_by or {}
        self.perf_model, self.configs_top_k = prune.get("perf_model"), prune.get("top_k", 1.0)
        self.early_config_prune = prune.get("early_config_prune")
        self.num_warmups, self.num_reps, self.use_cuda_graph = warmup, rep, use_cuda_graph
        self.cache_results = cache_results
        self._do_bench = do_bench
        self.base_fn = fn
        while not inspect.isfunction(self.base_fn):
            self.base_fn = self.base_fn.fn
        self.__name__, self.__doc__ = self.base_fn.__name__, self.base_fn.__doc__
        self.__module__, self.__qualname__ = self.base_fn.__module__, self.base_fn.__qualname__

    def _check_names(self):
        for param, names in (("key", self.keys), ("reset_to_zero", self.reset_to_zero),
                             ("restore_value", self.restore_value)):
            unknown = [name for name in names if name not in self.arg_names]
            text = f"{param} contains names that are not kernel arguments: {', '.join(unknown)}. Valid argument names " \
                   f"are: {', '.join(self.arg_names)}."
            if unknown and param != "key":
                raise ValueError(text)
            if unknown:  # Triton ignored them until 3.7, and projects have them
                warnings.warn(text, stacklevel=4)
        self.keys = [name for name in self.keys if name in self.arg_names]

    def _prepare(self, named, reset_only=False):
        for name in self.reset_to_zero:
            if named[name] is not None:
                _fill_zero(named[name])
        if not reset_only:
            self.restore_copies = {name: _copy_of(named[name]) for name in self.restore_value
                                   if named[name] is not None}

    def _restore(self, named, exception=None):
        for name, saved in self.restore_copies.items():
            _put_back(named[name], saved)
        self.restore_copies = {}

    @property
    def do_bench(self):
        if self._do_bench is not None:
            return self._do_bench
        times = {"warmup": 5 if self.num_warmups is None else self.num_warmups,
                 "rep": 20 if self.num_reps is None else self.num_reps}
        return lambda call, quantiles: testing.do_bench(call, quantiles=quantiles, **times)

    @staticmethod
    def _check_conflicts(config, meta):
        conflicts = meta.keys() & config.kwargs.keys()
        if conflicts:
            raise ValueError(f"Conflicting meta-parameters: {', '.join(sorted(conflicts))}. Make sure that you don't "
                             "re-define auto-tuned symbols.")

    def _bench(self, args, config, meta):
        self._check_conflicts(config, meta)
        if knobs.autotuning.print:
            print(f"Autotuning kernel {self.__name__} with config {config}")
        current = {**meta, **config.all_kwargs()}
        named = {**self.nargs, **current}

        def call():
            if config.pre_hook:
                config.pre_hook(named)
            self.pre_hook(named)
            try:
                self.fn.run(*args, **current)
            except Exception as error:
                self.post_hook(named, exception=error)
                raise
            self.post_hook(named, exception=None)

        try:
            return self.do_bench(call, quantiles=(0.5, 0.2, 0.8))
        except (errors.OutOfResources, errors.CompileTimeAssertionFailure) as error:
            if knobs.autotuning.print:
                print(f"Autotuning failed with {error}")
            return [float("inf")] * 3

    def _key(self, kwargs):
        named = {name: value for name, value in {**self.nargs, **kwargs}.items() if name in self.arg_names}
        key = [named[name] for name in self.keys if name in named]
        return tuple(key + [str(value.dtype) for value in named.values() if hasattr(value, "dtype")])

    def _is_librarys(self):
        """Whether the C library can tune this: nothing of Python's has to run
        around each launch."""
        return isinstance(self.fn, JITFunction) and self._do_bench is None and not self.user_defined_pre_hook and \
            not self.user_defined_post_hook and not self.use_cuda_graph and \
            all(config.pre_hook is None for config in self.configs)

    def _tune(self, key, args, kwargs):
        """Launches by the C library, which measures what it has no result for.
        Gives the compiled kernel; None where it was not launched."""
        configs = self.prune_configs(kwargs)
        if len(configs) == 1 or kwargs.get("warmup"):
            if not kwargs.get("warmup"):
                self.cache[key] = configs[0]
            return None
        for config in configs:
            self._check_conflicts(config, kwargs)
        given = {name: value for name, value in kwargs.items() if name not in ("grid", "warmup")}
        start = time.perf_counter()
        self.fn._before(args, given)
        at, rows = _tune.tune(self.fn, configs, self.keys, self.reset_to_zero, self.restore_value, kwargs["grid"], args,
                              given)
        self.bench_time = time.perf_counter() - start
        best = self.best_config = self.cache[key] = configs[at]
        self.tuning = rows
        self.configs_timings = {config: [1e3 * row[1] if row[1] else float("inf")] * 3
                                for config, row in zip(configs, rows)}
        self._tell(key, best)
        return CompiledKernel(self.fn, args, {**given, **best.all_kwargs()})

    def _tell(self, key, best):
        if knobs.autotuning.print:
            print(f"Triton autotuning for function {self.__name__},\nwith key as {key},\nfinished after "
                  f"{self.bench_time:.2f}s,\nbest config selected: {best};")

    def _choose(self, args, kwargs):
        """The configuration for these arguments, measured if the key is new."""
        if len(self.configs) == 1:
            return self.configs[0]
        key = self._key(kwargs)
        if key not in self.cache:
            self.cache[key] = self._measure(key, args, kwargs)
        return self.cache[key]

    def _measure(self, key, args, kwargs):
        configs = self.prune_configs(kwargs)
        if len(configs) == 1:
            return configs[0]
        if not _is_tuning_on():
            return self._first_that_compiles(configs, args, kwargs)
        start = time.perf_counter()
        timings = {config: self._bench(args, config, kwargs) for config in configs}
        self.bench_time = time.perf_counter() - start
        best = min(timings, key=lambda config: _median(timings[config]))
        if _median(timings[best]) == float("inf"):
            self.fn.run(*args, **{**kwargs, **best.all_kwargs()})  # raises what is wrong with it
        self.pre_hook({**self.nargs, **kwargs, **best.all_kwargs()}, reset_only=True)
        self.configs_timings = timings
        self._tell(key, best)
        return best

    def _first_that_compiles(self, configs, args, kwargs):
        """The choice while tuning is switched off."""
        failure = None
        for config in configs:
            try:
                self.fn.run(*args, **{**kwargs, **config.all_kwargs(), "warmup": True})
                return config
            except (errors.OutOfResources, errors.UnsupportedLanguageConstruct) as error:
                failure = error
        raise failure

    def __getitem__(self, grid):
        known = self._known

        def launch(*args, **kwargs):
            found = known.get((*map(type, args), *kwargs, *map(type, kwargs.values())))
            if found is not None:
                choice = found[1].get(found[0](args, kwargs))
                if choice is not None and choice[3] is self.fn._plans:
                    self.best_config = choice[0]
                    return choice[1](grid, args, {**kwargs, **choice[2]})
            result = self.run(*args, grid=grid, warmup=False, **kwargs)
            self._remember(args, kwargs)
            return result

        return launch

    def _remember(self, args, kwargs):
        """Lets the next launch with the same key go straight to the kernel's
        plan for the chosen configuration."""
        config = self.best_config
        if not isinstance(self.fn, JITFunction) or config.pre_hook is not None:
            return
        words = config.all_kwargs()
        merged = {**kwargs, **words}
        plan = self.fn._plans.get((*map(type, args), *merged, *map(type, merged.values()))) or \
            self.fn._build(args, merged)
        shape = (*map(type, args), *kwargs, *map(type, kwargs.values()))
        if shape not in self._known:
            self._known[shape] = (self._key_function(args, kwargs), {})
        extract, choices = self._known[shape]
        choices[extract(args, kwargs)] = (config, plan, words, self.fn._plans)

    def _key_function(self, args, kwargs):
        """A function of (args, kwargs) that gives what the choice depends on."""
        where = {name: f"args[{i}]" for i, name in zip(range(len(args)), self.arg_names)}
        where.update({name: f"kwargs[{name!r}]" for name in kwargs if name in self.arg_names})
        named = {**dict(zip(self.arg_names, args)), **kwargs}
        parts = [where[name] for name in self.keys if name in where]
        parts += [f"{where[name]}.dtype" for name in where if hasattr(named[name], "dtype")]
        return eval(f"lambda args, kwargs: ({''.join(part + ', ' for part in parts)})")

    def run(self, *args, **kwargs):
        """Launches with the configuration for these arguments."""
        with self._lock:
            return self._run(args, kwargs)

    def _run(self, args, kwargs):
        self.nargs = dict(zip(self.arg_names, args))
        try:
            if len(self.configs) > 1 and self._is_librarys() and (key := self._key(kwargs)) not in self.cache:
                compiled = self._tune(key, args, kwargs)
                if compiled is not None:
                    return compiled
            config = self.best_config = self._choose(args, kwargs)
            if config.pre_hook is not None:
                config.pre_hook({**self.nargs, **kwargs, **config.all_kwargs()})
            return self.fn.run(*args, **{**kwargs, **config.all_kwargs()})
        finally:
            self.nargs = None

    def prune_configs(self, kwargs):
        """The configurations that are measured."""
        configs = self.configs
        if self.early_config_prune:
            configs = self.early_config_prune(configs, self.nargs, **kwargs)
            if not configs:
                raise errors.AutotunerError("No valid autotuner configs after pruning. `early_config_prune` should "
                                            "return at least one config.")
        if self.perf_model:
            top = self.configs_top_k
            if isinstance(top, float) and top <= 1.0:
                top = max(1, int(len(configs) * top))
            elif not isinstance(top, int):
                raise TypeError("Error while pruning configs, top_k must be either 1) a float <= 1.0 or 2) an int")
            if len(configs) > top:
                estimates = {c: self.perf_model(**{**self.nargs, **kwargs, **c.all_kwargs()}) for c in configs}
                configs = sorted(estimates, key=estimates.get)[:top]
        return configs

    def warmup(self, *args, **kwargs):
        """Compiles all configurations that would be measured."""
        self.nargs = dict(zip(self.arg_names, args))
        try:
            return [self.fn.warmup(*args, **{**kwargs, **config.all_kwargs()})
                    for config in self.prune_configs(kwargs)]
        finally:
            self.nargs = None


def _median(timing):
    return timing[0] if isinstance(timing, (list, tuple)) else timing


def _is_tuning_on():
    from .backends import metal

    return metal.auto_tuning()


class Heuristics(KernelInterface):
    """A kernel some of whose values are computed from its arguments."""

    def __init__(self, fn, arg_names, values):
        self.fn, self.arg_names, self.values = fn, arg_names, values
        self.__name__ = fn.__name__

    def __getitem__(self, grid):
        inner = self.fn[grid]
        return lambda *args, **kwargs: inner(*args, **self._complete(args, kwargs))

    def _complete(self, args, kwargs):
        named = {**dict(zip(self.arg_names, args)), **kwargs}
        for name, value in self.values.items():
            kwargs[name] = named[name] = value(named)
        return kwargs

    def run(self, *args, **kwargs):
        return self.fn.run(*args, **self._complete(args, kwargs))


def autotune(configs, key, prune_configs_by=None, reset_to_zero=None, restore_value=None, pre_hook=None,
             post_hook=None, warmup=None, rep=None, use_cuda_graph=False, do_bench=None, cache_results=False):
    """Measures a kernel's configurations at the first launch with new values
    of the arguments named in key, and uses the fastest from then on.

    prune_configs_by  functions early_config_prune(configs, named_args, **kwargs) and perf_model(**all), and top_k
    reset_to_zero     names of arrays that each measured launch finds zeroed
    restore_value     names of arrays that keep their values through measuring
    pre_hook, post_hook  called around each measured launch instead of the two above
    do_bench          measures: do_bench(call, quantiles)
    """

    def decorate(fn):
        return Autotuner(fn, fn.arg_names, configs, key, reset_to_zero, restore_value, pre_hook=pre_hook,
                         post_hook=post_hook, prune_configs_by=prune_configs_by, warmup=warmup, rep=rep,
                         use_cuda_graph=use_cuda_graph, do_bench=do_bench, cache_results=cache_results)

    return decorate


def heuristics(values):
    """Computes compile-time values from a launch's arguments: {"EVEN": lambda
    args: args["n"] % 16 == 0}."""

    def decorate(fn):
        return Heuristics(fn, fn.arg_names, values)

    return decorate


__all__ = ["Autotuner", "Config", "Heuristics", "JITFunction", "autotune", "heuristics"]
