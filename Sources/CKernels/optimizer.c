#include "ck_optimizer.h"
#include "vector_math.h"

// PyTorch's sequence of array operations, one statement for each: a multiply-add is fused within a statement only.

/// One step of ema -= (1 - decay) (ema - parameter).
CK_INLINE float ck_average(float ema, float parameter, float rest) { return ema - rest * (ema - parameter); }

CK_MULTIVERSION
void ck_ema(float *restrict ema, const float *restrict parameters, double decay, size_t n) {
    const float rest = (float)(1 - decay);
    for (size_t i = 0; i < n; i++) {
        ema[i] = ck_average(ema[i], parameters[i], rest);
    }
}

/// `ema` is null or not as a constant of the caller, so that the loop holds no test.
CK_INLINE void ck_sgd_sweep(
    const CKSGD *settings, float *restrict parameters, float *restrict momentum, float *restrict ema,
    const float *restrict gradient, size_t n) {
    const float rate = (float)-settings->learning_rate, factor = (float)settings->momentum;
    const float share = (float)(1 - settings->dampening), decay = (float)settings->weight_decay;
    const float scale = settings->gradient_scale, rest = (float)(1 - settings->ema_decay);
    const bool first_step = settings->first_step, nesterov = settings->nesterov;
    for (size_t i = 0; i < n; i++) {
        const float p = parameters[i];
        float g = scale * gradient[i];
        g = g + decay * p;
        if (momentum != NULL) {
            const float kept = factor * momentum[i];
            const float m = first_step ? g : kept + share * g;
            momentum[i] = m;
            g = nesterov ? g + factor * m : m;
        }
        const float updated = p + rate * g;
        parameters[i] = updated;
        if (ema != NULL) {
            ema[i] = ck_average(ema[i], updated, rest);
        }
    }
}

CK_MULTIVERSION
void ck_sgd(
    const CKSGD *settings, float *parameters, float *momentum, float *ema, const float *gradient, size_t n) {
    if (momentum != NULL && ema != NULL) {
        ck_sgd_sweep(settings, parameters, momentum, ema, gradient, n);
    } else if (momentum != NULL) {
        ck_sgd_sweep(settings, parameters, momentum, NULL, gradient, n);
    } else if (ema != NULL) {
        ck_sgd_sweep(settings, parameters, NULL, ema, gradient, n);
    } else {
        ck_sgd_sweep(settings, parameters, NULL, NULL, gradient, n);
    }
}

CK_INLINE void ck_adam_sweep(
    const CKAdam *settings, float *restrict parameters, float *restrict first, float *restrict second,
    float *restrict ema, const float *restrict gradient, size_t n) {
    const double decay = settings->weight_decay;
    const float scale = settings->gradient_scale;
    const float l2 = settings->decoupled ? 0.0f : (float)decay;
    const float shrink = settings->decoupled ? (float)(1 - settings->learning_rate * decay) : 1.0f;
    const float rest1 = (float)(1 - settings->beta1), rest2 = (float)(1 - settings->beta2);
    const float beta2 = (float)settings->beta2, epsilon = (float)settings->epsilon;
    const float rate = (float)(-settings->learning_rate / settings->bias_correction1);
    const float correction = (float)sqrt(settings->bias_correction2);
    const float rest = (float)(1 - settings->ema_decay);
    for (size_t i = 0; i < n; i++) {
        const float p = parameters[i];
        const float g = scale * gradient[i] + l2 * p;
        const float m = first[i] + rest1 * (g - first[i]);
        const float kept = beta2 * second[i];
        const float v = kept + rest2 * g * g;
        const float denominator = ck_sqrt(v) / correction + epsilon;
        const float shrunk = shrink * p;
        const float updated = shrunk + rate * m / denominator;
        first[i] = m;
        second[i] = v;
        parameters[i] = updated;
        if (ema != NULL) {
            ema[i] = ck_average(ema[i], updated, rest);
        }
    }
}

CK_MULTIVERSION
void ck_adam(
    const CKAdam *settings, float *parameters, float *first, float *second, float *ema, const float *gradient,
    size_t n) {
    if (ema != NULL) {
        ck_adam_sweep(settings, parameters, first, second, ema, gradient, n);
    } else {
        ck_adam_sweep(settings, parameters, first, second, NULL, gradient, n);
    }
}

// The definitions, in double from the stored floats.

void ck_ref_ema(float *ema, const float *parameters, double decay, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ema[i] = (float)(decay * ema[i] + (1 - decay) * parameters[i]);
    }
}

void ck_ref_sgd(
    const CKSGD *settings, float *parameters, float *momentum, float *ema, const float *gradient, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double g = (double)settings->gradient_scale * gradient[i] + settings->weight_decay * parameters[i];
        if (momentum != NULL) {
            const double next = settings->momentum * momentum[i] + (1 - settings->dampening) * g;
            const double m = settings->first_step ? g : next;
            momentum[i] = (float)m;
            g = settings->nesterov ? g + settings->momentum * m : m;
        }
        parameters[i] = (float)(parameters[i] - settings->learning_rate * g);
    }
    if (ema != NULL) {
        ck_ref_ema(ema, parameters, settings->ema_decay, n);
    }
}

void ck_ref_adam(
    const CKAdam *settings, float *parameters, float *first, float *second, float *ema, const float *gradient,
    size_t n) {
    for (size_t i = 0; i < n; i++) {
        double p = parameters[i], g = (double)settings->gradient_scale * gradient[i];
        if (settings->decoupled) {
            p *= 1 - settings->learning_rate * settings->weight_decay;
        } else {
            g += settings->weight_decay * p;
        }
        const double m = settings->beta1 * first[i] + (1 - settings->beta1) * g;
        const double v = settings->beta2 * second[i] + (1 - settings->beta2) * g * g;
        first[i] = (float)m;
        second[i] = (float)v;
        const double m_hat = m / settings->bias_correction1, v_hat = v / settings->bias_correction2;
        parameters[i] = (float)(p - settings->learning_rate * m_hat / (sqrt(v_hat) + settings->epsilon));
    }
    if (ema != NULL) {
        ck_ref_ema(ema, parameters, settings->ema_decay, n);
    }
}
