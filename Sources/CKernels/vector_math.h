/// Elementary functions without branches, so that loops around them become vector code.
///
/// Polynomials are minimax fits (Lawson's iteration) of our own over the reduced ranges. Errors are against the exact
/// value. Multiply-adds are fused where one expression has them and the CPU can: an element's result never depends on
/// its position.
#ifndef CK_VECTOR_MATH_H
#define CK_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "multiversion.h"

CK_INLINE float ck_float_of_bits(int32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

CK_INLINE int32_t ck_bits_of_float(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/// exp(x + low), |low| <= 0.01 + |x| / 4096: 1.5 ulp. NaN stays NaN; below -104 it is 0, above 88.72 infinity.
CK_INLINE float ck_exp_sum(float x, float low) {
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    const float shifted = x * 1.44269504f + magic;
    const float n = shifted - magic;
    // ln 2 in two parts, the first short enough for n * part to be exact.
    const float r = (x - n * 0.693359375f) + (low - n * -2.12194440e-4f);
    float p = 1.38088455e-3f;
    p = p * r + 8.37149564e-3f;
    p = p * r + 4.16686684e-2f;
    p = p * r + 1.66664973e-1f;
    p = p * r + 4.99999911e-1f;
    p = p * (r * r) + r;
    // 2^n in two factors: n reaches from -150 (subnormal results) to 128.
    const int32_t k = ck_bits_of_float(shifted) - ck_bits_of_float(magic);
    const int32_t half = k >> 1;
    const float scale1 = ck_float_of_bits((int32_t)((uint32_t)(half + 127) << 23));
    const float scale2 = ck_float_of_bits((int32_t)((uint32_t)(k - half + 127) << 23));
    return (p * scale1 + scale1) * scale2;
}

/// exp(x): 1.1 ulp.
CK_INLINE float ck_exp(float x) { return ck_exp_sum(x, 0.0f); }

/// log(x): 1 ulp. Negative x gives NaN, 0 gives -infinity.
CK_INLINE float ck_log(float x) {
    // Subnormal numbers are brought into the normal range first.
    const int small = x < 1.17549435e-38f;
    const float scaled = small ? x * 8388608.0f : x;
    // Mantissa in [sqrt(1/2), sqrt(2)). Unsigned, for the sign bit of a negative x may overflow.
    const int32_t offset = (int32_t)((uint32_t)ck_bits_of_float(scaled) - 0x3f3504f3u);
    const int32_t exponent = (offset >> 23) - (small ? 23 : 0);
    const float f = ck_float_of_bits((offset & 0x007fffff) + 0x3f3504f3) - 1.0f;
    float p = 6.74661249e-2f;
    p = p * f - 1.16756596e-1f;
    p = p * f + 1.18881799e-1f;
    p = p * f - 1.24055892e-1f;
    p = p * f + 1.42195493e-1f;
    p = p * f - 1.66679963e-1f;
    p = p * f + 2.00021192e-1f;
    p = p * f - 2.50000089e-1f;
    p = p * f + 3.33333135e-1f;
    const float n = (float)exponent;
    const float square = f * f;
    float y = n * -2.12194440e-4f + p * (square * f);
    y = y - 0.5f * square;
    y = n * 0.693359375f + (f + y);
    y = x == 0.0f ? -INFINITY : y;
    y = x == INFINITY ? INFINITY : y;
    return x >= 0.0f ? y : NAN;
}

/// sqrt(x), rounded correctly; unlike sqrtf it leaves errno alone, which would keep a loop scalar.
CK_INLINE float ck_sqrt(float x) { return __builtin_elementwise_sqrt(x); }

/// 1 / (1 + exp(-x)).
CK_INLINE float ck_sigmoid(float x) { return 1.0f / (1.0f + ck_exp(-x)); }

/// tanh(x): 2 ulp.
CK_INLINE float ck_tanh(float x) {
    const float magnitude = fabsf(x);
    const float square = x * x;
    float p = -5.66696841e-3f;
    p = p * square + 2.06061676e-2f;
    p = p * square - 5.37300035e-2f;
    p = p * square + 1.33313313e-1f;
    p = p * square - 3.33332777e-1f;
    const float near_zero = (p * square) * x + x;
    const float far = copysignf(1.0f - 2.0f / (ck_exp(2.0f * magnitude) + 1.0f), x);
    return magnitude < 0.625f ? near_zero : far;
}

/// Phi(-|x|), the lower tail of the standard normal, and exp(-x^2 / 2).
typedef struct CKNormalTail {
    float tail, exponential;
} CKNormalTail;

/// Relative error 4e-7 down to the subnormal numbers (where 1 + erf would cancel): Phi(-z) = exp(-z^2 / 2) R(z), with R
/// a polynomial in (z - 3) / (z + 3).
CK_INLINE CKNormalTail ck_normal_tail(float x) {
    float z = fabsf(x);
    z = z > 14.5f ? 14.5f : z;
    // z^2 exactly, as the square of its upper 12 bits and a remainder: an error in it would be a relative error of exp.
    const float high = ck_float_of_bits(ck_bits_of_float(z) & (int32_t)0xfffff000);
    const float exponential = ck_exp_sum(-0.5f * (high * high), -0.5f * ((z - high) * (z + high)));
    const float t = (z - 3.0f) / (z + 3.0f);
    float r = 5.31614824e-5f;
    r = r * t + 1.15013849e-4f;
    r = r * t - 3.39012360e-4f;
    r = r * t - 9.83288512e-4f;
    r = r * t + 2.90438719e-3f;
    r = r * t + 6.13194238e-3f;
    r = r * t - 4.62132618e-2f;
    r = r * t + 1.23225041e-1f;
    r = r * t - 2.06402615e-1f;
    r = r * t + 1.21513948e-1f;
    return (CKNormalTail){.tail = exponential * r, .exponential = exponential};
}

CK_INLINE float ck_silu(float x) { return x / (1.0f + ck_exp(-x)); }

CK_INLINE float ck_silu_derivative(float x) {
    const float s = ck_sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

/// x Phi(x).
CK_INLINE float ck_gelu(float x) {
    const float tail = ck_normal_tail(x).tail;
    return x * (x < 0.0f ? tail : 1.0f - tail);
}

/// Phi(x) + x phi(x).
CK_INLINE float ck_gelu_derivative(float x) {
    const CKNormalTail normal = ck_normal_tail(x);
    return (x < 0.0f ? normal.tail : 1.0f - normal.tail) + x * (0.398942280f * normal.exponential);
}

/// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3).
CK_INLINE float ck_gelu_tanh(float x) {
    const float u2 = x * (1.59576912f + 0.0713548162726f * (x * x));
    return x / (1.0f + ck_exp(-u2));
}

CK_INLINE float ck_gelu_tanh_derivative(float x) {
    const float square = x * x;
    const float s = ck_sigmoid(x * (1.59576912f + 0.0713548162726f * square));
    return s + x * (s * (1.0f - s)) * (1.59576912f + 0.2140644488178f * square);
}

/// x sigmoid(1.702 x).
CK_INLINE float ck_quick_gelu(float x) { return x / (1.0f + ck_exp(-1.702f * x)); }

CK_INLINE float ck_quick_gelu_derivative(float x) {
    const float s = ck_sigmoid(1.702f * x);
    return s * (1.0f + (1.702f * x) * (1.0f - s));
}

/// max(x, 0); NaN stays NaN.
CK_INLINE float ck_relu(float x) { return x < 0.0f ? 0.0f : x; }

/// sin(r + quadrant pi / 2) for |r| <= pi / 4: absolute error 1e-7.
CK_INLINE float ck_sin_reduced(float r, uint32_t quadrant) {
    const float square = r * r;
    float s = -1.95151995e-4f;
    s = s * square + 8.33216030e-3f;
    s = s * square - 1.66666552e-1f;
    s = (s * square) * r + r;
    float c = 2.44330604e-5f;
    c = c * square - 1.38873153e-3f;
    c = c * square + 4.16666456e-2f;
    c = c * (square * square) + (1.0f - 0.5f * square);
    const float value = (quadrant & 1) ? c : s;
    return (quadrant & 2) ? -value : value;
}

/// sin(x + quarters pi / 2), absolute error 2e-7 for |x| < 1e8; NaN for infinities.
CK_INLINE float ck_sin_quarters(float x, uint32_t quarters) {
    const double magic = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    const double shifted = (double)x * 0.63661977236758134 + magic;
    const double n = shifted - magic;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return ck_sin_reduced((float)((double)x - n * 1.5707963267948966), (uint32_t)bits + quarters);
}

#endif
