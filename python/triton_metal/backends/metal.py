# SPDX-License-Identifier: MIT
"""The Metal backend: what the machine has, profiling, memory, the cache of
compiled kernels, operations of one's own."""
import collections
import contextlib
import ctypes
import json
import os

from .. import _c, _runtime, config, errors

Facts = collections.namedtuple("MemoryFacts", [
    "current_allocated", "max_allocated", "pooled", "wrapped", "buffers", "requests", "reuses", "device_limit"])

_environment = None


def environment():
    """The compatibility check as a dictionary: device, chip, generation, macos,
    limits, `missing`, `optimizations`, `settings`, `report` for people. Made
    once."""
    global _environment
    if _environment is None or _environment[0] != _c.generation:
        facts = _c.sized(_c.EnvironmentFacts)
        _c.call("tm_environment", _runtime.context().handle, ctypes.byref(facts))
        found = json.loads(_c.decode(facts.json))
        found.update(report=_c.decode(facts.report), json=_c.decode(facts.json))
        version = facts.language_version
        found["language_version"] = (version >> 16, version & 0xFFFF)
        _environment = (_c.generation, found)
    return dict(_environment[1])


def is_available():
    """Whether kernels can be launched: on a Mac's GPU, elsewhere on softmetal."""
    try:
        return bool(environment()["compiles"])
    except errors.Error:
        return False


def gpu_cores():
    """How many cores the GPU has at most: the chip's largest configuration,
    since Metal does not tell this one's; 0 where the chip is not known."""
    return environment()["gpu_cores"]


def synchronize():
    """Waits for the calling thread's stream."""
    _runtime.synchronize()


def clear_cache():
    """Deletes all compiled kernels from the cache on disk."""
    _c.call("tm_cache_clear", _runtime.context().handle)


def cache_info():
    """The cache of compiled kernels: path, hits, misses, rows, bytes, ..."""
    facts = _c.sized(_c.CacheFacts)
    _c.call("tm_cache_stats", _runtime.context().handle, ctypes.byref(facts))
    found = {name: getattr(facts, name) for name, _ in facts._fields_[1:]}
    return {name: _c.decode(value) if isinstance(value, bytes) else value for name, value in found.items()}


def memory_pool():
    """What the process holds of the GPU's memory, in bytes: current_allocated,
    max_allocated, pooled (kept for reuse), wrapped (of the host's), ..."""
    facts = _c.sized(_c.MemoryFacts)
    _c.call("tm_memory_info", _runtime.context().handle, ctypes.byref(facts))
    return Facts(facts.used, facts.used_peak, facts.pooled, facts.wrapped, facts.buffers, facts.requests,
                 facts.reuses, facts.device_limit)


def empty_cache():
    """Returns memory that is kept for reuse to the system."""
    _c.library.tm_memory_trim(_runtime.context().handle)


def auto_tuning():
    """Whether kernels are tuned: TRITON_METAL_DISABLE_AUTOTUNING and the
    settings file may say no."""
    return environment()["settings"]["auto_tuning"]


# ---- profiling ---------------------------------------------------------------

ProfileRow = collections.namedtuple("ProfileRow", [name for name, _ in _c.ProfileRow._fields_[1:]])


class Profile(_c.Handle):
    """What was recorded. print(profile) is a table; iterating gives a row for
    each kernel and specialization, those that took the GPU longest first.
    Times are in seconds."""

    destroy = "tm_profile_destroy"

    def __len__(self):
        return _c.library.tm_profile_count(self.handle)

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError("there are fewer rows")
        row = _c.sized(_c.ProfileRow)
        _c.call("tm_profile_row_at", self.handle, ctypes.c_size_t(index % len(self)), ctypes.byref(row))
        values = [getattr(row, name) for name in ProfileRow._fields]
        return ProfileRow(*[_c.decode(value) if isinstance(value, bytes) else value for value in values])

    def __str__(self):
        return _c.decode(_c.library.tm_profile_text(self.handle))

    @property
    def rows(self):
        return list(self)

    def json(self):
        """All rows as JSON text."""
        return _c.decode(_c.library.tm_profile_json(self.handle))

    def trace(self):
        """Every launch on a time line, as JSON text in Chrome's trace format."""
        return _c.decode(_c.library.tm_profile_trace(self.handle))

    def save_trace(self, path):
        """Writes the trace, for ui.perfetto.dev or chrome://tracing."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.trace())


def start_profiling(most_events=0):
    """Records every launch and compile from now on, with the GPU's times."""
    options = _c.sized(_c.ProfileOptions, most_events)
    _c.call("tm_profile_start", _runtime.context().handle, ctypes.byref(options))


def stop_profiling():
    """Waits for the current stream, ends the recording, and gives the Profile."""
    _runtime.synchronize()
    profile = Profile()
    _c.call("tm_profile_stop", ctypes.byref(profile.handle), _runtime.context().handle)
    return profile


@contextlib.contextmanager
def profiling(most_events=0):
    """`with profiling() as report:` records the block; report[0] is the Profile."""
    start_profiling(most_events)
    report = []
    try:
        yield report
    finally:
        report.append(stop_profiling())


# ---- operations of one's own -------------------------------------------------

_customs = {}


def register_custom_op(name, signature=None, text=None):
    """Registers what kernels call as tl.custom(name, ...).

    As a decorator of a function, which is Triton source and is inlined like
    any helper; or of one that returns MSL text, with its signature:

        @register_custom_op("swish")
        def swish(x):
            return x * tl.sigmoid(x)

        @register_custom_op("fast_tanh", "fp32(fp32)")
        def fast_tanh():
            return "METAL_FUNC float fast_tanh(float x) { return fast::tanh(x); }"

    Or at once: register_custom_op("fast_tanh", "fp32(fp32)", msl_text)."""
    if not name.isidentifier():
        raise ValueError(f"an operation's name is an identifier, not {name!r}")

    def register(fn):
        if signature is None:
            _customs[name] = (None, _triton_text(name, fn))
        else:
            _customs[name] = (signature.encode(), fn().encode())
        return fn

    if text is None:
        return register
    _customs[name] = (signature.encode() if signature else None, text.encode())
    return None


def _triton_text(name, fn):
    from .. import _source
    from ..jit import JITCallable, JITFunction

    jit = fn if isinstance(fn, JITCallable) else JITFunction(fn)
    if jit.fn.__name__ != name:
        raise ValueError(f"the function of operation '{name}' is called '{jit.fn.__name__}': it must have its name")
    program = _source.Program(jit)
    if len(program.units) > 1:
        raise ValueError(f"operation '{name}' uses other functions of its module: write it in one function")
    return program.texts()[0][2]


def custom_ops(names):
    """(name, signature, text) of the operations that a kernel calls."""
    missing = [name for name in names if name not in _customs]
    if missing:
        raise errors.CompilationError(f"tl.custom: no operation is registered as {', '.join(map(repr, missing))}; "
                                      "backends.metal.register_custom_op does that")
    return [(name.encode(), *_customs[name]) for name in names]


# ---- the check ---------------------------------------------------------------

# How the compiler lays tensors out over a program's threads, on every chip.
_LAYOUTS = [
    "blocked: up to 16 bytes a thread, the 32 lanes of a simdgroup over whole 128-byte lines",
    "fragments: 8x8 simdgroup matrices for the operands and results of tl.dot, in registers",
    "sliced, transposed and broadcast ones of these; shuffles or threadgroup memory between them",
]


def check_environment(verbose=True):
    """Looks at macOS, the chip, the libraries, and what is missing; prints a
    summary with what to do, and gives it as a dictionary: "ok", "macos",
    "chip", "generation" ("M1"), "optimizations", "layouts", "missing", and all
    that `environment()` has."""
    import platform

    facts = environment()
    generation = f"M{facts['generation']}" if facts["generation"] else "not known"
    result = dict(facts, ok=bool(facts["has_device"] and facts["compiles"]), generation=generation,
                  layouts=list(_LAYOUTS))
    if verbose:
        print(facts["report"].rstrip("\n"))
        print("layouts\n  - " + "\n  - ".join(_LAYOUTS))
        print(f"generation      {generation}")
        print(f"Python          {platform.python_version()} on {platform.system()} {platform.machine()}, "
              f"TRITON_BACKEND={os.environ.get('TRITON_BACKEND', 'metal')}")
        if not facts["is_apple"] and result["ok"]:
            print("hint            this is softmetal: kernels compute on the CPU, right and slow; a Mac with Apple's "
                  "own chip runs them on its GPU")
        print("ready" if result["ok"] else "not ready: kernels can be compiled for a named chip, and not launched")
    return result


class MPSDriver:
    """The driver, for those who set kernels' defaults through it."""

    def set_kernel_config(self, num_warps=None, num_stages=None, max_threads=None, shared_memory=None):
        """Defaults for kernels that have not launched yet: simdgroups of a
        program, stages; max_threads is another way to say num_warps (32 threads
        each); shared_memory refuses kernels that need more bytes."""
        if max_threads is not None:
            if max_threads % 32 or not 32 <= max_threads <= 1024:
                raise ValueError(f"max_threads is a multiple of 32 from 32 to 1024, not {max_threads}")
            limit = max_threads // 32
            num_warps = min(num_warps or limit, limit)
        if num_warps is not None and (num_warps < 1 or num_warps > 32 or num_warps & (num_warps - 1)):
            raise ValueError(f"num_warps is a power of two up to 32, not {num_warps}")
        if shared_memory is not None:
            _runtime.limit_threadgroup_bytes(shared_memory)
        config.num_warps = num_warps if num_warps is not None else config.num_warps
        config.num_stages = num_stages if num_stages is not None else config.num_stages

    def is_active(self):
        return is_available()

    def synchronize(self):
        synchronize()
