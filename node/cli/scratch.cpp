#include "node/cli/scratch.h"

#include <cstdlib>
#include <system_error>

namespace node::cli {

ScratchDir::ScratchDir(const std::string& prefix) {
    std::error_code problem;
    auto parent = std::filesystem::temp_directory_path(problem);
    if (problem) parent = "/tmp";
    std::string name = (parent / (prefix + "-XXXXXX")).string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
}

ScratchDir::~ScratchDir() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace node::cli
