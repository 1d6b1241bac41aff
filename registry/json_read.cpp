#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "registry/duration.h"
#include "registry/json.h"
#include "registry/json_members.h"

namespace registry {
namespace {

using detail::body_too_large;
using detail::invalid;
using detail::Json;
using detail::Members;
using detail::Problem;
using detail::set_number;
using detail::set_text;
using detail::shown;
using detail::wrong;

constexpr std::string_view kPhaseRule = "starting, running, stopping or stopped";
constexpr std::string_view kCheckRule =
    R"(an object: {"http": "http://host:port/path"} or {"tcp": "host:port"})";
constexpr std::string_view kTimeRule = "Unix seconds: a number of 0 or more";

// An instance whose fields arrive one by one.
class Draft {
  public:
    explicit Draft(const ParseOptions& options) : options_(options) {}

    Problem set(std::string_view field, const Json& value) {
        if (field == "address") return set_address(value);
        if (field == "app_name") return set_app_name(value);
        if (field == "version") return set_text(field, value, instance_.version);
        if (field == "zone") return set_text(field, value, instance_.zone);
        if (field == "incarnation") return set_number(field, value, instance_.incarnation);
        if (field == "capacity") return set_number(field, value, instance_.capacity);
        if (field == "sessions") return set_number(field, value, instance_.sessions);
        if (field == "protocol") return set_number(field, value, instance_.protocol);
        if (field == "ttl") {
            has_ttl_ = true;
            return set_number(field, value, instance_.ttl_s);
        }
        if (field == "phase") return set_phase(value);
        if (field == "ready_to_close") return set_ready_to_close(value);
        if (field == "metadata") return set_metadata(value);
        if (field == "last_update") return set_last_update(value);
        if (field == "check") return set_check(value);
        if (options_.dialect == Dialect::legacy) return std::nullopt;
        if (field == "state" || field == "owner" || field == "ver" || field == "acked_epoch" ||
            field == "closed_epoch") {
            return invalid("field " + in_quotes(field) + " is the registry's to say: leave it out");
        }
        return invalid("unknown field " + in_quotes(field) +
                       ": the fields are address, app_name, version, incarnation, phase, capacity, "
                       "sessions, protocol, ready_to_close, zone, metadata, last_update, ttl, "
                       "check");
    }

    Result<Instance> finish() && {
        if (options_.address) {
            if (has_address_ && instance_.address != *options_.address) {
                return invalid("address " + in_quotes(instance_.address) +
                               " differs from the one it is sent to, " +
                               in_quotes(*options_.address));
            }
            instance_.address = *options_.address;
        } else if (!has_address_) {
            return missing("address", "host[:port]");
        }
        if (!has_app_name_) return missing("app_name", "the application's name");
        if (!has_last_update_) {
            if (options_.dialect == Dialect::legacy) return missing("last_update", "Unix seconds");
            instance_.last_update = options_.now_s;
        }
        if (instance_.check && !has_ttl_) instance_.ttl_s = default_ttl(*instance_.check);
        return validated(std::move(instance_));
    }

  private:
    static Error missing(std::string_view field, std::string_view what) {
        return invalid("field " + in_quotes(field) + " is missing: give " + std::string(what));
    }

    Problem set_address(const Json& value) {
        has_address_ = true;
        return set_text("address", value, instance_.address);
    }

    Problem set_app_name(const Json& value) {
        has_app_name_ = true;
        return set_text("app_name", value, instance_.app_name);
    }

    Problem set_phase(const Json& value) {
        if (!value.is_string()) return wrong("phase", value, kPhaseRule);
        const auto phase = phase_of(value.get_ref<const std::string&>());
        if (!phase) return wrong("phase", value, kPhaseRule);
        instance_.phase = *phase;
        return std::nullopt;
    }

    Problem set_ready_to_close(const Json& value) {
        if (!value.is_boolean()) return wrong("ready_to_close", value, "true or false");
        instance_.ready_to_close = value.get<bool>();
        return std::nullopt;
    }

    Problem set_metadata(const Json& value) {
        if (!value.is_object()) return wrong("metadata", value, "an object");
        instance_.metadata = value.dump();
        return std::nullopt;
    }

    Problem set_last_update(const Json& value) {
        if (!value.is_number()) return wrong("last_update", value, kTimeRule);
        has_last_update_ = true;
        if (value.is_number_unsigned()) {
            instance_.last_update = value.get<std::uint64_t>();
            return std::nullopt;
        }
        const auto seconds = value.get<double>();
        if (seconds < 0) return wrong("last_update", value, kTimeRule);
        // Past any legal value, and within 64 bits: validated() says what it looks like.
        instance_.last_update = static_cast<std::uint64_t>(std::floor(std::min(seconds, 1e19)));
        return std::nullopt;
    }

    Problem set_check(const Json& value) {
        if (!value.is_object()) return wrong("check", value, kCheckRule);
        Check check;
        bool has_target = false;
        for (const auto& [field, content] : value.items()) {
            if (field == "http" || field == "tcp") {
                if (std::exchange(has_target, true)) {
                    return invalid("check has both http and tcp: give the one that counts");
                }
                check.kind = field == "tcp" ? Check::Kind::tcp : Check::Kind::http;
                if (Problem p = set_text("check " + field, content, check.target)) return p;
            } else if (field == "interval") {
                if (Problem p = set_period(field, content, check.interval_ms)) return p;
            } else if (field == "timeout") {
                if (Problem p = set_period(field, content, check.timeout_ms)) return p;
            } else if (options_.dialect == Dialect::v1) {
                return invalid("unknown field " + in_quotes(field) +
                               " in check: the fields are http or tcp, interval, timeout");
            }
        }
        if (!has_target)
            return invalid("check names nothing to ask: give " + std::string(kCheckRule));
        instance_.check = std::move(check);
        return std::nullopt;
    }

    static Problem set_period(std::string_view field, const Json& value, std::uint32_t& out) {
        const std::string what = "check " + std::string(field);
        if (!value.is_string()) return wrong(what, value, "a duration such as \"5s\"");
        const auto parsed = parse_duration(value.get_ref<const std::string&>());
        if (!parsed) return invalid(what + " " + shown(value) + " is no duration such as \"5s\"");
        if (parsed->count() > kMaxCheckInterval) {
            return invalid(what + " " + shown(value) + " is longer than 10m");
        }
        out = static_cast<std::uint32_t>(parsed->count());
        return std::nullopt;
    }

    const ParseOptions& options_;
    Instance instance_;
    bool has_address_ = false;
    bool has_app_name_ = false;
    bool has_last_update_ = false;
    bool has_ttl_ = false;
};

class InstanceBody final : public Members {
  public:
    InstanceBody(std::string_view body, const ParseOptions& options)
        : Members(body), draft_(options) {}
    Result<Instance> finish() && { return std::move(draft_).finish(); }

  private:
    Problem member(const std::string& name, const Json& value) override {
        return draft_.set(name, value);
    }
    Draft draft_;
};

class RegisterAllBody final : public Members {
  public:
    using Members::Members;
    std::vector<Instance> rows;

  private:
    Problem member(const std::string& name, const Json& value) override {
        if (rows.size() == kMaxRegisterAllRows) {
            return Error{Errc::too_large,
                         "more than " + std::to_string(kMaxRegisterAllRows) + " instances"};
        }
        if (!value.is_object()) return wrong(in_quotes(name), value, "an object of its fields");
        const ParseOptions options{Dialect::legacy, name, 0};
        Draft draft{options};
        for (const auto& [field, content] : value.items()) {
            if (Problem p = draft.set(field, content)) return of(name, *p);
        }
        Result<Instance> row = std::move(draft).finish();
        if (!row) return of(name, row.error());
        rows.push_back(std::move(row).value());
        return std::nullopt;
    }

    static Error of(const std::string& address, const Error& error) {
        return {error.code, "of " + in_quotes(address) + ": " + error.message};
    }
};

// Counts depth, keeps nothing.
class Nesting final : public nlohmann::json_sax<Json> {
  public:
    bool null() override { return depth_ > 0; }
    bool boolean(bool /*value*/) override { return depth_ > 0; }
    bool number_integer(std::int64_t /*value*/) override { return depth_ > 0; }
    bool number_unsigned(std::uint64_t /*value*/) override { return depth_ > 0; }
    bool number_float(double /*value*/, const std::string& /*text*/) override { return depth_ > 0; }
    bool string(std::string& /*value*/) override { return depth_ > 0; }
    bool binary(Json::binary_t& /*value*/) override { return false; }
    bool key(std::string& /*name*/) override { return true; }
    bool start_object(std::size_t /*size*/) override { return ++depth_ <= kMaxDepth; }
    bool start_array(std::size_t size) override { return depth_ > 0 && start_object(size); }
    bool end_object() override { return --depth_ >= 0; }
    bool end_array() override { return --depth_ >= 0; }
    bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*error*/) override {
        return false;
    }

  private:
    int depth_ = 0;
};

}  // namespace

Result<Instance> parse_instance(std::string_view body, const ParseOptions& options) {
    if (body.size() > kMaxBody) return body_too_large(body.size(), kMaxBody);
    InstanceBody members{body, options};
    if (Problem p = members.read()) return *std::move(p);
    return std::move(members).finish();
}

Result<std::vector<Instance>> parse_register_all(std::string_view body) {
    if (body.size() > kMaxRegisterAllBody) return body_too_large(body.size(), kMaxRegisterAllBody);
    RegisterAllBody members{body};
    if (Problem p = members.read()) return *std::move(p);
    return std::move(members.rows);
}

std::optional<Error> check_metadata(std::string_view text) {
    if (text == "{}") return std::nullopt;  // most rows
    if (text.size() > kMaxMetadata) {
        return Error{Errc::too_large, "metadata of " + std::to_string(text.size()) +
                                          " B, above the limit of 1024 B"};
    }
    const bool one_line = std::none_of(text.begin(), text.end(),
                                       [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    Nesting nesting;
    if (one_line && Json::sax_parse(text.begin(), text.end(), &nesting)) return std::nullopt;
    return invalid("metadata " + in_quotes(text) + " is no JSON object on one line");
}

}  // namespace registry
