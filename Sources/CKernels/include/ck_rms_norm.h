/// RMS norm of each row (Zhang & Sennrich 2019): layer norm without the mean.
#ifndef CK_RMS_NORM_H
#define CK_RMS_NORM_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// y[r, c] = x[r, c] rrms[r] weight[c] with rrms[r] = 1 / sqrt(mean of x[r]^2 + epsilon), kept for backward. `weight` may be
/// null for 1. In place.
void ck_rms_norm(
    float *y, float *rrms, const float *x, const float *_Nullable weight, double epsilon, size_t rows, size_t columns);
void ck_ref_rms_norm(
    float *y, float *rrms, const float *x, const float *_Nullable weight, double epsilon, size_t rows, size_t columns);

/// Gradients: dx, and for these rows sums[c] = sum of dy x rrms, the weight's share. Either may be null where it is not
/// wanted. dx in place on dy or x.
void ck_rms_norm_backward(
    float *_Nullable dx, double *_Nullable sums, const float *dy, const float *x, const float *rrms,
    const float *_Nullable weight, size_t rows, size_t columns);
void ck_ref_rms_norm_backward(
    float *_Nullable dx, double *_Nullable sums, const float *dy, const float *x, const float *rrms,
    const float *_Nullable weight, size_t rows, size_t columns);

#pragma clang assume_nonnull end

#endif
