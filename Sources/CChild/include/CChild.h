/// Starting a helper program with its limits in place before it runs: what must happen between fork and exec happens here.

#ifndef CCHILD_H
#define CCHILD_H

#include <stdint.h>
#include <sys/types.h>

/// What a child may use up, and which files it may touch. It gets SIGXCPU or SIGXFSZ, or no memory, beyond that.
typedef struct {
    uint64_t memory_bytes;
    uint64_t cpu_seconds;
    uint64_t file_bytes;
    /// A Landlock ruleset that is enforced in the child; -1: none.
    int ruleset;
} cchild_limits;

/// Runs `program` with the given arguments and environment, both ending in NULL, in a process group of its own. `files` become its
/// descriptors 0, 1, 2 and so on; all others are closed. It has no sockets and starts no processes. The child is killed
/// when the thread that started it ends.
///
/// Returns its process id, or the negative number of the error that kept it from starting.
pid_t cchild_start(const char *program, const char *const *arguments, const char *const *environment, const int *files, int count,
                   const cchild_limits *limits);

/// A pipe, its reading end first, that no child inherits. 0, or the negative number of the error.
int cchild_pipe(int ends[2]);

/// A file without a name, in memory, that no child inherits unless it is given; a descriptor, or the negative number of the error.
int cchild_memory_file(void);

#endif
