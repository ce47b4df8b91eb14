/// 3x3 convolutions of stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2015, arXiv:1509.09308): a
/// quarter of the multiplications, as 36 products of transformed tiles and transformed weights.
///
/// The output is cut into tiles of 4 x 4, counted through all images row by row. Tiles are worked through in blocks
/// that stay in cache. A tile's bits do not depend on the others of its call, so tiles may be cut between calls
/// anywhere.
#ifndef CK_WINOGRAD_H
#define CK_WINOGRAD_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// A convolution of x (images, height, width, inputs) to y (images, output_height, output_width, outputs). Output (r,
/// c) reads input rows r - padding_top + [0, 3) and columns likewise; outside the image are zeros on every side.
typedef struct CKWinograd {
    size_t images;
    size_t height, width, inputs;
    size_t output_height, output_width, outputs;
    ptrdiff_t padding_top, padding_left;
} CKWinograd;

/// Outputs along a side of a tile.
enum { CK_WINOGRAD_TILE = 4 };

/// Tiles of all images.
size_t ck_winograd_tiles(const CKWinograd *shape);

/// Tiles of a block. Calls with whole blocks waste nothing.
size_t ck_winograd_block(const CKWinograd *shape);

/// Floats that transformed weights take.
size_t ck_winograd_weight_size(size_t inputs, size_t outputs);

/// Panels of CK_PRODUCT_PANEL outputs that transformed weights have: what their transform can be cut into.
size_t ck_winograd_panels(size_t outputs);

/// Transforms weights (outputs, 3, 3, inputs) for panels [first, last). With `turned` the weights are (inputs, 3, 3,
/// outputs), those of the convolution that this one is the gradient of: rotated by half a turn, inputs and outputs
/// exchanged. No overlap.
void ck_winograd_weights(
    float *transformed, const float *weights, size_t inputs, size_t outputs, bool turned, size_t first, size_t last);

/// Floats of scratch that a call of `ck_winograd` needs.
size_t ck_winograd_scratch(const CKWinograd *shape);

/// y = x * w + bias + residual for tiles [first_tile, last_tile) and outputs [first_output, last_output), the first a
/// multiple of CK_PRODUCT_PANEL. `bias` (outputs) may be null; image i's begins at i * bias_stride, so that a time
/// embedding can be added with it; 0 gives all images the same. `residual`, of y's shape, may be null, or y. Otherwise no
/// overlap.
///
/// To share a convolution between cores cut its tiles; where they are few, and reading the weights is most of the work,
/// cut its outputs.
void ck_winograd(
    float *y, const float *x, const float *transformed, const float *_Nullable bias, size_t bias_stride,
    const float *_Nullable residual, const CKWinograd *shape, size_t first_tile, size_t last_tile, size_t first_output,
    size_t last_output, float *scratch);

/// Few tiles, as small images have: all are transformed first, and each panel of weights is multiplied while it is in
/// cache, so transformed weights are never written to memory. The bits are those of `ck_winograd`.
///
/// Floats that the transformed tiles take, and floats of scratch of `ck_winograd_panel`.
size_t ck_winograd_input_size(const CKWinograd *shape);
size_t ck_winograd_panel_scratch(const CKWinograd *shape);

/// Floats of scratch of `ck_winograd_inputs`.
size_t ck_winograd_inputs_scratch(const CKWinograd *shape);

/// Transforms tiles [first_tile, last_tile) of x to v.
void ck_winograd_inputs(
    float *v, const float *x, const CKWinograd *shape, size_t first_tile, size_t last_tile, float *scratch);

/// Outputs of panel `panel` for all tiles, from weights as in `ck_winograd_weights`; bias and residual as in
/// `ck_winograd`.
void ck_winograd_panel(
    float *y, const float *v, const float *weights, bool turned, const float *_Nullable bias, size_t bias_stride,
    const float *_Nullable residual, const CKWinograd *shape, size_t panel, float *scratch);

/// Floats of scratch that the gradient to that many inputs and outputs of the weights needs.
size_t ck_winograd_gradient_scratch(const CKWinograd *shape, size_t inputs, size_t outputs);

/// Gradient to the weights (outputs, 3, 3, inputs) from all images: writes those of inputs [first_input, last_input)
/// and outputs [first_output, last_output). Blocks of them may run at the same time. No overlap.
void ck_winograd_weight_gradient(
    float *dweights, const float *dy, const float *x, const CKWinograd *shape, size_t first_input, size_t last_input,
    size_t first_output, size_t last_output, float *scratch);

/// The convolution itself, in double, from weights (outputs, 3, 3, inputs).
void ck_ref_winograd(
    float *y, const float *x, const float *weights, const float *_Nullable bias, size_t bias_stride,
    const float *_Nullable residual, const CKWinograd *shape);
void ck_ref_winograd_weight_gradient(float *dweights, const float *dy, const float *x, const CKWinograd *shape);

#pragma clang assume_nonnull end

#endif
