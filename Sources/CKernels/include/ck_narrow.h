/// Convolution of one image to few outputs: the last layer of an image network, where a product of patches would leave
/// most of a vector empty. Weights are (outputs, kernel_height, kernel_width, channels). Pointers are to whole images;
/// bands of rows may run at the same time.
#ifndef CK_NARROW_H
#define CK_NARROW_H

#include "ck_window.h"

#pragma clang assume_nonnull begin

/// The most outputs for which these kernels beat a product of patches.
#define CK_NARROW_OUTPUTS 8

/// y (output_height, output_width, outputs), for output rows [first, last). `bias` (outputs) may be null. No overlap.
void ck_narrow_convolution(
    float *y, const float *x, const float *weights, const float *_Nullable bias, const CKWindow *window, size_t outputs,
    size_t first, size_t last);
void ck_ref_narrow_convolution(
    float *y, const float *x, const float *weights, const float *_Nullable bias, const CKWindow *window, size_t outputs,
    size_t first, size_t last);

/// Gradient to the weights from output rows [first, last), added to dweights: the caller zeroes one per chunk and adds
/// the chunks in order. No overlap.
void ck_narrow_weight_gradient(
    float *dweights, const float *dy, const float *x, const CKWindow *window, size_t outputs, size_t first,
    size_t last);
void ck_ref_narrow_weight_gradient(
    float *dweights, const float *dy, const float *x, const CKWindow *window, size_t outputs, size_t first,
    size_t last);

#pragma clang assume_nonnull end

#endif
