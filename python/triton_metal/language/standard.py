# SPDX-License-Identifier: MIT
"""Operations that upstream writes in Triton itself."""
from .core import builtin


@builtin
def cdiv(x, div):
    """The quotient, rounded up."""


@builtin
def next_power_of_2(n):
    """The smallest power of two that is at least n, a compile-time value."""


@builtin
def sigmoid(x):
    """1 / (1 + exp(-x)) of each element."""


@builtin
def softmax(x, dim=None, *, keep_dims=None, ieee_rounding=False):
    """exp(x - max) over its sum along dim; without dim along the first."""


@builtin
def ravel(x, can_reorder=False):
    """The same elements in one dimension."""


@builtin
def swizzle2d(i, j, size_i, size_j, size_g):
    """The indices of a size_i by size_j matrix renumbered so that rows are walked in groups of size_g."""


@builtin
def zeros(shape, dtype):
    """A tensor of zeros."""


@builtin
def zeros_like(input):
    """Zeros in the shape and type of another tensor."""


@builtin
def max(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False):
    """The largest element along axis, with return_indices also its index: the lowest of equals if
    tie_break_left."""


@builtin
def argmax(input, axis, tie_break_left=True, keep_dims=False):
    """The index of the largest element along axis."""


@builtin
def min(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False):
    """The smallest element along axis, with return_indices also its index: the lowest of equals if
    tie_break_left."""


@builtin
def argmin(input, axis, tie_break_left=True, keep_dims=False):
    """The index of the smallest element along axis."""


@builtin
def sum(input, axis=None, keep_dims=False, dtype=None):
    """The sum along axis; without axis of all elements. Small integers are added as int32 unless dtype says
    otherwise."""


@builtin
def xor_sum(input, axis=None, keep_dims=False):
    """The exclusive or of all elements along axis."""


@builtin
def reduce_or(input, axis, keep_dims=False):
    """The or of all elements along axis."""


@builtin
def cumsum(input, axis=0, reverse=False, dtype=None):
    """Running sums along axis, from the end if reverse."""


@builtin
def cumprod(input, axis=0, reverse=False, dtype=None):
    """Running products along axis, from the end if reverse."""


@builtin
def sort(x, dim=None, descending=False):
    """The elements in order along dim, which is the last."""


@builtin
def topk(x, k, dim=None, descending=True):
    """The k first elements in order along dim, which is the last."""


@builtin
def bitonic_merge(x, dim=None, descending=False):
    """Sorts a bitonic sequence along dim."""


@builtin
def flip(x, dim=None):
    """The elements in reverse along dim; without dim along all."""


@builtin
def interleave(a, b):
    """The elements of both tensors in turn along the last dimension."""


@builtin
def squeeze(x, dim):
    """The tensor without its dimension dim, which has size 1."""


@builtin
def unsqueeze(x, dim):
    """The tensor with a dimension of size 1 at dim."""
