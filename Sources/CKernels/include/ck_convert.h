/// Storage formats to and from fp32. Half and bfloat16 are given as their 16 bits.
#ifndef CK_CONVERT_H
#define CK_CONVERT_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// IEEE binary16 to float, exact; NaN stays NaN.
void ck_float_from_half(float *y, const uint16_t *x, size_t n);
void ck_ref_float_from_half(float *y, const uint16_t *x, size_t n);

/// Float to IEEE binary16, nearest even; too large becomes infinity.
void ck_half_from_float(uint16_t *y, const float *x, size_t n);
void ck_ref_half_from_float(uint16_t *y, const float *x, size_t n);

/// bfloat16 to float, exact.
void ck_float_from_bfloat16(float *y, const uint16_t *x, size_t n);
void ck_ref_float_from_bfloat16(float *y, const uint16_t *x, size_t n);

/// Float to bfloat16, nearest even; NaN becomes a quiet NaN.
void ck_bfloat16_from_float(uint16_t *y, const float *x, size_t n);
void ck_ref_bfloat16_from_float(uint16_t *y, const float *x, size_t n);

/// Bytes to y[i] = scale x[i] + offset, as for pixels.
void ck_float_from_bytes(float *y, const uint8_t *x, float scale, float offset, size_t n);
void ck_ref_float_from_bytes(float *y, const uint8_t *x, float scale, float offset, size_t n);

/// y[i] = scale x[i] + offset, clamped to 0...255 and rounded to nearest even; NaN becomes 0.
void ck_bytes_from_float(uint8_t *y, const float *x, float scale, float offset, size_t n);
void ck_ref_bytes_from_float(uint8_t *y, const float *x, float scale, float offset, size_t n);

#pragma clang assume_nonnull end

#endif
