/// The networks that diffd knows, a row each. What builds one from its configuration stands beside the network, in
/// Models.
public enum Networks {
    /// Those that predict noise.
    public static let denoisers: [any DenoiserConfiguration.Type] = [
        MLPConfiguration.self,
        UNet2DConfiguration.self,
        UNet2DConditionConfiguration.self,
        AnnotatedUNetConfiguration.self,
        DiTConfiguration.self,
        VideoDiTConfiguration.self,
    ]

    /// Those between images and latents.
    public static let autoencoders: [any NetworkConfiguration.Type] = [AutoencoderKLConfiguration.self]

    /// Those that samples are measured by.
    public static let features: [any NetworkConfiguration.Type] = [InceptionConfiguration.self]

    /// Those that read the tokens of a text.
    public static let textEncoders: [any TextEncoderConfiguration.Type] = [CLIPTextConfiguration.self]

    public static var all: [any NetworkConfiguration.Type] { denoisers + autoencoders + features + textEncoders }
}
