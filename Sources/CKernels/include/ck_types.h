/// What every kernel header needs.
#ifndef CK_TYPES_H
#define CK_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// An enum whose cases are all known: Swift imports it as a Swift enum that a `switch` can exhaust.
#define CK_ENUM(name) enum __attribute__((enum_extensibility(closed))) name : int32_t

#endif
