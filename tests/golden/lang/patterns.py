# SPDX-License-Identifier: MIT
# match statements, and match, case, type and _ as names.
match a:
    case 1: pass
    case -1 | 1.5 | -2.5 | 1 + 2j | -1 - 2j | 3j: pass
    case "a" "b" | b"c": pass
    case None | True | False: pass
    case x: pass
    case _: pass
match a:
    case a.b | a.b.c: pass
    case (x): pass
    case (1 | 2) as y: pass
    case 1 | 2 as y: pass
    case [x, (1 as y), _]: pass
    case []: pass
    case (): pass
    case (x,): pass
    case x, : pass
    case x, y: pass
    case *x, : pass
    case *_, y: pass
    case [x, *y, z]: pass
    case (x, *_): pass
    case [[x], (y, [z])]: pass
match a, b:
    case {}: pass
    case {"a": x}: pass
    case {"a": 1, b.c: y, -1: z, None: w, **rest}: pass
    case {**rest}: pass
    case {"a": [x, {"b": y}],}: pass
match (a, *b):
    case A(): pass
    case A(x): pass
    case A(x, y=1, z=B()): pass
    case a.b.C(1 | 2, x=[y, *z],): pass
    case x if x > 1: pass
    case x if y := z: pass
    case A(x) | B(x) as y if z and w: pass
match *a, b:
    case _: pass
match -a:
    case _:
        match b:
            case c: pass
match(a):
    case _: pass
match [a]:
    case _: pass
match {}:
    case _: pass
match (yield a):
    case _: pass
match a := b:
    case _: pass
match not a:
    case _: pass
match lambda: a:
    case _: pass
match ...:
    case match: pass
match match:
    case case: pass
match = case = type = _ = 1
match.a, match[a], match(a), match * a, match - a, match in a, match if a else b
match(a).b = c
match[a] = b
match: int
match[a]: int
match -= 1
case(a), type(a), type.b, type[a], type, type in a
type * a
type = type
print(match, case, type, _)
lambda match, case, type, _: _
def match(case, type): pass
class type: pass
import match.case as type
