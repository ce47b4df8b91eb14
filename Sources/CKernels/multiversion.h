/// How a kernel is compiled: once per instruction set, chosen when the program is loaded.
#ifndef CK_MULTIVERSION_H
#define CK_MULTIVERSION_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/// The functions that choose a variant run before this sanitizer has started, and it calls itself in them.
#define CK_THREAD_SANITIZER
#endif
#endif

/// Put before a public kernel. The header's declaration stays without attributes, so that Swift sees a plain function.
#if defined(__x86_64__) && defined(__linux__) && !defined(CK_THREAD_SANITIZER)
#define CK_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CK_MULTIVERSION
#endif

/// For kernels whose shape follows the number of registers: variants by hand, chosen by `ck_cpu_level`.
#if defined(__x86_64__)
#define CK_AVX512 __attribute__((target("arch=x86-64-v4")))
#define CK_AVX2 __attribute__((target("arch=x86-64-v3")))
#else
#define CK_AVX512
#define CK_AVX2
#endif

/// Helpers must be inlined to be compiled for their caller's instruction set.
#define CK_INLINE static inline __attribute__((always_inline))

/// Put before a loop whose iterations are independent of each other, also when output and input are the same pointer.
#define CK_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")

#endif
