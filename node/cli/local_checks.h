#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

// What this machine gives a node: a disk, descriptors, buffers. Only measures; what it means is
// said in diagnosis.h.
namespace node::cli {

struct DataDirState {
    std::filesystem::path path;      // absolute
    std::filesystem::path examined;  // the directory itself, or the nearest above it that exists
    bool exists = false;
    bool space_known = false;
    std::uint64_t free_bytes = 0;  // for a process without privileges
    std::uint64_t all_bytes = 0;
    std::optional<std::uint64_t> free_inodes;  // nothing where the file system has no limit
    std::string write_error;                   // empty: a file was written and synced
    std::uint64_t database_bytes = 0;          // hearsay.db and what SQLite keeps beside it
    std::optional<int> holder;                 // process id in the lock file, if that runs
};

// Writes a small file into the directory, syncs and removes it; an agent that holds the directory
// is not disturbed. Where the directory does not exist yet, the nearest one above it is tried.
[[nodiscard]] DataDirState examine_data_dir(const std::filesystem::path& path);

// How many files the process may open at most; an agent raises its limit to that. Of the process
// `pid` if that can be read, else of this one.
struct FileLimit {
    std::uint64_t most = 0;
    bool of_agent = false;
};
[[nodiscard]] FileLimit file_limit(std::optional<int> pid);

// net.core.rmem_max in bytes: what a UDP socket's receive buffer may be. Nothing in a container
// whose kernel does not tell.
[[nodiscard]] std::optional<std::uint64_t> receive_buffer_limit();

}  // namespace node::cli
