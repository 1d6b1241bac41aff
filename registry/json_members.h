#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/json.h"

// How the .cpp files of this folder read bodies of requests. For them only.

namespace registry::detail {

using Json = nlohmann::json;
using Problem = std::optional<Error>;

// Values within one member of the outer object. Metadata within its limit has at most 511.
constexpr std::size_t kMaxValues = 10'000;

inline Error invalid(std::string message) {
    return {Errc::invalid, std::move(message)};
}

// "line 3, column 14" of the last byte that was read.
inline std::string place(std::string_view body, std::size_t bytes_read) {
    const std::string_view read = body.substr(0, bytes_read);
    const auto line = std::count(read.begin(), read.end(), '\n') + 1;
    const std::size_t line_at = read.rfind('\n') + 1;  // npos + 1 is 0
    return "line " + std::to_string(line) + ", column " +
           std::to_string(std::max<std::size_t>(read.size() - line_at, 1));
}

// The parser's reason without its prefix and without the bytes that it quotes.
inline std::string reason(std::string_view what) {
    if (what.find("number overflow") != std::string_view::npos) return "a number out of range";
    const std::size_t dash = what.find(" - ");
    if (dash != std::string_view::npos) what.remove_prefix(dash + 3);
    return std::string(what.substr(0, what.find("; last read:")));
}

// Takes the parser's events and hands out the members of the outer object one by one, so that a
// long body never stands in memory as a tree. Refuses what nlohmann would accept: duplicate
// names, any depth, any number of values.
class Members : public nlohmann::json_sax<Json> {
  public:
    explicit Members(std::string_view body) : body_(body) {}

    // nullopt when the whole body was read and every member accepted.
    Problem read() {
        if (Json::sax_parse(body_.begin(), body_.end(), this)) return std::nullopt;
        CHECK(problem_);
        return problem_;
    }

    bool null() override { return scalar(nullptr); }
    bool boolean(bool value) override { return scalar(value); }
    bool number_integer(std::int64_t value) override { return scalar(value); }
    bool number_unsigned(std::uint64_t value) override { return scalar(value); }
    bool number_float(double value, const std::string& /*text*/) override { return scalar(value); }
    bool string(std::string& value) override { return scalar(std::move(value)); }
    bool binary(Json::binary_t& /*value*/) override { return fail(invalid("binary in JSON")); }

    bool start_object(std::size_t /*size*/) override { return open(Json::object()); }
    bool start_array(std::size_t /*size*/) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(std::string& name) override {
        const bool fresh =
            stack_.empty() ? names_.insert(name).second : !stack_.back()->contains(name);
        if (!fresh) return fail(invalid("field " + in_quotes(name) + " is given twice"));
        (stack_.empty() ? name_ : inner_name_) = name;
        return true;
    }

    bool parse_error(std::size_t position, const std::string& /*token*/,
                     const nlohmann::detail::exception& error) override {
        return fail({Errc::malformed,
                     "malformed JSON at " + place(body_, position) + ": " + reason(error.what())});
    }

  private:
    virtual Problem member(const std::string& name, const Json& value) = 0;

    bool fail(Error error) {
        problem_ = std::move(error);
        return false;
    }

    Json* add(Json value) {
        if (++values_ > kMaxValues) {
            fail({Errc::too_large, "field " + in_quotes(name_) + " holds more than " +
                                       std::to_string(kMaxValues) + " values"});
            return nullptr;
        }
        if (stack_.empty()) return &(member_ = std::move(value));
        Json& parent = *stack_.back();
        if (parent.is_object()) return &(parent[inner_name_] = std::move(value));
        parent.push_back(std::move(value));
        return &parent.back();
    }

    bool scalar(Json value) {
        if (!inside_) {
            return fail(
                invalid("the body must be a JSON object, not a " + std::string(value.type_name())));
        }
        return add(std::move(value)) != nullptr && (!stack_.empty() || finish());
    }

    bool open(Json value) {
        if (!inside_) {
            inside_ = true;
            if (value.is_object()) return true;
            return fail(invalid("the body must be a JSON object, not an array"));
        }
        if (stack_.size() + 1 >= kMaxDepth) {
            return fail(invalid("field " + in_quotes(name_) + " is nested deeper than " +
                                std::to_string(kMaxDepth) + " levels"));
        }
        Json* added = add(std::move(value));
        if (!added) return false;
        stack_.push_back(added);
        return true;
    }

    bool close() {
        if (stack_.empty()) return true;  // the outer object
        stack_.pop_back();
        return !stack_.empty() || finish();
    }

    bool finish() {
        values_ = 0;
        if (Problem p = member(name_, member_)) return fail(*std::move(p));
        return true;
    }

    std::string_view body_;
    bool inside_ = false;          // the outer object was opened
    std::set<std::string> names_;  // its names so far
    std::string name_;
    Json member_;
    std::vector<Json*> stack_;  // open containers in member_; growth moves no open container
    std::string inner_name_;
    std::size_t values_ = 0;
    Problem problem_;
};

inline std::string shown(const Json& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "an array";
    return value.is_string() ? in_quotes(value.get_ref<const std::string&>()) : value.dump();
}

inline Error wrong(std::string_view field, const Json& value, std::string_view rule) {
    return invalid(std::string(field) + " " + shown(value) + " must be " + std::string(rule));
}

inline Problem set_text(std::string_view field, const Json& value, std::string& out) {
    if (!value.is_string()) return wrong(field, value, "a string");
    out = value.get_ref<const std::string&>();
    return std::nullopt;
}

template <class Number>
Problem set_number(std::string_view field, const Json& value, Number& out) {
    constexpr std::uint64_t max = std::numeric_limits<Number>::max();
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max) {
        return wrong(field, value, "an integer of 0.." + std::to_string(max));
    }
    out = static_cast<Number>(value.get<std::uint64_t>());
    return std::nullopt;
}

inline Error body_too_large(std::size_t size, std::size_t limit) {
    return {Errc::too_large, "a body of " + std::to_string(size) + " B, above the limit of " +
                                 std::to_string(limit) + " B"};
}

}  // namespace registry::detail
