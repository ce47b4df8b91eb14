/// Nearest upsampling and pooling of one image, by bands of rows that may run at the same time.
#ifndef CK_RESAMPLE_H
#define CK_RESAMPLE_H

#include "ck_window.h"

#pragma clang assume_nonnull begin

/// y (height * factor, width * factor, channels) from x (height, width, channels), for input rows [first, last). `y`
/// and `x` point at the whole images. No overlap.
void ck_upsample_nearest(
    float *y, const float *x, size_t factor, size_t width, size_t channels, size_t first, size_t last);
void ck_ref_upsample_nearest(
    float *y, const float *x, size_t factor, size_t width, size_t channels, size_t first, size_t last);

/// Adjoint: each input pixel of rows [first, last) gets the sum of its factor x factor output gradients. No overlap.
void ck_upsample_nearest_backward(
    float *dx, const float *dy, size_t factor, size_t width, size_t channels, size_t first, size_t last);
void ck_ref_upsample_nearest_backward(
    float *dx, const float *dy, size_t factor, size_t width, size_t channels, size_t first, size_t last);

/// Mean over each window, for output rows [first, last). Positions outside the input count as zeros in the mean
/// (PyTorch's `count_include_pad`). `y` and `x` point at the whole images. No overlap.
void ck_average_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last);
void ck_ref_average_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last);

/// Adjoint, written for input rows [first, last): each gathers from the windows that contain it. No overlap.
void ck_average_pool_backward(float *dx, const float *dy, const CKWindow *window, size_t first, size_t last);
void ck_ref_average_pool_backward(float *dx, const float *dy, const CKWindow *window, size_t first, size_t last);

/// The largest value in each window, for output rows [first, last). Positions outside the input don't count; each window has one
/// inside. `y` and `x` point at the whole images. No overlap.
void ck_max_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last);
void ck_ref_max_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last);

#pragma clang assume_nonnull end

#endif
