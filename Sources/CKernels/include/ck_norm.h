/// Group normalization (Wu & He 2018) and layer normalization (Ba et al. 2016), with SiLU and adaptive scale and shift
/// fused.
///
/// Both compute u = ((x - mean) rstd weight + bias) (1 + scale) + shift. `weight` and `bias` are the layer's, of C
/// channels; `scale` and `shift` belong to one sample (adaptive norms), of C channels. Any of the four may be null: 1,
/// 0, 0, 0.
#ifndef CK_NORM_H
#define CK_NORM_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

// Group norm of one sample (positions x channels), groups of channels / groups neighbouring channels. The positions may
// be cut into chunks that run at the same time:
//
//     forward   sums (per chunk) -> statistics -> coefficients -> apply (per chunk)
//     backward  backward_sums (per chunk) -> backward_coefficients -> backward_apply (per chunk)

/// sums[c] = sum over positions of x, sums[channels + c] = sum of x^2, for one chunk of positions. `sums`: 2 *
/// channels.
void ck_group_norm_sums(double *sums, const float *x, size_t positions, size_t channels);
void ck_ref_group_norm_sums(double *sums, const float *x, size_t positions, size_t channels);

/// Mean and 1 / sqrt(variance + epsilon) of each group, from the sums of `chunks` chunks (chunks x 2 * channels) added
/// in their order. `positions` is the whole sample's. `mean`, `rstd`: groups.
void ck_group_norm_statistics(
    float *mean, float *rstd, const double *sums, size_t chunks, size_t positions, size_t channels, size_t groups,
    double epsilon);

/// The norm as one multiply-add per channel: u = a[c] x + b[c]. `a`, `b`: channels.
void ck_group_norm_coefficients(
    float *a, float *b, const float *mean, const float *rstd, const float *_Nullable weight,
    const float *_Nullable bias, const float *_Nullable scale, const float *_Nullable shift, size_t channels,
    size_t groups);

/// y[p, c] = u or silu(u), with u = a[c] x[p, c] + b[c]. In place.
void ck_group_norm_apply(
    float *y, const float *x, const float *a, const float *b, bool silu, size_t positions, size_t channels);
void ck_ref_group_norm_apply(
    float *y, const float *x, const float *a, const float *b, bool silu, size_t positions, size_t channels);

/// With du = dy silu'(u), or dy: sums[c] = sum of du, sums[channels + c] = sum of du x over one chunk of positions.
void ck_group_norm_backward_sums(
    double *sums, const float *dy, const float *x, const float *a, const float *b, bool silu, size_t positions,
    size_t channels);
void ck_ref_group_norm_backward_sums(
    double *sums, const float *dy, const float *x, const float *a, const float *b, bool silu, size_t positions,
    size_t channels);

/// From those sums (chunks x 2 * channels, added in order): this sample's share of the parameters' gradients (each of
/// channels, overwritten, may be null), and k1, k0 (channels) such that dx = a[c] du + k1[c] x + k0[c].
void ck_group_norm_backward_coefficients(
    float *k1, float *k0, float *_Nullable dweight, float *_Nullable dbias, float *_Nullable dscale,
    float *_Nullable dshift, const double *sums, size_t chunks, const float *mean, const float *rstd,
    const float *_Nullable weight, const float *_Nullable bias, const float *_Nullable scale, size_t positions,
    size_t channels, size_t groups);

/// dx[p, c] = a[c] du[p, c] + k1[c] x[p, c] + k0[c]. In place on dy or x.
void ck_group_norm_backward_apply(
    float *dx, const float *dy, const float *x, const float *a, const float *b, const float *k1, const float *k0,
    bool silu, size_t positions, size_t channels);
void ck_ref_group_norm_backward_apply(
    float *dx, const float *dy, const float *x, const float *a, const float *b, const float *k1, const float *k0,
    bool silu, size_t positions, size_t channels);

// The whole of group norm for one sample, in double, as the equations have it: what the steps above are judged by.

void ck_ref_group_norm(
    float *y, const float *x, const float *_Nullable weight, const float *_Nullable bias, const float *_Nullable scale,
    const float *_Nullable shift, double epsilon, bool silu, size_t positions, size_t channels, size_t groups);
void ck_ref_group_norm_backward(
    float *dx, float *_Nullable dweight, float *_Nullable dbias, float *_Nullable dscale, float *_Nullable dshift,
    const float *dy, const float *x, const float *_Nullable weight, const float *_Nullable bias,
    const float *_Nullable scale, const float *_Nullable shift, double epsilon, bool silu, size_t positions,
    size_t channels, size_t groups);

/// Layer norm of each row. `scale` and `shift` hold for all rows of the call: one sample's tokens. `mean`, `rstd`:
/// rows, kept for backward, may be null. In place.
void ck_layer_norm(
    float *y, float *_Nullable mean, float *_Nullable rstd, const float *x, const float *_Nullable weight,
    const float *_Nullable bias, const float *_Nullable scale, const float *_Nullable shift, double epsilon,
    size_t rows, size_t columns);
void ck_ref_layer_norm(
    float *y, float *_Nullable mean, float *_Nullable rstd, const float *x, const float *_Nullable weight,
    const float *_Nullable bias, const float *_Nullable scale, const float *_Nullable shift, double epsilon,
    size_t rows, size_t columns);

/// dx, and for these rows sums[c] = sum of dy, sums[columns + c] = sum of dy (x - mean) rstd. dx, or `sums` (2 * columns),
/// may be null where it is not wanted. dx in place on dy or x.
void ck_layer_norm_backward(
    float *_Nullable dx, double *_Nullable sums, const float *dy, const float *x, const float *mean, const float *rstd,
    const float *_Nullable weight, const float *_Nullable scale, size_t rows, size_t columns);
void ck_ref_layer_norm_backward(
    float *_Nullable dx, double *_Nullable sums, const float *dy, const float *x, const float *mean, const float *rstd,
    const float *_Nullable weight, const float *_Nullable scale, size_t rows, size_t columns);

/// One sample's share of the parameters' gradients (each of columns, overwritten, may be null) from the sums of its
/// chunks (chunks x 2 * columns, added in order). Samples without scale and shift may share one call.
void ck_layer_norm_parameter_gradients(
    float *_Nullable dweight, float *_Nullable dbias, float *_Nullable dscale, float *_Nullable dshift,
    const double *sums, size_t chunks, const float *_Nullable weight, const float *_Nullable bias,
    const float *_Nullable scale, size_t columns);

#pragma clang assume_nonnull end

#endif
