import ArgumentParser
import ControlAPI
import Problems

struct Models: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the published models, or bring one in.",
        subcommands: [ListModels.self, ImportModel.self], defaultSubcommand: ListModels.self)
}

struct ListModels: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the published models: what `diffctl models` alone does.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let list = try request { () throws(Problems) in try connection.client.models() }
        try output.write(list) { style in list.models.isEmpty ? "No models." : ModelTable.render(list.models, style) }
    }
}
