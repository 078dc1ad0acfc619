# SPDX-License-Identifier: MIT
# Strings and bytes: prefixes, quotes, escapes, joining.
'', "", '''''', """"""
'a' "b" 'c', ('a'
              'b'), 'a' r'\n' "\n"
'it\'s', "say \"hi\"", 'a"b', "a'b", '''a'b''c"d''', """a"b""c'd"""
r'\'', r"\"", r'\\', R'a\nb', u'x', U"y", rb'\x', bR'\x', Br"a", BR'b'
'\\ \' \" \a \b \f \n \r \t \v \0 \07 \377 \777 \x41 \xe9 \u00e9 \U0001F600'
b'\\ \' \" \a \b \f \n \r \t \v \0 \07 \377 \x41 \xff', b'a' b"b" b'''c'''
'\d \q \8 \( \{', b'\d \u0041 \N{A}', r'\N{x} \u12 \x'
'a\
b', 'a\\\
b', r'a\
b'
"""a
b\
c

  d\n"""
'\N{BULLET}', 'a\\b\N{LATIN SMALL LETTER E WITH ACUTE}\n' "\\c", '\N{BULLET}' 'é'
'é ü 漢字 😀', 'á', "\u2028", '\ud800', '\udc80 \ud83d\ude00', '\x7f\x80'
"tab	inside", 'form feed'
x = "a" \
    "b"
x = ("a"  # comment
     "b"
     # another
     'c')
'%s' % x, 'a'.b, 'a'[0], "a" 'b'.c, 'a' * 2, -'a', 'a' if 'b' else 'c'
"""doc""" 'more'
'''\''''
"""\""""
'''a''' '''b''', """ "quoted" """, ''' 'quoted' ''', '"""', "'''"
