#include "ck_elementwise.h"
#include "vector_math.h"

bool ck_unary_derivative_reads_input(CKUnary op) {
    switch (op) {
    case CKUnarySilu:
    case CKUnaryGelu:
    case CKUnaryGeluTanh:
    case CKUnaryQuickGelu:
    case CKUnaryLog:
    case CKUnarySquare:
    case CKUnaryAbs:
    case CKUnarySin:
    case CKUnaryCos:
        return true;
    default:
        return false;
    }
}

bool ck_unary_derivative_reads_output(CKUnary op) {
    return !ck_unary_derivative_reads_input(op) && op != CKUnaryNegate;
}

/// out[i] = expression in i, for all i < count.
#define CK_MAP(out, count, expression)            \
    do {                                          \
        CK_INDEPENDENT                            \
        for (size_t i = 0; i < (count); i++) {    \
            (out)[i] = (expression);              \
        }                                         \
    } while (0)

CK_MULTIVERSION
void ck_unary(CKUnary op, float *y, const float *x, size_t n) {
    switch (op) {
    case CKUnarySilu: CK_MAP(y, n, ck_silu(x[i])); break;
    case CKUnaryGelu: CK_MAP(y, n, ck_gelu(x[i])); break;
    case CKUnaryGeluTanh: CK_MAP(y, n, ck_gelu_tanh(x[i])); break;
    case CKUnaryQuickGelu: CK_MAP(y, n, ck_quick_gelu(x[i])); break;
    case CKUnaryRelu: CK_MAP(y, n, ck_relu(x[i])); break;
    case CKUnaryExp: CK_MAP(y, n, ck_exp(x[i])); break;
    case CKUnaryLog: CK_MAP(y, n, ck_log(x[i])); break;
    case CKUnarySqrt: CK_MAP(y, n, ck_sqrt(x[i])); break;
    case CKUnaryRsqrt: CK_MAP(y, n, 1.0f / ck_sqrt(x[i])); break;
    case CKUnarySquare: CK_MAP(y, n, x[i] * x[i]); break;
    case CKUnaryAbs: CK_MAP(y, n, fabsf(x[i])); break;
    case CKUnaryTanh: CK_MAP(y, n, ck_tanh(x[i])); break;
    case CKUnarySigmoid: CK_MAP(y, n, ck_sigmoid(x[i])); break;
    case CKUnarySin: CK_MAP(y, n, ck_sin_quarters(x[i], 0)); break;
    case CKUnaryCos: CK_MAP(y, n, ck_sin_quarters(x[i], 1)); break;
    case CKUnaryNegate: CK_MAP(y, n, -x[i]); break;
    case CKUnaryReciprocal: CK_MAP(y, n, 1.0f / x[i]); break;
    }
}

CK_MULTIVERSION
void ck_unary_backward(CKUnary op, float *dx, const float *dy, const float *x, const float *y, size_t n) {
    switch (op) {
    case CKUnarySilu: CK_MAP(dx, n, dy[i] * ck_silu_derivative(x[i])); break;
    case CKUnaryGelu: CK_MAP(dx, n, dy[i] * ck_gelu_derivative(x[i])); break;
    case CKUnaryGeluTanh: CK_MAP(dx, n, dy[i] * ck_gelu_tanh_derivative(x[i])); break;
    case CKUnaryQuickGelu: CK_MAP(dx, n, dy[i] * ck_quick_gelu_derivative(x[i])); break;
    case CKUnaryRelu: CK_MAP(dx, n, y[i] <= 0.0f ? 0.0f : dy[i]); break;
    case CKUnaryExp: CK_MAP(dx, n, dy[i] * y[i]); break;
    case CKUnaryLog: CK_MAP(dx, n, dy[i] * 1.0f / x[i]); break;
    case CKUnarySqrt: CK_MAP(dx, n, dy[i] * 0.5f / y[i]); break;
    case CKUnaryRsqrt: CK_MAP(dx, n, dy[i] * -0.5f * (y[i] * y[i]) * y[i]); break;
    case CKUnarySquare: CK_MAP(dx, n, dy[i] * 2.0f * x[i]); break;
    case CKUnaryAbs: CK_MAP(dx, n, dy[i] * (x[i] > 0.0f ? 1.0f : x[i] < 0.0f ? -1.0f : x[i])); break;
    case CKUnaryTanh: CK_MAP(dx, n, dy[i] * (1.0f - y[i] * y[i])); break;
    case CKUnarySigmoid: CK_MAP(dx, n, dy[i] * (y[i] * (1.0f - y[i]))); break;
    case CKUnarySin: CK_MAP(dx, n, dy[i] * ck_sin_quarters(x[i], 1)); break;
    case CKUnaryCos: CK_MAP(dx, n, dy[i] * -ck_sin_quarters(x[i], 0)); break;
    case CKUnaryNegate: CK_MAP(dx, n, -dy[i]); break;
    case CKUnaryReciprocal: CK_MAP(dx, n, dy[i] * -(y[i] * y[i])); break;
    }
}

// Operands that repeat (a number for all, a missing bias) are read from a short array filled once, so that every loop
// reads contiguous memory and there is one loop per function instead of one per combination.
enum { CK_BLOCK = 256, CK_GATE_PANEL = 64 };

CK_INLINE void ck_repeat(float *block, float value) { CK_MAP(block, CK_BLOCK, value); }

CK_INLINE size_t ck_min_size(size_t a, size_t b) { return a < b ? a : b; }

CK_INLINE float ck_maximum(float a, float b) { return a > b || a != a ? a : b; }

CK_INLINE float ck_minimum(float a, float b) { return a < b || a != a ? a : b; }

CK_MULTIVERSION
void ck_binary(CKBinary op, float *out, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t n) {
    float a_block[CK_BLOCK], b_block[CK_BLOCK];
    if (n == 0) {
        return;
    }
    if (a_stride == 0) {
        ck_repeat(a_block, a[0]);
    }
    if (b_stride == 0) {
        ck_repeat(b_block, b[0]);
    }
    const size_t step = a_stride != 0 && b_stride != 0 ? n : CK_BLOCK;
    for (size_t start = 0; start < n; start += step) {
        const size_t count = ck_min_size(step, n - start);
        const float *p = a_stride != 0 ? a + start : a_block;
        const float *q = b_stride != 0 ? b + start : b_block;
        float *y = out + start;
        switch (op) {
        case CKBinaryAdd: CK_MAP(y, count, p[i] + q[i]); break;
        case CKBinarySubtract: CK_MAP(y, count, p[i] - q[i]); break;
        case CKBinaryMultiply: CK_MAP(y, count, p[i] * q[i]); break;
        case CKBinaryDivide: CK_MAP(y, count, p[i] / q[i]); break;
        case CKBinaryMaximum: CK_MAP(y, count, ck_maximum(p[i], q[i])); break;
        case CKBinaryMinimum: CK_MAP(y, count, ck_minimum(p[i], q[i])); break;
        }
    }
}

/// The first operand's part of dy when the larger (or, with the operands' signs turned, the smaller) was taken.
CK_INLINE float ck_larger_part(float dy, float a, float b) { return a == b ? 0.5f * dy : a < b ? 0.0f : dy; }

CK_INLINE void ck_binary_backward_first(
    CKBinary op, float *da, const float *dy, const float *a, const float *b, size_t n) {
    switch (op) {
    case CKBinaryAdd:
    case CKBinarySubtract: CK_MAP(da, n, dy[i]); break;
    case CKBinaryMultiply: CK_MAP(da, n, dy[i] * b[i]); break;
    case CKBinaryDivide: CK_MAP(da, n, dy[i] / b[i]); break;
    case CKBinaryMaximum: CK_MAP(da, n, ck_larger_part(dy[i], a[i], b[i])); break;
    case CKBinaryMinimum: CK_MAP(da, n, ck_larger_part(dy[i], -a[i], -b[i])); break;
    }
}

CK_INLINE void ck_binary_backward_second(
    CKBinary op, float *db, const float *dy, const float *a, const float *b, size_t n) {
    switch (op) {
    case CKBinaryAdd: CK_MAP(db, n, dy[i]); break;
    case CKBinarySubtract: CK_MAP(db, n, -dy[i]); break;
    case CKBinaryMultiply: CK_MAP(db, n, dy[i] * a[i]); break;
    case CKBinaryDivide: CK_MAP(db, n, -dy[i] * ((a[i] / b[i]) / b[i])); break;
    case CKBinaryMaximum: CK_MAP(db, n, ck_larger_part(dy[i], b[i], a[i])); break;
    case CKBinaryMinimum: CK_MAP(db, n, ck_larger_part(dy[i], -b[i], -a[i])); break;
    }
}

CK_MULTIVERSION
void ck_binary_backward(
    CKBinary op, float *da, float *db, const float *dy, const float *a, size_t a_stride, const float *b,
    size_t b_stride, size_t n) {
    float a_block[CK_BLOCK], b_block[CK_BLOCK];
    if (n == 0) {
        return;
    }
    if (a_stride == 0) {
        ck_repeat(a_block, a[0]);
    }
    if (b_stride == 0) {
        ck_repeat(b_block, b[0]);
    }
    for (size_t start = 0; start < n; start += CK_BLOCK) {
        const size_t count = ck_min_size(CK_BLOCK, n - start);
        const float *p = a_stride != 0 ? a + start : a_block;
        const float *q = b_stride != 0 ? b + start : b_block;
        const float *g = dy + start;
        // Whichever output lies on dy comes last.
        if (da != NULL && da != dy) {
            ck_binary_backward_first(op, da + start, g, p, q, count);
        }
        if (db != NULL) {
            ck_binary_backward_second(op, db + start, g, p, q, count);
        }
        if (da == dy) {
            ck_binary_backward_first(op, da + start, g, p, q, count);
        }
    }
}

CK_MULTIVERSION
void ck_fill(float *y, float value, size_t n) { CK_MAP(y, n, value); }

CK_MULTIVERSION
void ck_scale_offset(float *y, const float *x, float scale, float offset, size_t n) {
    CK_MAP(y, n, scale * x[i] + offset);
}

CK_MULTIVERSION
void ck_axpby(float *out, float alpha, const float *x, float beta, const float *y, size_t n) {
    CK_MAP(out, n, alpha * x[i] + beta * y[i]);
}

CK_MULTIVERSION
void ck_accumulate(float *y, const float *x, size_t n) { CK_MAP(y, n, y[i] + x[i]); }

CK_MULTIVERSION
void ck_multiply_add(float *out, const float *a, const float *b, const float *c, size_t n) {
    CK_MAP(out, n, a[i] * b[i] + c[i]);
}

CK_MULTIVERSION
void ck_lerp(float *out, const float *a, const float *b, float t, size_t n) {
    CK_MAP(out, n, a[i] + t * (b[i] - a[i]));
}

CK_MULTIVERSION
void ck_clamp(float *y, const float *x, float low, float high, size_t n) {
    CK_MAP(y, n, x[i] < low ? low : x[i] > high ? high : x[i]);
}

CK_MULTIVERSION
void ck_clamp_backward(float *dx, const float *dy, const float *x, float low, float high, size_t n) {
    CK_MAP(dx, n, x[i] >= low && x[i] <= high ? dy[i] : 0.0f);
}

CK_INLINE float ck_activation(CKActivation f, float u) {
    switch (f) {
    case CKActivationIdentity: return u;
    case CKActivationSilu: return ck_silu(u);
    case CKActivationGelu: return ck_gelu(u);
    case CKActivationGeluTanh: return ck_gelu_tanh(u);
    case CKActivationQuickGelu: return ck_quick_gelu(u);
    case CKActivationRelu: return ck_relu(u);
    }
}

/// One row; with `f` a constant of the caller the loops hold no switch.
CK_INLINE void ck_bias_activation_row(
    CKActivation f, float *y, float *preactivation, const float *x, const float *bias, const float *residual,
    size_t n) {
    if (preactivation == NULL) {
        CK_MAP(y, n, ck_activation(f, x[i] + bias[i]) + residual[i]);
        return;
    }
    CK_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const float u = x[i] + bias[i];
        preactivation[i] = u;
        y[i] = ck_activation(f, u) + residual[i];
    }
}

CK_MULTIVERSION
void ck_bias_activation(
    CKActivation f, float *y, size_t ldy, float *preactivation, size_t ldp, const float *x, size_t ldx,
    const float *bias, const float *residual, size_t ldr, size_t rows, size_t columns) {
    float nothing[CK_BLOCK];
    ck_repeat(nothing, -0.0f);  // x + -0 is x, also for x = -0
    for (size_t start = 0; start < columns; start += CK_BLOCK) {
        const size_t n = ck_min_size(CK_BLOCK, columns - start);
        const float *b = bias != NULL ? bias + start : nothing;
        for (size_t r = 0; r < rows; r++) {
            float *out = y + r * ldy + start;
            float *u = preactivation != NULL ? preactivation + r * ldp + start : NULL;
            const float *in = x + r * ldx + start;
            const float *add = residual != NULL ? residual + r * ldr + start : nothing;
            switch (f) {
            case CKActivationIdentity: ck_bias_activation_row(CKActivationIdentity, out, u, in, b, add, n); break;
            case CKActivationSilu: ck_bias_activation_row(CKActivationSilu, out, u, in, b, add, n); break;
            case CKActivationGelu: ck_bias_activation_row(CKActivationGelu, out, u, in, b, add, n); break;
            case CKActivationGeluTanh: ck_bias_activation_row(CKActivationGeluTanh, out, u, in, b, add, n); break;
            case CKActivationQuickGelu: ck_bias_activation_row(CKActivationQuickGelu, out, u, in, b, add, n); break;
            case CKActivationRelu: ck_bias_activation_row(CKActivationRelu, out, u, in, b, add, n); break;
            }
        }
    }
}

CK_MULTIVERSION
void ck_gate_rows(
    float *y, const float *x, const float *gate, const float *residual, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *out = y + r * columns;
        const float *in = x + r * columns;
        if (residual != NULL) {
            const float *add = residual + r * columns;
            CK_MAP(out, columns, in[i] * gate[i] + add[i]);
        } else {
            CK_MAP(out, columns, in[i] * gate[i]);
        }
    }
}

/// A panel of columns; with a constant `n` the sums stay in registers.
CK_INLINE void ck_gate_panel(
    float *dx, float *sums, const float *dy, const float *x, const float *gate, size_t rows, size_t columns, size_t n) {
    double s[CK_GATE_PANEL] = {0};
    for (size_t r = 0; r < rows; r++) {
        const float *slope = dy + r * columns, *in = x + r * columns;
        // Before dx, which may lie on dy.
        if (sums != NULL) {
            for (size_t c = 0; c < n; c++) {
                s[c] += (double)slope[c] * (double)in[c];
            }
        }
        if (dx != NULL) {
            CK_MAP(dx + r * columns, n, slope[i] * gate[i]);
        }
    }
    for (size_t c = 0; sums != NULL && c < n; c++) {
        sums[c] = (float)s[c];
    }
}

CK_MULTIVERSION
void ck_gate_rows_backward(
    float *dx, float *dgate, const float *dy, const float *x, const float *gate, size_t rows, size_t columns) {
    for (size_t c = 0; c < columns; c += CK_GATE_PANEL) {
        float *out = dx != NULL ? dx + c : NULL, *sums = dgate != NULL ? dgate + c : NULL;
        if (c + CK_GATE_PANEL <= columns) {
            ck_gate_panel(out, sums, dy + c, x + c, gate + c, rows, columns, CK_GATE_PANEL);
        } else {
            ck_gate_panel(out, sums, dy + c, x + c, gate + c, rows, columns, columns - c);
        }
    }
}

CK_MULTIVERSION
void ck_scale_rows(
    float *y, size_t ldy, const float *x, size_t ldx, const float *factors, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float factor = factors[r];
        float *out = y + r * ldy;
        const float *in = x + r * ldx;
        CK_MAP(out, columns, in[i] * factor);
    }
}

CK_MULTIVERSION
void ck_scale_add_rows(
    float *y, size_t ldy, const float *x, size_t ldx, float scale, const float *add, size_t lda, size_t rows,
    size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *out = y + r * ldy;
        const float *in = x + r * ldx, *offset = add + r * lda;
        CK_MAP(out, columns, scale * in[i] + offset[i]);
    }
}
