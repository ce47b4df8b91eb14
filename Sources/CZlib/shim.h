#ifndef DIFFD_CZLIB_SHIM_H
#define DIFFD_CZLIB_SHIM_H

#include <zlib.h>

#endif
