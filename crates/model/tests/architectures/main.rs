//! Architectures: from a configuration and a list of tensors to a specification.
//!
//! `cases.jsonl` (written by make_cases.py) has some fifty tiny checkpoints without their weights, each as Hugging Face keeps
//! it and as GGUF: every architecture, older and newer keys, keys left out. Their answers are compared elsewhere; here,
//! what is read from them.

mod agree;
mod case;
mod hostile;
mod known;
mod real;
mod walk;
