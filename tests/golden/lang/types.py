# SPDX-License-Identifier: MIT
# Type parameters and aliases (PEP 695, 696).
type A = int
type A[T] = list[T]
type A[T: int, *Ts, **P] = tuple[T, *Ts]
type A[T: (int, str) = int, *Ts = *tuple[int, ...], **P = [int]] = T
type type = type
type match[case] = case
type A = lambda: 0
def f[T](a: T) -> T: pass
def f[T: int, *Ts, **P](*a: *Ts) -> Callable[P, T]: pass
async def f[T](): pass
class A[T]: pass
class A[T, *Ts](B[T], metaclass=C): pass
@a
class A[T: lambda: 0,]: pass
