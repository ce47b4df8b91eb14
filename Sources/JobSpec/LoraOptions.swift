import Configurations
import Problems
public import StrictJSON

/// A LoRA, or another adapter of its kind, that a job adds to the weights of its model.
public struct LoraOptions: Described, Hashable {
    /// The file.
    public var path: String?
    /// What a train job has made, or a directory like it.
    public var model: ModelReference?
    /// What its change of the weights is multiplied by.
    public var scale = 1.0

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("path", \.path, .optional(.string()), "A safetensors file; null: the one of model."),
        Field(
            "model", \.model, .optional(ModelReference.form),
            "In the place of path, what a train job has made: \"job:ID\", \"job:NAME\", the name of a published model, or a "
                + "directory that holds pytorch_lora_weights.safetensors; null: path is given."),
        Field("scale", \.scale, .number(in: -100...100), "What its change of the weights is multiplied by."),
    ]

    public func validate(_ checks: inout Checks) {
        guard (path == nil) == (model == nil) else { return }
        checks.fail(
            "path", and: ["model"], path == nil ? "neither path nor model is given" : "both path and model are given",
            remedy: "Give one of them.")
    }
}
