/// Matrix products with the right-hand side packed once and used many times: weights shared by all rows of a batch.
///
/// Each element of the result is one chain of fused multiply-adds over the inner dimension, in blocks of a fixed
/// length: its bits depend on its row of A, its column of B and the inner length only, never on how many rows or
/// columns a call has.
#ifndef CK_PRODUCT_H
#define CK_PRODUCT_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// The blocks that a product is computed in. Callers that cut products cut them at multiples of these.
enum {
    CK_PRODUCT_PANEL = 32,   ///< columns of a packed panel
    CK_PRODUCT_INNER = 512,  ///< inner length: a panel's part of it stays in L1 or near
    CK_PRODUCT_ROWS = 192,   ///< rows: their part of A stays in L2
    CK_PRODUCT_TILE = 12,    ///< rows whose sums stay in registers, at most
};

/// Floats that a packed matrix of inner x columns takes.
size_t ck_packed_size(size_t inner, size_t columns);

/// Packs B, element (t, j) of which is b[t * row_stride + j * column_stride]: with strides (1, ld) a transposed matrix.
/// Panels of CK_PRODUCT_PANEL columns, each (inner x CK_PRODUCT_PANEL), the last filled with zeros. No overlap.
void ck_pack(float *packed, const float *b, size_t row_stride, size_t column_stride, size_t inner, size_t columns);

/// C = A B, or C += A B: C (rows x columns), A's element (i, t) at a[i * row_stride + t * inner_stride], B packed. No
/// overlap.
void ck_product(
    float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *packed, size_t rows,
    size_t columns, size_t inner, bool accumulate);
void ck_ref_product(
    float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *packed, size_t rows,
    size_t columns, size_t inner, bool accumulate);

#pragma clang assume_nonnull end

#endif
