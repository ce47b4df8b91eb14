#ifndef DIFFD_COPENSSL_SHIM_H
#define DIFFD_COPENSSL_SHIM_H

#include <openssl/evp.h>

#endif
