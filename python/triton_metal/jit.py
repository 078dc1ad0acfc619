# SPDX-License-Identifier: MIT
"""Kernels: what @triton_metal.jit makes of a function.

The attributes are those of upstream's JITFunction, so that host code which
looks at them runs. Compiling happens in the C library at the first launch
with arguments of a kind; `warmup` compiles without launching.
"""
import inspect
import os
import re
import textwrap
import threading
import types
import weakref

from . import _c, _plan, _runtime, _source, config
from .compiler import CompiledKernel
from .language.core import constexpr, dtype as _dtype

_NOTHING = _plan._NOTHING

# Keywords of a launch that are no parameters. The first column counts here;
# the others are upstream's for other GPUs, taken without effect.
_LAUNCH_WORDS = {"num_warps", "num_stages", "debug", "stream"}
_FOREIGN_WORDS = {
    "num_ctas", "maxnreg", "enable_fp_fusion", "launch_cooperative_grid", "launch_pdl", "ir_override", "extern_libs",
    "waves_per_eu", "matrix_instr_nonkdim", "kpack", "allow_flush_denorm", "num_consumer_groups",
    "num_buffers_warp_spec",
    "reg_dec_producer", "reg_inc_consumer", "cluster_dims", "enable_warp_specialization", "sanitize_overflow",
    "minRegAutoWS", "maxRegAutoWS", "instrumentation_mode", "supported_fp8_dtypes", "allowed_dot_input_precisions",
    "default_dot_input_precision", "schedule_hint", "optimize_epilogue",
}
_ALIASES = {"NUM_WARPS": "num_warps", "NUM_STAGES": "num_stages", "WARPS_PER_BLOCK": "num_warps"}


class KernelParam:
    """A parameter of a kernel, as upstream describes it."""

    def __init__(self, num, param, do_not_specialize, do_not_specialize_on_alignment):
        self.num, self._param = num, param
        self.do_not_specialize = do_not_specialize
        self.do_not_specialize_on_alignment = do_not_specialize_on_alignment
        self.name = param.name

    @property
    def annotation(self):
        given = self._param.annotation
        if given is inspect.Parameter.empty:
            return ""
        return given if isinstance(given, str) else getattr(given, "__name__", None) or str(given)

    is_constexpr = property(lambda self: "constexpr" in self.annotation)
    is_const = property(lambda self: "const" in self.annotation and not self.is_constexpr)
    default = property(lambda self: self._param.default)
    has_default = property(lambda self: self._param.default is not inspect.Parameter.empty)


class KernelInterface:
    """What can be launched: `kernel[grid](...)` calls `run`."""

    def __getitem__(self, grid):
        return lambda *args, **kwargs: self.run(*args, grid=grid, warmup=False, **kwargs)

    def warmup(self, *args, grid, **kwargs):
        """Compiles for arguments like these; nothing is launched. A torch or
        numpy type stands for an array of it."""
        return self.run(*[MockTensor.wrap_dtype(arg) for arg in args], grid=grid, warmup=True, **kwargs)


class JITCallable:
    """A function whose source the C library reads."""

    def __init__(self, fn):
        self.fn = fn
        self.signature = inspect.signature(fn)
        self._lines, self.starting_line_number = _source.source_of(fn)
        self.raw_src = self._lines
        self.file_name = fn.__code__.co_filename
        self._src = self._body()
        self._changed = False
        self.__name__, self.__qualname__, self.__doc__ = fn.__name__, fn.__qualname__, fn.__doc__
        self.__globals__, self.__module__, self.__wrapped__ = fn.__globals__, fn.__module__, fn
        self._fn_name = f"{fn.__module__}.{fn.__qualname__}"

    def _body(self):
        text = textwrap.dedent("".join(self._lines))
        found = re.search(r"^def\s+\w+\s*\(", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"'{self.fn.__name__}' is not defined with def: a kernel must be")
        return text[found.start():]

    src = property(lambda self: self._src)

    def _unsafe_update_src(self, text):
        """Replaces the source; only for tests of upstream's kind."""
        self._src, self._changed = text, True

    def source_lines(self):
        """The lines of the definition and the number of the first in the file."""
        if self._changed:
            return self._src.splitlines(True), 1
        return self._lines, self.starting_line_number

    def decorator_lines(self):
        raise NotImplementedError

    @property
    def cache_key(self):
        """A hash of the source and of all that it uses."""
        import hashlib

        texts = _source.Program(self).texts()
        return hashlib.sha256(b"\0".join(text for _, _, text in texts)).hexdigest()

    def parse(self):
        import ast

        return ast.parse(self._src)


_living = weakref.WeakSet()


def _forget_plans():
    for kernel in _living:
        kernel._reset()


os.register_at_fork(after_in_child=_forget_plans)


class JITFunction(JITCallable, KernelInterface):
    """A kernel: `kernel[grid](*args, **kwargs)` launches it. grid is a tuple of
    one to three integers, or a function of the named arguments that gives one.
    Other jit functions call it as a helper."""

    def __init__(self, fn, version=None, do_not_specialize=None, do_not_specialize_on_alignment=None, debug=None,
                 noinline=None, repr=None, launch_metadata=None, num_warps=None, num_stages=None):
        super().__init__(fn)
        self.module, self.version, self.debug, self.noinline = fn.__module__, version, debug, noinline
        self.do_not_specialize = list(do_not_specialize or [])
        self.do_not_specialize_on_alignment = list(do_not_specialize_on_alignment or [])
        self._repr, self.launch_metadata = repr, launch_metadata
        self.num_warps, self.num_stages = num_warps, num_stages
        self.params = []
        for i, param in enumerate(self.signature.parameters.values()):
            if param.kind == param.VAR_KEYWORD:
                raise TypeError(f"JIT functions do not support **{param.name} parameters")
            self.params.append(KernelParam(i, param, self._listed(self.do_not_specialize, i, param.name),
                                           self._listed(self.do_not_specialize_on_alignment, i, param.name)))
        self.arg_names = [p.name for p in self.params]
        self.constexprs = [p.num for p in self.params if p.is_constexpr]
        self.pre_run_hooks = []
        self.kernel = None
        self._lock = threading.Lock()
        self._reset()
        _living.add(self)

    @staticmethod
    def _listed(names, i, name):
        return i in names or name in names

    def _reset(self):
        self._plans, self._functions = {}, {}
        self._lock = threading.Lock()

    def decorator_lines(self, debug=None):
        options = [f"{name}={list(value)!r}" for name, value in
                   (("do_not_specialize", self.do_not_specialize),
                    ("do_not_specialize_on_alignment", self.do_not_specialize_on_alignment)) if value]
        if self.debug if debug is None else debug:
            options.append("debug=True")
        return [f"@triton.jit({', '.join(options)})" if options else "@triton.jit"]

    def _unsafe_update_src(self, text):
        super()._unsafe_update_src(text)
        self._reset()

    # ---- launching ----

    def __getitem__(self, grid):
        plans, build = self._plans, self._build

        def launch(*args, **kwargs):
            plan = plans.get((*map(type, args), *kwargs, *map(type, kwargs.values())))
            if plan is None:
                plan = build(args, kwargs)
            return plan(grid, args, kwargs)

        return launch

    def run(self, *args, grid, warmup=False, **kwargs):
        """Launches, or with warmup only compiles. Gives the CompiledKernel."""
        if warmup:
            compiled = CompiledKernel(self, args, kwargs)
            compiled.resolve().load()
            return compiled
        return self[grid](*args, **kwargs)

    def add_pre_run_hook(self, hook):
        """Has hook(*args, **kwargs) called before each launch."""
        if not callable(hook):
            raise TypeError("a hook is a callable")
        self.pre_run_hooks.append(hook)

    def function(self, functions=(), debug=None):
        """The C library's function with the program it was made of, for launches
        with these jit functions as arguments."""
        key = (*map(id, functions), debug)
        found = self._functions.get(key)
        if found is None:
            with self._lock:
                found = self._functions.get(key)
                if found is None:
                    found = self._functions[key] = self._make_function(functions, debug)
        return found

    def _make_function(self, functions, debug):
        from .backends import metal

        shown = self if debug is None else _Shown(self, debug)
        program = _source.Program(shown, functions)
        program.kept = (functions, shown)
        module = _runtime.Module(program, metal.custom_ops(program.customs))
        function = _runtime.Function(module, self.fn.__name__, self.num_warps or config.num_warps or 0,
                                     self.num_stages or config.num_stages or 0)
        function.names = self.arg_names
        return function, program

    def bind(self, args, kwargs):
        """The value of each parameter, and the launch's options, as Python
        binds arguments."""
        if len(args) > len(self.params):
            raise TypeError(f"{self.__name__}() takes {len(self.params)} arguments but {len(args)} were given")
        values = dict(zip(self.arg_names, args))
        options = {}
        for name, value in kwargs.items():
            if name in self.signature.parameters:
                if name in values:
                    raise TypeError(f"{self.__name__}() got multiple values for argument '{name}'")
                values[name] = value
            elif name in _LAUNCH_WORDS or name in _ALIASES:
                options[_ALIASES.get(name, name)] = value
            elif name == "THREADS_PER_WARP":
                check_warp(value)
            elif name not in _FOREIGN_WORDS:
                raise KeyError(f"Keyword argument {name} was specified but unrecognised")
        missing = [p.name for p in self.params if p.name not in values and not p.has_default]
        if missing:
            raise TypeError(f"{self.__name__}() missing {len(missing)} required argument"
                            f"{'s' if len(missing) > 1 else ''}: {', '.join(repr(name) for name in missing)}")
        return [values.get(p.name, _plain_default(p)) for p in self.params], options

    def _named(self, args, kwargs):
        """What a grid function gets."""
        values, options = self.bind(args, kwargs)
        named = {p.name: p.default if value is _NOTHING else value for p, value in zip(self.params, values)}
        for name in ("num_warps", "num_stages"):
            if options.get(name) is not None:
                named[name] = options[name]
        return named

    def _build(self, args, kwargs):
        """The plan for arguments of these types."""
        values, options = self.bind(args, kwargs)
        key = (*map(type, args), *kwargs, *map(type, kwargs.values()))
        plan = self._fast(args, kwargs) if not _plan.functions_in(values) and "debug" not in options and \
            "stream" not in options else None
        plan = plan or self.launch_general
        if len(self._plans) > 1024:
            self._plans.clear()
        self._plans[key] = plan
        return plan

    def launch_general(self, grid, args, kwargs):
        """Binds and launches without a plan."""
        self._before(args, kwargs)
        values, options = self.bind(args, kwargs)
        function, program = self.function(tuple(_plan.functions_in(values)), options.get("debug"))
        _check_globals(program)
        if callable(grid):
            grid = grid(self._named(args, kwargs))
        given = _plan.options_of(options.get("num_warps"), options.get("num_stages"))
        stream = options.get("stream")
        if isinstance(stream, _runtime.Stream):
            with _runtime.using(stream):
                _plan.general(function, program, grid, values, given)
        else:
            _plan.general(function, program, grid, values, given)
        return CompiledKernel(self, args, kwargs)

    def _before(self, args, kwargs):
        for hook in self.pre_run_hooks:
            hook(*args, **kwargs)

    def _fast(self, args, kwargs):
        """A plan that is written for these types; None where there is none."""
        variables = {name: f"a{i}" for i, name in zip(range(len(args)), self.arg_names)}
        variables.update({name: f"k{i}" for i, name in enumerate(kwargs)})
        kinds = {f"a{i}": type(value) for i, value in enumerate(args)}
        kinds.update({f"k{i}": type(value) for i, value in enumerate(kwargs.values())})
        bound = []
        for p in self.params:
            constant = None if p.name in variables else _plan.constant_record(_plain_default(p))
            if p.name not in variables and constant is None:
                return None
            bound.append((variables.get(p.name), constant))
        function, program = self.function()
        words = {_ALIASES.get(name, name): variables[name] for name in kwargs if name not in self.signature.parameters}
        pointer = "None"
        if "num_warps" in words or "num_stages" in words:
            pointer = f"options_of({words.get('num_warps', 0)}, {words.get('num_stages', 0)})"
        check = "\n    ".join((["check_globals(program)"] if program.used_globals else []) +
                              ["if hooks: before(args, kwargs)"])
        host = any(_plan._arrays.kind_of(kind) in ("numpy", "torch") for kind in kinds.values())
        written = _plan.write(bound, kinds, len(args), list(kwargs),
                              {"meta": self._meta(variables, words), "pointer": pointer}, check,
                              _plan.FINISH_HOST if host else "pass")
        if written is None:
            return None
        return _plan.compile_plan(*written, dict(
            general=self.launch_general, defaults=self._defaults(), hooks=self.pre_run_hooks, before=self._before,
            function=function.handle, count=_c.ctypes.c_size_t(len(self.params)), Result=CompiledKernel, plan=self,
            program=program, check_globals=_check_globals, owner=function))

    def _defaults(self):
        return {p.name: p.default for p in self.params if p.has_default}

    def _meta(self, variables, words):
        """Source of what a grid function gets in a fast plan."""
        given = {p.name: variables[p.name] for p in self.params if p.name in variables}
        given.update({name: words[name] for name in ("num_warps", "num_stages") if name in words})
        items = ", ".join(f"{name!r}: {variable}" for name, variable in given.items())
        lacking = any(p.name not in given for p in self.params)
        return f"{{**defaults, {items}}}" if lacking else f"{{{items}}}"

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"'{self.__name__}' is a kernel: call it as {self.__name__}[grid](...), or from another "
                           "@triton_metal.jit function")

    def __repr__(self):
        return f"JITFunction({self.module}:{self.fn.__qualname__})"

    def repr(self, specialization):
        return self._fn_name if self._repr is None else self._repr(specialization)

    def compile(self, args, kwargs):
        """The library's kernel for these arguments, compiled and not launched."""
        values, options = self.bind(args, kwargs)
        function, program = self.function(tuple(_plan.functions_in(values)), options.get("debug"))
        records = _plan.Records(program)
        packed = records.array(values)
        return function.kernel(packed, len(values),
                               _plan.options_of(options.get("num_warps"), options.get("num_stages")))


class _Shown:
    """A kernel as it is with debug=True or False in a launch."""

    def __init__(self, kernel, debug):
        self.fn, self._kernel, self._debug = kernel.fn, kernel, debug

    def source_lines(self):
        return self._kernel.source_lines()

    def decorator_lines(self):
        return self._kernel.decorator_lines(self._debug)


class ConstexprFunction(JITCallable):
    """A function that kernels call with compile-time values."""

    def decorator_lines(self):
        return ["@triton.constexpr_function"]

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args, **kwargs):
        def plain(value):
            return value.value if isinstance(value, constexpr) else value

        return self.fn(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})


def constexpr_function(fn):
    """Lets kernels call an ordinary Python function with compile-time values."""
    return ConstexprFunction(fn)


def _plain_default(param):
    """A parameter's default as a value; what has no counterpart is left to the
    source."""
    if not param.has_default:
        return _NOTHING
    value = param.default
    value = value.value if isinstance(value, constexpr) else value
    return value if value is None or isinstance(value, (bool, int, float, str, _dtype)) else _NOTHING


def check_warp(value):
    """A simdgroup has 32 threads."""
    if value != 32:
        raise ValueError(f"THREADS_PER_WARP is {value}; a simdgroup of Apple's GPUs has 32 threads")


def _check_globals(program):
    """Refuses a launch when a global that was compiled in has changed."""
    missing = object()
    for namespace, name, value in program.used_globals:
        now = namespace.get(name, missing)
        if now is not value and now != value:
            raise RuntimeError(f"Global variable {name} has changed since we compiled this kernel, from {value} to "
                               f"{'nothing' if now is missing else now}")


def jit(fn=None, *, version=None, repr=None, launch_metadata=None, do_not_specialize=None,
        do_not_specialize_on_alignment=None, debug=None, noinline=None, backend=None, config=None, autotune=False,
        configs=None, key=None, num_warps=None, num_stages=None):
    """Makes a function a kernel. Beside upstream's options:

    backend    "metal", the only one; default TRITON_BACKEND
    config     {'THREADS_PER_WARP': 32, 'WARPS_PER_BLOCK': 4}: how programs are laid out
    autotune, configs, key    as the decorator autotune
    """
    backend = backend or os.environ.get("TRITON_BACKEND") or "metal"
    if backend != "metal":
        raise ValueError(f"backend {backend!r} is not here: this is 'metal' (jit's backend=, or TRITON_BACKEND)")
    config = dict(config or {})
    check_warp(config.pop("THREADS_PER_WARP", 32))
    num_warps = config.pop("WARPS_PER_BLOCK", None) or config.pop("num_warps", None) or num_warps
    num_stages = config.pop("num_stages", None) or num_stages
    if config:
        raise ValueError(f"config has THREADS_PER_WARP, WARPS_PER_BLOCK, num_warps and num_stages, not "
                         f"{', '.join(map(str, config))}")

    def decorate(fn):
        kernel = JITFunction(fn, version=version, do_not_specialize=do_not_specialize,
                             do_not_specialize_on_alignment=do_not_specialize_on_alignment, debug=debug,
                             noinline=noinline, repr=repr, launch_metadata=launch_metadata, num_warps=num_warps,
                             num_stages=num_stages)
        if autotune or configs:
            from .autotuner import Autotuner

            return Autotuner(kernel, kernel.arg_names, configs or [], key or [], None, None)
        return kernel

    return decorate if fn is None else decorate(fn)


class MockTensor:
    """Stands for an array in `warmup`: its type, and an address that is a
    multiple of 16."""

    def __init__(self, dtype, shape=None):
        self.dtype, self.shape = dtype, shape or [1]

    @staticmethod
    def wrap_dtype(arg):
        is_type = type(arg).__name__ == "dtype" and type(arg).__module__ == "torch"
        import sys

        numpy = sys.modules.get("numpy")
        if is_type or numpy is not None and isinstance(arg, numpy.dtype):
            return MockTensor(arg)
        return arg

    def stride(self):
        strides = [1]
        for size in self.shape[1:]:
            strides.append(strides[-1] * size)
        return tuple(reversed(strides))

    @property
    def _entry(self):
        from . import _arrays

        return _arrays._empty(self.dtype, self.dtype)

    @staticmethod
    def data_ptr():
        return 0

    @staticmethod
    def ptr_range():
        return 0


class TensorWrapper:
    """A tensor whose elements are taken to be of another type."""

    def __init__(self, base, dtype):
        self.base, self.dtype, self.shape = base, dtype, base.shape
        self.device = getattr(base, "device", None)
        self.data = getattr(base, "data", base)

    def data_ptr(self):
        return self.base.data_ptr()

    def stride(self, *args):
        return self.base.stride(*args)

    def element_size(self):
        return self.base.element_size()

    def __str__(self):
        return f"TensorWrapper[{self.dtype}]({self.base})"

    def cpu(self):
        return TensorWrapper(self.base.cpu(), self.dtype)

    def copy_(self, other):
        self.base.copy_(other.base)

    def clone(self):
        return TensorWrapper(self.base.clone(), self.dtype)

    def to(self, device):
        return TensorWrapper(self.base.to(device), self.dtype)

    def new_empty(self, sizes):
        return TensorWrapper(self.base.new_empty(sizes), self.dtype)


def reinterpret(tensor, dtype):
    """The tensor with elements of another type; no copy."""
    if isinstance(tensor, TensorWrapper):
        return tensor.base if dtype == tensor.base.dtype else TensorWrapper(tensor.base, dtype)
    if hasattr(tensor, "data_ptr") or hasattr(tensor, "__array_interface__"):
        return TensorWrapper(tensor, dtype)
    raise TypeError(f"Cannot reinterpret a {type(tensor)}.")
