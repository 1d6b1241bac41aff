#include "node/cli/local_checks.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>
#include <string_view>
#include <system_error>

namespace node::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTrialBytes = 4096;

std::string reason(int error) {
    return std::generic_category().message(error);
}

// Why a small file cannot be written and synced in `directory`; empty if it can.
std::string try_writing(const fs::path& directory) {
    const std::string file =
        (directory / (".hearsay-doctor-" + std::to_string(::getpid()))).string();
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return reason(errno);
    const std::string bytes(kTrialBytes, 'x');
    std::string problem;
    errno = 0;
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written != static_cast<ssize_t>(bytes.size())) {
        problem = reason(errno == 0 ? ENOSPC : errno);
    } else if (::fsync(fd) != 0) {
        problem = reason(errno);
    }
    ::close(fd);
    ::unlink(file.c_str());
    return problem;
}

std::uint64_t database_size(const fs::path& directory) {
    std::uint64_t sum = 0;
    for (const char* name : {"hearsay.db", "hearsay.db-wal", "hearsay.db-shm"}) {
        std::error_code none;
        const auto size = fs::file_size(directory / name, none);
        if (!none) sum += size;
    }
    return sum;
}

std::optional<int> holder_of(const fs::path& directory) {
    std::ifstream file(directory / "lock");
    int pid = 0;
    if (!(file >> pid) || pid <= 0) return {};
    std::error_code problem;
    if (!fs::exists("/proc/" + std::to_string(pid), problem)) return {};
    return pid;
}

// The hard limit in "Max open files  1024  524288  files".
std::optional<std::uint64_t> hard_limit_of(int pid) {
    std::ifstream limits("/proc/" + std::to_string(pid) + "/limits");
    for (std::string line; std::getline(limits, line);) {
        constexpr std::string_view kName = "Max open files";
        if (!line.starts_with(kName)) continue;
        std::istringstream words(line.substr(kName.size()));
        std::string soft;
        std::string hard;
        words >> soft >> hard;
        if (hard == "unlimited") return std::numeric_limits<std::uint64_t>::max();
        std::uint64_t number = 0;
        const auto [end, problem] = std::from_chars(hard.data(), hard.data() + hard.size(), number);
        if (problem == std::errc{}) return number;
    }
    return {};
}

}  // namespace

DataDirState examine_data_dir(const fs::path& path) {
    DataDirState state;
    std::error_code problem;
    state.path = fs::absolute(path, problem).lexically_normal();
    if (problem) state.path = path;
    state.examined = state.path;
    while (!fs::exists(state.examined, problem) && state.examined.has_relative_path()) {
        state.examined = state.examined.parent_path();
    }
    state.exists = state.examined == state.path;

    struct statvfs disk {};
    if (::statvfs(state.examined.c_str(), &disk) == 0 && disk.f_blocks > 0) {
        state.space_known = true;
        state.free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
        state.all_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
        if (disk.f_files > 0) state.free_inodes = disk.f_favail;
    }
    state.write_error = try_writing(state.examined);
    if (!state.exists) return state;
    state.database_bytes = database_size(state.examined);
    state.holder = holder_of(state.examined);
    return state;
}

FileLimit file_limit(std::optional<int> pid) {
    if (pid) {
        if (const auto most = hard_limit_of(*pid)) return {*most, true};
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
    return {limit.rlim_max, false};
}

std::optional<std::uint64_t> receive_buffer_limit() {
    std::ifstream file("/proc/sys/net/core/rmem_max");
    std::uint64_t bytes = 0;
    if (!(file >> bytes)) return {};
    return bytes;
}

}  // namespace node::cli
