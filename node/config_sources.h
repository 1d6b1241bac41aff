#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/result.h"

namespace node {

// Raw texts by the name of their setting: what one source says, before anything is understood.
using RawSettings = std::map<std::string, std::vector<std::string>, std::less<>>;

// `--log-level` for `log_level`.
[[nodiscard]] std::string flag_name(std::string_view key);
// `HEARSAY_LOG_LEVEL` for `log_level`.
[[nodiscard]] std::string variable_name(std::string_view key);

// Command line flags named by `keys`. CLI11 only splits: its own precedence lets a file beat the
// environment (2.1.2), so we do not use it.
[[nodiscard]] gossip::Result<RawSettings> read_flags(const std::vector<std::string>& args,
                                                     const std::vector<std::string>& keys);
// A TOML file whose top-level keys are `keys`; values are strings, whole numbers or arrays of them.
[[nodiscard]] gossip::Result<RawSettings> read_file(const std::filesystem::path& path,
                                                    const std::vector<std::string>& keys);

}  // namespace node
