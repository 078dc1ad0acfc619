# SPDX-License-Identifier: MIT
"""Functions of the elements of tensors by their libdevice names.
docs/language.md says how exact each is."""
from ..core import builtin as _builtin

_NAMES = {
    "x, y, z": """
        fma fma_rn norm3d rnorm3d fma_rz fma_rd fma_ru sad""",
    "x, y": """
        div_rn fast_dividef atan2 pow fast_powf fmod hypot copysign nextafter fdim add_rn sub_rn mul_rn
        mulhi rhypot remainder add_rz add_rd add_ru sub_rz sub_rd sub_ru mul_rz mul_rd mul_ru div_rz div_rd
        div_ru hadd rhadd mul24""",
    "x": """
        exp exp2 log log2 cos sin sqrt rsqrt sqrt_rn erf floor ceil fast_expf fast_logf fast_log2f fast_sinf
        fast_cosf abs tanh fast_tanhf tan sinh cosh asin acos atan asinh acosh atanh exp10 expm1 log10 log1p
        cbrt trunc rint nearbyint round erfc erfinv lgamma tgamma sinpi cospi isnan isinf finitef isfinited
        signbit rsqrt_rn rcp_rn llrint llround float_as_int float_as_uint int_as_float uint_as_float ffs clz
        popc brev j0 j1 y0 y1 erfcx erfcinv normcdf normcdfinv cyl_bessel_i0 cyl_bessel_i1 rcbrt saturatef
        ilogb logb fast_tanf fast_exp10f fast_log10f rcp_rz rcp_rd rcp_ru sqrt_rz sqrt_rd sqrt_ru
        float2int_rn float2int_rz float2int_rd float2int_ru float2uint_rn float2uint_rz float2uint_rd
        float2uint_ru float2ll_rn float2ll_rz float2ll_rd float2ll_ru float2ull_rn float2ull_rz float2ull_rd
        float2ull_ru int2float_rn int2float_rz int2float_rd int2float_ru uint2float_rn uint2float_rz
        uint2float_rd uint2float_ru ll2float_rn ll2float_rz ll2float_rd ll2float_ru ull2float_rn
        ull2float_rz ull2float_rd ull2float_ru""",
    "x, y, z, w": """
        norm4d rnorm4d""",
    "x, n": """
        ldexp scalbn""",
    "x, y, s": """
        byte_perm""",
}
# Known and refused: Metal has no double.
_REFUSED = """
    jn yn rcp64h hiloint2double double2loint double2hiint longlong_as_double double_as_longlong int2double_rn
    uint2double_rn double2float_rn double2float_rz double2float_rd double2float_ru double2int_rn double2int_rz
    double2int_rd double2int_ru double2uint_rn double2uint_rz double2uint_rd double2uint_ru double2ll_rn
    double2ll_rz double2ll_rd double2ll_ru double2ull_rn double2ull_rz double2ull_rd double2ull_ru ll2double_rn
    ll2double_rz ll2double_rd ll2double_ru ull2double_rn ull2double_rz ull2double_rd ull2double_ru"""


def _make(name, parameters):
    scope = {}
    exec(f"def {name}({parameters}): pass", scope)
    scope[name].__doc__ = f"libdevice's {name} of each element."
    scope[name].__module__ = __name__
    return _builtin(scope[name])


for _parameters, _words in _NAMES.items():
    for _name in _words.split():
        globals()[_name] = _make(_name, _parameters)
for _name in _REFUSED.split():
    globals()[_name] = _make(_name, "*args")
