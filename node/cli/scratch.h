#pragma once

#include <cstdint>
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

// Can TCP and UDP both be bound to this port of the IPv4 address `host` right now? Another process
// may take it before the caller does.
[[nodiscard]] bool port_is_free(const std::string& host, std::uint16_t port);
// A port that was free a moment ago: the first one from `wish` upwards. 0 if there is none.
[[nodiscard]] std::uint16_t free_port(const std::string& host, std::uint16_t wish);

}  // namespace node::cli
