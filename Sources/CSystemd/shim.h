#ifndef DIFFD_CSYSTEMD_SHIM_H
#define DIFFD_CSYSTEMD_SHIM_H

// Without this, sd_journal_sendv and others are macros that add the C source location, which Swift cannot call.
#define SD_JOURNAL_SUPPRESS_LOCATION

#include <malloc.h>  // These three are not in Glibc's module.
#include <sys/uio.h>
#include <sys/xattr.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#endif
