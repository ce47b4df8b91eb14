#include "ck_winograd.h"

#include "ck_product.h"
#include "winograd_transforms.h"

enum { CK_TAPS = CK_KERNEL * CK_KERNEL };

size_t ck_winograd_weight_size(size_t inputs, size_t outputs) {
    return CK_PATCH_AREA * ck_weight_matrix(inputs, outputs);
}

size_t ck_winograd_panels(size_t outputs) { return (outputs + CK_PRODUCT_PANEL - 1) / CK_PRODUCT_PANEL; }

/// Sixteen columns of a panel, for one input: transforms taps, each a vector of outputs, and stores square e at
/// u + e * step.
CK_INLINE void ck_weight_square(float *u, size_t step, const CKVector *taps) {
    CKVector squares[CK_PATCH_AREA];
    CK_TRANSFORM(squares, taps, ck_weight_line, CK_KERNEL, CK_PATCH);
    CK_UNROLL
    for (size_t e = 0; e < CK_PATCH_AREA; e++) {
        CK_STORE(u + e * step, squares[e]);
    }
}

/// Weights (outputs, 9, inputs): their vectors of inputs are turned to vectors of outputs first, 16 x 16 for each tap.
CK_INLINE void ck_forward_weights(
    float *panel, size_t step, const float *weights, size_t inputs, size_t outputs, size_t first, size_t last,
    size_t o) {
    const size_t columns = o < outputs ? ck_min_size(CK_LANES, outputs - o) : 0;
    float rows[CK_LANES][CK_LANES] = {0}, taps[CK_TAPS][CK_LANES][CK_LANES];
    for (size_t i = first; i < last; i += CK_LANES) {
        const size_t count = ck_min_size(CK_LANES, last - i);
        for (size_t k = 0; k < CK_TAPS; k++) {
            const float *from = weights + (o * CK_TAPS + k) * inputs + i;
            if (columns == CK_LANES && count == CK_LANES) {
                ck_transpose_tile(taps[k][0], CK_LANES, from, CK_TAPS * inputs);
                continue;
            }
            for (size_t n = 0; n < columns; n++) {
                memcpy(rows[n], from + n * CK_TAPS * inputs, count * sizeof *from);
            }
            ck_transpose_tile(taps[k][0], CK_LANES, rows[0], CK_LANES);
        }
        for (size_t n = 0; n < count; n++) {
            CKVector w[CK_TAPS];
            for (size_t k = 0; k < CK_TAPS; k++) {
                w[k] = CK_LOAD(taps[k][n]);
            }
            ck_weight_square(panel + (i - first + n) * CK_PRODUCT_PANEL, step, w);
        }
    }
}

/// Weights (inputs, 9, outputs), taps in reverse order: vectors of outputs already.
CK_INLINE void ck_turned_weights(
    float *panel, size_t step, const float *weights, size_t outputs, size_t first, size_t last, size_t o) {
    for (size_t i = first; i < last; i++) {
        CKVector w[CK_TAPS] = {0};
        for (size_t k = 0; k < CK_TAPS && o < outputs; k++) {
            ck_load_channels(w + CK_TAPS - 1 - k, weights + (i * CK_TAPS + k) * outputs + o, outputs - o);
        }
        ck_weight_square(panel + (i - first) * CK_PRODUCT_PANEL, step, w);
    }
}

/// A panel's weights for inputs [first, last), matrix e at panel + e * step.
CK_INLINE void ck_panel_weights(
    float *panel, size_t step, const float *weights, size_t inputs, size_t outputs, bool turned, size_t first,
    size_t last, size_t o) {
    for (size_t half = 0; half < CK_PRODUCT_PANEL; half += CK_LANES) {
        if (turned) {
            ck_turned_weights(panel + half, step, weights, outputs, first, last, o + half);
        } else {
            ck_forward_weights(panel + half, step, weights, inputs, outputs, first, last, o + half);
        }
    }
}

CK_MULTIVERSION
void ck_winograd_weights(
    float *transformed, const float *weights, size_t inputs, size_t outputs, bool turned, size_t first, size_t last) {
    const size_t step = ck_weight_matrix(inputs, outputs);
    for (size_t o = first * CK_PRODUCT_PANEL; o < last * CK_PRODUCT_PANEL; o += CK_PRODUCT_PANEL) {
        ck_panel_weights(transformed + o * inputs, step, weights, inputs, outputs, turned, 0, inputs, o);
    }
}

CK_MULTIVERSION
void ck_winograd_panel_weights(
    float *panel, size_t step, const float *weights, size_t inputs, size_t outputs, bool turned, size_t first,
    size_t last, size_t o) {
    ck_panel_weights(panel, step, weights, inputs, outputs, turned, first, last, o);
}

/// Tiles of a block: the more, the fewer passes over the sums.
enum { CK_GRADIENT_TILES = 64 };

/// Transforms output gradients of channels [first, last) of `count` tiles to packed panels: element (tile, channel) of
/// matrix e at z[e * step + ...].
CK_INLINE void ck_slope_tiles(
    float *z, size_t step, const float *dy, const CKWinograd *shape, size_t first_tile, size_t count, size_t first,
    size_t last, const float *zeros) {
    for (size_t t = 0; t < count; t++) {
        const CKPlace place = ck_place(shape, first_tile + t);
        const float *pixels[CK_TILE * CK_TILE];
        ck_pixels(
            pixels, CK_TILE, dy + place.image * shape->output_height * shape->output_width * shape->outputs + first,
            shape->output_height, shape->output_width, shape->outputs, (ptrdiff_t)place.row, (ptrdiff_t)place.column,
            zeros);
        for (size_t c = 0; c < ck_round_up(last - first, CK_PRODUCT_PANEL); c += CK_LANES) {
            CKVector slopes[CK_TILE * CK_TILE] = {0}, transformed[CK_PATCH_AREA];
            if (c < last - first) {
                for (size_t p = 0; p < CK_TILE * CK_TILE; p++) {
                    ck_load_channels(slopes + p, pixels[p] + c, last - first - c);
                }
            }
            CK_TRANSFORM(transformed, slopes, ck_slope_line, CK_TILE, CK_PATCH);
            float *to = z + c / CK_PRODUCT_PANEL * CK_PRODUCT_PANEL * count + t * CK_PRODUCT_PANEL + c % CK_PRODUCT_PANEL;
            CK_UNROLL
            for (size_t e = 0; e < CK_PATCH_AREA; e++) {
                CK_STORE(to + e * step, transformed[e]);
            }
        }
    }
}

CK_MULTIVERSION
static void ck_transform_tiles(
    float *v, CKMatrices to, float *z, size_t z_step, const float *x, const float *dy, const CKWinograd *shape,
    size_t first_tile, size_t count, size_t first_input, size_t last_input, size_t first_output, size_t last_output,
    const float *zeros) {
    for (size_t t = 0; t < count; t++) {
        ck_input_tile(v + t * to.ld, to.step, x, shape, first_tile + t, first_input, last_input, zeros);
    }
    ck_slope_tiles(z, z_step, dy, shape, first_tile, count, first_output, last_output, zeros);
}

/// Transforms sums (36 matrices, inputs x outputs) back to weights (outputs, 9, inputs), in squares of 16 x 16
/// channels.
CK_MULTIVERSION
static void ck_weight_slopes(
    float *dweights, const float *sums, CKMatrices from, const CKWinograd *shape, size_t first_input, size_t last_input,
    size_t first_output, size_t last_output) {
    float squares[CK_TAPS][CK_LANES][CK_LANES], turned[CK_LANES][CK_LANES];
    for (size_t i = first_input; i < last_input; i += CK_LANES) {
        const size_t inputs = ck_min_size(CK_LANES, last_input - i);
        for (size_t o = first_output; o < last_output; o += CK_LANES) {
            const size_t outputs = ck_min_size(CK_LANES, last_output - o);
            for (size_t k = 0; k < inputs; k++) {
                CKVector u[CK_PATCH_AREA], taps[CK_TAPS];
                for (size_t e = 0; e < CK_PATCH_AREA; e++) {
                    u[e] = CK_LOAD(sums + e * from.step + (i - first_input + k) * from.ld + o - first_output);
                }
                CK_TRANSFORM(taps, u, ck_weight_slope_line, CK_PATCH, CK_KERNEL);
                for (size_t tap = 0; tap < CK_TAPS; tap++) {
                    CK_STORE(squares[tap][k], taps[tap]);
                }
            }
            for (size_t tap = 0; tap < CK_TAPS; tap++) {
                ck_transpose_tile(turned[0], CK_LANES, squares[tap][0], CK_LANES);
                for (size_t n = 0; n < outputs; n++) {
                    float *to = dweights + ((o + n) * CK_TAPS + tap) * shape->inputs + i;
                    memcpy(to, turned[n], inputs * sizeof *to);
                }
            }
        }
    }
}

/// Offsets in the scratch of the gradient: sums, inputs, output gradients, zeros.
typedef struct CKGradientScratch {
    CKMatrices sums, inputs;
    size_t slopes_step, zeros, size;
} CKGradientScratch;

static CKGradientScratch ck_gradient_scratch(size_t inputs, size_t outputs) {
    const CKMatrices sums = ck_matrices(inputs, ck_round_up(outputs, CK_PRODUCT_PANEL));
    const CKMatrices patches = ck_matrices(CK_GRADIENT_TILES, inputs);
    const size_t slopes = ck_packed_size(CK_GRADIENT_TILES, outputs) + CK_PAD;
    const size_t zeros = ck_round_up(inputs > outputs ? inputs : outputs, CK_LANES);
    return (CKGradientScratch){
        sums, patches, slopes, zeros, CK_PATCH_AREA * (sums.step + patches.step + slopes) + zeros};
}

size_t ck_winograd_gradient_scratch(const CKWinograd *shape, size_t inputs, size_t outputs) {
    (void)shape;
    return ck_gradient_scratch(inputs, outputs).size;
}

void ck_winograd_weight_gradient(
    float *dweights, const float *dy, const float *x, const CKWinograd *shape, size_t first_input, size_t last_input,
    size_t first_output, size_t last_output, float *scratch) {
    const size_t inputs = last_input - first_input, outputs = last_output - first_output;
    const size_t columns = ck_round_up(outputs, CK_PRODUCT_PANEL), tiles = ck_winograd_tiles(shape);
    const CKGradientScratch layout = ck_gradient_scratch(inputs, outputs);
    float *sums = scratch, *v = sums + CK_PATCH_AREA * layout.sums.step;
    float *z = v + CK_PATCH_AREA * layout.inputs.step, *zeros = z + CK_PATCH_AREA * layout.slopes_step;
    memset(zeros, 0, layout.zeros * sizeof *zeros);
    if (tiles == 0) {
        memset(sums, 0, CK_PATCH_AREA * layout.sums.step * sizeof *sums);
    }
    for (size_t tile = 0; tile < tiles; tile += CK_GRADIENT_TILES) {
        const size_t count = ck_min_size(CK_GRADIENT_TILES, tiles - tile);
        ck_transform_tiles(
            v, layout.inputs, z, layout.slopes_step, x, dy, shape, tile, count, first_input, last_input, first_output,
            last_output, zeros);
        for (size_t e = 0; e < CK_PATCH_AREA; e++) {
            ck_product(
                sums + e * layout.sums.step, layout.sums.ld, v + e * layout.inputs.step, 1, layout.inputs.ld,
                z + e * layout.slopes_step, inputs, columns, count, tile > 0);
        }
    }
    ck_weight_slopes(dweights, sums, layout.sums, shape, first_input, last_input, first_output, last_output);
}
