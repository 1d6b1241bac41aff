#include "node/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;

std::string reason(int error) {
    return std::generic_category().message(error);
}

std::string read_holder(int lock) {
    char text[32] = {};
    const ssize_t size = pread(lock, text, sizeof text - 1, 0);
    return size > 0 ? " (process " + std::string(text, static_cast<std::size_t>(size)) + ")" : "";
}

// For people and for the message above; the lock itself does not depend on it.
bool write_holder(int lock) {
    const std::string pid = std::to_string(getpid());
    return ftruncate(lock, 0) == 0 &&
           pwrite(lock, pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
}

}  // namespace

gossip::Result<std::shared_ptr<const DataDir>> DataDir::open(const std::filesystem::path& path) {
    std::error_code problem;
    std::filesystem::create_directories(path, problem);
    if (problem) {
        return Error{Errc::unavailable, "the data directory '" + path.string() +
                                            "' cannot be created: " + problem.message()};
    }
    const std::string file = (path / "lock").string();
    const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock < 0) {
        return Error{Errc::unavailable, "the data directory '" + path.string() +
                                            "' is not writable: " + reason(errno)};
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        const std::string holder = read_holder(lock);
        close(lock);
        return Error{Errc::unavailable, "the data directory '" + path.string() +
                                            "' is in use by another agent" + holder};
    }
    if (!write_holder(lock)) {
        const std::string why = reason(errno);
        close(lock);
        return Error{Errc::unavailable,
                     "the data directory '" + path.string() + "' is not writable: " + why};
    }
    return std::shared_ptr<const DataDir>(new DataDir{path, lock});
}

DataDir::~DataDir() {
    close(lock_);
}

}  // namespace node
