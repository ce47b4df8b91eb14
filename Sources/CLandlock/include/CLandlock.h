/// Landlock, landlock(7): a process gives up rights to files for good. The C library has no functions for it.

#ifndef CLANDLOCK_H
#define CLANDLOCK_H

/// A descriptor that only names a file or directory (O_PATH), or a link itself, or -1.
int clandlock_name(const char *path);
/// The same for what links lead to.
int clandlock_target(const char *path);

/// A ruleset for a process that may read and run the given files, and what lies below the given directories, and touch
/// no other file: a descriptor, or the negative number of the error as below.
int clandlock_sealed(const int *files, int count);

/// From now on the calling thread, and what it starts, may read only the given files, and what lies below the given directories
/// (descriptors of them); of the last `listed` of them, and the directories below, only the names. What is open stays open.
///
/// Returns 0, or the negative number of the error: ENOSYS or EOPNOTSUPP where the kernel has no Landlock, EPERM where a filter forbids it.
int clandlock_read_only_below(const int *files, int count, int listed);

#endif
