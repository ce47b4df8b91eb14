#include "ck_loss.h"
#include "vector_math.h"

/// Sum of an expression in the difference d, in double; the order depends on the length only.
#define CK_SUM(expression)                                           \
    do {                                                             \
        _Pragma("clang fp reassociate(on) contract(fast)")           \
        for (size_t i = 0; i < n; i++) {                             \
            const double d = (double)prediction[i] - (double)target[i]; \
            sum += (expression);                                     \
        }                                                            \
    } while (0)

CK_MULTIVERSION
double ck_loss(CKLoss loss, float delta, const float *prediction, const float *target, size_t n) {
    const double limit = delta;
    double sum = 0;
    switch (loss) {
    case CKLossSquared: CK_SUM(d * d); break;
    case CKLossAbsolute: CK_SUM(fabs(d)); break;
    case CKLossHuber: CK_SUM(fabs(d) <= limit ? 0.5 * d * d : limit * (fabs(d) - 0.5 * limit)); break;
    case CKLossSmoothL1: CK_SUM(fabs(d) < limit ? 0.5 * d * d / limit : fabs(d) - 0.5 * limit); break;
    }
    return sum;
}

/// 1, -1, 0 or NaN.
CK_INLINE float ck_sign(float d) { return d > 0.0f ? 1.0f : d < 0.0f ? -1.0f : d; }

#define CK_SLOPE(expression)                          \
    do {                                              \
        CK_INDEPENDENT                                \
        for (size_t i = 0; i < n; i++) {              \
            const float d = prediction[i] - target[i]; \
            dprediction[i] = weight * (expression);   \
        }                                             \
    } while (0)

CK_MULTIVERSION
void ck_loss_backward(
    CKLoss loss, float delta, float weight, float *dprediction, const float *prediction, const float *target,
    size_t n) {
    switch (loss) {
    case CKLossSquared: CK_SLOPE(2.0f * d); break;
    case CKLossAbsolute: CK_SLOPE(ck_sign(d)); break;
    case CKLossHuber: CK_SLOPE(d < -delta ? -delta : d > delta ? delta : d); break;
    case CKLossSmoothL1: CK_SLOPE(fabsf(d) < delta ? d / delta : ck_sign(d)); break;
    }
}

static double ref_loss(CKLoss loss, double delta, double d) {
    switch (loss) {
    case CKLossSquared: return d * d;
    case CKLossAbsolute: return fabs(d);
    case CKLossHuber: return fabs(d) <= delta ? d * d / 2 : delta * (fabs(d) - delta / 2);
    case CKLossSmoothL1: return fabs(d) < delta ? d * d / (2 * delta) : fabs(d) - delta / 2;
    }
}

static double ref_sign(double d) { return d > 0 ? 1 : d < 0 ? -1 : d; }

static double ref_slope(CKLoss loss, double delta, double d) {
    switch (loss) {
    case CKLossSquared: return 2 * d;
    case CKLossAbsolute: return ref_sign(d);
    case CKLossHuber: return fabs(d) <= delta ? d : delta * ref_sign(d);
    case CKLossSmoothL1: return fabs(d) < delta ? d / delta : ref_sign(d);
    }
}

double ck_ref_loss(CKLoss loss, float delta, const float *prediction, const float *target, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += ref_loss(loss, delta, (double)prediction[i] - target[i]);
    }
    return sum;
}

void ck_ref_loss_backward(
    CKLoss loss, float delta, float weight, float *dprediction, const float *prediction, const float *target,
    size_t n) {
    for (size_t i = 0; i < n; i++) {
        dprediction[i] = (float)(weight * ref_slope(loss, delta, (double)prediction[i] - target[i]));
    }
}
