#include "node/cli/text_table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "gossip/check.h"

namespace node::cli {
namespace {

constexpr std::size_t kGap = 2;  // blanks between columns

std::string harmless(std::string text) {
    for (char& c : text) {
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) c = '?';
    }
    return text;
}

// Code points: close enough to columns for names and addresses.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

std::string_view escape_of(Paint paint) {
    switch (paint) {
        case Paint::plain:
            return "";
        case Paint::good:
            return "\x1b[32m";
        case Paint::doubtful:
            return "\x1b[33m";
        case Paint::bad:
            return "\x1b[31m";
        case Paint::faint:
            return "\x1b[2m";
    }
    return "";
}

}  // namespace

std::string painted(const std::string& text, Paint paint, bool colour) {
    if (!colour || paint == Paint::plain) return text;
    return std::string(escape_of(paint)) + text + "\x1b[0m";
}

std::string TextTable::to_string(bool colour) const {
    std::vector<std::size_t> widths;
    widths.reserve(head_.size());
    for (const auto& title : head_) widths.push_back(width(title));
    for (const auto& row : rows_) {
        CHECK(row.size() == head_.size());
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i].text));
        }
    }
    std::string out;
    const auto line = [&](const std::vector<TextCell>& cells) {
        std::size_t owed = 0;  // blanks before the next cell that has text
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const auto text = harmless(cells[i].text);
            if (!text.empty()) out.append(std::exchange(owed, 0), ' ');
            out += painted(text, cells[i].paint, colour);
            owed += widths[i] - width(text) + kGap;
        }
        out.push_back('\n');
    };
    std::vector<TextCell> head;
    head.reserve(head_.size());
    for (const auto& title : head_) head.push_back({title, Paint::faint});
    line(head);
    for (const auto& row : rows_) line(row);
    return out;
}

Paint paint_of_state(const std::string& state) {
    if (state == "up" || state == "alive") return Paint::good;
    if (state == "unreachable" || state == "expired" || state == "dead") return Paint::bad;
    if (state == "left" || state == "stopped") return Paint::faint;
    return Paint::doubtful;
}

bool is_terminal(std::FILE* stream) {
    return ::isatty(::fileno(stream)) == 1;
}

bool wants_colour(std::FILE* stream) {
    const auto set = [](const char* name) {
        const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
        return std::string_view(value == nullptr ? "" : value);
    };
    return is_terminal(stream) && set("NO_COLOR").empty() && set("TERM") != "dumb";
}

}  // namespace node::cli
