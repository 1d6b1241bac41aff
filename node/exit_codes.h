#pragma once

namespace node {

// What the process says when it ends. Scripts and supervisors rely on these numbers: they never
// change their meaning.
enum ExitCode : int {
    kOk = 0,
    kFailed = 1,
    kUsage = 2,            // a nonsensical flag, variable or file
    kNotFound = 3,         // the thing asked for does not exist
    kNodeUnreachable = 4,  // no node answered
    kTimeout = 5,          // not in time, or not converged
    kRefused = 6,          // a guard said no

    // `hearsay agent` only.
    kAddressInUse = 10,     // or not bindable at all
    kDataUnavailable = 11,  // the data directory is not writable, or another agent holds it
    kDatabaseCorrupt = 12,
    kDatabaseTooNew = 13,  // written by a later release
    kSeedUnresolvable = 14,
    kPersistFailed = 15,  // the disk refused a write that we would have acknowledged
};

}  // namespace node
