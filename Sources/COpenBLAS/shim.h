#ifndef DIFFD_COPENBLAS_SHIM_H
#define DIFFD_COPENBLAS_SHIM_H

// OpenBLAS's own cblas.h (pkg-config points there) also declares openblas_set_num_threads, openblas_get_config and
// openblas_get_corename, which the reference CBLAS header lacks.
#include <cblas.h>

#ifndef OPENBLAS_VERSION
#error "cblas.h is not OpenBLAS's: install libopenblas-dev"
#endif

// The library holds LAPACK, for which Debian's package has no header in C: eigenvalues, and vectors with jobz "V", of a symmetric
// matrix.
void dsyevd_(
    const char *jobz, const char *uplo, const blasint *n, double *a, const blasint *lda, double *w, double *work,
    const blasint *lwork, blasint *iwork, const blasint *liwork, blasint *info);

#endif
