/// Optimizer steps: one sweep over a flat range of parameters that unscales the gradient, updates moments and
/// parameters in PyTorch's order of operations, and moves the exponential moving average. All arrays have n elements;
/// none overlap.
#ifndef CK_OPTIMIZER_H
#define CK_OPTIMIZER_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// torch.optim.SGD.
typedef struct CKSGD {
    double learning_rate;
    double momentum;
    double dampening;       ///< as in PyTorch not for the first step, where the buffer becomes the gradient
    double weight_decay;    ///< added to the gradient (L2)
    bool nesterov;
    bool first_step;
    float gradient_scale;   ///< the gradient is multiplied by this first: 1 / loss scale, clipping
    double ema_decay;       ///< read when `ema` is given
} CKSGD;

/// torch.optim.Adam and torch.optim.AdamW.
typedef struct CKAdam {
    double learning_rate;
    double beta1, beta2;
    double epsilon;
    double weight_decay;
    bool decoupled;           ///< true: AdamW's decay of the parameters; false: Adam's L2 term in the gradient
    double bias_correction1;  ///< 1 - beta1^step
    double bias_correction2;  ///< 1 - beta2^step
    float gradient_scale;
    double ema_decay;
} CKAdam;

/// `momentum` (the buffer) may be null when the momentum is 0; `ema` may be null.
void ck_sgd(
    const CKSGD *settings, float *parameters, float *_Nullable momentum, float *_Nullable ema, const float *gradient,
    size_t n);
void ck_ref_sgd(
    const CKSGD *settings, float *parameters, float *_Nullable momentum, float *_Nullable ema, const float *gradient,
    size_t n);

/// `first` and `second` are the moments; `ema` may be null.
void ck_adam(
    const CKAdam *settings, float *parameters, float *first, float *second, float *_Nullable ema, const float *gradient,
    size_t n);
void ck_ref_adam(
    const CKAdam *settings, float *parameters, float *first, float *second, float *_Nullable ema, const float *gradient,
    size_t n);

/// ema -= (1 - decay) (ema - parameters), as diffusers' EMAModel has it.
void ck_ema(float *ema, const float *parameters, double decay, size_t n);
void ck_ref_ema(float *ema, const float *parameters, double decay, size_t n);

#pragma clang assume_nonnull end

#endif
