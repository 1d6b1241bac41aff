#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace node::cli {

// How a cell is painted where colour is welcome.
enum class Paint { plain, good, doubtful, bad, faint };

struct TextCell {
    std::string text;
    Paint paint = Paint::plain;
};

// Columns for people: aligned, headed, in the order of add(). Not a contract: machines read JSON.
class TextTable {
  public:
    explicit TextTable(std::vector<std::string> head) : head_(std::move(head)) {}
    // Requires as many cells as the head has.
    void add(std::vector<TextCell> row) { rows_.push_back(std::move(row)); }
    // Every line ends in '\n' and has no trailing blanks. Control characters of the cells are
    // shown as '?', so that what an application registers cannot drive somebody's terminal.
    [[nodiscard]] std::string to_string(bool colour) const;

  private:
    std::vector<std::string> head_;
    std::vector<std::vector<TextCell>> rows_;
};

// `text` in the colour of `paint` if `colour`.
[[nodiscard]] std::string painted(const std::string& text, Paint paint, bool colour);
// What a state of an instance or a node means to a person.
[[nodiscard]] Paint paint_of_state(const std::string& state);

// Is `stream` a terminal, and does NO_COLOR (https://no-color.org) leave us the choice?
[[nodiscard]] bool wants_colour(std::FILE* stream);
[[nodiscard]] bool is_terminal(std::FILE* stream);

}  // namespace node::cli
