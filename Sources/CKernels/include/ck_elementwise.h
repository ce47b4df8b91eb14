/// Elementwise kernels: functions of one or two numbers, scalar-times-array updates, and the epilogues of matrix
/// products.
#ifndef CK_ELEMENTWISE_H
#define CK_ELEMENTWISE_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// Functions of one number. In brackets: what the derivative reads, x or y = f(x).
typedef CK_ENUM(CKUnary) {
    CKUnarySilu,        ///< x / (1 + exp(-x)); -0 below -88.7, where it is less than 3e-37 [x]
    CKUnaryGelu,        ///< x Phi(x) by the error function [x]
    CKUnaryGeluTanh,    ///< GELU's tanh approximation (Hendrycks & Gimpel 2016) [x]
    CKUnaryQuickGelu,   ///< x sigmoid(1.702 x) [x]
    CKUnaryRelu,        ///< max(x, 0) [y]
    CKUnaryExp,         ///< [y]
    CKUnaryLog,         ///< [x]
    CKUnarySqrt,        ///< [y]
    CKUnaryRsqrt,       ///< 1 / sqrt(x) [y]
    CKUnarySquare,      ///< [x]
    CKUnaryAbs,         ///< derivative 0 at 0 [x]
    CKUnaryTanh,        ///< [y]
    CKUnarySigmoid,     ///< [y]
    CKUnarySin,         ///< absolute error 2e-7 for |x| < 1e8 [x]
    CKUnaryCos,         ///< absolute error 2e-7 for |x| < 1e8 [x]
    CKUnaryNegate,      ///< [neither]
    CKUnaryReciprocal,  ///< [y]
} CKUnary;

/// Whether the derivative reads x (the input must be kept).
bool ck_unary_derivative_reads_input(CKUnary op);
/// Whether the derivative reads y (the output must be kept).
bool ck_unary_derivative_reads_output(CKUnary op);

/// y[i] = f(x[i]). In place.
void ck_unary(CKUnary op, float *y, const float *x, size_t n);
void ck_ref_unary(CKUnary op, float *y, const float *x, size_t n);

/// dx[i] = dy[i] f'(x[i]). `x` and `y` may each be null where the derivative does not read it. In place on dy, x or y.
void ck_unary_backward(
    CKUnary op, float *dx, const float *dy, const float *_Nullable x, const float *_Nullable y, size_t n);
void ck_ref_unary_backward(
    CKUnary op, float *dx, const float *dy, const float *_Nullable x, const float *_Nullable y, size_t n);

/// Functions of two numbers. Maximum and minimum give NaN when either operand is NaN.
typedef CK_ENUM(CKBinary) {
    CKBinaryAdd,
    CKBinarySubtract,
    CKBinaryMultiply,
    CKBinaryDivide,
    CKBinaryMaximum,
    CKBinaryMinimum,
} CKBinary;

/// out[i] = a[i * a_stride] op b[i * b_stride]; strides are 0 (one number for all) or 1. In place on an operand of
/// stride 1.
void ck_binary(
    CKBinary op, float *out, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t n);
void ck_ref_binary(
    CKBinary op, float *out, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t n);

/// Gradients to the operands, both of length n (the caller sums where an operand was broadcast). Either may be null.
/// Maximum and minimum give half to each operand at a tie, as PyTorch does. `da` or `db` may be dy; otherwise no
/// overlap.
void ck_binary_backward(
    CKBinary op, float *_Nullable da, float *_Nullable db, const float *dy, const float *a, size_t a_stride,
    const float *b, size_t b_stride, size_t n);
void ck_ref_binary_backward(
    CKBinary op, float *_Nullable da, float *_Nullable db, const float *dy, const float *a, size_t a_stride,
    const float *b, size_t b_stride, size_t n);

/// y[i] = value.
void ck_fill(float *y, float value, size_t n);

/// y[i] = scale x[i] + offset. In place.
void ck_scale_offset(float *y, const float *x, float scale, float offset, size_t n);
void ck_ref_scale_offset(float *y, const float *x, float scale, float offset, size_t n);

/// out[i] = alpha x[i] + beta y[i]. In place on x or y.
void ck_axpby(float *out, float alpha, const float *x, float beta, const float *y, size_t n);
void ck_ref_axpby(float *out, float alpha, const float *x, float beta, const float *y, size_t n);

/// y[i] += x[i]: the accumulation of gradients.
void ck_accumulate(float *y, const float *x, size_t n);

/// out[i] = a[i] b[i] + c[i]. In place on a, b or c.
void ck_multiply_add(float *out, const float *a, const float *b, const float *c, size_t n);
void ck_ref_multiply_add(float *out, const float *a, const float *b, const float *c, size_t n);

/// out[i] = a[i] + t (b[i] - a[i]). In place on a or b.
void ck_lerp(float *out, const float *a, const float *b, float t, size_t n);
void ck_ref_lerp(float *out, const float *a, const float *b, float t, size_t n);

/// y[i] = min(max(x[i], low), high); NaN stays NaN. In place.
void ck_clamp(float *y, const float *x, float low, float high, size_t n);
void ck_ref_clamp(float *y, const float *x, float low, float high, size_t n);

/// dx[i] = dy[i] where low <= x[i] <= high, else 0. In place on dy or x.
void ck_clamp_backward(float *dx, const float *dy, const float *x, float low, float high, size_t n);
void ck_ref_clamp_backward(float *dx, const float *dy, const float *x, float low, float high, size_t n);

/// Activations that can end a matrix product.
typedef CK_ENUM(CKActivation) {
    CKActivationIdentity,
    CKActivationSilu,
    CKActivationGelu,
    CKActivationGeluTanh,
    CKActivationQuickGelu,
    CKActivationRelu,
} CKActivation;

/// Epilogue of a product, for a block of rows x columns:
///
///     u[r, c] = x[r, c] + bias[c]          (written to `preactivation` when that is not null: backward reads it)
///     y[r, c] = f(u[r, c]) + residual[r, c]
///
/// In place: y or preactivation may be x, y may be residual. `bias` and `residual` may be null.
void ck_bias_activation(
    CKActivation f, float *y, size_t ldy, float *_Nullable preactivation, size_t ldp, const float *x, size_t ldx,
    const float *_Nullable bias, const float *_Nullable residual, size_t ldr, size_t rows, size_t columns);
void ck_ref_bias_activation(
    CKActivation f, float *y, size_t ldy, float *_Nullable preactivation, size_t ldp, const float *x, size_t ldx,
    const float *_Nullable bias, const float *_Nullable residual, size_t ldr, size_t rows, size_t columns);

/// y[r, c] = x[r, c] gate[c] + residual[r, c] (`residual` may be null): adaLN-Zero's gate, layer scale. Contiguous
/// rows. In place on x or residual.
void ck_gate_rows(
    float *y, const float *x, const float *gate, const float *_Nullable residual, size_t rows, size_t columns);
void ck_ref_gate_rows(
    float *y, const float *x, const float *gate, const float *_Nullable residual, size_t rows, size_t columns);

/// Its gradients: dx[r, c] = dy[r, c] gate[c] and dgate[c] = sum over r of dy[r, c] x[r, c], in double and rounded once.
/// Either may be null where it is not wanted. dx in place on dy.
void ck_gate_rows_backward(
    float *_Nullable dx, float *_Nullable dgate, const float *dy, const float *x, const float *gate, size_t rows, size_t columns);
void ck_ref_gate_rows_backward(
    float *_Nullable dx, float *_Nullable dgate, const float *dy, const float *x, const float *gate, size_t rows, size_t columns);

/// y[r, c] = scale x[r, c] + add[r, c]: the bias of attention's scores. In place on x or add.
void ck_scale_add_rows(
    float *y, size_t ldy, const float *x, size_t ldx, float scale, const float *add, size_t lda, size_t rows,
    size_t columns);
void ck_ref_scale_add_rows(
    float *y, size_t ldy, const float *x, size_t ldx, float scale, const float *add, size_t lda, size_t rows,
    size_t columns);

/// y[r, c] = x[r, c] factors[r]. In place.
void ck_scale_rows(
    float *y, size_t ldy, const float *x, size_t ldx, const float *factors, size_t rows, size_t columns);
void ck_ref_scale_rows(
    float *y, size_t ldy, const float *x, size_t ldx, const float *factors, size_t rows, size_t columns);

#pragma clang assume_nonnull end

#endif
