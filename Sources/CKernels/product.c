#include "ck_product.h"

#include "ck_cpu.h"
#include "vectors.h"

// The shape of the innermost block follows the number of registers: 12 rows x 2 vectors leave 8 of AVX-512's 32 for the
// operands; 6 rows x 1 vector (two of AVX2's) leave 4 of 16.

_Static_assert(CK_PRODUCT_PANEL == 2 * CK_LANES, "a panel is two vectors wide");

CK_INLINE size_t ck_min_size(size_t a, size_t b) { return a < b ? a : b; }

size_t ck_packed_size(size_t inner, size_t columns) { return (columns + CK_PRODUCT_PANEL - 1) / CK_PRODUCT_PANEL * CK_PRODUCT_PANEL * inner; }

/// Half a panel: `n` columns of sixteen, the others filled with zeros.
CK_INLINE void ck_pack_half(
    float *to, const float *from, size_t row_stride, size_t column_stride, size_t inner, size_t n) {
    size_t done = 0;
    if (n == CK_LANES && row_stride == 1) {
        for (; done + CK_LANES <= inner; done += CK_LANES) {
            ck_transpose_tile(to + done * CK_PRODUCT_PANEL, CK_PRODUCT_PANEL, from + done, column_stride);
        }
    } else if (n == CK_LANES && column_stride == 1) {
        for (; done < inner; done++) {
            CK_STORE(to + done * CK_PRODUCT_PANEL, CK_LOAD(from + done * row_stride));
        }
    }
    for (size_t t = done; t < inner; t++) {
        CK_STORE(to + t * CK_PRODUCT_PANEL, CK_SPLAT(0.0f));
        for (size_t i = 0; i < n; i++) {
            to[t * CK_PRODUCT_PANEL + i] = from[t * row_stride + i * column_stride];
        }
    }
}

CK_MULTIVERSION
void ck_pack(float *packed, const float *b, size_t row_stride, size_t column_stride, size_t inner, size_t columns) {
    for (size_t j = 0; j < columns; j += CK_PRODUCT_PANEL) {
        const float *from = b + j * column_stride;
        float *to = packed + j * inner;
        const size_t left = ck_min_size(CK_LANES, columns - j);
        const size_t right = ck_min_size(CK_PRODUCT_PANEL, columns - j) - left;
        ck_pack_half(to, from, row_stride, column_stride, inner, left);
        ck_pack_half(
            to + CK_LANES, right > 0 ? from + CK_LANES * column_stride : from, row_stride, column_stride, inner, right);
    }
}

/// C (rows x vectors * 16) = or += A B for constants `rows` and `vectors`: the sums stay in registers throughout.
CK_INLINE void ck_block(
    float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *panel, size_t inner,
    bool accumulate, const size_t rows, const size_t vectors) {
    CKVector sums[CK_PRODUCT_TILE][2];
    CK_UNROLL
    for (size_t i = 0; i < rows; i++) {
        CK_UNROLL
        for (size_t j = 0; j < vectors; j++) {
            sums[i][j] = accumulate ? CK_LOAD(c + i * ldc + j * CK_LANES) : CK_SPLAT(0.0f);
        }
    }
    for (size_t t = 0; t < inner; t++) {
        CKVector b[2];
        CK_UNROLL
        for (size_t j = 0; j < vectors; j++) {
            b[j] = CK_LOAD(panel + t * CK_PRODUCT_PANEL + j * CK_LANES);
        }
        CK_UNROLL
        for (size_t i = 0; i < rows; i++) {
            const float factor = a[i * row_stride + t * inner_stride];
            CK_UNROLL
            for (size_t j = 0; j < vectors; j++) {
                sums[i][j] = factor * b[j] + sums[i][j];
            }
        }
    }
    CK_UNROLL
    for (size_t i = 0; i < rows; i++) {
        CK_UNROLL
        for (size_t j = 0; j < vectors; j++) {
            CK_STORE(c + i * ldc + j * CK_LANES, sums[i][j]);
        }
    }
}

/// Rows of a panel's block, for any number of rows that the CPU's block may have.
CK_INLINE void ck_rows(
    float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *panel, size_t inner,
    bool accumulate, size_t rows, const size_t most, const size_t vectors) {
#define CK_CASE(n)                                                                                         \
    case n:                                                                                                \
        if (n <= most) {                                                                                   \
            ck_block(c, ldc, a, row_stride, inner_stride, panel, inner, accumulate, n, vectors);           \
        }                                                                                                  \
        break
    switch (rows) {
        CK_CASE(1);
        CK_CASE(2);
        CK_CASE(3);
        CK_CASE(4);
        CK_CASE(5);
        CK_CASE(6);
        CK_CASE(7);
        CK_CASE(8);
        CK_CASE(9);
        CK_CASE(10);
        CK_CASE(11);
        CK_CASE(12);
    }
#undef CK_CASE
}

/// A block of at most CK_PRODUCT_ROWS rows and CK_PRODUCT_INNER inner elements, with `most` rows at a time in as equal shares as can
/// be.
CK_INLINE void ck_product_block(
    float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *packed,
    size_t panel_size, size_t rows, size_t columns, size_t inner, bool accumulate, const size_t most,
    const size_t vectors) {
    const size_t shares = (rows + most - 1) / most;
    for (size_t j = 0; j < columns; j += vectors * CK_LANES) {
        const float *panel = packed + j / CK_PRODUCT_PANEL * panel_size + j % CK_PRODUCT_PANEL;
        const size_t n = ck_min_size(vectors * CK_LANES, columns - j);
        for (size_t share = 0; share < shares; share++) {
            const size_t first = rows * share / shares, count = rows * (share + 1) / shares - first;
            const float *from = a + first * row_stride;
            float *to = c + first * ldc + j;
            if (n == vectors * CK_LANES) {
                ck_rows(to, ldc, from, row_stride, inner_stride, panel, inner, accumulate, count, most, vectors);
                continue;
            }
            // The last columns, beside which C may end.
            float block[CK_PRODUCT_TILE * CK_PRODUCT_PANEL] = {0};
            for (size_t i = 0; accumulate && i < count; i++) {
                memcpy(block + i * CK_PRODUCT_PANEL, to + i * ldc, n * sizeof(float));
            }
            if (n <= CK_LANES) {
                ck_rows(block, CK_PRODUCT_PANEL, from, row_stride, inner_stride, panel, inner, accumulate, count, most, 1);
            } else {
                ck_rows(
                    block, CK_PRODUCT_PANEL, from, row_stride, inner_stride, panel, inner, accumulate, count, most, vectors);
            }
            for (size_t i = 0; i < count; i++) {
                memcpy(to + i * ldc, block + i * CK_PRODUCT_PANEL, n * sizeof(float));
            }
        }
    }
}

#define CK_PRODUCT_BLOCK(name, attributes, most, vectors)                                                        \
    attributes static void name(                                                                                 \
        float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *packed,       \
        size_t panel_size, size_t rows, size_t columns, size_t inner, bool accumulate) {                         \
        ck_product_block(                                                                                        \
            c, ldc, a, row_stride, inner_stride, packed, panel_size, rows, columns, inner, accumulate, most,     \
            vectors);                                                                                            \
    }

CK_PRODUCT_BLOCK(ck_product_block_of_6, CK_AVX2, 6, 1)
CK_PRODUCT_BLOCK(ck_product_block_plain, , 4, 1)
CK_PRODUCT_BLOCK(ck_product_block_of_12, CK_AVX512, 12, 2)

void ck_product(
    float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *packed, size_t rows,
    size_t columns, size_t inner, bool accumulate) {
    const int32_t level = ck_cpu_level();
    if (inner == 0 && !accumulate) {
        for (size_t i = 0; i < rows; i++) {
            memset(c + i * ldc, 0, columns * sizeof *c);
        }
    }
    for (size_t t = 0; t < inner; t += CK_PRODUCT_INNER) {
        const size_t length = ck_min_size(CK_PRODUCT_INNER, inner - t);
        const bool add = accumulate || t > 0;
        for (size_t i = 0; i < rows; i += CK_PRODUCT_ROWS) {
            const size_t count = ck_min_size(CK_PRODUCT_ROWS, rows - i);
            float *to = c + i * ldc;
            const float *from = a + i * row_stride + t * inner_stride, *panels = packed + t * CK_PRODUCT_PANEL;
            const size_t size = inner * CK_PRODUCT_PANEL;
            if (level == 4) {
                ck_product_block_of_12(
                    to, ldc, from, row_stride, inner_stride, panels, size, count, columns, length, add);
            } else if (level == 3) {
                ck_product_block_of_6(
                    to, ldc, from, row_stride, inner_stride, panels, size, count, columns, length, add);
            } else {
                ck_product_block_plain(
                    to, ldc, from, row_stride, inner_stride, panels, size, count, columns, length, add);
            }
        }
    }
}

void ck_ref_product(
    float *c, size_t ldc, const float *a, size_t row_stride, size_t inner_stride, const float *packed, size_t rows,
    size_t columns, size_t inner, bool accumulate) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            double sum = accumulate ? c[i * ldc + j] : 0;
            for (size_t t = 0; t < inner; t++) {
                sum += (double)a[i * row_stride + t * inner_stride]
                       * packed[(j / CK_PRODUCT_PANEL * inner + t) * CK_PRODUCT_PANEL + j % CK_PRODUCT_PANEL];
            }
            c[i * ldc + j] = (float)sum;
        }
    }
}
