# SPDX-License-Identifier: MIT
"""Compiled kernels, and compiling without a launch."""
import collections
import ctypes
import hashlib

from .. import _c, _runtime, _source
from ..errors import CompilationError, CompileTimeAssertionFailure, UnsupportedLanguageConstruct

__all__ = ["ASTSource", "CompilationError", "CompileTimeAssertionFailure", "CompiledKernel", "GPUTarget",
           "UnsupportedLanguageConstruct", "compile"]

GPUTarget = collections.namedtuple("GPUTarget", ["backend", "arch", "warp_size"])

Metadata = collections.namedtuple("KernelMetadata", [
    "name", "num_warps", "num_stages", "num_ctas", "shared", "warp_size", "target", "threads", "language_version",
    "family", "from_cache", "compile_seconds", "arguments", "cluster_dims"])


class _Asm(dict):
    """The kernel at each stage, made when first asked for: 'source' or 'ast',
    'ttir', 'ttgir' or 'layout' (TTIR with layouts), 'msl'."""

    def __init__(self, kernel):
        super().__init__()
        self._kernel = kernel

    def __missing__(self, stage):
        number = _c.STAGES.get("ast" if stage == "source" else stage)
        if number is None:
            raise KeyError(f"Unknown key: {stage!r}; there are {', '.join(sorted(_c.STAGES))}")
        self[stage] = text = self._kernel.text(number)
        return text

    def __contains__(self, stage):
        return stage in _c.STAGES or stage == "source"

    def get(self, stage, default=None):
        return self[stage] if stage in self else default

    def keys(self):
        return _c.STAGES.keys()

    def __iter__(self):
        return iter(_c.STAGES)


class CompiledKernel:
    """The variant of a kernel that arguments of a kind lead to. A launch gives
    one; it looks its variant up when it is first asked for something."""

    __slots__ = ("_jit", "_args", "_kwargs", "_kernel", "_asm", "_metadata", "__weakref__")

    def __init__(self, jit, args, kwargs, kernel=None):
        self._jit, self._args, self._kwargs, self._kernel = jit, args, kwargs, None
        if kernel is not None:
            self._take(kernel)

    def _take(self, kernel):
        self._kernel, self._asm, self._metadata = kernel, _Asm(kernel), _metadata(kernel)
        self._args = self._kwargs = None  # what was passed need not live longer

    def resolve(self):
        """The library's kernel."""
        if self._kernel is None:
            self._take(self._jit.compile(self._args, self._kwargs))
        return self._kernel

    @property
    def asm(self):
        """The texts of the kernel by stage."""
        self.resolve()
        return self._asm

    @property
    def metadata(self):
        """What is known of the kernel, by upstream's names and more."""
        self.resolve()
        return self._metadata

    name = property(lambda self: self.metadata.name)
    src = property(lambda self: self._jit)
    kernel = property(lambda self: self.asm["msl"])
    hash = property(lambda self: hashlib.sha256(self.asm["msl"].encode()).hexdigest())
    shared = property(lambda self: self.metadata.shared)
    num_warps = property(lambda self: self.metadata.num_warps)
    num_stages = property(lambda self: self.metadata.num_stages)
    function = property(lambda self: self.resolve().handle.value)
    n_spills = 0  # Metal says nothing of spilling
    n_max_threads = 1024

    @property
    def n_regs(self):
        """About how many 32-bit registers a thread needs: the library's
        estimate, since Metal tells none."""
        kernel, count = self.resolve(), len(self.metadata.arguments)
        args = (_c.Arg * max(count, 1))()
        for arg, (_, type_, _) in zip(args, self.metadata.arguments):
            arg.tag, arg.u.i = (_c.NONE, 0) if type_.startswith("*") else (_c.INT, 1)
        estimate = _c.sized(_c.Estimate)
        _c.call("tm_kernel_estimate", ctypes.byref(estimate), kernel.handle, _c.Grid(1, 1, 1), args,
                ctypes.c_size_t(count))
        return max(estimate.registers, 1)

    def _init_handles(self):
        """Has the GPU's pipeline made now."""
        self.resolve().load()

    def __getitem__(self, grid):
        """Launches with the run-time arguments, all in order."""
        return lambda *args: self.run(grid, args)

    def run(self, grid, args):
        """Launches with the run-time arguments, all in order; compile-time
        values may stand among them, as upstream's launcher takes them."""
        from .. import _plan

        names = [name for name, _, _ in self.metadata.arguments]
        params = self._jit.arg_names
        if len(args) == len(params) and len(names) != len(params):
            args = [value for name, value in zip(params, args) if name in names]
        _plan.launch_kernel(self.resolve(), grid, args)
        return self

    def __repr__(self):
        return f"CompiledKernel({self._jit.__name__})"


def _metadata(kernel):
    facts = kernel.facts()
    arguments = [(_c.decode(a.name), _c.decode(a.type), bool(a.writes)) for a in facts.args[:facts.n_args]]
    return Metadata(_c.decode(facts.name), facts.num_warps, facts.num_stages, 1, facts.threadgroup_bytes, 32,
                    GPUTarget("metal", _c.decode(facts.chip), 32), facts.threads,
                    (facts.language_version >> 16, facts.language_version & 0xffff), facts.family,
                    bool(facts.from_cache), facts.compile_seconds, arguments, (1, 1, 1))


class ASTSource:
    """A kernel with the types of its parameters, as upstream's compile() takes
    it: signature {"x": "*fp32", "n": "i32", "BLOCK": "constexpr"}, constexprs
    {"BLOCK": 1024}, attrs {(0,): [["tt.divisibility", 16]]}. Both may name
    parameters by name, by number, or by (number,)."""

    def __init__(self, fn, signature, constexprs=None, attrs=None):
        self.fn, self.name = fn, fn.__name__
        self.signature = {self._name(k): v for k, v in signature.items()}
        self.constants = {self._name(k): v for k, v in (constexprs or {}).items()}
        self.attrs = {self._name(k): v for k, v in (attrs or {}).items()}

    def _name(self, key):
        key = key[0] if isinstance(key, tuple) else key
        return self.fn.arg_names[key] if isinstance(key, int) else key

    def entries(self):
        """The signature in the library's spelling."""
        entries = []
        for name in self.fn.arg_names:
            if name in self.constants:
                continue
            entry = self.signature.get(name)
            if entry is None or entry == "constexpr":
                raise ValueError(f"parameter '{name}' has neither a type nor a value")
            divisible = any(tuple(attr) == ("tt.divisibility", 16) for attr in self.attrs.get(name, ()))
            entries.append(entry + (":16" if divisible and ":" not in entry else ""))
        return ", ".join(entries)


def compile(src, target=None, options=None):
    """Compiles an ASTSource; nothing is launched, and with a target
    (GPUTarget("metal", "m3-max", 32), or a chip's name) no device is needed.
    options: num_warps, num_stages."""
    from .. import _plan
    from ..backends import metal

    options = options or {}
    chip = target if isinstance(target, str) or target is None else target.arch
    program = _source.Program(src.fn)
    module = _runtime.Module(program, metal.custom_ops(program.customs))
    records = _plan.Records(program)
    defines = (_c.Define * max(len(src.constants), 1))()
    for define, (name, value) in zip(defines, src.constants.items()):
        define.name = name.encode()
        records.fill(define.value, value)
    given = _c.sized(_c.CompileOptions, src.entries().encode(), None, 0, defines, len(src.constants),
                     chip.encode() if chip else None, options.get("num_warps") or 0, options.get("num_stages") or 0)
    kernel = _runtime.Kernel()
    _c.call("tm_compile", ctypes.byref(kernel.handle), _runtime.context().handle, module.handle,
            src.fn.__name__.encode(), ctypes.byref(given))
    return CompiledKernel(src.fn, None, None, kernel)
