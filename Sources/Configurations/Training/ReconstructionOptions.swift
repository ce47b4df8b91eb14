public import StrictJSON

/// The `reconstruction` of an autoencoder's training: what is minimized.
public struct ReconstructionOptions: Described, Hashable {
    /// Between a picture and what is decoded from its latents.
    public enum Distance: String, Sendable, CaseIterable { case l1, mse }

    public var loss = Distance.l1
    /// Of the divergence of the latents from standard normal ones; both terms are sums over a picture.
    public var klWeight = 1e-6

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("loss", \.loss, .choice(aliases: ["l2": .mse]), "Distance between a picture and its reconstruction."),
        Field(
            "kl_weight", \.klWeight, .number(in: 0...1000),
            "Weight of the latents' divergence from standard normal ones, beside a distance that is summed over the picture."
        ),
    ]
}
