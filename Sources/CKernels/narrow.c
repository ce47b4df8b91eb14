#include "ck_narrow.h"

#include "vectors.h"
#include "window_math.h"

// Outputs are dot products over channels. Four neighbouring positions and four outputs share what they load: sixteen
// sums in registers, each a vector that is added up at the end.

enum { CK_POSITIONS = 4, CK_OUTPUTS = 4 };

CK_INLINE size_t ck_min_size(size_t a, size_t b) { return a < b ? a : b; }

/// Sum of the lanes, in halves.
CK_INLINE float ck_sum_lanes(const CKVector *v) {
    float lanes[CK_LANES];
    CK_STORE(lanes, *v);
    CK_UNROLL
    for (size_t half = CK_LANES / 2; half > 0; half /= 2) {
        CK_UNROLL
        for (size_t i = 0; i < half; i++) {
            lanes[i] += lanes[i + half];
        }
    }
    return lanes[0];
}

/// Outputs [o, o + outputs) of `positions` neighbouring positions from ox on, whose taps inside the image are the same
/// ones; `positions` and `outputs` are constants of the caller.
CK_INLINE void ck_narrow_block(
    float *y, const float *x, const float *weights, const float *bias, const CKWindow *w, size_t all_outputs,
    CKTaps down, CKTaps across, size_t o, const size_t positions, const size_t outputs) {
    CKVector sums[CK_POSITIONS][CK_OUTPUTS];
    CK_UNROLL
    for (size_t p = 0; p < positions; p++) {
        CK_UNROLL
        for (size_t k = 0; k < outputs; k++) {
            sums[p][k] = CK_SPLAT(0.0f);
        }
    }
    const size_t step = w->stride_x * w->channels, kernel = w->kernel_height * w->kernel_width * w->channels;
    for (size_t ky = down.begin; ky < down.end; ky++) {
        for (size_t kx = across.begin; kx < across.end; kx++) {
            const size_t iy = (size_t)(down.origin + (ptrdiff_t)ky), ix = (size_t)(across.origin + (ptrdiff_t)kx);
            const float *in = x + (iy * w->width + ix) * w->channels;
            const float *tap = weights + o * kernel + (ky * w->kernel_width + kx) * w->channels;
            for (size_t c = 0; c < w->channels; c += CK_LANES) {
                CKVector weight[CK_OUTPUTS];
                CK_UNROLL
                for (size_t k = 0; k < outputs; k++) {
                    ck_load_channels(weight + k, tap + k * kernel + c, w->channels - c);
                }
                CK_UNROLL
                for (size_t p = 0; p < positions; p++) {
                    CKVector value;
                    ck_load_channels(&value, in + p * step + c, w->channels - c);
                    CK_UNROLL
                    for (size_t k = 0; k < outputs; k++) {
                        sums[p][k] = value * weight[k] + sums[p][k];
                    }
                }
            }
        }
    }
    CK_UNROLL
    for (size_t p = 0; p < positions; p++) {
        CK_UNROLL
        for (size_t k = 0; k < outputs; k++) {
            y[p * all_outputs + o + k] = ck_sum_lanes(&sums[p][k]) + (bias != NULL ? bias[o + k] : 0.0f);
        }
    }
}

CK_INLINE void ck_narrow_positions(
    float *y, const float *x, const float *weights, const float *bias, const CKWindow *w, size_t outputs, CKTaps down,
    CKTaps across, const size_t positions) {
    size_t o = 0;
    for (; o + CK_OUTPUTS <= outputs; o += CK_OUTPUTS) {
        ck_narrow_block(y, x, weights, bias, w, outputs, down, across, o, positions, CK_OUTPUTS);
    }
    switch (outputs - o) {
    case 1: ck_narrow_block(y, x, weights, bias, w, outputs, down, across, o, positions, 1); break;
    case 2: ck_narrow_block(y, x, weights, bias, w, outputs, down, across, o, positions, 2); break;
    case 3: ck_narrow_block(y, x, weights, bias, w, outputs, down, across, o, positions, 3); break;
    default: break;
    }
}

CK_MULTIVERSION
void ck_narrow_convolution(
    float *y, const float *x, const float *weights, const float *bias, const CKWindow *window, size_t outputs,
    size_t first, size_t last) {
    const CKWindow w = *window;
    for (size_t oy = first; oy < last; oy++) {
        const CKTaps down = ck_taps(oy, w.stride_y, w.padding_top, w.kernel_height, w.height);
        for (size_t ox = 0; ox < w.output_width;) {
            const CKTaps here = ck_taps(ox, w.stride_x, w.padding_left, w.kernel_width, w.width);
            float *out = y + (oy * w.output_width + ox) * outputs;
            // Four positions at once where the first and the last have all their taps.
            const size_t end = ox + CK_POSITIONS;
            const CKTaps there = ck_taps(end - 1, w.stride_x, w.padding_left, w.kernel_width, w.width);
            const bool whole = end <= w.output_width && here.begin == 0 && here.end == w.kernel_width
                               && there.begin == 0 && there.end == w.kernel_width;
            if (whole) {
                ck_narrow_positions(out, x, weights, bias, &w, outputs, down, here, CK_POSITIONS);
            } else {
                ck_narrow_positions(out, x, weights, bias, &w, outputs, down, here, 1);
            }
            ox += whole ? CK_POSITIONS : 1;
        }
    }
}

/// Adds a row's products for outputs [o, o + outputs), one tap and `vectors` * 16 channels (or `count` in one vector).
CK_INLINE void ck_narrow_slope_row(
    float *dweights, size_t kernel, const float *dy, size_t dy_step, const float *x, size_t x_step, size_t positions,
    size_t count, const size_t vectors, const size_t outputs) {
    CKVector sums[CK_OUTPUTS][CK_POSITIONS];
    CK_UNROLL
    for (size_t k = 0; k < outputs; k++) {
        CK_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            sums[k][v] = CK_SPLAT(0.0f);
        }
    }
    for (size_t p = 0; p < positions; p++) {
        CKVector value[CK_POSITIONS];
        CK_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            ck_load_channels(value + v, x + p * x_step + v * CK_LANES, count);
        }
        CK_UNROLL
        for (size_t k = 0; k < outputs; k++) {
            const float slope = dy[p * dy_step + k];
            CK_UNROLL
            for (size_t v = 0; v < vectors; v++) {
                sums[k][v] = slope * value[v] + sums[k][v];
            }
        }
    }
    CK_UNROLL
    for (size_t k = 0; k < outputs; k++) {
        CK_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            float *to = dweights + k * kernel + v * CK_LANES;
            CKVector sum;
            ck_load_channels(&sum, to, count);
            sum += sums[k][v];
            ck_store_channels(to, &sum, count);
        }
    }
}

/// All channels of one tap, for a constant number of outputs.
CK_INLINE void ck_narrow_slope_channels(
    float *dweights, size_t kernel, const float *dy, size_t dy_step, const float *x, size_t x_step, size_t positions,
    size_t channels, const size_t outputs) {
    size_t c = 0;
    for (; c + CK_POSITIONS * CK_LANES <= channels; c += CK_POSITIONS * CK_LANES) {
        ck_narrow_slope_row(
            dweights + c, kernel, dy, dy_step, x + c, x_step, positions, CK_LANES, CK_POSITIONS, outputs);
    }
    for (; c < channels; c += CK_LANES) {
        ck_narrow_slope_row(dweights + c, kernel, dy, dy_step, x + c, x_step, positions, channels - c, 1, outputs);
    }
}

CK_MULTIVERSION
void ck_narrow_weight_gradient(
    float *dweights, const float *dy, const float *x, const CKWindow *window, size_t outputs, size_t first,
    size_t last) {
    const CKWindow w = *window;
    const size_t kernel = w.kernel_height * w.kernel_width * w.channels;
    for (size_t oy = first; oy < last; oy++) {
        const CKTaps down = ck_taps(oy, w.stride_y, w.padding_top, w.kernel_height, w.height);
        for (size_t ky = down.begin; ky < down.end; ky++) {
            const size_t iy = (size_t)(down.origin + (ptrdiff_t)ky);
            for (size_t kx = 0; kx < w.kernel_width; kx++) {
                const CKOutputs inside = ck_outputs(kx, w.stride_x, w.padding_left, w.width, w.output_width);
                if (inside.begin == inside.end) {
                    continue;
                }
                const size_t ix = (size_t)((ptrdiff_t)(inside.begin * w.stride_x + kx) - w.padding_left);
                const float *in = x + (iy * w.width + ix) * w.channels;
                const size_t positions = inside.end - inside.begin, step = w.stride_x * w.channels;
                for (size_t o = 0; o < outputs; o += CK_OUTPUTS) {
                    float *out = dweights + o * kernel + (ky * w.kernel_width + kx) * w.channels;
                    const float *slope = dy + (oy * w.output_width + inside.begin) * outputs + o;
                    switch (ck_min_size(CK_OUTPUTS, outputs - o)) {
#define CK_CASE(n)                                                                                                  \
    case n: ck_narrow_slope_channels(out, kernel, slope, outputs, in, step, positions, w.channels, n); break
                        CK_CASE(1);
                        CK_CASE(2);
                        CK_CASE(3);
                        CK_CASE(4);
#undef CK_CASE
                    }
                }
            }
        }
    }
}

/// The input pixel that tap k of output (oy, ox) reads, or -1 outside the image.
static ptrdiff_t ref_input_pixel(const CKWindow *w, size_t oy, size_t ox, size_t k) {
    const ptrdiff_t iy = (ptrdiff_t)(oy * w->stride_y + k / w->kernel_width) - w->padding_top;
    const ptrdiff_t ix = (ptrdiff_t)(ox * w->stride_x + k % w->kernel_width) - w->padding_left;
    const bool inside = iy >= 0 && iy < (ptrdiff_t)w->height && ix >= 0 && ix < (ptrdiff_t)w->width;
    return inside ? iy * (ptrdiff_t)w->width + ix : -1;
}

void ck_ref_narrow_convolution(
    float *y, const float *x, const float *weights, const float *bias, const CKWindow *window, size_t outputs,
    size_t first, size_t last) {
    const size_t taps = window->kernel_height * window->kernel_width, channels = window->channels;
    for (size_t p = first * window->output_width; p < last * window->output_width; p++) {
        for (size_t o = 0; o < outputs; o++) {
            double sum = bias != NULL ? bias[o] : 0;
            for (size_t k = 0; k < taps; k++) {
                const ptrdiff_t from = ref_input_pixel(window, p / window->output_width, p % window->output_width, k);
                for (size_t c = 0; from >= 0 && c < channels; c++) {
                    sum += (double)weights[(o * taps + k) * channels + c] * x[(size_t)from * channels + c];
                }
            }
            y[p * outputs + o] = (float)sum;
        }
    }
}

void ck_ref_narrow_weight_gradient(
    float *dweights, const float *dy, const float *x, const CKWindow *window, size_t outputs, size_t first,
    size_t last) {
    const size_t taps = window->kernel_height * window->kernel_width, channels = window->channels;
    for (size_t p = first * window->output_width; p < last * window->output_width; p++) {
        for (size_t k = 0; k < taps; k++) {
            const ptrdiff_t from = ref_input_pixel(window, p / window->output_width, p % window->output_width, k);
            for (size_t i = 0; from >= 0 && i < outputs * channels; i++) {
                const size_t o = i / channels, c = i % channels;
                dweights[(o * taps + k) * channels + c] += dy[p * outputs + o] * x[(size_t)from * channels + c];
            }
        }
    }
}
