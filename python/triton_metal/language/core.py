# SPDX-License-Identifier: MIT
"""The names of the Triton language that kernels are written with: types,
compile-time values, tensors and operations, with upstream's signatures.

The C library reads kernels as text, so operations never run in Python; calling
one there says so. Types and constexprs are used by host code too and work.
"""
import builtins
import enum
import functools

TRITON_MAX_TENSOR_NUMEL = 1048576
TRITON_BUILTIN = "__triton_builtin__"


def builtin(fn):
    """An operation of kernels: exists for definitions and editors, and says so
    when it is called outside of one."""

    @functools.wraps(fn)
    def outside(*args, **kwargs):
        raise RuntimeError(f"tl.{fn.__name__} works only inside of a @triton_metal.jit function that is launched as "
                           "kernel[grid](...)")

    setattr(outside, TRITON_BUILTIN, True)
    return outside


def is_builtin(fn):
    """Whether fn is an operation of kernels."""
    return getattr(fn, TRITON_BUILTIN, False) is True


class PropagateNan(enum.Enum):
    """Whether minimum, maximum and clamp give NaN where an argument is NaN."""

    NONE = 0
    ALL = 0xFFFF


# ---- types -------------------------------------------------------------------

_BITS = {"int1": 1, "int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint8": 8, "uint16": 16, "uint32": 32,
         "uint64": 64, "fp8e4b15": 8, "fp8e4nv": 8, "fp8e4b8": 8, "fp8e5": 8, "fp8e5b16": 8, "fp16": 16, "bf16": 16,
         "fp32": 32, "fp64": 64, "void": 0}
_MANTISSA = {"fp8e4b15": (3, 15), "fp8e4nv": (3, 7), "fp8e4b8": (3, 8), "fp8e5": (2, 15), "fp8e5b16": (2, 16),
             "fp16": (10, 15), "bf16": (7, 127), "fp32": (23, 127), "fp64": (52, 1023)}


class dtype:
    """A type of elements: `name`, `primitive_bitwidth`, `itemsize`."""

    SINT_TYPES = ["int8", "int16", "int32", "int64"]
    UINT_TYPES = ["int1", "uint8", "uint16", "uint32", "uint64"]
    FP_TYPES = list(_MANTISSA)
    STANDARD_FP_TYPES = ["fp16", "bf16", "fp32", "fp64"]
    OTHER_TYPES = ["void"]

    class SIGNEDNESS(enum.Enum):
        SIGNED = 0
        UNSIGNED = 1

    class KIND(enum.Enum):
        BOOLEAN = 0
        INTEGRAL = 1
        FLOATING = 2

    def __init__(self, name):
        name = _unwrap_if_constexpr(name)
        if name not in _BITS:
            raise ValueError(f"there is no type {name!r}")
        self.name, self.primitive_bitwidth, self.itemsize = name, _BITS[name], _BITS[name] // 8
        if self.is_int():
            self.int_bitwidth = self.primitive_bitwidth
            self.int_signedness = self.SIGNEDNESS.SIGNED if self.is_int_signed() else self.SIGNEDNESS.UNSIGNED
        elif self.is_floating():
            self.fp_mantissa_width, self.exponent_bias = _MANTISSA[name]

    @property
    def _long_name(self):
        return self.codegen_name()

    def codegen_name(self):
        """The name in triton.language: float32 for fp32."""
        for short, long in (("fp", "float"), ("bf", "bfloat")):
            if self.name.startswith(short):
                return long + self.name[2:]
        return self.name

    def is_floating(self):
        return self.name in self.FP_TYPES

    def is_standard_floating(self):
        return self.name in self.STANDARD_FP_TYPES

    def is_int_signed(self):
        return self.name in self.SINT_TYPES

    def is_int_unsigned(self):
        return self.name in self.UINT_TYPES

    def is_int(self):
        return self.is_int_signed() or self.is_int_unsigned()

    def is_bool(self):
        return self.name == "int1"

    def is_fp8(self):
        return "fp8" in self.name

    def kind(self):
        """KIND, ordered as types are promoted."""
        return self.KIND.BOOLEAN if self.is_bool() else self.KIND.INTEGRAL if self.is_int() else self.KIND.FLOATING

    def get_int_max_value(self):
        """The largest integer of the type."""
        return 2**(self.int_bitwidth - self.is_int_signed()) - 1

    def get_int_min_value(self):
        """The smallest integer of the type."""
        return -(2**(self.int_bitwidth - 1)) if self.is_int_signed() else 0

    @staticmethod
    def is_dtype(name):
        return name in _BITS

    def is_void(self):
        return self.name == "void"

    def is_block(self):
        return False

    def is_ptr(self):
        return False

    def is_const(self):
        return False

    scalar = property(lambda self: self)
    cache_key_part = property(lambda self: self.name)

    def mangle(self):
        """A short name: i32, u8, fp16."""
        if self.is_int():
            return ("i" if self.is_int_signed() else "u") + str(self.int_bitwidth)
        return "V" if self.is_void() else self.name

    def with_element_ty(self, element_ty):
        return element_ty

    def __eq__(self, other):
        other = _unwrap_if_constexpr(other)
        return type(other) is type(self) and self.name == other.name

    def __hash__(self):
        return hash(self.name)

    def __str__(self):
        return self.name

    def __repr__(self):
        return f"triton.language.{self.codegen_name()}"

    @builtin
    def __call__(self, *args, **kwargs):
        """In kernels: the argument as this type."""


for _name in _BITS:  # is_fp16(), is_int8() and so on
    if _name not in ("void",):
        setattr(dtype, f"is_{_name}", lambda self, _is=_name: self.name == _is)


class pointer_type(dtype):
    """A pointer to elements of a type."""

    def __init__(self, element_ty, address_space="global", const=False):
        element_ty = _unwrap_if_constexpr(element_ty)
        if not isinstance(element_ty, dtype):
            raise TypeError(f"element_ty has type `{type(element_ty).__name__}`; expected `dtype`.")
        self.element_ty, self.address_space, self.const = element_ty, address_space, const
        self.name = f"{'const_' if const else ''}pointer<{element_ty}>"
        self.primitive_bitwidth, self.itemsize = 64, 8

    def is_ptr(self):
        return True

    def is_const(self):
        return self.const

    def mangle(self):
        return f"P{self.element_ty.mangle()}"

    __repr__ = dtype.__str__


class block_type(dtype):
    """The type of a tensor: element type and shape."""

    def __init__(self, element_ty, shape):
        self.element_ty, self.shape = element_ty, builtins.tuple(map(_unwrap_if_constexpr, shape))
        self.numel = functools.reduce(lambda a, b: a * b, self.shape, 1)
        if self.numel > TRITON_MAX_TENSOR_NUMEL:
            raise ValueError(f"numel ({self.numel}) exceeds triton maximum tensor numel ({TRITON_MAX_TENSOR_NUMEL})")
        self.name = f"<{self.shape}, {self.element_ty}>"
        self.primitive_bitwidth, self.itemsize = element_ty.primitive_bitwidth, element_ty.itemsize

    def is_block(self):
        return True

    def get_block_shapes(self):
        return self.shape

    @property
    def scalar(self):
        return self.element_ty

    @property
    def nbytes(self):
        return self.numel * self.element_ty.primitive_bitwidth // 8

    def with_element_ty(self, element_ty):
        return block_type(element_ty, self.shape)

    def mangle(self):
        return f"{self.scalar.mangle()}S{'_'.join(map(str, self.shape))}S"

    __repr__ = dtype.__str__


def get_int_dtype(bitwidth, signed):
    """The integer type of so many bits."""
    return dtype(f"{'' if signed or bitwidth == 1 else 'u'}int{bitwidth}")


# ---- compile-time values -----------------------------------------------------


def _unwrap_if_constexpr(value):
    return value.value if isinstance(value, constexpr) else value


def _operator(name, reflected=False):
    import operator

    function = getattr(operator, name)

    def apply(self, other):
        a, b = self.value, _unwrap_if_constexpr(other)
        return constexpr(function(b, a) if reflected else function(a, b))

    return apply


class constexpr:
    """A compile-time value. As an annotation it makes a parameter one; around
    a module's value it lets kernels use that. Arithmetic gives constexprs."""

    def __init__(self, value):
        self.value = _unwrap_if_constexpr(value)

    type = property(lambda self: constexpr_type(self.value))

    def __repr__(self):
        return f"constexpr[{self.value}]"

    def __hash__(self):
        return hash((constexpr, self.value))

    def __index__(self):
        return self.value.__index__()

    def __int__(self):
        return int(self.value)

    def __float__(self):
        return float(self.value)

    def __bool__(self):
        return bool(self.value)

    def __neg__(self):
        return constexpr(-self.value)

    def __pos__(self):
        return constexpr(+self.value)

    def __invert__(self):
        return constexpr(~self.value)

    def __call__(self, *args, **kwargs):
        return self.value(*args, **kwargs)

    def __getitem__(self, index):
        return self.value[_unwrap_if_constexpr(index)]

    def logical_and(self, other):
        return constexpr(self.value and _unwrap_if_constexpr(other))

    def logical_or(self, other):
        return constexpr(self.value or _unwrap_if_constexpr(other))


for _name in ("add", "sub", "mul", "mod", "truediv", "floordiv", "pow", "and_", "or_", "xor", "lshift", "rshift"):
    _word = _name.rstrip("_")
    setattr(constexpr, f"__{_word}__", _operator(_name))
    setattr(constexpr, f"__r{_word}__", _operator(_name, reflected=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(constexpr, f"__{_name}__", _operator(_name))


CONSTEXPR_0 = constexpr(0)


class constexpr_type:
    """The type of a compile-time value."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"constexpr_type[{self.value}]"

    def __eq__(self, other):
        return isinstance(other, constexpr_type) and self.value == other.value

    def __hash__(self):
        return hash(self.value)

    def mangle(self):
        return repr(self)


class const:
    """As an annotation: a pointer that the kernel only reads through."""


class tuple_type:
    """The type of a tuple in a kernel."""

    def __init__(self, types, fields=None):
        self.types, self.fields = types, fields


# ---- what kernels hold -------------------------------------------------------


class _InKernel:
    def __init__(self, *args, **kwargs):
        raise RuntimeError(f"a tl.{type(self).__name__} exists only inside of a kernel")


class base_value(_InKernel):
    """A value of a kernel."""


class tensor(base_value):
    """A tensor or scalar of a kernel: `shape`, `dtype`, `type`, `numel`, `T`.
    The arithmetic of Python works element by element and broadcasts."""

    shape = property(doc="The extents, compile-time values.")
    dtype = property(doc="The type of the elements.")
    type = property(doc="The type: dtype for a scalar, else a block_type.")
    numel = property(doc="How many elements, a compile-time value.")
    T = property(doc="The tensor with its last two dimensions exchanged.")

    @builtin
    def logical_and(self, other):
        """Whether both are true, element by element."""

    @builtin
    def logical_or(self, other):
        """Whether either is true, element by element."""


class tensor_descriptor_base(base_value):
    """A tensor that lies in memory, of which a kernel moves blocks."""


class tensor_descriptor(tensor_descriptor_base):
    """A tensor that lies in memory: `shape`, `strides`, `block_shape`, `dtype`."""

    @builtin
    def load(self, offsets):
        """The block at the offsets; elements outside of the tensor are 0, or NaN."""

    @builtin
    def store(self, offsets, value):
        """Writes a block at the offsets; what lies outside of the tensor is left out."""

    @builtin
    def gather(self, x_offsets, y_offset):
        """Rows at the offsets, each from y_offset on."""

    @builtin
    def scatter(self, value, x_offsets, y_offset):
        """Writes rows at the offsets, each from y_offset on."""

    @builtin
    def atomic_add(self, offsets, value):
        """Adds a block to memory, each element indivisibly."""

    @builtin
    def atomic_min(self, offsets, value):
        """Leaves the smaller of memory and a block, each element indivisibly."""

    @builtin
    def atomic_max(self, offsets, value):
        """Leaves the larger of memory and a block, each element indivisibly."""

    @builtin
    def atomic_and(self, offsets, value):
        """Leaves memory & a block, each element indivisibly."""

    @builtin
    def atomic_or(self, offsets, value):
        """Leaves memory | a block, each element indivisibly."""

    @builtin
    def atomic_xor(self, offsets, value):
        """Leaves memory ^ a block, each element indivisibly."""


class tensor_descriptor_type(dtype):
    """The type of a tensor descriptor."""

    def __init__(self, block_type, shape_type=None, strides_type=None):
        self.block_type, self.shape_type, self.strides_type = block_type, shape_type, strides_type
        self.name = f"tensor_descriptor<{block_type}>"


class tuple(base_value):  # noqa: A001 - upstream's name
    """A tuple of a kernel's values."""


class slice(base_value):  # noqa: A001 - upstream's name
    """A slice in a kernel."""


class range(_InKernel):  # noqa: A001 - upstream's name
    """A loop like Python's range, with hints for the compiler: range(start,
    end, step, num_stages=, loop_unroll_factor=, flatten=, ...)."""

    def __init__(self, arg1, arg2=None, step=None, num_stages=None, loop_unroll_factor=None,
                 disallow_acc_multi_buffer=False, flatten=False, warp_specialize=False, disable_licm=False):
        super().__init__()


class static_range(_InKernel):
    """A loop like Python's range over compile-time values, unrolled."""

    def __init__(self, arg1, arg2=None, step=None):
        super().__init__()


class condition(_InKernel):
    """The condition of a while loop, with hints for the compiler."""

    def __init__(self, arg1, disable_licm=False):
        super().__init__()


class async_task(_InKernel):
    """Warp specialization by hand, which kernels here may not use."""


def _aggregate(cls):
    """Makes a class whose annotated attributes are a kernel's values one that
    kernels build and pass around."""
    cls.__triton_aggregate__ = True
    return cls


def must_use_result(x, s=True):
    """Marks an operation whose result must be used; without effect here."""
    return x if callable(x) else lambda fn: fn


def aggregate_replace(instance, **changes):
    """In kernels: the aggregate with some attributes replaced."""
    raise RuntimeError("tl.aggregate_replace works only inside of a kernel")


int1, int8, int16, int32, int64 = map(dtype, ("int1", "int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(dtype, ("uint8", "uint16", "uint32", "uint64"))
float8e5, float8e5b16, float8e4nv, float8e4b8, float8e4b15 = map(
    dtype, ("fp8e5", "fp8e5b16", "fp8e4nv", "fp8e4b8", "fp8e4b15"))
float16, bfloat16, float32, float64, void = map(dtype, ("fp16", "bf16", "fp32", "fp64", "void"))
pi32_t = pointer_type(int32)


# ---- programs ----


@builtin
def program_id(axis):
    """The number of this program along axis 0, 1 or 2 of the grid."""


@builtin
def num_programs(axis):
    """How many programs the grid has along axis 0, 1 or 2."""


# ---- making tensors ----


@builtin
def arange(start, end):
    """The integers from start up to but without end, as int32. Both are compile-time values, and end - start a
    power of two."""


@builtin
def full(shape, value, dtype):
    """A tensor of that shape, each element value."""


@builtin
def cat(input, other, can_reorder=False, dim=0):
    """Both tensors one after the other along dim. can_reorder allows any order of the elements."""


@builtin
def to_tensor(x):
    """The value as a tensor; numbers become scalars."""


# ---- shapes ----


@builtin
def broadcast(input, other):
    """Both tensors with the shape that NumPy's rules give them together."""


@builtin
def broadcast_to(input, *shape):
    """The tensor repeated to that shape."""


@builtin
def trans(input, *dims):
    """The tensor with its dimensions in another order; without dims the last two change places."""


@builtin
def permute(input, *dims):
    """The tensor with its dimensions in the order dims."""


@builtin
def reshape(input, *shape, can_reorder=False):
    """The same elements, in order, in another shape. can_reorder allows any order."""


@builtin
def view(input, *shape):
    """The same elements in another shape, in any order; prefer reshape."""


@builtin
def expand_dims(input, axis):
    """The tensor with a dimension of size 1 at axis, or at each of several."""


@builtin
def join(a, b):
    """Both tensors side by side in a new last dimension of size 2."""


@builtin
def split(a):
    """The two halves along the last dimension, which has size 2."""


@builtin
def gather(src, index, axis):
    """For each element of index, the element of src at that place along axis."""


@builtin
def item(input):
    """The only element of a tensor of one element, as a scalar."""


# ---- types ----


@builtin
def cast(input, dtype, fp_downcast_rounding=None, bitcast=False):
    """The tensor with elements of another type. fp_downcast_rounding: "rtne" or "rtz" where precision is lost.
    bitcast: the same bits."""


# ---- memory ----


@builtin
def load(pointer, mask=None, other=None, boundary_check=(), padding_option='', cache_modifier='', eviction_policy='',
         volatile=False):
    """What the pointers point at. Where mask is false nothing is read, and the element is other. boundary_check
    and padding_option are for block pointers."""


@builtin
def store(pointer, value, mask=None, boundary_check=(), cache_modifier='', eviction_policy=''):
    """Writes value to where the pointers point, except where mask is false."""


@builtin
def make_block_ptr(base, shape, strides, offsets, block_shape, order):
    """A pointer to a block of a tensor that lies at base; for load, store and advance."""


@builtin
def advance(base, offsets):
    """The block pointer moved by so many elements in each dimension."""


@builtin
def make_tensor_descriptor(base, shape, strides, block_shape, padding_option='zero'):
    """A descriptor of a tensor that lies at base; its load(offsets) and store(offsets, value) move blocks."""


@builtin
def load_tensor_descriptor(desc, offsets):
    """The descriptor's block at the offsets."""


@builtin
def store_tensor_descriptor(desc, offsets, value):
    """Writes a block at the offsets."""


@builtin
def shared_memory(shape, dtype):
    """An array of the program's own in threadgroup memory, read and written by index. An extension: upstream
    has none."""


# ---- atomic operations ----


@builtin
def atomic_add(pointer, val, mask=None, sem=None, scope=None):
    """Adds val to memory, indivisibly; gives what was there before."""


@builtin
def atomic_max(pointer, val, mask=None, sem=None, scope=None):
    """Leaves the larger of memory and val, indivisibly; gives what was there before."""


@builtin
def atomic_min(pointer, val, mask=None, sem=None, scope=None):
    """Leaves the smaller of memory and val, indivisibly; gives what was there before."""


@builtin
def atomic_and(pointer, val, mask=None, sem=None, scope=None):
    """Leaves memory & val, indivisibly; gives what was there before."""


@builtin
def atomic_or(pointer, val, mask=None, sem=None, scope=None):
    """Leaves memory | val, indivisibly; gives what was there before."""


@builtin
def atomic_xor(pointer, val, mask=None, sem=None, scope=None):
    """Leaves memory ^ val, indivisibly; gives what was there before."""


@builtin
def atomic_xchg(pointer, val, mask=None, sem=None, scope=None):
    """Writes val, indivisibly; gives what was there before."""


@builtin
def atomic_cas(pointer, cmp, val, sem=None, scope=None):
    """Writes val where memory equals cmp, indivisibly; gives what was there before."""


@builtin
def atomic_load(pointer, mask=None, sem=None, scope=None):
    """Reads memory that other programs may be changing."""


@builtin
def atomic_store(pointer, val, mask=None, sem=None, scope=None):
    """Writes memory that other programs may be reading."""


@builtin
def atomic_poll(pointer, expected_value, sem=None, scope=None, timeout_ns=None):
    """Waits for memory to have a value. Refused on Metal, where a program that waits can wait for ever."""


# ---- arithmetic ----


@builtin
def add(x, y, sanitize_overflow=True):
    """x + y."""


@builtin
def sub(x, y, sanitize_overflow=True):
    """x - y."""


@builtin
def mul(x, y, sanitize_overflow=True):
    """x * y."""


@builtin
def minimum(x, y, propagate_nan=None):
    """The smaller of each pair. propagate_nan: PropagateNan.ALL gives NaN where either is."""


@builtin
def maximum(x, y, propagate_nan=None):
    """The larger of each pair. propagate_nan: PropagateNan.ALL gives NaN where either is."""


@builtin
def clamp(x, min, max, propagate_nan=None):
    """x, but at least min and at most max."""


@builtin
def where(condition, x, y):
    """x where condition holds, else y. Both are computed: use masks to guard memory."""


@builtin
def dot(input, other, acc=None, input_precision=None, allow_tf32=None, max_num_imprecise_acc=None, out_dtype=None):
    """The matrix product of two tensors of rank 2 or 3, added to acc if there is one."""


@builtin
def dot_scaled(lhs, lhs_scale, lhs_format, rhs, rhs_scale, rhs_format, acc=None, fast_math=False, lhs_k_pack=True,
               rhs_k_pack=True, out_dtype=None):
    """The matrix product of two tensors in microscaling formats, each with a scale for every 32 elements."""


@builtin
def histogram(input, num_bins, mask=None):
    """How often each integer from 0 up to num_bins occurs; what mask excludes is not counted."""


# ---- reductions and scans by a function ----


@builtin
def reduce(input, axis, combine_fn, keep_dims=False):
    """All elements along axis, or of the whole tensor for None, combined by a jit function of two elements.
    input may be a tuple of tensors."""


@builtin
def associative_scan(input, axis, combine_fn, reverse=False):
    """Running combinations along axis by a jit function of two elements. input may be a tuple of tensors."""


@builtin
def map_elementwise(scalar_fn, *args, pack=1):
    """A jit function of scalars applied to each element, pack of them at a time."""


@builtin
def inline_asm_elementwise(asm, constraints, args, dtype, is_pure, pack):
    """Inline assembly on each element. Metal has none: only some known instructions are taken."""


# ---- hints and checks ----


@builtin
def multiple_of(input, values):
    """Promises that the values are multiples of these; gives the input."""


@builtin
def max_contiguous(input, values):
    """Promises that the first so many values are contiguous; gives the input."""


@builtin
def max_constancy(input, values):
    """Promises that the first so many values are equal; gives the input."""


@builtin
def assume(cond):
    """Promises that cond holds."""


@builtin
def expect_zero(x, mask):
    """Promises that x is zero where mask is false; gives x."""


@builtin
def debug_barrier():
    """All threads of the program wait for each other."""


@builtin
def static_print(*values, sep=' ', end='\n', file=None, flush=False):
    """Prints compile-time values while the kernel is compiled."""


@builtin
def static_assert(cond, msg=''):
    """Fails the compile unless the compile-time condition holds."""


@builtin
def device_print(prefix, *args, hex=False):
    """Prints values while the kernel runs: a line for each element."""


@builtin
def device_assert(cond, msg='', mask=None):
    """Fails the launch where cond does not hold, in kernels with debug=True or TRITON_DEBUG=1."""


@builtin
def custom(name, *args):
    """Applies an operation that backends.metal.register_custom_op has registered. An extension: upstream has
    none."""
