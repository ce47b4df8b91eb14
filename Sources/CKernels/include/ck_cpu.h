/// Which instruction set the kernels were chosen for, and a hint to the processor.
#ifndef CK_CPU_H
#define CK_CPU_H

#include "ck_types.h"

/// 4, 3 or 1: x86-64-v4 (AVX-512), x86-64-v3 (AVX2) or the baseline, as the dispatch of the kernels has it. 0 on other
/// processors.
int32_t ck_cpu_level(void);

/// Tells the processor that the thread waits for another.
static inline void ck_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
