#include "ck_winograd.h"

#include "ck_product.h"
#include "winograd_transforms.h"

/// Transforms a tile's products m[e * step + channel - first] back to outputs [first, last), and writes what lies in
/// the image.
CK_INLINE void ck_output_tile(
    float *y, const float *m, size_t step, const float *bias, const float *residual, const CKWinograd *shape,
    size_t tile, size_t first, size_t last) {
    const CKPlace place = ck_place(shape, tile);
    const size_t rows = ck_min_size(CK_TILE, shape->output_height - place.row);
    const size_t columns = ck_min_size(CK_TILE, shape->output_width - place.column);
    const size_t start = (place.image * shape->output_height + place.row) * shape->output_width + place.column;
    for (size_t c = first; c < last; c += CK_LANES) {
        CKVector products[CK_PATCH_AREA], between[CK_TILE * CK_PATCH], outputs[CK_TILE * CK_TILE];
        CK_UNROLL
        for (size_t e = 0; e < CK_PATCH_AREA; e++) {
            products[e] = CK_LOAD(m + e * step + c - first);
        }
        CK_UNROLL
        for (size_t i = 0; i < CK_PATCH; i++) {
            ck_output_line(between + i, CK_PATCH, products + i, CK_PATCH);
        }
        CK_UNROLL
        for (size_t i = 0; i < CK_TILE; i++) {
            ck_output_line(outputs + i * CK_TILE, 1, between + i * CK_PATCH, 1);
        }
        CKVector offset = CK_SPLAT(0.0f);
        if (bias != NULL) {
            ck_load_channels(&offset, bias + c, last - c);
        }
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < columns; j++) {
                const size_t pixel = (start + i * shape->output_width + j) * shape->outputs + c;
                CKVector value = outputs[i * CK_TILE + j] + offset;
                if (residual != NULL) {
                    CKVector add;
                    ck_load_channels(&add, residual + pixel, last - c);
                    value += add;
                }
                ck_store_channels(y + pixel, &value, last - c);
            }
        }
    }
}

size_t ck_winograd_tiles(const CKWinograd *shape) {
    const size_t across = (shape->output_width + CK_TILE - 1) / CK_TILE;
    const size_t down = (shape->output_height + CK_TILE - 1) / CK_TILE;
    return shape->images * across * down;
}

// Measured: while twelve tiles of inputs and products fit into the second-level cache, few tiles are best; beyond, the
// weights stream through it, and many tiles must share each pass over them.
size_t ck_winograd_block(const CKWinograd *shape) {
    const size_t channels = shape->inputs + shape->outputs;
    return channels <= 320 ? 24 : channels <= 640 ? 12 : 96;
}

size_t ck_winograd_scratch(const CKWinograd *shape) {
    const size_t block = ck_winograd_block(shape);
    return CK_PATCH_AREA * (ck_matrices(block, shape->inputs).step + ck_matrices(block, shape->outputs).step)
           + ck_round_up(shape->inputs, CK_LANES);
}

CK_MULTIVERSION
static void ck_input_tiles(
    float *v, CKMatrices to, const float *x, const CKWinograd *shape, size_t first_tile, size_t count, size_t first,
    size_t last, const float *zeros) {
    for (size_t t = 0; t < count; t++) {
        ck_input_tile(v + t * to.ld, to.step, x, shape, first_tile + t, first, last, zeros);
    }
}

CK_MULTIVERSION
static void ck_output_tiles(
    float *y, const float *m, CKMatrices from, const float *bias, size_t bias_stride, const float *residual,
    const CKWinograd *shape, size_t first_tile, size_t count, size_t first_output, size_t last_output) {
    for (size_t t = 0; t < count; t++) {
        const float *b = bias != NULL ? bias + ck_place(shape, first_tile + t).image * bias_stride : NULL;
        ck_output_tile(y, m + t * from.ld, from.step, b, residual, shape, first_tile + t, first_output, last_output);
    }
}

void ck_winograd(
    float *y, const float *x, const float *transformed, const float *bias, size_t bias_stride, const float *residual,
    const CKWinograd *shape, size_t first_tile, size_t last_tile, size_t first_output, size_t last_output,
    float *scratch) {
    const size_t block = ck_winograd_block(shape);
    const CKMatrices inputs = ck_matrices(block, shape->inputs), outputs = ck_matrices(block, shape->outputs);
    const size_t matrix = ck_weight_matrix(shape->inputs, shape->outputs);
    const float *panels = transformed + first_output * shape->inputs;
    float *v = scratch, *m = v + CK_PATCH_AREA * inputs.step, *zeros = m + CK_PATCH_AREA * outputs.step;
    memset(zeros, 0, ck_round_up(shape->inputs, CK_LANES) * sizeof *zeros);
    for (size_t tile = first_tile; tile < last_tile; tile += block) {
        const size_t count = ck_min_size(block, last_tile - tile);
        ck_input_tiles(v, inputs, x, shape, tile, count, 0, shape->inputs, zeros);
        for (size_t e = 0; e < CK_PATCH_AREA; e++) {
            ck_product(
                m + e * outputs.step, outputs.ld, v + e * inputs.step, inputs.ld, 1, panels + e * matrix, count,
                last_output - first_output, shape->inputs, false);
        }
        ck_output_tiles(
            y, m, outputs, bias, bias_stride, residual, shape, tile, count, first_output, last_output);
    }
}

// The weights of one panel are a half of a second-level cache for so many inputs at a time.
enum { CK_PANEL_INPUTS = 128 };

/// Floats from one matrix of a panel's weights to the next.
enum { CK_PANEL_STEP = CK_PANEL_INPUTS * CK_PRODUCT_PANEL + CK_PAD };

size_t ck_winograd_input_size(const CKWinograd *shape) {
    return CK_PATCH_AREA * ck_matrices(ck_winograd_tiles(shape), shape->inputs).step;
}

size_t ck_winograd_inputs_scratch(const CKWinograd *shape) { return ck_round_up(shape->inputs, CK_LANES); }

size_t ck_winograd_panel_scratch(const CKWinograd *shape) {
    return CK_PATCH_AREA * (CK_PANEL_STEP + ck_matrices(ck_winograd_tiles(shape), CK_PRODUCT_PANEL).step);
}

void ck_winograd_inputs(
    float *v, const float *x, const CKWinograd *shape, size_t first_tile, size_t last_tile, float *scratch) {
    const CKMatrices to = ck_matrices(ck_winograd_tiles(shape), shape->inputs);
    memset(scratch, 0, ck_round_up(shape->inputs, CK_LANES) * sizeof *scratch);
    ck_input_tiles(
        v + first_tile * to.ld, to, x, shape, first_tile, last_tile - first_tile, 0, shape->inputs, scratch);
}

void ck_winograd_panel(
    float *y, const float *v, const float *weights, bool turned, const float *bias, size_t bias_stride,
    const float *residual, const CKWinograd *shape, size_t panel, float *scratch) {
    const size_t tiles = ck_winograd_tiles(shape), first = panel * CK_PRODUCT_PANEL;
    const size_t last = ck_min_size(shape->outputs, first + CK_PRODUCT_PANEL);
    const CKMatrices inputs = ck_matrices(tiles, shape->inputs), outputs = ck_matrices(tiles, CK_PRODUCT_PANEL);
    float *w = scratch, *m = w + CK_PATCH_AREA * CK_PANEL_STEP;
    for (size_t i = 0; i < shape->inputs; i += CK_PANEL_INPUTS) {
        const size_t count = ck_min_size(CK_PANEL_INPUTS, shape->inputs - i);
        ck_winograd_panel_weights(
            w, CK_PANEL_STEP, weights, shape->inputs, shape->outputs, turned, i, i + count, first);
        for (size_t e = 0; e < CK_PATCH_AREA; e++) {
            ck_product(
                m + e * outputs.step, outputs.ld, v + e * inputs.step + i, inputs.ld, 1, w + e * CK_PANEL_STEP, tiles,
                last - first, count, i > 0);
        }
    }
    ck_output_tiles(y, m, outputs, bias, bias_stride, residual, shape, 0, tiles, first, last);
}
