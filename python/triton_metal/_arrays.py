# SPDX-License-Identifier: MIT
"""Arrays of the host's as buffers of the GPU's.

numpy, torch on the CPU, and whatever speaks the buffer protocol or DLPack on
the CPU: the pages that the array lies in are wrapped, nothing is copied. What
kernels reach is the array's whole allocation, so strides and views work as in
upstream. torch on MPS and triton_metal.Array are the GPU's own buffers.

A wrap is remembered by the array object, with a weak reference: it goes when
the object goes, before its memory can be used for anything else. While an
object has one, numpy refuses to resize it in place; torch's storages may
change, so that a tensor's address is compared at each launch.

Where memory cannot be wrapped (it is read-only, or Metal refuses it), a launch
copies it in and, unless it is read-only, out again: `is_copied` says so.
"""
import ctypes
import functools
import os
import sys
import weakref

from . import _c, _runtime


class Entry:
    """An array as an argument: tm_buffer, byte offset, tm_dtype. `dtype` is
    the array's own type object, `pointer` where it lay."""

    __slots__ = ("handle", "offset", "code", "dtype", "pointer", "buffer", "watch", "copy")

    def __init__(self, buffer, offset, code, dtype=None, pointer=0, copy=None):
        self.buffer, self.handle, self.offset, self.code = buffer, buffer.handle.value, offset, code
        self.dtype, self.pointer, self.copy = dtype, pointer, copy
        self.watch = None


entries = {}  # id of an array → Entry; of arrays that live
_owners = {}  # id of the array that has the memory → (weak reference, address, bytes, WrappedBuffer)


def _forget_all():
    for entry in entries.values():
        entry.watch = None
    entries.clear()
    _owners.clear()


os.register_at_fork(after_in_child=_forget_all)


class Copy:
    """A launch's copy of an array's memory, to be written back when it has
    ended. Bytes are copied as they lie, so that strides stay true."""

    def __init__(self, array, low, size, writeable):
        self.array, self.low, self.size, self.writeable = array, low, size, writeable
        self.buffer = _runtime.Buffer(size)

    def begin(self):
        ctypes.memmove(self.buffer.address, self.low, self.size)

    def finish(self):
        if self.writeable:
            ctypes.memmove(self.low, self.buffer.address, self.size)


class Kept:
    """What an asynchronous launch uses, kept until the stream was waited for."""

    __slots__ = ("things",)

    def __init__(self, things):
        self.things = things

    def finish(self):
        self.things = None


@functools.lru_cache(maxsize=None)
def dtype_code(dtype):
    """The tm_dtype of a numpy, torch, MLX or Triton type."""
    name = getattr(dtype, "_long_name", None) or getattr(dtype, "name", None) or str(dtype).rsplit(".", 1)[-1]
    code = _c.DTYPES.get(name) or _c.SPELLINGS.get(name)
    if code is None:
        raise TypeError(f"arrays of {name} cannot be passed to a kernel")
    if getattr(dtype, "isnative", True) is False:
        raise TypeError(f"arrays of {dtype} in foreign byte order cannot be passed to a kernel")
    return code


def _remember(table, thing, value):
    """Files value under the object until the object goes; returns the weak
    reference, or None for objects that have none."""
    key = id(thing)
    try:
        watch = weakref.ref(thing, functools.partial(_forget, table, key))
    except TypeError:
        return None
    table[key] = value
    return watch


def _forget(table, key, _):
    table.pop(key, None)


def _wrap(owner, address, size):
    """The wrapped bytes at address, which belong to owner; None where Metal
    cannot map them."""
    known = _owners.get(id(owner))
    if known is not None and known[1] == address and known[2] == size:
        return known[3]
    buffer = _runtime.WrappedBuffer(address, size)
    if buffer.is_copy():
        return None
    watch = _remember(_owners, owner, None)
    if watch is not None:
        _owners[id(owner)] = (watch, address, size, buffer)
    return buffer


def _bounds(array, address):
    """The first byte of a numpy array and how many it spans."""
    low, high = address, address + array.itemsize
    for extent, stride in zip(array.shape, array.strides):
        if stride < 0:
            low += (extent - 1) * stride
        else:
            high += (extent - 1) * stride
    return low, high - low


def _empty(dtype, shown):
    return Entry(_runtime.Buffer(16), 0, dtype_code(dtype), shown)


def from_numpy(array):
    """An Entry for a numpy array, remembered where that is sound."""
    known = entries.get(id(array))
    if known is not None and known.dtype is array.dtype:
        return known
    if hasattr(array, "mask") and hasattr(array, "fill_value"):
        raise TypeError("a masked array cannot be passed to a kernel, which would see through its mask: pass .data, or "
                        ".filled()")
    code = dtype_code(array.dtype)
    if array.size == 0:
        return _empty(array.dtype, array.dtype)
    address = array.__array_interface__["data"][0]
    owner = array
    while type(owner.base).__module__ == "numpy" and hasattr(owner.base, "strides"):
        owner = owner.base
    own = getattr(owner.base, "owner", None)
    if isinstance(own, _runtime.Buffer):
        entry = Entry(own, address - own.address, code, array.dtype, address)
    else:
        low, size = _bounds(owner, owner.__array_interface__["data"][0])
        buffer = _wrap(owner, low, size) if array.flags.writeable else None
        if buffer is None:
            return _copied(array, code, address, low, size)
        entry = Entry(buffer, address - low, code, array.dtype, address)
    entry.watch = _remember(entries, array, entry)
    return entry


def _copied(array, code, address, low, size):
    copy = Copy(array, low, size, array.flags.writeable)
    return Entry(copy.buffer, address - low, code, copy=copy)


def from_torch(tensor):
    """An Entry for a torch tensor on the CPU or on MPS."""
    kind = tensor.device.type
    if kind not in ("cpu", "mps"):
        raise ValueError(f"a tensor on {tensor.device} cannot be passed to a kernel: move it to 'cpu' or 'mps'")
    pointer = tensor.data_ptr()
    known = entries.get(id(tensor))
    if known is not None and known.pointer == pointer and known.dtype is tensor.dtype:
        return known
    code = dtype_code(tensor.dtype)
    if tensor.numel() == 0:
        return _empty(tensor.dtype, tensor.dtype)
    if kind == "mps":
        return _from_mps(tensor, pointer, code)
    storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
    start, size = storage.data_ptr(), storage.nbytes()
    buffer = _wrap(tensor, start, size)
    if buffer is None:
        copy = Copy(tensor, start, size, True)
        return Entry(copy.buffer, pointer - start, code, copy=copy)
    entry = Entry(buffer, pointer - start, code, tensor.dtype, pointer)
    entry.watch = _remember(entries, tensor, entry)
    return entry


def _from_mps(tensor, pointer, code):
    """Its buffer, each time anew: torch works on a queue of its own, so what
    it has under way is waited for."""
    import torch

    torch.mps.synchronize()
    storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()
    buffer = _runtime.ImportedBuffer(storage.data_ptr(), 0, 0)  # data_ptr() is the id<MTLBuffer>
    return Entry(buffer, tensor.storage_offset() * tensor.element_size(), code, tensor.dtype, pointer)


def is_numpy_scalar(value):
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


def from_other(array):
    """An Entry for anything that tells where its memory is: MLX, JAX and others
    by DLPack, the array interface, ctypes arrays and memoryviews."""
    import numpy

    if hasattr(array, "__dlpack__"):
        from . import _dlpack

        buffer = _dlpack.Imported(array)
        return Entry(buffer, buffer.arg.offset, buffer.arg.dtype)
    if hasattr(array, "__array_interface__"):
        return from_numpy(numpy.asarray(array))
    return from_numpy(numpy.asarray(memoryview(array)))


def is_array(value):
    return hasattr(value, "__array_interface__") or hasattr(value, "__dlpack__") or \
        isinstance(value, (memoryview, ctypes.Array))


def is_copied(array):
    """Whether launches copy the array, since its memory cannot be wrapped."""
    return entry_of(array).copy is not None


def entry_of(value):
    """An Entry for any array."""
    kind = kind_of(type(value))
    if kind == "array" or type(value).__name__ == "MockTensor":
        return value._entry
    if kind == "numpy":
        return from_numpy(value)
    if kind == "torch":
        return from_torch(value)
    base = getattr(value, "base", None)
    if base is not None and hasattr(value, "data_ptr"):  # a TensorWrapper: another type over the same memory
        entry = entry_of(base)
        return Entry(entry.buffer, entry.offset, dtype_code(value.dtype), copy=entry.copy)
    return from_other(value)


@functools.lru_cache(maxsize=None)
def kind_of(kind):
    """How values of a Python type are passed: "array", "numpy", "torch", or
    None for what takes the general path."""
    from .arrays import Array

    if issubclass(kind, Array):
        return "array"
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.ndarray):
        return "numpy"
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "Tensor") and issubclass(kind, torch.Tensor):
        return "torch"
    return None
