// rule: only headers of the library can be included
// expect: 3:1 'vector' file not found
#include <vector>
