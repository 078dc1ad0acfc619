# SPDX-License-Identifier: MIT
"""numpy's own DLPack against ours, through the C ABI alone.

In: arrays of numpy, contiguous, sliced, backward and read-only, become buffers
at numpy's own addresses, and numpy gets them back when the buffer ends. Out:
numpy.from_dlpack reads a buffer in place. What numpy says of dtype, shape and
strides is the expected value.
"""
import ctypes as c
import gc
import os
import sys
import weakref

import numpy as np

lib = c.CDLL(os.environ["TRITON_METAL_LIBRARY"])
api = c.pythonapi
api.PyCapsule_GetPointer.restype = c.c_void_p
api.PyCapsule_GetPointer.argtypes = [c.py_object, c.c_char_p]
api.PyCapsule_SetName.argtypes = [c.py_object, c.c_char_p]
api.PyCapsule_New.restype = c.py_object
api.PyCapsule_New.argtypes = [c.c_void_p, c.c_char_p, c.c_void_p]
lib.tm_error_text.restype = c.c_char_p
lib.tm_buffer_contents.restype = c.c_void_p
lib.tm_buffer_size.restype = c.c_uint64


class Arg(c.Structure):
    _fields_ = [("tag", c.c_uint32), ("dtype", c.c_uint32), ("buffer", c.c_void_p), ("offset", c.c_uint64)]


class Tensor(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("buffer", c.c_void_p), ("offset", c.c_uint64), ("dtype", c.c_uint32),
                ("rank", c.c_uint32), ("shape", c.c_void_p), ("strides", c.c_void_p), ("as_metal", c.c_uint32)]


DTYPES = {"bool": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint8": 6, "uint16": 7, "uint32": 8,
          "uint64": 9, "float16": 10, "float32": 12, "float64": 13}
# numpy 2 speaks DLPack 1.x when it is asked to.
VERSIONED = int(np.__version__.split(".")[0]) >= 2
KINDS = [False, True] if VERSIONED else [False]


def check(status, error):
    if status:
        raise RuntimeError(lib.tm_error_text(error).decode())


def make_context():
    context, error = c.c_void_p(), c.c_void_p()
    check(lib.tm_context_create(c.byref(context), None, c.byref(error)), error)
    return context


def take(context, array, versioned):
    """A buffer of the array, as another library would take it."""
    capsule = array.__dlpack__(max_version=(1, 0)) if versioned else array.__dlpack__()
    name = b"dltensor_versioned" if versioned else b"dltensor"
    managed = api.PyCapsule_GetPointer(capsule, name)
    buffer, arg, error = c.c_void_p(), Arg(), c.c_void_p()
    call = lib.tm_buffer_from_dlpack_versioned if versioned else lib.tm_buffer_from_dlpack
    check(call(c.byref(buffer), c.byref(arg), context, c.c_void_p(managed), c.byref(error)), error)
    api.PyCapsule_SetName(capsule, b"used_" + name)
    return buffer, arg


class Exporter:
    """What numpy.from_dlpack asks of an object."""

    def __init__(self, buffer, dtype, shape, strides, versioned):
        self.dims = (c.c_int64 * len(shape))(*shape)
        self.steps = (c.c_int64 * len(shape))(*strides) if strides else None
        self.tensor = Tensor(c.sizeof(Tensor), buffer, 0, DTYPES[dtype], len(shape), c.addressof(self.dims),
                             c.addressof(self.steps) if strides else None, 0)
        self.versioned = versioned

    def __dlpack_device__(self):
        return (1, 0)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        managed, error = c.c_void_p(), c.c_void_p()
        call = lib.tm_buffer_to_dlpack_versioned if self.versioned else lib.tm_buffer_to_dlpack
        check(call(c.byref(managed), c.byref(self.tensor), c.byref(error)), error)
        self.name = b"dltensor_versioned" if self.versioned else b"dltensor"  # outlives the capsule
        return api.PyCapsule_New(managed, self.name, None)


def check_in(context):
    for versioned in KINDS:
        for dtype, number in DTYPES.items():
            whole = np.arange(60).reshape(4, 15).astype(dtype)
            for array in (whole, whole[1:3, ::2], whole[::-1, 3:9], whole[2], whole.T[5:]):
                buffer, arg = take(context, array, versioned)
                first = array.__array_interface__["data"][0]
                assert arg.dtype == number, (dtype, arg.dtype)
                assert lib.tm_buffer_contents(buffer) + arg.offset == first
                low, high = np.lib.array_utils.byte_bounds(array) if VERSIONED else np.byte_bounds(array)
                assert lib.tm_buffer_contents(buffer) == low and lib.tm_buffer_size(buffer) == high - low
                lib.tm_buffer_destroy(buffer)


def check_life(context):
    class Watched(np.ndarray):
        pass
    for versioned in KINDS:
        array = np.zeros(100).view(Watched)
        alive = weakref.ref(array)
        buffer, _ = take(context, array, versioned)
        del array
        gc.collect()
        assert alive() is not None, "numpy's array is gone while the buffer lives"
        lib.tm_buffer_destroy(buffer)
        gc.collect()
        assert alive() is None, "numpy's array was not given back"


def check_read_only(context):
    array = np.zeros(100, dtype="float32")
    array.flags.writeable = False
    try:
        take(context, array, False)
    except BufferError:  # numpy does not export it without a flag that says so
        pass
    if VERSIONED:
        buffer, _ = take(context, array, True)
        managed = c.c_void_p()
        tensor = Exporter(buffer, "float32", (100,), None, True)
        out = np.from_dlpack(tensor)
        assert not out.flags.writeable
        del out
        lib.tm_buffer_destroy(buffer)


def check_out(context):
    for versioned in KINDS:
        for dtype in DTYPES:
            buffer, error = c.c_void_p(), c.c_void_p()
            check(lib.tm_buffer_create(c.byref(buffer), context, c.c_uint64(4096), None, c.byref(error)), error)
            base = lib.tm_buffer_contents(buffer)
            expected = np.arange(24).reshape(2, 3, 4).astype(dtype)
            c.memmove(base, expected.ctypes.data, expected.nbytes)
            whole = np.from_dlpack(Exporter(buffer, dtype, (2, 3, 4), None, versioned))
            turned = np.from_dlpack(Exporter(buffer, dtype, (4, 2), (1, 12), versioned))
            lib.tm_buffer_destroy(buffer)  # numpy keeps the memory
            assert whole.dtype == expected.dtype and (whole == expected).all()
            assert whole.__array_interface__["data"][0] == base
            assert (turned == expected[:, 0, :].T).all()
            del whole, turned
    gc.collect()


context = make_context()
check_in(context)
check_life(context)
check_read_only(context)
check_out(context)
lib.tm_context_destroy(context)
print(f"numpy {np.__version__}: {len(DTYPES)} types in and out, {'both structures' if VERSIONED else 'legacy only'}")
sys.stdout.flush()
