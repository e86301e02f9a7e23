//! Which instruction set to compute with: found at start, forced with `WHIT_ISA`.

use std::sync::LazyLock;

#[cfg(target_arch = "aarch64")]
use crate::simd::Neon;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Scalar, Simd};

/// An instruction set whit has kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Portable Rust.
    Scalar,
    /// AVX2, FMA, F16C.
    Avx2,
    /// AVX2 and AVX-VNNI: processors for desks and laps since 2021 that have no AVX-512.
    AvxVnni,
    /// AVX-512 F, BW, DQ, VL, VNNI.
    Avx512,
    /// NEON with the dot product.
    Neon,
}

/// `WHIT_ISA` asks for something this machine or this build does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IsaError {
    /// Not one of the names.
    #[error("WHIT_ISA={0} is not an instruction set: use scalar, avx2, avxvnni, avx512 or neon, or leave it unset")]
    Unknown(String),
    /// A name, but the machine lacks it.
    #[error("WHIT_ISA={0}: this machine does not have it; it has {1}")]
    Unavailable(&'static str, String),
}

impl Isa {
    /// The name `WHIT_ISA` takes.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::AvxVnni => "avxvnni",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }

    /// All that this machine has, best first.
    pub fn available() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 =
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                found.push(Isa::Avx512);
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                found.push(Isa::AvxVnni);
            }
            if avx2 {
                found.push(Isa::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            found.push(Isa::Neon);
        }
        found.push(Isa::Scalar);
        found
    }

    /// What `WHIT_ISA` asks for, or else the best this machine has.
    ///
    /// # Errors
    /// If `WHIT_ISA` holds something else than the name of an available instruction set.
    pub fn choose() -> Result<Isa, IsaError> {
        let available = Isa::available();
        let Ok(wanted) = std::env::var("WHIT_ISA") else { return Ok(available[0]) };
        let isa = [Isa::Scalar, Isa::Avx2, Isa::AvxVnni, Isa::Avx512, Isa::Neon]
            .into_iter()
            .find(|isa| isa.name() == wanted)
            .ok_or(IsaError::Unknown(wanted))?;
        if available.contains(&isa) {
            Ok(isa)
        } else {
            let names: Vec<_> = available.iter().map(|isa| isa.name()).collect();
            Err(IsaError::Unavailable(isa.name(), names.join(", ")))
        }
    }

    /// Runs `kernel` compiled for this instruction set.
    ///
    /// # Panics
    /// If this machine does not have it.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        static FOUND: LazyLock<Vec<Isa>> = LazyLock::new(Isa::available);
        assert!(FOUND.contains(&self), "this machine does not have {}", self.name());
        match self {
            Isa::Scalar => kernel.run(Scalar),
            // SAFETY: it is among `available`, which asked the machine.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => unsafe { run_avx_vnni(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { run_avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { run_neon(kernel) },
            _ => unreachable!("not among Isa::available on this machine"),
        }
    }
}

/// A piece of work written against [`Simd`]. `run` must be `#[inline(always)]`, so that it is compiled into a function
/// that has the instruction set enabled.
pub(crate) trait Kernel {
    type Output;
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller of a function with these features has checked for them.
    kernel.run(unsafe { Avx2::<false>::new() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
unsafe fn run_avx_vnni<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller of a function with these features has checked for them.
    kernel.run(unsafe { Avx2::<true>::new() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller of a function with these features has checked for them.
    kernel.run(unsafe { Avx512::new() })
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon,dotprod")]
unsafe fn run_neon<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the caller of a function with these features has checked for them.
    kernel.run(unsafe { Neon::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_run_with_what_the_machine_lacks() {
        struct Nothing;
        impl Kernel for Nothing {
            type Output = ();
            #[inline(always)]
            fn run<S: Simd>(self, _: S) {}
        }
        for isa in [Isa::Scalar, Isa::Avx2, Isa::AvxVnni, Isa::Avx512, Isa::Neon] {
            let ran = std::panic::catch_unwind(|| isa.run(Nothing)).is_ok();
            assert_eq!(ran, Isa::available().contains(&isa), "{isa:?}");
        }
    }
}
