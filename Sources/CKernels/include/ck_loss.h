/// Losses: sums over a range, in double, and gradients. Means and weightings are the caller's.
#ifndef CK_LOSS_H
#define CK_LOSS_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// With d = prediction - target and `delta` > 0 (read by the last two only), as PyTorch defines them.
typedef CK_ENUM(CKLoss) {
    CKLossSquared,   ///< d^2
    CKLossAbsolute,  ///< |d|
    CKLossHuber,     ///< d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2): `huber_loss`
    CKLossSmoothL1,  ///< d^2 / (2 delta) where |d| < delta, else |d| - delta / 2: `smooth_l1_loss`
} CKLoss;

/// Sum of the loss over n elements.
double ck_loss(CKLoss loss, float delta, const float *prediction, const float *target, size_t n);
double ck_ref_loss(CKLoss loss, float delta, const float *prediction, const float *target, size_t n);

/// dprediction[i] = weight dloss/dd; |d| has derivative 0 at 0. In place on prediction or target.
void ck_loss_backward(
    CKLoss loss, float delta, float weight, float *dprediction, const float *prediction, const float *target, size_t n);
void ck_ref_loss_backward(
    CKLoss loss, float delta, float weight, float *dprediction, const float *prediction, const float *target, size_t n);

#pragma clang assume_nonnull end

#endif
