// Where tests/check_docs.sh builds what the documents show in pieces.
#include <tritonmetal.hpp>

#include <cstdio>
#include <string>
#include <vector>

extern tritonmetal::context gpu;
extern tritonmetal::module ops;
extern tritonmetal::function add;
extern tritonmetal::stream stream;
extern tritonmetal::array<float> x, y, out;
extern std::size_t n;
extern std::string text;

void fragment();
void fragment() {
@FRAGMENT@
}
