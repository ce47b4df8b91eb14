#include "ck_convert.h"
#include "vector_math.h"

CK_INLINE float ck_widen_half(uint16_t half) {
    const int32_t magnitude = half & 0x7fff;
    // The exponent's bias differs by 112; the product also normalizes subnormal numbers.
    const float finite = ck_float_of_bits(magnitude << 13) * 0x1p112f;
    const int32_t special = (magnitude << 13) | 0x7f800000;
    const int32_t bits = magnitude >= 0x7c00 ? special : ck_bits_of_float(finite);
    return ck_float_of_bits(bits | (int32_t)((uint32_t)(half & 0x8000) << 16));
}

CK_INLINE uint16_t ck_narrow_half(float value) {
    const int32_t bits = ck_bits_of_float(value);
    const int32_t magnitude = bits & 0x7fffffff;
    // Half's normal numbers: round at bit 13, to even on a tie, and take 112 from the exponent.
    const int32_t normal = (magnitude - (112 << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
    // Its subnormal numbers are multiples of 2^-24, as is what 0.5 + magnitude can hold.
    const int32_t subnormal = ck_bits_of_float(ck_float_of_bits(magnitude) + 0.5f) - 0x3f000000;
    int32_t half = magnitude < 0x38800000 ? subnormal : normal;
    half = magnitude >= 0x47800000 ? 0x7c00 : half;  // 65536 and more; 65520 to 65536 round up to it
    half = magnitude > 0x7f800000 ? 0x7e00 | (magnitude >> 13 & 0x1ff) : half;
    return (uint16_t)(half | (int32_t)((uint32_t)bits >> 16 & 0x8000));
}

CK_INLINE float ck_widen_bfloat16(uint16_t value) { return ck_float_of_bits((int32_t)((uint32_t)value << 16)); }

CK_INLINE uint16_t ck_narrow_bfloat16(float value) {
    const uint32_t bits = (uint32_t)ck_bits_of_float(value);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    const uint32_t quiet = bits >> 16 | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

CK_INLINE uint8_t ck_narrow_byte(float value) {
    float clamped = value > 0.0f ? value : 0.0f;  // NaN too
    clamped = clamped < 255.0f ? clamped : 255.0f;
    return (uint8_t)ck_bits_of_float(clamped + 12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
}

#define CK_CONVERT(expression)           \
    for (size_t i = 0; i < n; i++) {     \
        y[i] = (expression);             \
    }

CK_MULTIVERSION
void ck_float_from_half(float *restrict y, const uint16_t *restrict x, size_t n) { CK_CONVERT(ck_widen_half(x[i])) }

CK_MULTIVERSION
void ck_half_from_float(uint16_t *restrict y, const float *restrict x, size_t n) { CK_CONVERT(ck_narrow_half(x[i])) }

CK_MULTIVERSION
void ck_float_from_bfloat16(float *restrict y, const uint16_t *restrict x, size_t n) {
    CK_CONVERT(ck_widen_bfloat16(x[i]))
}

CK_MULTIVERSION
void ck_bfloat16_from_float(uint16_t *restrict y, const float *restrict x, size_t n) {
    CK_CONVERT(ck_narrow_bfloat16(x[i]))
}

CK_MULTIVERSION
void ck_float_from_bytes(float *restrict y, const uint8_t *restrict x, float scale, float offset, size_t n) {
    CK_CONVERT(scale * (float)x[i] + offset)
}

CK_MULTIVERSION
void ck_bytes_from_float(uint8_t *restrict y, const float *restrict x, float scale, float offset, size_t n) {
    CK_CONVERT(ck_narrow_byte(scale * x[i] + offset))
}

// The definitions: fields taken apart, in double, where every half and bfloat16 and the middle between two is exact.

void ck_ref_float_from_half(float *y, const uint16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const int exponent = x[i] >> 10 & 31, fraction = x[i] & 1023;
        double value = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
        if (exponent == 31) {
            value = fraction == 0 ? INFINITY : NAN;
        }
        y[i] = (float)copysign(value, x[i] & 0x8000 ? -1 : 1);
    }
}

/// The nearest number with `bits` bits of fraction and exponents of at least `lowest`.
static double ref_round(double value, int bits, int lowest) {
    int exponent;
    frexp(value, &exponent);
    const int unit = (exponent - 1 < lowest ? lowest : exponent - 1) - bits;
    return ldexp(nearbyint(ldexp(value, -unit)), unit);
}

void ck_ref_half_from_float(uint16_t *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double value = isfinite(x[i]) ? ref_round(fabs((double)x[i]), 10, -14) : fabs((double)x[i]);
        uint16_t half;
        if (isnan(value)) {
            half = 0x7e00;
        } else if (value >= 65536) {
            half = 0x7c00;
        } else if (value < 0x1p-14) {
            half = (uint16_t)ldexp(value, 24);
        } else {
            int exponent;
            const double fraction = frexp(value, &exponent);
            half = (uint16_t)((exponent + 14) << 10 | ((int)(fraction * 2048) & 1023));
        }
        y[i] = half | (uint16_t)(signbit(x[i]) ? 0x8000 : 0);
    }
}

void ck_ref_float_from_bfloat16(float *y, const uint16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
}

void ck_ref_bfloat16_from_float(uint16_t *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float value = isfinite(x[i]) ? (float)ref_round((double)x[i], 7, -126) : x[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        y[i] = (uint16_t)(isnan(value) ? bits >> 16 | 0x40 : bits >> 16);
    }
}

void ck_ref_float_from_bytes(float *y, const uint8_t *x, float scale, float offset, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)((double)scale * x[i] + offset);
    }
}

void ck_ref_bytes_from_float(uint8_t *y, const float *x, float scale, float offset, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double value = (double)scale * x[i] + offset;
        y[i] = value > 0 ? (uint8_t)nearbyint(fmin(value, 255)) : 0;
    }
}
