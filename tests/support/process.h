#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "node/cli/child.h"
#include "node/cli/ports.h"
#include "node/cli/scratch.h"
#include "tests/support/eventually.h"
#include "tests/support/loopback.h"

// Processes of the daemon under test. Only for the suite that has HEARSAY_BINARY.
namespace test {

using namespace std::chrono_literals;
using node::cli::Child;
using node::cli::ChildOptions;
using node::cli::ScratchDir;

// A port of loopback() that nobody else is given. Below the kernel's ephemeral ports.
inline std::uint16_t next_port() {
    static std::uint16_t next = 20'000;
    const auto port = node::cli::free_port(loopback(), next);
    next = static_cast<std::uint16_t>(port + 1);
    return port;
}
inline std::string next_address() {
    return loopback() + ":" + std::to_string(next_port());
}

inline std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The program under test: this build's, or the one that TESTED_BINARY names, such as a sanitizer's.
inline std::string tested_binary() {
    const char* other = std::getenv("TESTED_BINARY");
    return other ? other : HEARSAY_BINARY;
}

// The binary under test with these arguments, its output in files of `directory`.
inline Child spawn(const std::vector<std::string>& arguments, const std::filesystem::path& out,
                   const std::filesystem::path& err,
                   const std::map<std::string, std::string>& environment = {}) {
    ChildOptions options{
        .argv = {tested_binary()}, .out = out, .err = err, .environment = environment};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    return Child::spawn(options).value();
}

struct Ran {
    int code = -1;  // -1: it did not end within the limit and was killed
    std::string out;
    std::string err;
};

// Runs the binary under test to its end.
inline Ran run(const std::vector<std::string>& arguments,
               const std::map<std::string, std::string>& environment = {},
               std::chrono::milliseconds limit = 20s) {
    const ScratchDir directory("hearsay-test");
    const auto out = directory.path() / "out";
    const auto err = directory.path() / "err";
    Child child = spawn(arguments, out, err, environment);
    const auto code = child.wait(limit);
    child.kill();
    return {code.value_or(-1), content_of(out), content_of(err)};
}

}  // namespace test
