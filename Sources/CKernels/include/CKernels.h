/// SIMD kernels of the numeric column.
///
/// Conventions, for every function unless it says otherwise:
/// - fp32, row-major, channels-last: an image is (H, W, C), a matrix is rows x columns with a leading dimension `ld`
///   (floats from one row to the next, >= columns). No alignment is required.
/// - A call runs on the calling thread, allocates nothing, keeps no state and reads no environment. Scratch is passed
///   in. Distinct calls may run at the same time when what they write does not overlap.
/// - The same arguments give the same bits. An elementwise result does not depend on where in a range the element lies,
///   so a range may be cut anywhere; a sum's order depends on the length of its range only.
/// - Output may be the very same pointer as an input where the comment says "in place"; it may never overlap partly.
/// - NaN and infinities follow IEEE arithmetic: a NaN in an input reaches every output that depends on it.
/// - A length of zero is allowed and does nothing (sums are 0).
///
/// `ck_ref_NAME` is the plain version of `ck_NAME`: the definition, one scalar at a time. Tests judge the fast one by
/// it.
#ifndef CKERNELS_H
#define CKERNELS_H

#include "ck_convert.h"
#include "ck_cpu.h"
#include "ck_depthwise.h"
#include "ck_elementwise.h"
#include "ck_im2col.h"
#include "ck_layout.h"
#include "ck_loss.h"
#include "ck_narrow.h"
#include "ck_norm.h"
#include "ck_optimizer.h"
#include "ck_pages.h"
#include "ck_product.h"
#include "ck_random.h"
#include "ck_reduce.h"
#include "ck_resample.h"
#include "ck_rms_norm.h"
#include "ck_rotary.h"
#include "ck_softmax.h"
#include "ck_window.h"
#include "ck_winograd.h"

#endif
