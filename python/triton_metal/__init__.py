# SPDX-License-Identifier: MIT
"""Triton kernels on Apple GPUs: a thin package over libtritonmetal's C ABI.

    import numpy as np
    import triton_metal
    import triton_metal.language as tl

    @triton_metal.jit
    def add(x, y, out, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        m = i < n
        tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)

    add[(triton_metal.cdiv(n, 1024),)](x, y, out, n, BLOCK=1024)

The C library reads the source file of the decorated function, and those of
the modules that it imports, and does everything else. Arrays are numpy's,
copied to the device and back around each launch, or triton_metal.Array, which
lies in memory that host and GPU share and is not copied.
"""
import inspect

from . import _c

__version__ = "0.1.0"
__all__ = ["Array", "Error", "TensorDescriptor", "cdiv", "empty", "from_numpy", "jit", "next_power_of_2",
           "synchronize", "zeros"]

Error = _c.Error


def cdiv(a, b):
    """The quotient of a and b, rounded up."""
    return (a + b - 1) // b


def next_power_of_2(n):
    """The smallest power of two that is at least n."""
    return 1 << max(n - 1, 0).bit_length()


def synchronize():
    """Waits for every launch of this process's default stream."""
    _c.runtime().synchronize()


class Array:
    """An array in memory that host and GPU share. `numpy()` is a view."""

    def __init__(self, shape, dtype="float32"):
        import numpy

        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.dtype = numpy.dtype(dtype)
        self.size = 1
        for extent in self.shape:
            self.size *= extent
        self._buffer = _c.Buffer(max(self.size * self.dtype.itemsize, 1))

    def numpy(self):
        """A numpy array over the same memory; synchronize() first."""
        import numpy

        view = numpy.frombuffer(self._buffer.memory, dtype=self.dtype, count=self.size)
        return view.reshape(self.shape)


def empty(shape, dtype="float32"):
    """An Array with undefined contents."""
    return Array(shape, dtype)


def zeros(shape, dtype="float32"):
    """An Array of zeros."""
    array = Array(shape, dtype)
    array.numpy()[...] = 0
    return array


def from_numpy(source):
    """An Array with a copy of source."""
    array = Array(source.shape, source.dtype)
    array.numpy()[...] = source
    return array


class TensorDescriptor:
    """A tensor descriptor as an argument, with the fields and the rules of
    triton.tools.tensor_descriptor's. base is an Array or a numpy array; shape
    and strides count elements."""

    def __init__(self, base, shape, strides, block_shape, padding="zero", round_f32_to_tf32=False):
        self.base, self.shape, self.strides, self.block_shape = base, list(shape), list(strides), list(block_shape)
        self.padding, self.round_f32_to_tf32 = padding, round_f32_to_tf32

    @staticmethod
    def from_tensor(tensor, block_shape, padding="zero", round_f32_to_tf32=False):
        """A descriptor of the whole of a contiguous array."""
        strides = [1]
        for extent in reversed(tensor.shape[1:]):
            strides.insert(0, strides[0] * extent)
        return TensorDescriptor(tensor, tensor.shape, strides, block_shape, padding, round_f32_to_tf32)


class JITFunction:
    """A kernel: `kernel[grid](*args, **kwargs)` launches it. grid is a tuple of
    one to three integers, or a function of the named arguments that gives one."""

    def __init__(self, fn):
        self.fn = fn
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        self._function = None

    def __getitem__(self, grid):
        return lambda *args, **kwargs: self.run(grid, *args, **kwargs)

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"'{self.__name__}' is a kernel: call it as {self.__name__}[grid](...)")

    def run(self, grid, *args, num_warps=0, num_stages=0, **kwargs):
        """Launches and, where numpy arrays were passed, waits and copies back."""
        if self._function is None:
            self._function = _c.Function(_c.Module(inspect.getsourcefile(self.fn), self.fn.__module__), self.__name__)
        if callable(grid):
            names = list(inspect.signature(self.fn).parameters)
            grid = grid({**dict(zip(names, args)), **kwargs})
        grid = (grid,) if isinstance(grid, int) else tuple(grid)
        copies = []
        values = [_argument(value, copies) for value in args]
        named = {name: _argument(value, copies) for name, value in kwargs.items()}
        self._function.launch(grid, values, named, num_warps, num_stages)
        if copies:
            synchronize()
        for array, buffer in copies:
            if array.flags.writeable:
                array[...] = _view(buffer, array)


def _view(buffer, array):
    import numpy

    return numpy.frombuffer(buffer.memory, dtype=array.dtype, count=array.size).reshape(array.shape)


def _argument(value, copies):
    """A Python value as the C library takes it; numpy arrays are copied."""
    if isinstance(value, Array):
        return _c.Tensor(value._buffer, value.dtype.name)
    if isinstance(value, TensorDescriptor):
        return _c.Descriptor(_argument(value.base, copies), value.shape, value.strides, value.block_shape,
                             value.padding, value.round_f32_to_tf32)
    if isinstance(value, JITFunction):
        return _c.Name(value.__name__)
    if isinstance(value, (tuple, list)):
        items = [_argument(item, copies) for item in value]
        return type(value)._make(items) if hasattr(value, "_fields") else tuple(items)
    if hasattr(value, "__array_interface__") and getattr(value, "shape", ()) != ():
        if not value.flags.c_contiguous:
            raise ValueError("arrays must be C-contiguous: pass numpy.ascontiguousarray() of it")
        buffer = _c.Buffer(max(value.nbytes, 1))
        _view(buffer, value)[...] = value
        copies.append((value, buffer))
        return _c.Tensor(buffer, value.dtype.name)
    return value.item() if hasattr(value, "item") else value


def jit(fn=None, **_options):
    """Makes a function a kernel. Options are those of Triton's own decorator,
    which the C library reads from the source."""
    return JITFunction(fn) if fn is not None else JITFunction
