#include "node/config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "node/config_sources.h"
#include "node/duration.h"
#include "registry/instance.h"

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

// What is wrong with a text, or nothing.
using Problem = std::optional<std::string>;

struct Setting {
    std::string_view key;
    std::string_view value;  // what the help calls it
    std::string_view help;
    Problem (*set)(AgentConfig&, const std::string&);
    bool list = false;  // several values are collected; otherwise the last one counts
};

std::string quoted(const std::string& text) {
    return "'" + text + "'";
}

Problem set_address(HostPort& field, const std::string& text) {
    Result<HostPort> parsed = parse_host_port(text, true);
    if (!parsed) return parsed.error().message;
    field = std::move(parsed).value();
    return {};
}

Problem set_number(unsigned& field, const std::string& text, unsigned min, unsigned max) {
    unsigned number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, problem] = std::from_chars(text.data(), last, number);
    if (problem != std::errc{} || end != last || number < min || number > max) {
        return quoted(text) + " is not a whole number from " + std::to_string(min) + " to " +
               std::to_string(max);
    }
    field = number;
    return {};
}

Problem set_label(std::string& field, const std::string& text) {
    const bool legal = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    });
    if (text.empty() || text.size() > 64 || !legal) {
        return quoted(text) + " is not a name of 1 to 64 letters, digits, '.', '_' and '-'";
    }
    field = text;
    return {};
}

Problem set_seed(AgentConfig& config, const std::string& text) {
    Result<HostPort> parsed = parse_host_port(text, false);
    if (!parsed) return parsed.error().message;
    config.seeds.push_back(std::move(parsed).value());
    return {};
}

Problem set_advertise(AgentConfig& config, const std::string& text) {
    Result<HostPort> parsed = parse_host(text);
    if (!parsed) return parsed.error().message;
    const auto literal = literal_endpoint(*parsed);
    if (literal && is_wildcard(*literal)) return quoted(text) + " is no address to send to";
    config.advertise = std::move(parsed).value();
    return {};
}

Problem set_duration(milliseconds& value, const std::string& text, milliseconds least,
                     milliseconds most) {
    const auto parsed = parse_duration(text);
    if (!parsed) return parsed.error().message;
    if (*parsed < least || *parsed > most) {
        return quoted(text) + " is not from " + duration_text(least) + " to " + duration_text(most);
    }
    value = *parsed;
    return {};
}

Problem set_log_level(AgentConfig& config, const std::string& text) {
    constexpr std::pair<std::string_view, LogLevel> kLevels[] = {{"debug", LogLevel::debug},
                                                                 {"info", LogLevel::info},
                                                                 {"warn", LogLevel::warn},
                                                                 {"error", LogLevel::error},
                                                                 {"off", LogLevel::off}};
    for (const auto& [name, level] : kLevels) {
        if (text == name) {
            config.log_level = level;
            return {};
        }
    }
    return quoted(text) + " is none of debug, info, warn, error, off";
}

std::vector<std::string> split_commas(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        if (end > begin) parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

Problem set_check_hosts(AgentConfig& config, const std::string& text) {
    for (const std::string& host : split_commas(text)) {
        if (host == "any") {
            config.checks.any = true;
            continue;
        }
        const auto problem = registry::check_address(host);
        const std::string_view bare = registry::host_of(host);
        if (problem || (host != bare && host != "[" + std::string{bare} + "]")) {
            return quoted(host) + " is neither a host without a port nor any";
        }
        config.checks.hosts.emplace_back(bare);
    }
    return {};
}

Problem set_data(AgentConfig& config, const std::string& text) {
    if (text.empty()) return "an empty path is no data directory";
    config.data = text;
    return {};
}

Problem set_token_keys(AgentConfig& config, const std::string& text) {
    if (text.empty()) return "an empty path is no file";
    config.token_keys = text;
    return {};
}

const Setting kSettings[] = {
    {"http", "HOST:PORT", "where applications reach the API (127.0.0.1:7700)",
     [](AgentConfig& c, const std::string& text) { return set_address(c.http, text); }},
    {"gossip", "HOST:PORT", "where this node gossips, UDP and TCP (127.0.0.1:7701)",
     [](AgentConfig& c, const std::string& text) { return set_address(c.gossip, text); }},
    {"advertise", "HOST[:PORT]", "where peers reach this node (the gossip address)", set_advertise},
    {"seed", "HOST:PORT", "a node to join through; repeatable", set_seed, true},
    {"data", "DIR", "where the node keeps its state (hearsay-data)", set_data},
    {"name", "NAME", "what people call this node (the host name)",
     [](AgentConfig& c, const std::string& text) { return set_label(c.name, text); }},
    {"fanout", "N", "peers that a change is passed on to, 2 to 32 (4)",
     [](AgentConfig& c, const std::string& text) { return set_number(c.fanout, text, 2, 32); }},
    {"peers", "N", "peers to compare tables with per interval, 1 to 16 (1)",
     [](AgentConfig& c, const std::string& text) { return set_number(c.peers, text, 1, 16); }},
    {"interval", "DURATION", "time between comparisons, 100ms to 60s (1s)",
     [](AgentConfig& c, const std::string& text) {
         return set_duration(c.interval, text, 100ms, 60s);
     }},
    {"suspicion", "DURATION", "time that a silent node has to refute its death, 500ms to 60s (2s)",
     [](AgentConfig& c, const std::string& text) {
         return set_duration(c.suspicion, text, 500ms, 60s);
     }},
    {"cluster", "NAME", "nodes of another cluster are ignored (hearsay)",
     [](AgentConfig& c, const std::string& text) { return set_label(c.cluster, text); }},
    {"log_level", "LEVEL", "debug, info, warn, error or off (info)", set_log_level},
    {"http_threads", "N", "threads that serve the API, 1 to 16 (1)",
     [](AgentConfig& c, const std::string& text) {
         return set_number(c.http_threads, text, 1, 16);
     }},
    {"check_hosts", "HOST,...", "hosts that checks may go to besides an instance's own; any: all",
     set_check_hosts, true},
    {"token_keys", "FILE",
     "keys that sign tickets and resume tokens, 64 hex digits per line; the "
     "first signs, all verify (one that the cluster's name gives)",
     set_token_keys},
};

constexpr std::string_view kConfigKey = "config";

std::vector<std::string> setting_keys() {
    std::vector<std::string> keys;
    for (const Setting& setting : kSettings) keys.emplace_back(setting.key);
    return keys;
}

RawSettings read_variables(const Environment& environment) {
    RawSettings found;
    for (const Setting& setting : kSettings) {
        const auto variable = environment.find(variable_name(setting.key));
        if (variable == environment.end() || variable->second.empty()) continue;
        found[std::string{setting.key}] =
            setting.list ? split_commas(variable->second) : std::vector{variable->second};
    }
    return found;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
    return text;
}

std::string default_text(const AgentConfig& config, std::string_view key) {
    if (key == "http") return to_string(config.http);
    if (key == "gossip") return to_string(config.gossip);
    if (key == "data") return config.data.string();
    if (key == "name") return config.name;
    if (key == "fanout") return std::to_string(config.fanout);
    if (key == "peers") return std::to_string(config.peers);
    if (key == "interval") return duration_text(config.interval);
    if (key == "suspicion") return duration_text(config.suspicion);
    if (key == "cluster") return config.cluster;
    if (key == "log_level") return "info";
    if (key == "http_threads") return std::to_string(config.http_threads);
    return {};
}

std::string host_name() {
    char text[256] = {};
    if (gethostname(text, sizeof text - 1) != 0) return "node";
    std::string name;
    for (const char c : std::string_view{text}.substr(0, 64)) {
        std::string one;
        name += set_label(one, std::string{c}) ? '-' : c;  // a name that --name would accept
    }
    return name.empty() ? "node" : name;
}

// One source of values, the strongest first.
struct Source {
    RawSettings values;
    std::string (*place)(std::string_view key, const std::string& file);
};

std::string flag_place(std::string_view key, const std::string&) {
    return flag_name(key);
}
std::string variable_place(std::string_view key, const std::string&) {
    return variable_name(key);
}
std::string file_place(std::string_view key, const std::string& file) {
    return file + ": " + std::string{key};
}

// Takes `setting` from the strongest source that has it.
Problem choose(const Setting& setting, const std::vector<Source>& sources, const std::string& file,
               AgentConfig& config) {
    for (const Source& source : sources) {
        const auto found = source.values.find(setting.key);
        if (found == source.values.end()) continue;
        const std::string place = source.place(setting.key, file);
        std::vector<std::string> texts = found->second;
        if (!setting.list && texts.size() > 1) texts = {texts.back()};
        for (const std::string& text : texts) {
            if (Problem problem = setting.set(config, text)) return place + ": " + *problem;
        }
        config.origins.push_back({std::string{setting.key}, joined(texts), place});
        return {};
    }
    config.origins.push_back(
        {std::string{setting.key}, default_text(config, setting.key), "default"});
    return {};
}

}  // namespace

Environment hearsay_environment() {
    Environment found;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        const std::size_t equals = text.find('=');
        if (!text.starts_with("HEARSAY_") || equals == std::string_view::npos) continue;
        found.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return found;
}

Result<AgentConfig> load_config(const std::vector<std::string>& args,
                                const Environment& environment) {
    std::vector<std::string> keys = setting_keys();
    keys.emplace_back(kConfigKey);
    Result<RawSettings> flags = read_flags(args, keys);
    if (!flags) return flags.error();
    keys.pop_back();

    std::string file;
    std::string named_by;
    if (const auto flag = flags->find(kConfigKey); flag != flags->end()) {
        file = flag->second.back();
        named_by = flag_name(kConfigKey);
    } else if (const auto variable = environment.find(variable_name(kConfigKey));
               variable != environment.end()) {
        file = variable->second;
        named_by = variable->first;
    }

    std::vector<Source> sources;
    sources.push_back({std::move(flags).value(), flag_place});
    sources.push_back({read_variables(environment), variable_place});
    if (!file.empty()) {
        if (access(file.c_str(), R_OK) != 0) {
            return Error{Errc::invalid, named_by + ": '" + file + "' is not a readable file"};
        }
        Result<RawSettings> content = read_file(file, keys);
        if (!content) return content.error();
        sources.push_back({std::move(content).value(), file_place});
    }

    AgentConfig config;
    config.name = host_name();
    for (const Setting& setting : kSettings) {
        if (const Problem problem = choose(setting, sources, file, config)) {
            return Error{Errc::invalid, *problem};
        }
    }
    return config;
}

Result<gossip::Config> gossip_config(const AgentConfig& config) {
    gossip::Config core;
    core.cluster = config.cluster;
    core.key = gossip::derive_key(config.cluster);
    core.fanout = config.fanout;
    core.origin_fanout = std::max(core.origin_fanout, config.fanout);
    core.peers = config.peers;
    core.interval = config.interval;
    core.suspicion = config.suspicion;
    return gossip::validated(std::move(core));
}

std::string settings_help() {
    std::string text;
    for (const Setting& setting : kSettings) {
        std::string line = "  " + flag_name(setting.key) + " " + std::string{setting.value};
        line.resize(std::max<std::size_t>(line.size() + 2, 28), ' ');
        text += line + std::string{setting.help} + "\n";
    }
    return text + "  --config FILE             a TOML file with these settings, '_' for '-'\n";
}

}  // namespace node
