# SPDX-License-Identifier: MIT
"""Mathematical functions of the elements of tensors."""
from .core import builtin


@builtin
def umulhi(x, y):
    """The upper half of the bits of the product of two unsigned integers."""


@builtin
def exp(x):
    """e to the power of each element."""


@builtin
def exp2(x):
    """2 to the power of each element."""


@builtin
def log(x):
    """The natural logarithm of each element."""


@builtin
def log2(x):
    """The logarithm to the base 2 of each element."""


@builtin
def cos(x):
    """The cosine of each element, in radians."""


@builtin
def sin(x):
    """The sine of each element, in radians."""


@builtin
def sqrt(x):
    """The square root of each element."""


@builtin
def sqrt_rn(x):
    """The square root of each element, rounded to nearest even."""


@builtin
def rsqrt(x):
    """1 / sqrt(x) of each element."""


@builtin
def abs(x):
    """The absolute value of each element."""


@builtin
def fdiv(x, y, ieee_rounding=False, approx=False):
    """x / y of floats; ieee_rounding asks for a quotient rounded to nearest even."""


@builtin
def div_rn(x, y):
    """x / y of floats, rounded to nearest even."""


@builtin
def erf(x):
    """The error function of each element."""


@builtin
def floor(x):
    """The largest whole number that is at most x."""


@builtin
def ceil(x):
    """The smallest whole number that is at least x."""


@builtin
def fma(x, y, z):
    """x * y + z, rounded once."""
