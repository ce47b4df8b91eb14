public import Configurations
import StrictJSON

/// The `text_encoder` of a training from nothing: what reads the captions.
public enum TextEncoderChoice: Sendable, Hashable {
    /// That of a finished model, which stays as it is.
    case frozen(ModelReference)
    /// One that is trained together with the network.
    case trained(TextTransformerConfiguration)

    static let form = Form<TextEncoderChoice>.either(
        Form<TextTransformerConfiguration>.oneOf(
            "architecture", [Alternative(TextTransformerConfiguration.architecture, { $0 }, { $0 })]),
        ModelReference.form, isFirst: { $0.members != nil }, Self.trained, Self.frozen
    ) { choice in
        switch choice {
        case .frozen(let model): ModelReference.form.write(model)
        case .trained(let configuration):
            JSONNode(
                .object(
                    [.init("architecture", JSONNode(.string(TextTransformerConfiguration.architecture)))]
                        + (configuration.json.members ?? [])))
        }
    }

    /// Width of its tokens, where the job file says it.
    var width: Int? { if case .trained(let configuration) = self { configuration.hiddenSize } else { nil } }
    var model: ModelReference? { if case .frozen(let model) = self { model } else { nil } }
}
