# SPDX-License-Identifier: MIT
"""The C ABI of include/tritonmetal.h through ctypes: its structures, the
library, and `call`, which turns a failing status into an exception.

Nothing else in the package knows how a structure lies in memory, but for
_plan.py, which packs tm_arg records with ARG_FORMATS.
"""
import ctypes
import os
import sys

from . import errors

# tm_arg_tag
NOTHING, BUFFER, INT, FLOAT, BOOL, NONE, TEXT, DTYPE = range(8)
DESCRIPTOR, TUPLE, NAMED_TUPLE, FUNCTION = 8, 9, 10, 12
WAIT_FOREVER = 2**64 - 1

# tm_dtype by the names that numpy, torch, MLX and Triton have for them
DTYPES = {
    "bool": 1, "bool_": 1, "int1": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint8": 6, "uint16": 7,
    "uint32": 8, "uint64": 9, "float16": 10, "bfloat16": 11, "float32": 12, "float64": 13,
    "float8_e4m3fn": 14, "float8e4nv": 14, "float8_e5m2": 15, "float8e5": 15,
}
SPELLINGS = {  # Triton's short names of them
    "i1": 1, "u1": 1, "i8": 2, "i16": 3, "i32": 4, "i64": 5, "u8": 6, "u16": 7, "u32": 8, "u64": 9, "fp16": 10,
    "bf16": 11, "fp32": 12, "fp64": 13, "fp8e4nv": 14, "fp8e5": 15,
}
U64 = DTYPES["uint64"]
STAGES = {"ast": 0, "ttir": 1, "ttgir": 2, "layout": 2, "msl": 3}  # tm_stage


class Value(ctypes.Union):
    _fields_ = [("buffer", ctypes.c_void_p), ("i", ctypes.c_int64), ("f", ctypes.c_double), ("text", ctypes.c_char_p),
                ("list", ctypes.c_void_p)]


class Arg(ctypes.Structure):
    _fields_ = [("tag", ctypes.c_uint32), ("dtype", ctypes.c_uint32), ("u", Value), ("offset", ctypes.c_uint64)]


ARG_SIZE = ctypes.sizeof(Arg)


class Define(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", Arg)]


class Descriptor(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("offset", ctypes.c_uint64),
                ("dtype", ctypes.c_uint32), ("rank", ctypes.c_uint32), ("shape", ctypes.c_int64 * 5),
                ("strides", ctypes.c_int64 * 5), ("block_shape", ctypes.c_uint32 * 5), ("padding", ctypes.c_uint32),
                ("round_f32_to_tf32", ctypes.c_uint32)]


class LaunchOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("named", ctypes.POINTER(Define)), ("n_named", ctypes.c_size_t),
                ("num_warps", ctypes.c_uint32), ("num_stages", ctypes.c_uint32)]


class Grid(ctypes.Structure):
    _fields_ = [("x", ctypes.c_uint32), ("y", ctypes.c_uint32), ("z", ctypes.c_uint32)]


GridFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Define), ctypes.c_size_t, ctypes.POINTER(Grid))


class TunedLaunchOptions(ctypes.Structure):
    """tm_launch_options to its end."""
    _fields_ = [*LaunchOptions._fields_, ("into", ctypes.c_void_p), ("grid_of", GridFunction),
                ("payload", ctypes.c_void_p)]


class Config(ctypes.Structure):
    _fields_ = [("defines", ctypes.POINTER(Define)), ("n_defines", ctypes.c_size_t), ("num_warps", ctypes.c_uint32),
                ("num_stages", ctypes.c_uint32)]


class FunctionOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("defines", ctypes.POINTER(Define)), ("n_defines", ctypes.c_size_t),
                ("num_warps", ctypes.c_uint32), ("num_stages", ctypes.c_uint32), ("configs", ctypes.POINTER(Config)),
                ("n_configs", ctypes.c_size_t), ("key", ctypes.POINTER(ctypes.c_char_p)), ("n_key", ctypes.c_size_t),
                ("reset_to_zero", ctypes.POINTER(ctypes.c_char_p)), ("n_reset_to_zero", ctypes.c_size_t),
                ("restore_value", ctypes.POINTER(ctypes.c_char_p)), ("n_restore_value", ctypes.c_size_t),
                ("warmup", ctypes.c_uint32), ("repetitions", ctypes.c_uint32), ("prune", ctypes.c_void_p),
                ("payload", ctypes.c_void_p), ("model_keep", ctypes.c_uint32), ("background", ctypes.c_uint32),
                ("tiles", ctypes.POINTER(ctypes.c_char_p)), ("n_tiles", ctypes.c_size_t)]


class TuningRow(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("key", ctypes.c_char_p), ("config", ctypes.c_char_p),
                ("seconds", ctypes.c_double), ("predicted", ctypes.c_double), ("chosen", ctypes.c_uint32),
                ("failure", ctypes.c_char_p)]


RowFunction = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(TuningRow))


class ModuleOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("is_package", ctypes.c_uint32)]


class BufferOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("zero", ctypes.c_uint32)]


LogFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p)
PrintFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)


class ContextOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("cache_dir", ctypes.c_char_p), ("cache", ctypes.c_uint32),
                ("cache_limit", ctypes.c_uint64), ("device", ctypes.c_char_p), ("chip", ctypes.c_char_p),
                ("force_sync", ctypes.c_uint32), ("auto_tuning", ctypes.c_uint32), ("debug_level", ctypes.c_uint32),
                ("threadgroup_size", ctypes.c_uint32), ("max_threadgroup_bytes", ctypes.c_uint32),
                ("optimization_level", ctypes.c_uint32), ("log", LogFunction), ("payload", ctypes.c_void_p),
                ("print", PrintFunction), ("debug", ctypes.c_uint32)]


class CompileOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("signature", ctypes.c_char_p), ("params", ctypes.c_void_p),
                ("n_params", ctypes.c_size_t), ("defines", ctypes.POINTER(Define)), ("n_defines", ctypes.c_size_t),
                ("chip", ctypes.c_char_p), ("num_warps", ctypes.c_uint32), ("num_stages", ctypes.c_uint32),
                ("cache", ctypes.c_uint32)]


class Estimate(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), *[(name, ctypes.c_double) for name in (
        "bytes_read", "bytes_written", "bytes_asked", "flops", "matrix_flops", "threadgroup_bytes")],
                ("registers", ctypes.c_uint32), ("is_exact", ctypes.c_uint32), *[(name, ctypes.c_double) for name in (
                    "memory_seconds", "arithmetic_seconds", "matrix_seconds", "threadgroup_seconds", "seconds")],
                ("bound", ctypes.c_char_p), ("threadgroups_per_core", ctypes.c_uint32),
                ("occupancy_limit", ctypes.c_char_p)]


class KernelArg(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_char_p), ("is_buffer", ctypes.c_uint32),
                ("dtype", ctypes.c_uint32), ("reads", ctypes.c_uint32), ("writes", ctypes.c_uint32),
                ("divisibility", ctypes.c_uint32)]


class KernelFacts(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("name", ctypes.c_char_p), ("chip", ctypes.c_char_p),
                ("args", ctypes.POINTER(KernelArg)), ("n_args", ctypes.c_size_t), ("num_warps", ctypes.c_uint32),
                ("num_stages", ctypes.c_uint32), ("threads", ctypes.c_uint32), ("threadgroup_bytes", ctypes.c_uint32),
                ("language_version", ctypes.c_uint32), ("family", ctypes.c_uint32), ("from_cache", ctypes.c_uint32),
                ("compile_seconds", ctypes.c_double)]


class MemoryFacts(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("used", ctypes.c_uint64), ("used_peak", ctypes.c_uint64),
                ("pooled", ctypes.c_uint64), ("wrapped", ctypes.c_uint64), ("buffers", ctypes.c_uint64),
                ("requests", ctypes.c_uint64), ("reuses", ctypes.c_uint64), ("device_limit", ctypes.c_uint64)]


class CacheFacts(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("path", ctypes.c_char_p), ("hits", ctypes.c_uint64),
                ("misses", ctypes.c_uint64), ("stores", ctypes.c_uint64), ("failures", ctypes.c_uint64),
                ("rows", ctypes.c_uint64), ("bytes", ctypes.c_uint64), ("usable", ctypes.c_uint32),
                ("writable", ctypes.c_uint32), ("trouble", ctypes.c_char * 160)]


class EnvironmentFacts(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("has_device", ctypes.c_uint32), ("is_apple", ctypes.c_uint32),
                ("device", ctypes.c_char_p), ("chip", ctypes.c_char_p), ("family", ctypes.c_uint32),
                ("supports_metal3", ctypes.c_uint32), ("supports_metal4", ctypes.c_uint32),
                ("max_threads", ctypes.c_uint32), ("threadgroup_bytes", ctypes.c_uint32),
                ("max_buffer", ctypes.c_uint64), ("working_set", ctypes.c_uint64),
                ("language_version", ctypes.c_uint32), ("metal_library", ctypes.c_char_p),
                ("cache_path", ctypes.c_char_p), ("config_path", ctypes.c_char_p), ("report", ctypes.c_char_p),
                ("generation", ctypes.c_uint32), ("variant", ctypes.c_char_p), ("architecture", ctypes.c_char_p),
                ("gpu_cores", ctypes.c_uint32), ("memory", ctypes.c_uint64), ("macos", ctypes.c_char_p),
                ("metal", ctypes.c_uint32), ("compiles", ctypes.c_uint32),
                ("missing", ctypes.POINTER(ctypes.c_char_p)), ("n_missing", ctypes.c_size_t),
                ("optimizations", ctypes.POINTER(ctypes.c_char_p)), ("n_optimizations", ctypes.c_size_t),
                ("json", ctypes.c_char_p)]


class ProfileOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("most_events", ctypes.c_uint64), ("timing", ctypes.c_uint32)]


class ProfileRow(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("kernel", ctypes.c_char_p), ("specialization", ctypes.c_char_p),
                ("launches", ctypes.c_uint64), ("compiles", ctypes.c_uint64), ("cache_hits", ctypes.c_uint64),
                *[(name, ctypes.c_double) for name in (
                    "compile_seconds", "gpu_total", "gpu_min", "gpu_median", "gpu_p95", "queue_wait",
                    "bytes_per_second", "flops_per_second", "of_roofline")],
                ("bound", ctypes.c_char_p), ("timed", ctypes.c_uint64), ("pipeline_seconds", ctypes.c_double),
                ("host_total", ctypes.c_double), ("is_exact", ctypes.c_uint32)]


class CDiagnostic(ctypes.Structure):
    _fields_ = [("severity", ctypes.c_int), ("status", ctypes.c_int), ("file", ctypes.c_char_p),
                ("line", ctypes.c_uint32), ("column", ctypes.c_uint32), ("message", ctypes.c_char_p),
                ("hint", ctypes.c_char_p), ("rendered", ctypes.c_char_p)]


def sized(kind, *values):
    """A structure that begins with its size."""
    return kind(ctypes.sizeof(kind), *values)


# ---- the library -------------------------------------------------------------


def _places():
    ending = "dylib" if sys.platform == "darwin" else "so"
    here = os.path.dirname(os.path.abspath(__file__))
    named = os.environ.get("TRITON_METAL_LIBRARY")
    if named:
        return [named]
    return [os.path.join(here, f"libtritonmetal.{ending}"),
            os.path.join(here, "..", "..", "build", f"libtritonmetal.{ending}"), f"libtritonmetal.{ending}"]


def _open():
    reasons = []
    for place in _places():
        if os.path.sep in place and not os.path.exists(place):
            reasons.append(f"{place}: there is no such file")
            continue
        try:
            return ctypes.CDLL(place)
        except OSError as error:
            reasons.append(str(error))
    raise ImportError("libtritonmetal cannot be loaded. Build it (make), install the package (pip install ./python), "
                      "or set TRITON_METAL_LIBRARY to its file.\n  " + "\n  ".join(reasons))


library = _open()

_POINTER = ctypes.c_void_p
for _name, _result in (
    ("tm_version_text", ctypes.c_char_p), ("tm_status_name", ctypes.c_char_p), ("tm_error_message", ctypes.c_char_p),
    ("tm_error_diagnostic_count", ctypes.c_size_t), ("tm_error_diagnostic", ctypes.POINTER(CDiagnostic)),
    ("tm_module_missing_import", ctypes.c_char_p), ("tm_buffer_contents", _POINTER), ("tm_kernel_text", _POINTER),
    ("tm_kernel_info", ctypes.POINTER(KernelFacts)), ("tm_stream_read_printed", ctypes.c_size_t),
    ("tm_chip_name", ctypes.c_char_p), ("tm_profile_count", ctypes.c_size_t),
    ("tm_profile_text", ctypes.c_char_p), ("tm_profile_json", ctypes.c_char_p),
    ("tm_profile_trace", ctypes.c_char_p), ("tm_buffer_metal", _POINTER), ("tm_function_variants", ctypes.c_size_t),
):
    getattr(library, _name).restype = _result


def has(name):
    """Whether the library has a function of that name."""
    try:
        getattr(library, name)
        return True
    except AttributeError:
        return False


def decode(text):
    return text.decode("utf-8", "replace") if text is not None else None


def _diagnostics(error):
    from ._source import original_place

    found = []
    for i in range(library.tm_error_diagnostic_count(error)):
        d = library.tm_error_diagnostic(error, ctypes.c_size_t(i)).contents
        file, line, column = original_place(decode(d.file), d.line, d.column)
        status = decode(library.tm_status_name(ctypes.c_int(d.status)))
        found.append(errors.Diagnostic(d.severity, status, file, line or None, column, decode(d.message),
                                       decode(d.hint)))
    return found


def fail(status, error):
    """Raises the exception for a failed call, and frees its error object."""
    name = decode(library.tm_status_name(ctypes.c_int(status)))
    message = decode(library.tm_error_message(error)) or name
    diagnostics = _diagnostics(error)
    library.tm_error_destroy(error)
    raise errors.make(name, message, diagnostics)


def call(name, *args):
    """Calls a function whose last argument is a tm_error **."""
    error = ctypes.c_void_p()
    status = getattr(library, name)(*args, ctypes.byref(error))
    if status:
        fail(status, error)


# Counts forks: nothing of the library survives one for the child's use, so the
# child neither uses nor destroys what its parent made.
generation = 0


def _forked():
    global generation
    generation += 1


os.register_at_fork(after_in_child=_forked)


class Handle:
    """An object of the library, destroyed with its Python object."""

    destroy = ""

    def __init__(self):
        self.handle, self.generation = ctypes.c_void_p(), generation

    def __del__(self):
        if getattr(self, "handle", None) and self.generation == generation:
            getattr(library, self.destroy)(self.handle)
            self.handle = None
