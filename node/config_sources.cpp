#include "node/config_sources.h"

#include <toml++/toml.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <sstream>

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;

// The texts of a TOML value; empty if it is of a type that no setting has.
std::vector<std::string> texts(const toml::node& value) {
    if (const auto* text = value.as_string()) return {text->get()};
    if (const auto* number = value.as_integer()) return {std::to_string(number->get())};
    const auto* array = value.as_array();
    if (array == nullptr) return {};
    std::vector<std::string> all;
    for (const toml::node& item : *array) {
        const std::vector<std::string> one = texts(item);
        if (one.size() != 1) return {};
        all.push_back(one.front());
    }
    return all;
}

}  // namespace

std::string flag_name(std::string_view key) {
    std::string flag = "--" + std::string{key};
    std::replace(flag.begin(), flag.end(), '_', '-');
    return flag;
}

std::string variable_name(std::string_view key) {
    std::string name = "HEARSAY_";
    for (const char c : key) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return name;
}

Result<RawSettings> read_flags(const std::vector<std::string>& args,
                               const std::vector<std::string>& keys) {
    CLI::App app;
    app.set_help_flag();
    RawSettings found;
    for (const std::string& key : keys) {
        app.add_option(flag_name(key), found[key])->allow_extra_args(false);
    }
    try {
        app.parse(std::vector<std::string>{args.rbegin(), args.rend()});  // CLI11 wants a stack
    } catch (const CLI::ParseError& problem) {
        return Error{Errc::invalid,
                     std::string{problem.what()} + "; 'hearsay agent --help' lists the flags"};
    }
    std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
    return found;
}

Result<RawSettings> read_file(const std::filesystem::path& path,
                              const std::vector<std::string>& keys) {
    RawSettings found;
    try {
        const toml::table table = toml::parse_file(path.string());
        for (const auto& [name, value] : table) {
            const std::string key{name.str()};
            const std::string place = path.string() + ": " + key;
            if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
                return Error{Errc::invalid,
                             place + " is not a setting; 'hearsay agent --help' lists them"};
            }
            found[key] = texts(value);
            const auto* array = value.as_array();
            if (found[key].empty() && (array == nullptr || !array->empty())) {
                return Error{Errc::invalid,
                             place + " has to be a string, a whole number or an array of them"};
            }
        }
    } catch (const toml::parse_error& problem) {
        std::ostringstream line;
        line << path.string() << ":" << problem.source().begin.line << ": "
             << problem.description();
        return Error{Errc::invalid, std::move(line).str()};
    }
    return found;
}

}  // namespace node
