# SPDX-License-Identifier: MIT
# Layout: tabs, joined lines, comments and blank lines, odd spacing.
if a:
	b
	if c:
		d
        # a comment anywhere
	e
if a:
        b
        c
if a :
  b


  c ; d;
   # c
# d
else :e
x = a + \
  b
x = (a
 # comment

+

b)
if a and \
   b: c

if a:

    # c
    b # d

    c

def f(a,

      b):
    
    pass
    # x
x=[1,2
,3];y={
}
x = a if b else\
 c
assert a,\
    b
x=1if y else 2
x=[0x1for x in y]
class A:
    def f(self):
        if a:
            return
        b
    c
d
if a:
  if b:
   if c:
         d
e
class B:
    x = 1
    
  
    # no more
# end
while a: b
\

if a: pass
   \
   
last