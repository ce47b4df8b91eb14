/// Softmax of rows, whole and in blocks with a running maximum and sum (Milakov & Gimelshein 2018; Dao et al. 2022).
#ifndef CK_SOFTMAX_H
#define CK_SOFTMAX_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// y[r] = softmax(scale x[r]); lse[r] = log of the sum of exp(scale x[r, c]), may be null. In place.
void ck_softmax(
    float *y, size_t ldy, float *_Nullable lse, const float *x, size_t ldx, float scale, size_t rows, size_t columns);
void ck_ref_softmax(
    float *y, size_t ldy, float *_Nullable lse, const float *x, size_t ldx, float scale, size_t rows, size_t columns);

/// dx = scale y (dy - sum over c of dy y). In place on dy or y.
void ck_softmax_backward(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, float scale, size_t rows,
    size_t columns);
void ck_ref_softmax_backward(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, float scale, size_t rows,
    size_t columns);

/// y = exp(scale x - lse[r]): softmax again from its scores and kept log-sum-exp. In place.
void ck_softmax_recompute(
    float *y, size_t ldy, const float *x, size_t ldx, const float *lse, float scale, size_t rows, size_t columns);
void ck_ref_softmax_recompute(
    float *y, size_t ldy, const float *x, size_t ldx, const float *lse, float scale, size_t rows, size_t columns);

/// dx = scale y (dy - delta[r]): softmax's backward for a block of columns, with delta[r] = sum over all columns of dy
/// y, which attention has as the row dots of dO and O. In place on dy or y.
void ck_softmax_backward_block(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, const float *delta, float scale,
    size_t rows, size_t columns);
void ck_ref_softmax_backward_block(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, const float *delta, float scale,
    size_t rows, size_t columns);

/// One block of columns of a running softmax. Per row, `maximum` (start: -infinity) and `sum` (start: 0) are carried
/// from block to block; x becomes exp(scale x - new maximum), and correction = exp(old maximum - new maximum) is what
/// the output gathered so far must be multiplied by (ck_scale_rows) before this block's share is added.
void ck_softmax_block(
    float *x, size_t ldx, float *maximum, float *sum, float *correction, float scale, size_t rows, size_t columns);
void ck_ref_softmax_block(
    float *x, size_t ldx, float *maximum, float *sum, float *correction, float scale, size_t rows, size_t columns);

/// Ends a running softmax: output[r] /= sum[r]; lse[r] = maximum[r] + log(sum[r]), may be null.
void ck_softmax_finish(
    float *output, size_t ldo, float *_Nullable lse, const float *maximum, const float *sum, size_t rows,
    size_t columns);
void ck_ref_softmax_finish(
    float *output, size_t ldo, float *_Nullable lse, const float *maximum, const float *sum, size_t rows,
    size_t columns);

#pragma clang assume_nonnull end

#endif
