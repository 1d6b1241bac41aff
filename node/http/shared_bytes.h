#pragma once

#include <cstddef>
#include <string>

namespace node {

// Immutable bytes that many responses share. Those of a medium size live in a memory file
// (memfd_create), so that the kernel gives its pages to a socket (sendfile) and does not copy them
// for each client.
class SharedBytes {
  public:
    // The sizes at which a file pays: fewer bytes are copied faster than sent by a second call, and
    // more in pages of 4 kB than in the socket's larger ones. Measured: README.md.
    static constexpr std::size_t kFileFrom = std::size_t{16} << 10;
    static constexpr std::size_t kFileTo = std::size_t{128} << 10;

    // Without a file, if the system has no memory or no descriptor for one: the bytes are the same.
    explicit SharedBytes(std::string bytes);
    SharedBytes(const SharedBytes&) = delete;
    SharedBytes& operator=(const SharedBytes&) = delete;
    ~SharedBytes();

    [[nodiscard]] const char* data() const { return mapped_ ? mapped_ : bytes_.data(); }
    [[nodiscard]] std::size_t size() const { return mapped_ ? mapped_size_ : bytes_.size(); }
    [[nodiscard]] int file() const { return file_; }  // -1: none. Holds exactly the bytes

  private:
    bool move_to_file();

    std::string bytes_;             // empty if they are in the file
    const char* mapped_ = nullptr;  // the file's bytes
    std::size_t mapped_size_ = 0;
    int file_ = -1;
};

}  // namespace node
