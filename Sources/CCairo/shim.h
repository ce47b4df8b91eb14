#ifndef DIFFD_CCAIRO_SHIM_H
#define DIFFD_CCAIRO_SHIM_H

#include <cairo-ft.h>
#include <cairo-svg.h>

#endif
