#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

// Runs a fuzz target on every file of the directories given: what the fuzzer once found, and the
// seeds it starts from. An empty corpus fails, because it would test nothing.

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(  // NOLINT(readability-identifier-naming)
    const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

bool replay(const fs::path& directory) {
    std::error_code error;
    std::set<fs::path> inputs;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory, error)) {
        if (entry.is_regular_file()) inputs.insert(entry.path());
    }
    if (inputs.empty()) {
        std::fprintf(stderr, "%s: no inputs %s\n", directory.c_str(), error.message().c_str());
        return false;
    }
    for (const fs::path& path : inputs) {
        std::ifstream file{path, std::ios::binary};
        const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
        if (file.bad()) {
            std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
            return false;
        }
        // Named before it runs, so that a crash tells which input did it.
        std::printf("%s: %zu B\n", path.filename().c_str(), bytes.size());
        std::fflush(stdout);
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    bool ok = argc > 1;
    for (int i = 1; i < argc; ++i) ok = replay(argv[i]) && ok;
    return ok ? 0 : 1;
}
