# SPDX-License-Identifier: MIT
"""The default context and streams of the process, and the objects that live
in them: buffers, modules, functions, kernels.

A Python thread launches on its own current stream: the default one, or that
of the innermost `with stream():`. Memory that an asynchronous launch uses is
kept here until that stream has been waited for.
"""
import atexit
import contextlib
import ctypes
import sys
import threading

from . import _c

_lock = threading.Lock()
_context = None
_settings = {}


def _print(_, line):
    sys.stdout.write(_c.decode(line) + "\n")


def _log(_, level, line):
    sys.stderr.write(f"triton_metal[{level}] {_c.decode(line)}\n")


_callbacks = (_c.LogFunction(_log), _c.PrintFunction(_print))  # must outlive the context


class Context(_c.Handle):
    """A tm_context. Keywords are fields of tm_context_options."""

    destroy = "tm_context_destroy"

    def __init__(self, **options):
        super().__init__()
        given = _c.sized(_c.ContextOptions)
        given.log, given.print = _callbacks
        for name, value in options.items():
            setattr(given, name, value)
        _c.call("tm_context_create", ctypes.byref(self.handle), ctypes.byref(given))


def limit_threadgroup_bytes(most):
    """Has contexts made from now on refuse kernels that need more."""
    if _context is not None:
        raise RuntimeError("shared_memory is set before the first kernel launches")
    _settings["max_threadgroup_bytes"] = most


def context():
    """The default context; made when first asked for, and anew after fork."""
    global _context
    if _context is None or _context.generation != _c.generation:
        with _lock:
            if _context is None or _context.generation != _c.generation:
                _context = Context(**_settings)
    return _context


class Stream(_c.Handle):
    """Launches in order, on the default context's device.

        with triton_metal.stream():
            a[grid](...)
            b[grid](...)

    Inside, launches return at once, those with numpy and torch CPU arrays too,
    whose contents are undefined until the block ends, which waits, or until
    `synchronize()`."""

    destroy = "tm_stream_destroy"

    def __init__(self):
        super().__init__()
        self.context = context()
        self.kept = []  # memory of the host, and copies to be written back
        self.asynchronous = False
        self._outer = []
        _c.call("tm_stream_create", ctypes.byref(self.handle), self.context.handle, None)

    def synchronize(self, timeout=None):
        """Waits until all that was launched has ended, at most timeout
        seconds (None: for ever), then writes copies back to their arrays."""
        limit = _c.WAIT_FOREVER if timeout is None else int(timeout * 1000)
        _c.call("tm_stream_synchronize", self.handle, ctypes.c_uint64(limit))
        if self.kept:
            kept, self.kept = self.kept, []
            for use in kept:
                use.finish()

    def flush(self):
        """Hands what was launched to the GPU now."""
        _c.call("tm_stream_flush", self.handle)

    def __enter__(self):
        self._outer.append((_local.stream, self.asynchronous))
        _local.stream, self.asynchronous = self, True
        return self

    def __exit__(self, kind, value, trace):
        _local.stream, self.asynchronous = self._outer.pop()
        self.synchronize()


class _Local(threading.local):
    stream = None


_local = _Local()
_default = None


def default_stream():
    """The stream of all threads that have entered no other."""
    global _default
    if _default is None or _default.generation != _c.generation:
        made = Stream()
        with _lock:
            if _default is None or _default.generation != _c.generation:
                _default = made
    return _default


@atexit.register
def _end():
    """What the last launches print and report must be heard while Python can."""
    if _default is not None and _default.generation == _c.generation:
        try:
            _default.synchronize()
        except _c.errors.Error as error:
            sys.stderr.write(f"triton_metal: at exit: {error}\n")


def current_stream():
    """The calling thread's stream."""
    return _local.stream or default_stream()


@contextlib.contextmanager
def using(stream):
    """The calling thread launches on stream meanwhile."""
    outer, _local.stream = _local.stream, stream
    try:
        yield stream
    finally:
        _local.stream = outer


def synchronize():
    """Waits for the calling thread's stream."""
    current_stream().synchronize()


class Buffer(_c.Handle):
    """A tm_buffer of the default context."""

    destroy = "tm_buffer_destroy"

    def __init__(self, size, zero=False):
        super().__init__()
        options = _c.sized(_c.BufferOptions, zero)
        _c.call("tm_buffer_create", ctypes.byref(self.handle), context().handle, ctypes.c_uint64(size),
                ctypes.byref(options))
        self.size = size
        self.address = _c.library.tm_buffer_contents(self.handle)

    def memory(self):
        """Its bytes; views of them keep the buffer."""
        memory = (ctypes.c_char * self.size).from_address(self.address)
        memory.owner = self
        return memory


class WrappedBuffer(_c.Handle):
    """A tm_buffer over memory of the host's."""

    destroy = "tm_buffer_destroy"

    def __init__(self, address, size):
        super().__init__()
        _c.call("tm_buffer_wrap", ctypes.byref(self.handle), context().handle, ctypes.c_void_p(address),
                ctypes.c_uint64(size))


    def is_copy(self):
        return bool(_c.library.tm_buffer_is_copy(self.handle))


class ImportedBuffer(_c.Handle):
    """A tm_buffer over a foreign id<MTLBuffer>."""

    destroy = "tm_buffer_destroy"

    def __init__(self, metal_buffer, offset, size):
        super().__init__()
        _c.call("tm_buffer_import", ctypes.byref(self.handle), context().handle, ctypes.c_void_p(metal_buffer),
                ctypes.c_uint64(offset), ctypes.c_uint64(size))


class Module(_c.Handle):
    """A tm_module of the texts of a _source.Program."""

    destroy = "tm_module_destroy"

    def __init__(self, program, customs):
        super().__init__()
        first, *others = program.texts()
        name, file, text = first
        _c.call("tm_module_parse", ctypes.byref(self.handle), name, file, text, ctypes.c_size_t(len(text)), None)
        for name, file, text in others:
            _c.call("tm_module_add", self.handle, name, file, text, ctypes.c_size_t(len(text)), None)
        for name, signature, text in customs:
            _c.call("tm_module_add_custom", self.handle, name, signature, text, ctypes.c_size_t(len(text)))


class Function(_c.Handle):
    """A tm_function: a kernel that specialises itself."""

    destroy = "tm_function_destroy"

    def __init__(self, module, name, num_warps=0, num_stages=0, **options):
        """options: more fields of tm_function_options."""
        super().__init__()
        self.module = module
        given = _c.sized(_c.FunctionOptions, None, 0, num_warps, num_stages)
        for field, value in options.items():
            setattr(given, field, value)
        _c.call("tm_function_create", ctypes.byref(self.handle), context().handle, module.handle, name.encode(),
                ctypes.byref(given))

    def kernel(self, args, n_args, options):
        """The variant that a launch with these arguments would take."""
        kernel = Kernel()
        _c.call("tm_function_kernel", ctypes.byref(kernel.handle), self.handle, args, ctypes.c_size_t(n_args), options)
        return kernel


    def tuning(self):
        """What was measured: (config, seconds, predicted, chosen, failure) for
        each configuration of each key, in order."""
        rows = []

        @_c.RowFunction
        def take(_, row):
            r = row.contents
            rows.append((_c.decode(r.config), r.seconds, r.predicted, bool(r.chosen), _c.decode(r.failure)))
            return 1

        _c.call("tm_function_tuning", self.handle, take, None)
        return rows


class Kernel(_c.Handle):
    """A tm_kernel."""

    destroy = "tm_kernel_destroy"

    def facts(self):
        return _c.library.tm_kernel_info(self.handle).contents

    def text(self, stage):
        address = _c.library.tm_kernel_text(self.handle, ctypes.c_int(stage))
        return _c.decode(ctypes.string_at(address)) if address else None

    def load(self):
        _c.call("tm_kernel_load", self.handle)

