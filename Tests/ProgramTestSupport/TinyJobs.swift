/// Job files of a second or two, in which every part of a training or a sampling occurs.
public enum TinyJobs {
    /// Trains a U-Net of 6,000 parameters on grey shapes of 8 x 8 pixels: an averaged model, held-out
    /// samples, mirrored samples, accumulated gradients.
    ///
    /// - Parameter extra: further members of `training`, each ended by a comma.
    public static func training(
        _ name: String = "tiny", steps: Int = 60, dropout: Double = 0, seed: Int = 1, extra: String = ""
    ) -> String {
        """
        {"kind": "train", "name": "\(name)",
         "model": {"architecture": "unet2d", "sample_size": 8, "in_channels": 1, "out_channels": 1,
                   "block_out_channels": [8, 8], "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 4,
                   "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
                   "up_block_types": ["AttnUpBlock2D", "UpBlock2D"], "num_class_embeds": 3, "dropout": \(dropout)},
         "dataset": {"format": "synthetic", "name": "shapes", "count": 100, "horizontal_flip": true, "validation_split": 16},
         "diffusion": {"num_train_timesteps": 50},
         "training": {"steps": \(steps), "batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 2e-3,
                      "ema_decay": 0.95, "checkpoint_every": 5, "keep_checkpoints": 2, "sample_every": 20,
                      "sample_count": 3, \(extra) "log_every": 1},
         "seed": \(seed)}
        """
    }

    /// Trains a network of points.
    public static func points(_ name: String = "points", steps: Int = 200, seed: Int = 1) -> String {
        """
        {"kind": "train", "name": "\(name)", "model": {"architecture": "mlp", "hidden_size": 32, "hidden_layers": 2},
         "dataset": {"format": "synthetic", "name": "spiral", "count": 500}, "diffusion": {"num_train_timesteps": 20},
         "training": {"steps": \(steps), "batch_size": 25, "optimizer": "adam", "learning_rate": 1e-3,
                      "checkpoint_every": 20, "log_every": 1},
         "seed": \(seed)}
        """
    }

    /// Trains a transformer of 3,000 parameters on clips of 4 frames of moving shapes, 8 x 8 pixels.
    public static func video(_ name: String = "tiny", steps: Int = 20) -> String {
        """
        {"kind": "train", "name": "\(name)",
         "model": {"architecture": "video_dit", "sample_size": 8, "sample_frames": 4, "patch_size": 4, "num_layers": 1,
                   "num_attention_heads": 2, "attention_head_dim": 4, "num_embeds_ada_norm": 3, "max_frames": 32},
         "dataset": {"format": "synthetic", "name": "moving_shapes", "count": 40},
         "diffusion": {"num_train_timesteps": 50},
         "training": {"steps": \(steps), "batch_size": 4, "learning_rate": 2e-3, "checkpoint_every": 5, "sample_every": 20,
                      "sample_count": 2, "log_every": 1}}
        """
    }

    /// Draws three clips from a model of `video`.
    ///
    /// - Parameter extra: further members, each ended by a comma.
    public static func clips(_ name: String = "clips", extra: String = "") -> String {
        """
        {"kind": "sample", "name": "\(name)", "model": "job:1", "sampler": {"name": "ddim", "steps": 4}, "count": 3,
         "batch_size": 2, \(extra) "class_labels": [0, 1, 2]}
        """
    }

    /// Draws pictures from a model of `training`.
    ///
    /// - Parameter extra: further members, each ended by a comma.
    public static func sampling(
        _ name: String = "pictures", model: String, sampler: String = "ddpm", steps: Int = 10, count: Int = 8,
        batchSize: Int = 8, rng: String = "philox", classes: String = "[0, 1, 2]", extra: String = ""
    ) -> String {
        """
        {"kind": "sample", "name": "\(name)", "model": "\(model)", "sampler": {"name": "\(sampler)", "steps": \(steps)},
         "count": \(count), "batch_size": \(batchSize), "rng": "\(rng)", "class_labels": \(classes), \(extra) "seed": 3}
        """
    }
}
