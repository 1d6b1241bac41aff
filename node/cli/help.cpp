#include "node/cli/help.h"

#include <CLI/CLI.hpp>

namespace node::cli {
namespace {

class ExamplesFirst : public CLI::Formatter {
  public:
    std::string make_help(const CLI::App* app, std::string name,
                          CLI::AppFormatMode mode) const override {
        if (mode == CLI::AppFormatMode::Sub) return Formatter::make_help(app, name, mode);
        return app->get_description() + "\n\nExamples:\n" + app->get_footer() + "\n" +
               make_usage(app, std::move(name)) + make_positionals(app) + make_groups(app, mode) +
               make_subcommands(app, mode);
    }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> examples_first() {
    return std::make_shared<ExamplesFirst>();
}

}  // namespace node::cli
