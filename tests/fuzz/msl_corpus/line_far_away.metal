#line 2147483647 "x"
int y;
#line 0
#line 99999999999
