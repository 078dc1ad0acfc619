# SPDX-License-Identifier: MIT
"""Arrays in memory that host and GPU share, and tensor descriptors."""
from . import _arrays, _runtime

__all__ = ["Array", "TensorDescriptor", "empty", "empty_like", "from_numpy", "full", "ones", "zeros", "zeros_like"]


def _numpy_dtype(dtype):
    """numpy's type for a name, a numpy, torch or Triton type; bfloat16 and
    the like, which numpy lacks, are held as unsigned integers of their size."""
    import numpy

    code = None
    if not isinstance(dtype, (str, type, numpy.dtype)):
        dtype = getattr(dtype, "_long_name", None) or str(dtype).rsplit(".", 1)[-1]
    if dtype in ("bfloat16", "bf16"):
        code = _arrays.dtype_code("bfloat16")
        return numpy.dtype(numpy.uint16), code
    if isinstance(dtype, str) and dtype.startswith("float8"):
        return numpy.dtype(numpy.uint8), _arrays.dtype_code(dtype)
    found = numpy.dtype(dtype)
    return found, _arrays.dtype_code(found)


class Array:
    """An array in memory that host and GPU share: never copied, and not waited
    for until the host looks. `numpy()` waits for the current stream and is a
    view; so does `numpy.asarray(array)`, and so do indexing and DLPack."""

    def __init__(self, shape, dtype="float32", zero=False):
        self.shape = (shape,) if isinstance(shape, int) else tuple(int(extent) for extent in shape)
        self.dtype, code = _numpy_dtype(dtype)
        self.size = 1
        for extent in self.shape:
            self.size *= extent
        self.itemsize = self.dtype.itemsize
        self.nbytes = self.size * self.itemsize
        buffer = _runtime.Buffer(max(self.nbytes, 1), zero)
        self._entry = _arrays.Entry(buffer, 0, code, self.dtype)
        self._handle, self._code = self._entry.handle, code
        # Of bfloat16 and the like: the type that kernels see.
        self.element_type = next(name for name, number in _arrays._c.SPELLINGS.items() if number == code)

    ndim = property(lambda self: len(self.shape))
    device = "metal"

    @property
    def strides(self):
        """Bytes from one index to the next, as numpy's."""
        return tuple(s * self.itemsize for s in self.stride())

    def stride(self, dim=None):
        """Elements from one index to the next, as torch's."""
        strides, step = [], 1
        for extent in reversed(self.shape):
            strides.insert(0, step)
            step *= extent
        return tuple(strides) if dim is None else strides[dim]

    def numel(self):
        return self.size

    def element_size(self):
        return self.itemsize

    def data_ptr(self):
        """Where the host finds it."""
        return self._entry.buffer.address

    def is_contiguous(self):
        return True

    def numpy(self):
        """A numpy array over the same memory, after waiting for the current
        stream's launches. A view that is held must be waited for again."""
        import numpy

        _runtime.synchronize()
        view = numpy.frombuffer(self._entry.buffer.memory(), dtype=self.dtype, count=self.size)
        return view.reshape(self.shape)

    def __array__(self, dtype=None, copy=None):
        import numpy

        view = self.numpy()
        if dtype is not None and numpy.dtype(dtype) != view.dtype:
            if copy is False:
                raise ValueError("an array of another type cannot be had without a copy")
            return view.astype(dtype)
        return view.copy() if copy else view

    def __dlpack__(self, stream=None, max_version=None, dl_device=None, copy=None):
        """A capsule over the same memory, after waiting for the stream."""
        from . import _dlpack

        if copy:
            return self.clone().__dlpack__()
        _runtime.synchronize()
        return _dlpack.export(self)

    def __dlpack_device__(self):
        return (1, 0)  # kDLCPU

    def __getitem__(self, index):
        return self.numpy()[index]

    def __setitem__(self, index, value):
        self.numpy()[index] = value

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of an array without dimensions")
        return self.shape[0]

    def tolist(self):
        return self.numpy().tolist()

    def zero_(self):
        """Fills it with zeros."""
        self.numpy()[...] = 0
        return self

    def clone(self):
        """A copy."""
        other = Array(self.shape, self.element_type if self.element_type.startswith("bf") else self.dtype)
        return other.copy_(self)

    def copy_(self, other):
        """Takes the contents of another array."""
        self.numpy()[...] = other.numpy() if isinstance(other, Array) else other
        return self

    def __repr__(self):
        return f"triton_metal.Array({self.numpy()!r})"


def empty(shape, dtype="float32"):
    """An Array with undefined contents."""
    return Array(shape, dtype)


def zeros(shape, dtype="float32"):
    """An Array of zeros."""
    return Array(shape, dtype, zero=True)


def full(shape, value, dtype="float32"):
    """An Array of equal elements."""
    array = Array(shape, dtype)
    array.numpy()[...] = value
    return array


def ones(shape, dtype="float32"):
    """An Array of ones."""
    return full(shape, 1, dtype)


def empty_like(other):
    """An Array of the same shape and type."""
    return Array(other.shape, other.dtype)


def zeros_like(other):
    """An Array of zeros of the same shape and type."""
    return Array(other.shape, other.dtype, zero=True)


def from_numpy(source):
    """An Array with a copy of source."""
    array = Array(source.shape, source.dtype)
    array.numpy()[...] = source
    return array


class TensorDescriptor:
    """A tensor descriptor as an argument, with the fields and the rules of
    triton.tools.tensor_descriptor's. base is any array; shape and strides
    count elements. What is wrong with it, a launch says."""

    def __init__(self, base, shape, strides, block_shape, padding="zero", round_f32_to_tf32=False):
        self.base, self.shape, self.strides, self.block_shape = base, list(shape), list(strides), list(block_shape)
        self.padding, self.round_f32_to_tf32 = padding, round_f32_to_tf32

    @staticmethod
    def from_tensor(tensor, block_shape, padding="zero", round_f32_to_tf32=False):
        """A descriptor of the whole of an array, as it lies."""
        stride = getattr(tensor, "stride", None)
        strides = stride() if callable(stride) else [s // tensor.itemsize for s in tensor.strides]
        return TensorDescriptor(tensor, tensor.shape, strides, block_shape, padding, round_f32_to_tf32)
