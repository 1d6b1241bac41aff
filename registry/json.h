#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/result.h"
#include "gossip/stamp.h"
#include "registry/instance.h"

namespace registry {

// ---- reading

constexpr std::size_t kMaxBody = std::size_t{1} << 20;  // of one instance
constexpr std::size_t kMaxRegisterAllBody = std::size_t{16} << 20;
constexpr std::size_t kMaxRegisterAllRows = 100'000;
constexpr int kMaxDepth = 32;  // of nested arrays and objects

// Which door a body came through.
enum class Dialect : std::uint8_t {
    v1,      // an unknown field is refused (it may be a misspelt one); last_update may be missing
    legacy,  // unknown fields are ignored, as the seed system did; last_update is required
};

struct ParseOptions {
    Dialect dialect = Dialect::v1;
    // The address in the request's path. The body may then leave it out, but not contradict it.
    std::optional<std::string_view> address = std::nullopt;
    // Unix seconds: the last_update of a v1 body that has none.
    std::uint64_t now_s = 0;
};

// A JSON object with the fields of Instance: address, app_name, version, incarnation, phase,
// capacity, sessions, ready_to_close, zone, metadata, last_update (integer or float), ttl, check.
// Only address and app_name are always required. The result is validated().
//
// check: {"http": "http://host[:port][/path]"} or {"tcp": "host:port"}, with "interval" and
// "timeout" such as "5s" and "500ms". Who has one and no ttl gets default_ttl() of it.
//
// Total: any bytes give an Instance or an Error, never an exception, in bounded memory.
// Errc::malformed: not JSON, with line and column. Errc::invalid: a wrong type or value, a field
// that is unknown, missing or given twice. Errc::too_large (413): the body, or the metadata.
// About 2 us.
[[nodiscard]] Result<Instance> parse_instance(std::string_view body, const ParseOptions& options);

// `{address: {app_name, last_update, ...}, ...}` in the legacy dialect, so that what one registry
// lists another one takes. All or nothing: the first bad row is named and refused. Errors as above.
[[nodiscard]] Result<std::vector<Instance>> parse_register_all(std::string_view body);

// ---- writing: appends to a string; nlohmann's DOM and dump take 20 times as long

// `text` in quotes. Total: what is not UTF-8 becomes U+FFFD, so the output is always JSON.
void append_string(std::string& out, std::string_view text);
void append_number(std::string& out, std::uint64_t number);
// 16 lower-case hex digits without quotes: how ids are written everywhere.
void append_hex(std::string& out, std::uint64_t word);
// The id that `text` writes in hex, of either case and any length up to 16 digits.
[[nodiscard]] std::optional<std::uint64_t> parse_hex(std::string_view text);

// Members of a JSON object, one after the other; the braces come and go with it.
class ObjectWriter {
  public:
    explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
    ~ObjectWriter() { out_ += '}'; }
    ObjectWriter(const ObjectWriter&) = delete;
    ObjectWriter& operator=(const ObjectWriter&) = delete;

    // Where the value of this member goes.
    std::string& name(std::string_view name) {
        if (!std::exchange(first_, false)) out_ += ',';
        append_string(out_, name);
        return out_ += ':';
    }
    void number(std::string_view key, std::uint64_t value) { append_number(name(key), value); }
    void text(std::string_view key, std::string_view value) { append_string(name(key), value); }
    void flag(std::string_view key, bool value) { name(key) += value ? "true" : "false"; }

  private:
    std::string& out_;
    bool first_ = true;
};

// A version of a row as people and If-Match see it: the stamp in decimal.
[[nodiscard]] std::string format_ver(gossip::Stamp stamp);
[[nodiscard]] std::optional<gossip::Stamp> parse_ver(std::string_view text);

// `text` for an error message: in quotes, cut after 80 bytes, control characters made visible.
[[nodiscard]] std::string in_quotes(std::string_view text);
[[nodiscard]] bool valid_utf8(std::string_view text);

}  // namespace registry
