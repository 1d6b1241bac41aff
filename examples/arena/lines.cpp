#include "examples/arena/lines.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace arena {
namespace {

// Takes the words off a line, one after the other.
class Words {
  public:
    explicit Words(std::string_view line) : rest_(line) {
        if (rest_.ends_with('\r')) rest_.remove_suffix(1);  // of netcat -C and telnet
    }
    std::string_view next() {
        const std::size_t blank = std::min(rest_.find(' '), rest_.size());
        const std::string_view word = rest_.substr(0, blank);
        rest_.remove_prefix(std::min(blank + 1, rest_.size()));
        return word;
    }
    template <class Number>
    bool next(Number& number) {
        const std::string_view word = next();
        const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
        return parsed.ec == std::errc{} && parsed.ptr == word.data() + word.size();
    }
    std::string rest() { return std::string{std::exchange(rest_, {})}; }
    [[nodiscard]] bool done() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kLongestName &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::optional<Direction> direction_of(std::string_view word) {
    if (word == "N") return Direction::north;
    if (word == "E") return Direction::east;
    if (word == "S") return Direction::south;
    if (word == "W") return Direction::west;
    return std::nullopt;
}

std::string after(const std::string& text) {
    return text.empty() ? "" : " " + text;
}

std::string text_of(const Welcome& w) {
    return "welcome " + w.session + " " + w.version + " " + std::to_string(w.incarnation) + " " +
           std::to_string(w.counter) + " " + w.token;
}
std::string text_of(const You& y) {
    return "you " + std::to_string(y.counter) + " " + std::to_string(y.x) + " " +
           std::to_string(y.y) + " " + std::to_string(y.score) + (y.ghost ? " ghost" : " alive") +
           after(y.happened);
}
std::string text_of(const Notice& n) {
    return "notice draining" + (n.until ? " " + std::to_string(n.until) : "");
}
std::string text_of(const No& n) {
    return "no " + n.verdict + after(n.reason);
}
std::string text_of(const Bye& b) {
    return "bye" + after(b.reason);
}

std::optional<Answer> parse_welcome(Words& words) {
    Welcome w;
    w.session = words.next();
    w.version = words.next();
    if (!words.next(w.incarnation) || !words.next(w.counter)) return std::nullopt;
    w.token = words.next();
    if (w.session.empty() || w.token.empty() || !words.done()) return std::nullopt;
    return w;
}

std::optional<Answer> parse_you(Words& words) {
    You y;
    if (!words.next(y.counter) || !words.next(y.x) || !words.next(y.y) || !words.next(y.score)) {
        return std::nullopt;
    }
    const std::string_view state = words.next();
    if (state != "alive" && state != "ghost") return std::nullopt;
    y.ghost = state == "ghost";
    y.happened = words.rest();
    return y;
}

std::optional<Answer> parse_notice(Words& words) {
    Notice n;
    if (words.next() != "draining") return std::nullopt;
    if (!words.done() && !words.next(n.until)) return std::nullopt;
    return n;
}

}  // namespace

std::optional<Command> parse_command(std::string_view line) {
    Words words(line);
    const std::string_view verb = words.next();
    std::optional<Command> command;
    if (verb == "join") {
        Join join{std::string{words.next()}, std::string{words.next()}};
        if (!join.ticket.empty() && is_name(join.name)) command = std::move(join);
    } else if (verb == "resume") {
        Resume resume{std::string{words.next()}};
        if (!resume.token.empty()) command = std::move(resume);
    } else if (verb == "move") {
        if (const auto direction = direction_of(words.next())) command = Move{*direction};
    } else if (verb == "hit") {
        command = Hit{};
    } else if (verb == "leave") {
        command = Leave{};
    }
    return words.done() ? command : std::nullopt;
}

std::string to_line(const Answer& answer) {
    return std::visit([](const auto& kind) { return text_of(kind); }, answer);
}

std::optional<Answer> parse_answer(std::string_view line) {
    Words words(line);
    const std::string_view kind = words.next();
    if (kind == "welcome") return parse_welcome(words);
    if (kind == "you") return parse_you(words);
    if (kind == "notice") return parse_notice(words);
    if (kind == "bye") return Bye{words.rest()};
    if (kind != "no") return std::nullopt;
    No no;
    no.verdict = words.next();
    no.reason = words.rest();
    if (no.verdict.empty()) return std::nullopt;
    return no;
}

}  // namespace arena
