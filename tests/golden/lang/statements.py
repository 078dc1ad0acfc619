# SPDX-License-Identifier: MIT
# Every simple statement and every compound one, in all their forms.
"""not the first statement's docstring"""
pass; a; b = c; pass;
a = b = c = d
a, b = c, d = e
a, *b = [c, *d] = (e, (f, g)) = h
(a) = [b] = (c,) = d
a.b = a[0] = a[b:c] = d
a = yield
a = b = yield c
a = yield from b
a = *b, c
a += 1; a -= 1; a *= 1; a /= 1; a //= 1; a %= 1; a **= 1; a @= 1
a &= 1; a |= 1; a ^= 1; a <<= 1; a >>= 1; a.b += yield; a[0] += b, c
a: int
a: int = 1
a.b: c = d
a[b]: c
a: int = yield
a: tuple = b, *c
(a): int = 1
del a
del a, b.c, d[0], (e, f), [g],
assert a
assert a, b
assert (a, b)
raise
raise a
raise a from b
return
return a
return a, *b
global a
global a, b
nonlocal a, b
import a
import a.b.c
import a as b, c.d as e, f
import a as a
from a import b
from a.b import c as d, e
from a import (b, c as d,)
from a import *
from . import a
from .a import b
from .. import a
from ...a.b import c
from .... import a
from ..... import a
break
continue
if a: pass
if a: b; c
elif d: e
elif f:
    g
else: h
if (a := b) and c:
    pass
else:
    if d:
        pass
while a: break
while a := b:
    continue
else:
    pass
for a in b: pass
for a, in b: pass
for a, b in c, d:
    pass
else:
    pass
for (a, b), *c in *d, e: pass
for a.b in c: pass
for a[0] in b: pass
for (a) in b: pass
for [a, b] in c: pass
with a: pass
with a as b: pass
with a as b, c as d: pass
with a as (b, c): pass
with a as b.c, d as e[0]: pass
with (a): pass
with (a, b): pass
with (a, b,): pass
with (a as b): pass
with (a as b, c as d,): pass
with (a, b) as c: pass
with (a), (b): pass
with (a) as b, (c): pass
with (a).b: pass
with (a)(): pass
with (a, b)[0]: pass
with (a if b else c): pass
with (yield a): pass
with (a := b): pass
with (a := b, c): pass
with (*a, b): pass
with (a for b in c): pass
with (): pass
with (((a))): pass
with a + (b), c: pass
with (open(a) as f, open(b, mode=c) as g): pass
with lambda: a: pass
try: a
finally: b
try: a
except: b
try:
    a
except A:
    b
except (B, C):
    c
except D as d:
    e
except:
    f
else:
    g
finally:
    h
try: a
except* A: b
except* (B, C) as d: e
else: f
finally: g
