# SPDX-License-Identifier: MIT
"""The C ABI of include/tritonmetal.h through ctypes: the structures, the
library, and one class for each handle that the package uses."""
import ctypes
import os
import sys

_NUMPY_DTYPES = {"bool": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint8": 6, "uint16": 7, "uint32": 8,
                 "uint64": 9, "float16": 10, "bfloat16": 11, "float32": 12, "float64": 13}
_BUFFER, _INT, _FLOAT, _BOOL, _NONE, _TEXT = 1, 2, 3, 4, 5, 6
_DESCRIPTOR, _TUPLE, _NAMED_TUPLE, _FUNCTION = 8, 9, 10, 12
_WAIT_FOREVER = 2**64 - 1


class _Value(ctypes.Union):
    _fields_ = [("buffer", ctypes.c_void_p), ("i", ctypes.c_int64), ("f", ctypes.c_double), ("text", ctypes.c_char_p),
                ("list", ctypes.c_void_p)]


class _Arg(ctypes.Structure):
    _fields_ = [("tag", ctypes.c_uint32), ("dtype", ctypes.c_uint32), ("u", _Value), ("offset", ctypes.c_uint64)]


class _Define(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", _Arg)]


class _Descriptor(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("offset", ctypes.c_uint64),
                ("dtype", ctypes.c_uint32), ("rank", ctypes.c_uint32), ("shape", ctypes.c_int64 * 5),
                ("strides", ctypes.c_int64 * 5), ("block_shape", ctypes.c_uint32 * 5), ("padding", ctypes.c_uint32),
                ("round_f32_to_tf32", ctypes.c_uint32)]


class _LaunchOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("named", ctypes.POINTER(_Define)), ("n_named", ctypes.c_size_t),
                ("num_warps", ctypes.c_uint32), ("num_stages", ctypes.c_uint32)]


class _ModuleOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("is_package", ctypes.c_uint32)]


class _Grid(ctypes.Structure):
    _fields_ = [("x", ctypes.c_uint32), ("y", ctypes.c_uint32), ("z", ctypes.c_uint32)]


class Error(Exception):
    """What the library refused or failed at, with its diagnostics."""


def _open():
    ending = "dylib" if sys.platform == "darwin" else "so"
    here = os.path.dirname(os.path.abspath(__file__))
    places = [os.environ.get("TRITON_METAL_LIBRARY"), os.path.join(here, f"libtritonmetal.{ending}"),
              os.path.join(here, "..", "..", "build", f"libtritonmetal.{ending}"), f"libtritonmetal.{ending}"]
    for place in places:
        if place and (os.path.sep not in place or os.path.exists(place)):
            try:
                return ctypes.CDLL(place)
            except OSError:
                continue
    raise ImportError("libtritonmetal was not found: build it with make, install it, or set TRITON_METAL_LIBRARY")


_library = _open()
_library.tm_error_text.restype = ctypes.c_char_p
_library.tm_module_missing_import.restype = ctypes.c_char_p
_library.tm_buffer_contents.restype = ctypes.c_void_p


def _call(name, *args):
    error = ctypes.c_void_p()
    status = getattr(_library, name)(*args, ctypes.byref(error))
    if status:
        text = _library.tm_error_text(error).decode("utf-8", "replace").rstrip()
        _library.tm_error_destroy(error)
        raise Error(text)


class _Runtime:
    """The default context and stream."""

    def __init__(self):
        self.context, self.stream = ctypes.c_void_p(), ctypes.c_void_p()
        _call("tm_context_create", ctypes.byref(self.context), None)
        _call("tm_stream_create", ctypes.byref(self.stream), self.context, None)

    def synchronize(self):
        _call("tm_stream_synchronize", self.stream, ctypes.c_uint64(_WAIT_FOREVER))


_runtime = None


def runtime():
    global _runtime
    if _runtime is None:
        _runtime = _Runtime()
    return _runtime


class Buffer:
    """A tm_buffer; `memory` is its bytes."""

    def __init__(self, size):
        self.handle = ctypes.c_void_p()
        _call("tm_buffer_create", ctypes.byref(self.handle), runtime().context, ctypes.c_uint64(size), None)
        self.memory = (ctypes.c_char * size).from_address(_library.tm_buffer_contents(self.handle))
        self.memory.owner = self  # views of the memory keep the buffer alive

    def __del__(self):
        if getattr(self, "handle", None):
            _library.tm_buffer_destroy(self.handle)


class Module:
    """A source file and, as far as Python finds them, those it imports."""

    def __init__(self, path, name):
        self.handle = ctypes.c_void_p()
        text, options = self._read(path)
        _call("tm_module_parse", ctypes.byref(self.handle), name.encode(), path.encode(), text,
              ctypes.c_size_t(len(text)), ctypes.byref(options))
        while self._add_imports():
            pass

    def _add_imports(self):
        """Adds what the set lacks and Python has; whether there was any."""
        index, added = 0, False
        while (missing := _library.tm_module_missing_import(self.handle, ctypes.c_size_t(index))) is not None:
            index += 1
            found = self._find(missing.decode())
            if found:
                text, options = self._read(found)
                _call("tm_module_add", self.handle, missing, found.encode(), text, ctypes.c_size_t(len(text)),
                      ctypes.byref(options))
                added = True
        return added

    @staticmethod
    def _read(path):
        with open(path, "rb") as file:
            text = file.read()
        package = os.path.basename(path) == "__init__.py"
        return text, _ModuleOptions(ctypes.sizeof(_ModuleOptions), package)

    @staticmethod
    def _find(name):
        """The source of a module that is imported already; host libraries are
        large and none of a kernel's business, so nothing new is imported."""
        module = sys.modules.get(name)
        path = getattr(module, "__file__", None)
        if not path or not path.endswith(".py"):
            return None
        return None if name.split(".")[0] in ("numpy", "torch", "triton_metal") else path


class Function:
    """A tm_function: a kernel that specialises itself."""

    def __init__(self, module, name):
        self.module, self.handle = module, ctypes.c_void_p()
        _call("tm_function_create", ctypes.byref(self.handle), runtime().context, module.handle, name.encode(), None)

    def launch(self, grid, values, named, num_warps, num_stages):
        keep = []  # what the arguments point at
        args = (_Arg * len(values))(*[_to_arg(value, keep) for value in values])
        defines = _to_defines(named.items(), keep)
        options = _LaunchOptions(ctypes.sizeof(_LaunchOptions), defines, len(named), num_warps, num_stages)
        extents = list(grid) + [1] * (3 - len(grid))
        _call("tm_function_launch", runtime().stream, self.handle, _Grid(*extents), args,
              ctypes.c_size_t(len(values)), ctypes.byref(options))


class Tensor:
    """A buffer with the type of its elements."""

    def __init__(self, buffer, dtype):
        if dtype not in _NUMPY_DTYPES:
            raise TypeError(f"arrays of {dtype} cannot be passed to a kernel")
        self.buffer, self.dtype = buffer, _NUMPY_DTYPES[dtype]


class Name:
    """A jit function, by its name."""

    def __init__(self, name):
        self.name = name.encode()


class Descriptor:
    """A tensor with its sizes, strides, block and options."""

    def __init__(self, tensor, shape, strides, block_shape, padding, round_f32_to_tf32):
        rank = len(shape)
        if len(strides) != rank or len(block_shape) != rank or not 1 <= rank <= 5:
            raise ValueError(f"a descriptor has as many strides and block sizes as sizes, 1 to 5: {len(strides)}, "
                             f"{len(block_shape)} and {rank} are given")
        if padding not in ("zero", "nan"):
            raise ValueError(f"padding is 'zero' or 'nan', not {padding!r}")
        self.tensor = tensor
        self.struct = _Descriptor(ctypes.sizeof(_Descriptor), tensor.buffer.handle, 0, tensor.dtype, rank,
                                  (ctypes.c_int64 * 5)(*shape), (ctypes.c_int64 * 5)(*strides),
                                  (ctypes.c_uint32 * 5)(*block_shape), padding == "nan", bool(round_f32_to_tf32))


def _to_defines(items, keep):
    defines = (_Define * len(items))(*[_Define(name.encode(), _to_arg(value, keep)) for name, value in items])
    keep.append(defines)
    return defines


def _to_tuple(value, keep, arg):
    names = getattr(value, "_fields", None)
    if names is not None:
        arg.tag, items = _NAMED_TUPLE, _to_defines(list(zip(names, value)), keep)
    else:
        arg.tag, items = _TUPLE, (_Arg * len(value))(*[_to_arg(item, keep) for item in value])
        keep.append(items)
    arg.u.list, arg.offset = ctypes.addressof(items), len(value)


def _to_arg(value, keep):
    arg = _Arg()
    if isinstance(value, Tensor):
        arg.tag, arg.dtype, arg.u.buffer = _BUFFER, value.dtype, value.buffer.handle
    elif isinstance(value, Descriptor):
        keep.append(value)
        arg.tag, arg.u.list = _DESCRIPTOR, ctypes.addressof(value.struct)
    elif isinstance(value, Name):
        keep.append(value)
        arg.tag, arg.u.text = _FUNCTION, value.name
    elif isinstance(value, (tuple, list)):
        _to_tuple(value, keep, arg)
    elif value is None:
        arg.tag = _NONE
    elif isinstance(value, bool):
        arg.tag, arg.u.i = _BOOL, value
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise OverflowError(f"{value} does not fit 64 bits")
        arg.tag, arg.u.i = _INT, value
    elif isinstance(value, float):
        arg.tag, arg.u.f = _FLOAT, value
    elif isinstance(value, str):
        arg.tag, arg.u.text = _TEXT, value.encode()
    else:
        raise TypeError(f"a {type(value).__name__} cannot be passed to a kernel")
    return arg
