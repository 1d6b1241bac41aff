#include "node/http/shared_bytes.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace node {
namespace {

bool write_all(int file, const std::string& bytes) {
    std::size_t written = 0;
    while (written < bytes.size()) {
        const ssize_t n = ::write(file, bytes.data() + written, bytes.size() - written);
        if (n <= 0) return false;
        written += static_cast<std::size_t>(n);
    }
    return true;
}

}  // namespace

SharedBytes::SharedBytes(std::string bytes) : bytes_(std::move(bytes)) {
    if (bytes_.size() < kFileFrom || bytes_.size() > kFileTo) return;
    file_ = ::memfd_create("hearsay-list", MFD_CLOEXEC);
    if (file_ >= 0 && !move_to_file()) ::close(std::exchange(file_, -1));
}

bool SharedBytes::move_to_file() {
    if (!write_all(file_, bytes_)) return false;
    void* const at = ::mmap(nullptr, bytes_.size(), PROT_READ, MAP_SHARED, file_, 0);
    if (at == MAP_FAILED) return false;
    mapped_ = static_cast<const char*>(at);
    mapped_size_ = bytes_.size();
    bytes_ = std::string();
    return true;
}

SharedBytes::~SharedBytes() {
    if (mapped_) ::munmap(const_cast<char*>(mapped_), mapped_size_);
    if (file_ >= 0) ::close(file_);
}

}  // namespace node
