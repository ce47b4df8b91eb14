#include "ck_elementwise.h"

#include <math.h>

// The definitions, in double.

static double ref_silu(double x) { return x / (1 + exp(-x)); }

static double ref_gelu(double x) { return x * (0.5 * erfc(-x * M_SQRT1_2)); }

static double ref_gelu_tanh(double x) {
    // 1 + tanh(u) = 2 / (1 + exp(-2 u)), which does not cancel for negative u.
    const double u = sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
    return x / (1 + exp(-2 * u));
}

static double ref_quick_gelu(double x) { return x / (1 + exp(-1.702 * x)); }

static double ref_unary(CKUnary op, double x) {
    switch (op) {
    case CKUnarySilu: return ref_silu(x);
    case CKUnaryGelu: return ref_gelu(x);
    case CKUnaryGeluTanh: return ref_gelu_tanh(x);
    case CKUnaryQuickGelu: return ref_quick_gelu(x);
    case CKUnaryRelu: return x < 0 ? 0 : x;
    case CKUnaryExp: return exp(x);
    case CKUnaryLog: return log(x);
    case CKUnarySqrt: return sqrt(x);
    case CKUnaryRsqrt: return 1 / sqrt(x);
    case CKUnarySquare: return x * x;
    case CKUnaryAbs: return fabs(x);
    case CKUnaryTanh: return tanh(x);
    case CKUnarySigmoid: return 1 / (1 + exp(-x));
    case CKUnarySin: return sin(x);
    case CKUnaryCos: return cos(x);
    case CKUnaryNegate: return -x;
    case CKUnaryReciprocal: return 1 / x;
    }
}

/// f'(x), from x or y = f(x) as the header says.
static double ref_derivative(CKUnary op, double x, double y) {
    switch (op) {
    case CKUnarySilu: {
        const double s = 1 / (1 + exp(-x));
        return s * (1 + x * (1 - s));
    }
    case CKUnaryGelu: return 0.5 * erfc(-x * M_SQRT1_2) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
    case CKUnaryGeluTanh: {
        const double u = sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
        const double s = 1 / (1 + exp(-2 * u));
        return s + x * s * (1 - s) * 2 * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
    }
    case CKUnaryQuickGelu: {
        const double s = 1 / (1 + exp(-1.702 * x));
        return s * (1 + 1.702 * x * (1 - s));
    }
    case CKUnaryRelu: return y <= 0 ? 0 : 1;
    case CKUnaryExp: return y;
    case CKUnaryLog: return 1 / x;
    case CKUnarySqrt: return 0.5 / y;
    case CKUnaryRsqrt: return -0.5 * y * y * y;
    case CKUnarySquare: return 2 * x;
    case CKUnaryAbs: return x > 0 ? 1 : x < 0 ? -1 : x;
    case CKUnaryTanh: return 1 - y * y;
    case CKUnarySigmoid: return y * (1 - y);
    case CKUnarySin: return cos(x);
    case CKUnaryCos: return -sin(x);
    case CKUnaryNegate: return -1;
    case CKUnaryReciprocal: return -y * y;
    }
}

void ck_ref_unary(CKUnary op, float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)ref_unary(op, x[i]);
    }
}

void ck_ref_unary_backward(CKUnary op, float *dx, const float *dy, const float *x, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double derivative = ref_derivative(op, x != NULL ? x[i] : 0, y != NULL ? y[i] : 0);
        dx[i] = derivative == 0 && op == CKUnaryRelu ? 0 : (float)(dy[i] * derivative);
    }
}

static float ref_binary(CKBinary op, float a, float b) {
    switch (op) {
    case CKBinaryAdd: return a + b;
    case CKBinarySubtract: return a - b;
    case CKBinaryMultiply: return a * b;
    case CKBinaryDivide: return a / b;
    case CKBinaryMaximum: return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
    case CKBinaryMinimum: return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
    }
}

void ck_ref_binary(
    CKBinary op, float *out, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = ref_binary(op, a[i * a_stride], b[i * b_stride]);
    }
}

/// The operand's part of dy for a maximum or minimum.
static float ref_taken(float dy, bool tie, bool other) { return tie ? dy / 2 : other ? 0 : dy; }

void ck_ref_binary_backward(
    CKBinary op, float *da, float *db, const float *dy, const float *a, size_t a_stride, const float *b,
    size_t b_stride, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float g = dy[i], p = a[i * a_stride], q = b[i * b_stride];
        float to_a = 0, to_b = 0;
        switch (op) {
        case CKBinaryAdd: to_a = g, to_b = g; break;
        case CKBinarySubtract: to_a = g, to_b = -g; break;
        case CKBinaryMultiply: to_a = g * q, to_b = g * p; break;
        case CKBinaryDivide: to_a = g / q, to_b = -g * (p / q / q); break;
        case CKBinaryMaximum: to_a = ref_taken(g, p == q, p < q), to_b = ref_taken(g, p == q, q < p); break;
        case CKBinaryMinimum: to_a = ref_taken(g, p == q, p > q), to_b = ref_taken(g, p == q, q > p); break;
        }
        if (da != NULL) {
            da[i] = to_a;
        }
        if (db != NULL) {
            db[i] = to_b;
        }
    }
}

void ck_ref_scale_offset(float *y, const float *x, float scale, float offset, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)((double)scale * x[i] + offset);
    }
}

void ck_ref_axpby(float *out, float alpha, const float *x, float beta, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)((double)alpha * x[i] + (double)beta * y[i]);
    }
}

void ck_ref_multiply_add(float *out, const float *a, const float *b, const float *c, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)((double)a[i] * b[i] + c[i]);
    }
}

void ck_ref_lerp(float *out, const float *a, const float *b, float t, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)(a[i] + (double)t * ((double)b[i] - a[i]));
    }
}

void ck_ref_clamp(float *y, const float *x, float low, float high, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = isnan(x[i]) ? x[i] : fminf(fmaxf(x[i], low), high);
    }
}

void ck_ref_clamp_backward(float *dx, const float *dy, const float *x, float low, float high, size_t n) {
    for (size_t i = 0; i < n; i++) {
        dx[i] = x[i] >= low && x[i] <= high ? dy[i] : 0;
    }
}

static double ref_activation(CKActivation f, double u) {
    switch (f) {
    case CKActivationIdentity: return u;
    case CKActivationSilu: return ref_silu(u);
    case CKActivationGelu: return ref_gelu(u);
    case CKActivationGeluTanh: return ref_gelu_tanh(u);
    case CKActivationQuickGelu: return ref_quick_gelu(u);
    case CKActivationRelu: return u < 0 ? 0 : u;
    }
}

void ck_ref_bias_activation(
    CKActivation f, float *y, size_t ldy, float *preactivation, size_t ldp, const float *x, size_t ldx,
    const float *bias, const float *residual, size_t ldr, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            const float u = x[r * ldx + c] + (bias != NULL ? bias[c] : 0);
            const float add = residual != NULL ? residual[r * ldr + c] : 0;
            if (preactivation != NULL) {
                preactivation[r * ldp + c] = u;
            }
            y[r * ldy + c] = (float)ref_activation(f, u) + add;
        }
    }
}

void ck_ref_gate_rows(
    float *y, const float *x, const float *gate, const float *residual, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows * columns; i++) {
        y[i] = (float)((double)x[i] * gate[i % columns] + (residual != NULL ? residual[i] : 0));
    }
}

void ck_ref_gate_rows_backward(
    float *dx, float *dgate, const float *dy, const float *x, const float *gate, size_t rows, size_t columns) {
    for (size_t c = 0; dgate != NULL && c < columns; c++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++) {
            sum += (double)dy[r * columns + c] * x[r * columns + c];
        }
        dgate[c] = (float)sum;
    }
    for (size_t i = 0; dx != NULL && i < rows * columns; i++) {
        dx[i] = dy[i] * gate[i % columns];
    }
}

void ck_ref_scale_rows(
    float *y, size_t ldy, const float *x, size_t ldx, const float *factors, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            y[r * ldy + c] = x[r * ldx + c] * factors[r];
        }
    }
}

void ck_ref_scale_add_rows(
    float *y, size_t ldy, const float *x, size_t ldx, float scale, const float *add, size_t lda, size_t rows,
    size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            y[r * ldy + c] = (float)((double)scale * x[r * ldx + c] + add[r * lda + c]);
        }
    }
}
