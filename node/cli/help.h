#pragma once

#include <memory>
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
class FormatterBase;
}  // namespace CLI

namespace node::cli {

// Help that opens with one sentence and examples, and only then lists the options: who asks for
// help wants to see a command that works. The examples are the app's footer.
[[nodiscard]] std::shared_ptr<CLI::FormatterBase> examples_first();

}  // namespace node::cli
