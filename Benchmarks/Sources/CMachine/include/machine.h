#ifndef DIFFD_BENCHMARKS_MACHINE_H
#define DIFFD_BENCHMARKS_MACHINE_H

/// Multiplications and additions per second of single-precision matrix products of `size` x `size`, each thread computing a band of
/// rows with OpenBLAS on one thread: the best of `repeats`. 0 when there is no memory for it.
double machine_product_rate(int threads, int size, int repeats);

/// Bytes per second, read and written counted both, of copying `bytes` in as many parts as there are threads: the best of `repeats`.
/// 0 when there is no memory for it.
double machine_copy_rate(int threads, long bytes, int repeats);

#endif
