/// Convolution as a matrix product: patches of an image as rows of a matrix, and the adjoint.
#ifndef CK_IM2COL_H
#define CK_IM2COL_H

#include "ck_window.h"

#pragma clang assume_nonnull begin

/// Writes output positions [first, last) of one image (H, W, C) as rows of kernel_height * kernel_width * channel_count
/// floats in the order (ky, kx, c), of channels [channel_offset, channel_offset + channel_count): a group of a grouped
/// convolution. Position p is (p / output_width, p % output_width). Row p goes to columns + (p - first) * ld. No
/// overlap.
void ck_im2col(
    float *columns, size_t ld, const float *image, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last);
void ck_ref_im2col(
    float *columns, size_t ld, const float *image, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last);

/// Adjoint: adds each row of positions [first, last) back to where im2col read it. Rows of different positions touch
/// the same pixels, so calls on one image and the same channels must follow each other in a fixed order. No overlap.
void ck_col2im(
    float *image, const float *columns, size_t ld, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last);
void ck_ref_col2im(
    float *image, const float *columns, size_t ld, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last);

#pragma clang assume_nonnull end

#endif
