#pragma once

#include <filesystem>
#include <memory>

#include "gossip/result.h"

namespace node {

// The data directory, held exclusively by this process until the object dies. The lock is the
// kernel's (flock), so a process that was killed leaves none behind.
class DataDir {
  public:
    // Creates the directory if need be. `unavailable` when it cannot be written or another
    // process holds it; the message names the directory and the process.
    static gossip::Result<std::shared_ptr<const DataDir>> open(const std::filesystem::path& path);
    ~DataDir();
    DataDir(const DataDir&) = delete;
    DataDir& operator=(const DataDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    DataDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

    std::filesystem::path path_;
    int lock_;
};

}  // namespace node
