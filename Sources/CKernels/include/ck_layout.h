/// Copies that change the order of numbers: slices, concatenation, transposes, permutations, rows picked by index.
#ifndef CK_LAYOUT_H
#define CK_LAYOUT_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// y[r, c] = x[r, c]: channel slices and concatenation. No overlap.
void ck_copy_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);

/// y[r, c] += x[r, c]. No overlap.
void ck_accumulate_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);

/// y (columns x rows) = transpose of x (rows x columns). No overlap.
void ck_transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);
void ck_ref_transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns);

/// (count, channels, pixels) -> (count, pixels, channels): NCHW to NHWC, OIHW to OHWI. No overlap.
void ck_channels_last(float *y, const float *x, size_t count, size_t channels, size_t pixels);

/// (count, pixels, channels) -> (count, channels, pixels): NHWC to NCHW, OHWI to OIHW. No overlap.
void ck_channels_first(float *y, const float *x, size_t count, size_t channels, size_t pixels);

/// The largest rank of the strided copies.
#define CK_MAX_RANK 8

/// y, contiguous of the given sizes, from x with one stride (in floats; 0 repeats) per dimension: permute, slice,
/// broadcast. 1 <= rank <= CK_MAX_RANK. No overlap.
void ck_gather_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank);
void ck_ref_gather_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank);

/// Adjoint: adds contiguous x of the given sizes to y with one stride per dimension, in row-major order of x. No
/// overlap.
void ck_scatter_add_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank);
void ck_ref_scatter_add_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank);

/// y[r] = table[indices[r]], rows of `columns` floats: embedding. The caller has checked the indices. No overlap.
void ck_gather_rows(float *y, const float *table, const int32_t *indices, size_t rows, size_t columns);

/// Adjoint: table[indices[r]] += x[r], in the order of r. No overlap.
void ck_scatter_add_rows(float *table, const float *x, const int32_t *indices, size_t rows, size_t columns);

#pragma clang assume_nonnull end

#endif
