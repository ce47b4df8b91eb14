/// The transforms of Winograd's F(4x4, 3x3) and what else its passes share.
#ifndef CK_WINOGRAD_TRANSFORMS_H
#define CK_WINOGRAD_TRANSFORMS_H

#include "ck_winograd.h"
#include "ck_product.h"
#include "vectors.h"

// With the points 0, a, -a, b, -b and infinity, a tile Y of 4 x 4 outputs is
//
//     Y = A^T ((G w G^T) . (B^T d B)) A
//
// for a tile d of 6 x 6 inputs and a kernel w of 3 x 3. Its adjoint gives the gradient to the weights:
//
//     dw = G^T ((A dY A^T) . (B^T d B)) G
//
// Each transform is one function of a line of vectors, applied to columns and then to rows. The 36 matrices of a block
// lie a line of cache further apart than a power of two, or they would fall into the same sets of the cache.

enum {
    CK_TILE = CK_WINOGRAD_TILE,
    CK_KERNEL = 3,
    CK_PATCH = CK_TILE + CK_KERNEL - 1,  ///< inputs along a side
    CK_PATCH_AREA = CK_PATCH * CK_PATCH,
    CK_PAD = CK_LANES,
};

// Points 1/sqrt(2) and sqrt(2) keep the transforms' coefficients near 1: half the error of the usual 1 and 2.
#define CK_A 0.70710678f
#define CK_B 1.41421356f
#define CK_A2 0.5f
#define CK_B2 2.0f
#define CK_A3 0.35355339f
#define CK_B3 2.82842712f
/// Products of a point's distances to the other finite points: a^2 b^2, 2 a^2 (a^2 - b^2), 2 b^2 (b^2 - a^2).
#define CK_N0 1.0f
#define CK_NA -1.5f
#define CK_NB 6.0f

CK_INLINE size_t ck_min_size(size_t a, size_t b) { return a < b ? a : b; }

CK_INLINE size_t ck_round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/// Floats from one matrix of transformed weights to the next.
CK_INLINE size_t ck_weight_matrix(size_t inputs, size_t outputs) { return ck_packed_size(inputs, outputs) + CK_PAD; }

/// B^T: six inputs.
CK_INLINE void ck_input_line(CKVector *to, size_t step, const CKVector *d, size_t from) {
    const CKVector d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from];
    const CKVector even_a = d4 - CK_B2 * d2, odd_a = d3 - CK_B2 * d1;
    const CKVector even_b = d4 - CK_A2 * d2, odd_b = d3 - CK_A2 * d1;
    to[0] = (CK_A2 * CK_B2) * d[0] - (CK_A2 + CK_B2) * d2 + d4;
    to[step] = even_a + CK_A * odd_a;
    to[2 * step] = even_a - CK_A * odd_a;
    to[3 * step] = even_b + CK_B * odd_b;
    to[4 * step] = even_b - CK_B * odd_b;
    to[5 * step] = (CK_A2 * CK_B2) * d1 - (CK_A2 + CK_B2) * d3 + d[5 * from];
}

/// A^T: six products to four outputs.
CK_INLINE void ck_output_line(CKVector *to, size_t step, const CKVector *m, size_t from) {
    const CKVector sum_a = m[from] + m[2 * from], difference_a = m[from] - m[2 * from];
    const CKVector sum_b = m[3 * from] + m[4 * from], difference_b = m[3 * from] - m[4 * from];
    to[0] = m[0] + sum_a + sum_b;
    to[step] = CK_A * difference_a + CK_B * difference_b;
    to[2 * step] = CK_A2 * sum_a + CK_B2 * sum_b;
    to[3 * step] = CK_A3 * difference_a + (CK_B3 * difference_b + m[5 * from]);
}

/// A: four output gradients to six.
CK_INLINE void ck_slope_line(CKVector *to, size_t step, const CKVector *y, size_t from) {
    const CKVector even_a = y[0] + CK_A2 * y[2 * from], odd_a = CK_A * y[from] + CK_A3 * y[3 * from];
    const CKVector even_b = y[0] + CK_B2 * y[2 * from], odd_b = CK_B * y[from] + CK_B3 * y[3 * from];
    to[0] = y[0];
    to[step] = even_a + odd_a;
    to[2 * step] = even_a - odd_a;
    to[3 * step] = even_b + odd_b;
    to[4 * step] = even_b - odd_b;
    to[5 * step] = y[3 * from];
}

/// G: three weights to six.
CK_INLINE void ck_weight_line(CKVector *to, size_t step, const CKVector *w, size_t from) {
    const CKVector even_a = w[0] + CK_A2 * w[2 * from], odd_a = CK_A * w[from];
    const CKVector even_b = w[0] + CK_B2 * w[2 * from], odd_b = CK_B * w[from];
    to[0] = w[0] * (1 / CK_N0);
    to[step] = (even_a + odd_a) * (1 / CK_NA);
    to[2 * step] = (even_a - odd_a) * (1 / CK_NA);
    to[3 * step] = (even_b + odd_b) * (1 / CK_NB);
    to[4 * step] = (even_b - odd_b) * (1 / CK_NB);
    to[5 * step] = w[2 * from];
}

/// G^T: six to three weight gradients.
CK_INLINE void ck_weight_slope_line(CKVector *to, size_t step, const CKVector *u, size_t from) {
    const CKVector sum_a = (u[from] + u[2 * from]) * (1 / CK_NA), difference_a = (u[from] - u[2 * from]) * (1 / CK_NA);
    const CKVector sum_b = (u[3 * from] + u[4 * from]) * (1 / CK_NB);
    const CKVector difference_b = (u[3 * from] - u[4 * from]) * (1 / CK_NB);
    to[0] = u[0] * (1 / CK_N0) + sum_a + sum_b;
    to[step] = CK_A * difference_a + CK_B * difference_b;
    to[2 * step] = CK_A2 * sum_a + CK_B2 * sum_b + u[5 * from];
}

/// Applies a line transform from `n` to `m` elements to the columns and then the rows of an n x n square.
#define CK_TRANSFORM(to, from, line, n, m)                            \
    do {                                                              \
        CKVector between[(m) * (n)];                                  \
        CK_UNROLL                                                     \
        for (size_t i = 0; i < (n); i++) {                            \
            line(between + i, (n), (from) + i, (n));                  \
        }                                                             \
        CK_UNROLL                                                     \
        for (size_t i = 0; i < (m); i++) {                            \
            line((to) + i * (m), 1, between + i * (n), 1);            \
        }                                                             \
    } while (0)

/// Transforms the weights of outputs [o, o + CK_PRODUCT_PANEL) for inputs [first, last): matrix e of the panel at
/// panel + e * step.
void ck_winograd_panel_weights(
    float *panel, size_t step, const float *weights, size_t inputs, size_t outputs, bool turned, size_t first,
    size_t last, size_t o);

/// Where a tile lies.
typedef struct CKPlace {
    size_t image, row, column;  ///< of its first output
} CKPlace;

CK_INLINE CKPlace ck_place(const CKWinograd *shape, size_t tile) {
    const size_t across = (shape->output_width + CK_TILE - 1) / CK_TILE;
    const size_t down = (shape->output_height + CK_TILE - 1) / CK_TILE;
    const size_t within = tile % (across * down);
    return (CKPlace){tile / (across * down), within / across * CK_TILE, within % across * CK_TILE};
}

/// Pointers to a square of `side` x `side` pixels from (row, column) on, those outside the image to zeros.
CK_INLINE void ck_pixels(
    const float **pixels, size_t side, const float *image, size_t height, size_t width, size_t channels, ptrdiff_t row,
    ptrdiff_t column, const float *zeros) {
    for (size_t i = 0; i < side; i++) {
        const size_t y = (size_t)(row + (ptrdiff_t)i);
        for (size_t j = 0; j < side; j++) {
            const size_t x = (size_t)(column + (ptrdiff_t)j);
            // A negative row or column is a very large one.
            const bool inside = y < height && x < width;
            pixels[i * side + j] = inside ? image + (y * width + x) * channels : zeros;
        }
    }
}

/// The 36 matrices of a block: rows of `ld` floats, one matrix every `step` floats.
typedef struct CKMatrices {
    size_t ld, step;
} CKMatrices;

CK_INLINE CKMatrices ck_matrices(size_t rows, size_t columns) {
    const size_t ld = ck_round_up(columns, CK_LANES) + CK_PAD;
    return (CKMatrices){ld, rows * ld + CK_PAD};
}

/// Transforms a tile's channels [first, last) of the input to v[e * step + channel - first].
CK_INLINE void ck_input_tile(
    float *v, size_t step, const float *x, const CKWinograd *shape, size_t tile, size_t first, size_t last,
    const float *zeros) {
    const CKPlace place = ck_place(shape, tile);
    const float *pixels[CK_PATCH_AREA];
    ck_pixels(
        pixels, CK_PATCH, x + place.image * shape->height * shape->width * shape->inputs + first, shape->height,
        shape->width, shape->inputs, (ptrdiff_t)place.row - shape->padding_top,
        (ptrdiff_t)place.column - shape->padding_left, zeros);
    for (size_t c = 0; c < last - first; c += CK_LANES) {
        CKVector d[CK_PATCH_AREA], t[CK_PATCH_AREA];
        const size_t count = last - first - c;
        if (count >= CK_LANES) {
            CK_UNROLL
            for (size_t e = 0; e < CK_PATCH_AREA; e++) {
                d[e] = CK_LOAD(pixels[e] + c);
            }
        } else {
            for (size_t e = 0; e < CK_PATCH_AREA; e++) {
                ck_load_channels(d + e, pixels[e] + c, count);
            }
        }
        CK_TRANSFORM(t, d, ck_input_line, CK_PATCH, CK_PATCH);
        CK_UNROLL
        for (size_t e = 0; e < CK_PATCH_AREA; e++) {
            CK_STORE(v + e * step + c, t[e]);
        }
    }
}

#endif
