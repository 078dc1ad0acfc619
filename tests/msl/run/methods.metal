// rule: methods: static, const, in address spaces, with default arguments, templates, calls of objects
// out: 25 7 8 5 9 108 10 80 1 6 4
#include <metal_stdlib>
using namespace metal;
struct Sum { 
  template <typename T> T operator()(T a, T b) { return a + b; }
  static constexpr constant int id = 3;
  static float init() { return 1.0f; }
};
struct V { float x, y; 
  float len2() const { return x * x + other(y); }
  float other(float v) const { return v * v + init; }
  void scale(float k) { this->x *= k; y *= k; add(1); }
  void add(float k) { x += k; }
  float get(int i = 1) const device { return i ? y : x; }
  float get(int i = 1) const thread { return i ? y + 100: x; }
  float init = 0;
};
template <typename T, int N> struct Acc { T v[N]; 
  void set(T a) { for (int i = 0; i < N; i++) v[i] = a; }
  T total() const { T s = 0; for (int i = 0; i < N; i++) s += v[i]; return s; }
  template <int K> T times() const { return total() * K * N; }
  static T one() { return T(1); }
};
template <typename Op> float run(float a, float b) { Op op; return op(a, b) + Op()(a, b); }
kernel void f(device float *out [[buffer(1)]], device V *p [[buffer(2)]]) {
  V v = {3, 4};
  out[0] = v.len2();
  v.scale(2);
  out[1] = v.x; out[2] = v.y;
  p->y = 5; p->x = 9;
  out[3] = p->get(); out[4] = p->get(0); out[5] = v.get();
  Acc<float, 4> a;
  a.set(2.5f);
  out[6] = a.total();
  out[7] = a.times<2>();
  out[8] = Acc<int, 2>::one();
  out[9] = run<Sum>(1, 2);
  out[10] = Sum::init() + Sum::id;
}
