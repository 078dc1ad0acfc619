# SPDX-License-Identifier: MIT
# Functions, classes, async code and decorators.
def f(): pass
def f(a): return a
def f(a, b=1, *c, d, e=2, **g): pass
def f(a, b, /): pass
def f(a, b=1, /, c=2, *, d, e=3, **g): pass
def f(*, a): pass
def f(*, a=1, b): pass
def f(*a, b=1, c): pass
def f(**a): pass
def f(a: int, b: "str" = 1, *c: d, e: f, **g: h) -> i: pass
def f(*a: *b): pass
def f(a,): pass
def f(*a,): pass
def f(a, /,): pass
def f(a=lambda: 0, b=(yield), c=1 if d else 2) -> (yield): pass
def f() -> a[b, c]: ...
def f():
    """doc"""
    def g():
        nonlocal a

        class B: pass
    return g
@a
def f(): pass
@a.b.c(d, e=f)
@g
@h[0].i
@(j := k)
@lambda x: x
@a if b else c
def f(): pass
@a
class B: pass
@a
async def f(): pass
class A: pass
class A(): pass
class A(B, C, metaclass=D, *E, **F): pass
class A(B):
    """doc"""
    a: int = 1
    b = c

    def f(self): pass

    @property
    def g(self): pass
async def f():
    await a
    x = await a.b(c)[d]
    -await a ** await b
    async for a in b: pass
    else: pass
    async with a as b, c: pass
    async with (a as b, c as d): pass
    [a async for a in b]
    {a: b async for a, b in c if d}
    (await a async for a in b if await c)
    {a async for a in b for c in d async for e in f}
    yield a
    return await a
    await (yield)
    lambda: (await a)
