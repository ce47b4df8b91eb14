/// The system calls that a helper program is left with.

#ifndef CCHILD_FILTER_H
#define CCHILD_FILTER_H

/// From now on this process, and the program that it runs, has no sockets, starts no processes, and reaches none
/// (seccomp(2)). 0, or -1 with `errno` set. Allocates nothing and takes no lock.
int cchild_filter_calls(void);

#endif
