# SPDX-License-Identifier: MIT
# f-strings: fields, conversions, specs, nesting, quotes (PEP 701).
f'', f"a", F'a', rf'\d{a}\d', Rf"{a}", fR'{a}', f'''{a}''', f"""{a}"""
f'{a}', f'a{b}c', f'{a}{b}', f'{a} {b} ', f'{{', f'}}', f'{{a}}', f'{{{a}}}'
f'{a!r}', f'{a!s:>10}', f'{a!a}', f'{a:x}', f'{a:}', f'{a!r:}', f'{a :x}'
f'{a:{b}}', f'{a:{b}.{c}}', f'{a:>{b}}', f'{a:{b!r}}', f'{a:{b:{c}}}'
f'{a=}', f'{a = }', f'{a=!s}', f'{a=:x}', f'{a=!r:x}', f'{ a.b [ 0 ] = }'
f'{a + b = } and {c=}', f'{a!=b}', f'{a==b}', f'{a<=b}', f'{a>=b=}'
f'{a["b"]}', f"{a['b']}", f'{a['b']}', f"{a["b"]}", f'{f'{f'{a}'}'}'
f"{'a' 'b'}", f'{"\n"}', f'{'\n'.join(a)}', f"{f"{b}" + f'{c}'}"
f'{ {a: b} }', f'{ {a} }', f'{[a for a in b]}', f'{(lambda x: x)(1)}'
f'{a, b}', f'{a,}', f'{*a, b}', f'{(a := 1)}', f'{a:=1}', f'{(yield)}'
f'{yield a}', f'{a if b else c}', f'{not a}', f'{-a}', f'{a[1:2]}', f'{a(b=c)}'
f'{a:%H:%M}', f'{a:\n}', f'{a:\x41}', f'\{a}', f'\\{a}', f'\n{a}\t', f'\x41{b}'
f'\N{BULLET}', f'\N{BULLET}{a}\N{BULLET}', rf'\N{a}', f'{a}\N{BULLET}\\'
f'a' 'b', 'a' f'b', 'a' f'{b}' "c" f"{d}" 'e', f'{a}' '{b}', '{' f'{a}' '}'
f'''{
a
}''', f'{
a  # comment
+ b}', f'''{a:
}''', f"""a
{b}
c""", f'a\
b{c}'
f'''{a = # comment
}'''
f"{'''a
b'''}", f'{"""a"""}', f'{a:"}', f"{a:'}", f'{a}"', f"{a}'"
f'{a.b!r:^{c.d}}', f'{a}'.b, f'{a}' % b, f'{a}'[0], print(f'{a}', f"{b}")
f'{a:{b}{c}d{e}}', f'{1:{"{"}>10}', f'{3.:{4}}', f'{0x1f:x}', f'{a!r}{{b}}'
f'{{}}', f'{{}}{a}', f'}}{a}{{', f'{a}}}', f'{{{{', f'{a:}}}'
f"{a!r:{b}}" f'{c!s}', u'a' f'{b}', r'\n' f'\n{a}' rf'\n'
