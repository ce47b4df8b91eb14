public import ArgumentParser
public import Configurations
import ControlAPI
import DurableFiles
import Foundation
import JobSpec
import Problems
import Service
import Spool
import StrictJSON

struct ImportModel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Write a model in one .safetensors file as a directory of diffusers, under a name.",
        discussion: """
            Stable Diffusion 1.x, 2.x and XL (base and refiner), their inpainting models and the x4 upscaler can be imported. Jobs take such \
            files as they are; a directory is what diffusers opens. It is written into models/ of the spool, by the user who runs this, \
            with weights in the precision of the file. The spool is that of --spool, otherwise of the daemon that \
            answers, otherwise of the configuration.
            """)

    @Argument(help: ArgumentHelp("The file.", valueName: "file")) var file: String
    @Argument(help: "What jobs call the model.") var name: String
    @Option(help: ArgumentHelp("\"ema\": the average of the weights, where the file has both.", valueName: "name"))
    var variant: String?
    @Option(
        help: ArgumentHelp(
            "What the model predicts: epsilon, v_prediction or sample.",
            discussion: "Otherwise as the file's marks say; those of Stable Diffusion 2 have none.", valueName: "type"))
    var predictionType: SchedulerConfiguration.PredictionType?
    @Option(help: ArgumentHelp("Directory of the spool.", valueName: "path")) var spool: String?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard JobName.isValid(name) else {
            throw ValidationError(
                "\"\(printable(name))\" is no name: use letters, digits, '.', '_' and '-', beginning with a letter or digit."
            )
        }
    }

    func run() throws {
        let configuration: DaemonConfiguration
        do {
            configuration = try DaemonConfiguration(
                flags: spool.map { [.spool: $0] } ?? [:], environment: ProcessInfo.processInfo.environment, file: nil,
                directory: FileManager.default.currentDirectoryPath)
        } catch {
            throw Failure(.badConfiguration, error.all.map(\.description))
        }
        // Without a daemon the configuration tells.
        let answering = spool == nil ? try? connection.client.health().spool : nil
        let models = SpoolLayout(root: answering ?? configuration.spool).models
        let order = ModelImport(
            file: file, directory: Path.join(models, JobName.composed(name)), variant: variant,
            predictionType: predictionType)
        let outcome: ModelImport.Outcome = try WorkerProgram.answer(
            to: order, ModelImport.option, program: WorkerProgram.path(named: configuration.worker))
        for warning in outcome.warnings { standardError("warning: \(printable(warning.description))") }
        if let first = outcome.problems.first {
            // A file that is missing is no missing job.
            let status = first.code == .missing ? ExitStatus.failed : ExitStatus(first.code)
            throw Failure(status, outcome.problems.map(\.description))
        }
        try output.write(outcome) { _ in printable("\(outcome.family ?? "") in \(outcome.directory)") }
    }
}

extension SchedulerConfiguration.PredictionType: ExpressibleByArgument {}
