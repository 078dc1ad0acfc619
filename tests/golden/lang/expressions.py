# SPDX-License-Identifier: MIT
# Every kind of expression, every operator, and how tightly each binds.
a or b and not c == d
not a in b, a not in b, a is not b, not (a is b)
a < b <= c != d is e
(a < b) < c, a < (b < c)
a | b ^ c & d << e >> f + g - h * i / j // k % l @ m
-a ** -b ** c, (-a) ** b, ~a + -b, - - +a, not -a
(a + b) * c - (d - (e - f)), a ** (b ** c), (a ** b) ** c
a if b else c if d else e, (a if b else c) if d else e
lambda: 0, lambda x, y=1, *a, z, w=2, **k: x, lambda *, a: a
lambda x, /, y: lambda: (yield)
(lambda: x)(), (a, b)[0], [a].b, {a: b}[c], "s".join(t), (1).real, 1.5.real
f(), f(a), f(a, *b, c, k=1, **d, e=2), f(*a, *b), f(**a, **b), f(a for a in b)
f(a, (b for b in c)), f((yield)), f(a := 1), f(a)(b)[c].d(e=f)(g)
x[a], x[a, b], x[a:b], x[a:b:c], x[:], x[::], x[::a], x[a:, :b, ...], x[()]
x[a:=1], x[*a], x[*a, b], x[a][b][c], x[None, :], x[(a, b)], x[lambda: 0:1]
x[:, None] * y[None, :] + z[:, None, None]
(), (a,), (a, b), (a, *b, c), [*a, b], {*a, b}, {a}, [], {}, {**a, b: c, **d}
{a: b for a, b in c}, {a for a in b}, [a for a in b if c if d for e in f]
(a for a, *b in c for (d, [e, f]) in g), [a for a.b in c], [a for a[0] in b]
[a for a in b or c if (lambda: d)() if e and f]
{a: b if c else d for e in (f if g else h)}
[(yield) for x in y], [x := 1, (y := 2)], {(z := 3): 4}, {x := 1}
(yield), (yield a), (yield a, *b), (yield from a)
0, 1, 0xFF, 0o17, 0b101, 1_000, 0x_f_f, 0xdeadBEEF, 0_0, 00
18446744073709551615, 18446744073709551616
123456789012345678901234567890, 0b11111111111111111111111111111111111
0.0, 1., .5, 1e3, 1E-3, 1.5e+10, 1_0.2_5e1_0, 1e400, 5e-324, 2.2250738585072014e-308
0.1, 123456789.123456789, 9007199254740993., 1j, 1.5J, 1e3j, 0777.5, 09e1, 00j
True, False, None, ..., __debug__, _, match, case, type, soft, print, exec
a if b else lambda: c
a.b.c.d[e].f(g).h
*a, b
a, *b
*a, *b,
