#ifndef DIFFD_COPENBLAS_SHIM_H
#define DIFFD_COPENBLAS_SHIM_H

// OpenBLAS's own cblas.h (pkg-config points there) also declares openblas_set_num_threads, openblas_get_config and
// openblas_get_corename, which the reference CBLAS header lacks.
#include <cblas.h>

#ifndef OPENBLAS_VERSION
#error "cblas.h is not OpenBLAS's: install libopenblas-dev"
#endif

#endif
