#pragma once

#include <filesystem>
#include <string>

namespace node::cli {

// A new directory under the system's one for temporary files, removed with everything in it when
// the object dies.
class ScratchDir {
  public:
    // `prefix` begins its name. path() is empty if it could not be made.
    explicit ScratchDir(const std::string& prefix);
    ScratchDir(const ScratchDir&) = delete;
    ScratchDir& operator=(const ScratchDir&) = delete;
    ~ScratchDir();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace node::cli
