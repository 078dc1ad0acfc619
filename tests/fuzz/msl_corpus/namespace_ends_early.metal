namespace a { namespace b { struct S { static constant constexpr int n = 1; } } }
}
 int x = a::b::S::n::m;