/// Depthwise convolution of one image: each channel with its own kernel. Weights are (kernel_height, kernel_width,
/// channels). Bands of rows may run at the same time. Pointers are to whole images.
#ifndef CK_DEPTHWISE_H
#define CK_DEPTHWISE_H

#include "ck_window.h"

#pragma clang assume_nonnull begin

/// y (output_height, output_width, channels), for output rows [first, last). `bias` (channels) may be null. No overlap.
void ck_depthwise(
    float *y, const float *x, const float *weight, const float *_Nullable bias, const CKWindow *window, size_t first,
    size_t last);
void ck_ref_depthwise(
    float *y, const float *x, const float *weight, const float *_Nullable bias, const CKWindow *window, size_t first,
    size_t last);

/// Gradient to the input, written for input rows [first, last): each pixel gathers from the outputs that read it. No
/// overlap.
void ck_depthwise_backward_input(
    float *dx, const float *dy, const float *weight, const CKWindow *window, size_t first, size_t last);
void ck_ref_depthwise_backward_input(
    float *dx, const float *dy, const float *weight, const CKWindow *window, size_t first, size_t last);

/// Gradient to the weights from output rows [first, last), added to dweight (kernel_height, kernel_width, channels):
/// the caller zeroes one per chunk and adds the chunks in order. No overlap.
void ck_depthwise_backward_weight(
    float *dweight, const float *dy, const float *x, const CKWindow *window, size_t first, size_t last);
void ck_ref_depthwise_backward_weight(
    float *dweight, const float *dy, const float *x, const CKWindow *window, size_t first, size_t last);

#pragma clang assume_nonnull end

#endif
