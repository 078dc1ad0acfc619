# SPDX-License-Identifier: MIT
"""Tensors in and out by DLPack, through the library's own functions, so that
types which numpy lacks go along. Capsules are Python's: a used one is renamed,
as the protocol asks."""
import ctypes

from . import _c, _runtime

_PLAIN, _VERSIONED = b"dltensor", b"dltensor_versioned"
_USED = {_PLAIN: b"used_dltensor", _VERSIONED: b"used_dltensor_versioned"}  # capsules keep the address of the name

_python = ctypes.pythonapi
_get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_IsValid", _python))
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", _python))
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destructor)(("PyCapsule_New", _python))
_get_raw = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))
_is_valid_raw = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _python))
_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Tensor(ctypes.Structure):
    """The end of a DLManagedTensor: after the DLTensor (48 bytes) its context
    and its deleter."""
    _fields_ = [("tensor", ctypes.c_uint8 * 48), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class Imported(_c.Handle):
    """A tm_buffer over a tensor that another library gave by DLPack. `arg` is
    the tensor as an argument."""

    destroy = "tm_buffer_destroy"

    def __init__(self, array):
        super().__init__()
        self.arg = _c.Arg()
        try:
            capsule = array.__dlpack__(max_version=(1, 1))
        except TypeError:
            capsule = array.__dlpack__()
        name = _VERSIONED if _is_valid(capsule, _VERSIONED) else _PLAIN
        function = "tm_buffer_from_dlpack" + ("_versioned" if name is _VERSIONED else "")
        _c.call(function, ctypes.byref(self.handle), ctypes.byref(self.arg), _runtime.context().handle,
                ctypes.c_void_p(_get(capsule, name)))
        _rename(capsule, _USED[name])


class _TensorOut(ctypes.Structure):
    """tm_tensor."""
    _fields_ = [("struct_size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("offset", ctypes.c_uint64),
                ("dtype", ctypes.c_uint32), ("rank", ctypes.c_uint32), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("as_metal", ctypes.c_uint32)]


@_Destructor
def _destroy(capsule):
    """Of a capsule that nobody has taken the tensor of."""
    if _is_valid_raw(capsule, _PLAIN):
        pointer = _get_raw(capsule, _PLAIN)
        deleter = _Tensor.from_address(pointer).deleter
        if deleter:
            _Deleter(deleter)(pointer)


def export(array):
    """A capsule of a triton_metal.Array as memory of the CPU."""
    rank = len(array.shape)
    shape = (ctypes.c_int64 * max(rank, 1))(*array.shape)
    given = _c.sized(_TensorOut, array._handle, 0, array._code, rank, shape, None, 0)
    pointer = ctypes.c_void_p()
    _c.call("tm_buffer_to_dlpack", ctypes.byref(pointer), ctypes.byref(given))
    return _new(pointer, _PLAIN, _destroy)
