/// What other programs call keys of job files: diffusers and its training scripts, and the web interfaces.
enum OtherNames {
    /// By the other name, in small letters, the key in a job of that kind.
    static func of(_ kind: String?) -> [String: String] {
        switch kind.flatMap(JobKind.init) {
        case .train: training
        case .sample:
            drawing.merging(["num_frames": "frames", "height": "size", "width": "size", "resolution": "size"]) { $1 }
        case .img2img:
            drawing.merging(["denoising_strength": "strength", "init_image": "image", "mask_image": "mask"]) { $1 }
        case .videoExtend:
            drawing.filter { !["count", "loras"].contains($0.value) }.merging(["num_frames": "frames"]) { $1 }
        case .evaluate, nil: [:]
        }
    }

    private static let drawing = [
        "num_inference_steps": "sampler.steps", "sampling_steps": "sampler.steps", "ddim_steps": "sampler.steps",
        "sampler_name": "sampler.name", "sampler_index": "sampler.name", "scheduler": "sampler.name",
        "cfg": "guidance_scale", "cfg_scale": "guidance_scale", "guidance": "guidance_scale", "scale": "guidance_scale",
        "negative": "negative_prompt", "uc": "negative_prompt",
        "n_samples": "count", "num_samples": "count", "n_iter": "count", "num_images": "count",
        "num_images_per_prompt": "count",
        "ckpt": "model", "checkpoint": "model", "model_path": "model", "sd_model_checkpoint": "model",
        "pretrained_model_name_or_path": "model", "vae": "autoencoder", "sd_vae": "autoencoder",
        "lora": "loras", "lora_weights": "loras", "labels": "class_labels", "classes": "class_labels",
        "depends_on": "after", "dependencies": "after",
    ]

    private static let training = [
        "lr": "training.learning_rate", "max_train_steps": "training.steps", "num_train_steps": "training.steps",
        "max_steps": "training.steps", "num_steps": "training.steps", "num_train_epochs": "training.epochs",
        "train_batch_size": "training.batch_size", "lr_scheduler": "training.lr_schedule",
        "lr_warmup_steps": "training.warmup_steps", "use_ema": "training.ema_decay", "ema": "training.ema_decay",
        "ema_rate": "training.ema_decay", "train_data_dir": "dataset.path", "data_dir": "dataset.path",
        "data": "dataset.path", "dataset_name": "dataset.path", "image_size": "dataset.resolution",
        "vae": "autoencoder", "diffusion_steps": "diffusion.num_train_timesteps",
        "noise_schedule": "diffusion.beta_schedule", "depends_on": "after", "dependencies": "after",
    ]
}
