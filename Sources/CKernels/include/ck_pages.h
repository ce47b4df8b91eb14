/// Pages of memory that change their addresses.
#ifndef CK_PAGES_H
#define CK_PAGES_H

#include <stddef.h>

#include "ck_types.h"

/// Moves `count` pages of `size` bytes each, with what they hold, from `from` on to `to` on, in the place of what is mapped there. Nothing
/// is copied: mremap(2), which Swift cannot call because it is variadic. Each page lies in one mapping; several may not.
/// Returns how many were moved: fewer where the system refuses.
size_t ck_move_pages(void *from, void *to, size_t count, size_t size);

#endif
