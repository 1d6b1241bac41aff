#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "gossip/check.h"

namespace gossip {

enum class Errc : std::uint8_t { malformed, invalid, not_found, too_large, unavailable };

struct Error {
    Errc code;
    std::string message;  // for a person: what was wrong, and with which value
};

// A value, or why there is none. The part of std::expected we use, under the same names, so that
// C++23 replaces this file with one alias.
template <class T>
class [[nodiscard]] Result {
  public:
    // Implicit, so that `return value;` and `return Error{...};` both read as they should.
    Result(T value)  // NOLINT(google-explicit-constructor)
        : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error)  // NOLINT(google-explicit-constructor)
        : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    const T& operator*() const& { return *pointer(); }
    const T* operator->() const { return pointer(); }
    T value() && {
        CHECK(has_value());
        return std::get<0>(std::move(state_));
    }
    const Error& error() const {
        CHECK(!has_value());
        return *std::get_if<1>(&state_);
    }

  private:
    const T* pointer() const {
        CHECK(has_value());
        return std::get_if<0>(&state_);
    }

    std::variant<T, Error> state_;
};

}  // namespace gossip
